package logs

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"
)

// inLanguages are the forms that PHP, .NET, Python's bytes and printed lists, and programs that change the case write.
func inLanguages(text string) []string {
	json := asJSON(text)
	forms := []string{
		strings.ToUpper(text), strings.ToLower(text),
		strings.ReplaceAll(json[1], "/", `\/`), strings.ReplaceAll(json[2], "/", `\/`), dotNet(text),
		bytesRepr(text, '\''), bytesRepr(text, '"'), fromLatin1(text), quotedPrintable(text),
		strings.ReplaceAll(text, `"`, `\"`), strings.ReplaceAll(text, `\`, `\\`), strings.ReplaceAll(text, "'", `\'`),
		strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`).Replace(json[2]),
		strings.NewReplacer("<", `\u003C`, ">", `\u003E`, "&", `\u0026`).Replace(json[2]),
	}
	for _, quote := range []byte{'\'', '"', 0} {
		once := pythonRepr(text, quote)
		forms = append(forms, inASCII(once), pythonRepr(once, '\''), pythonRepr(once, '"'))
	}
	for _, nested := range json {
		if nested != text {
			forms = append(forms, inBase64(nested)...)
		}
		twice := asJSON(nested)
		forms = append(append(forms, asJSON(twice[1])...), asJSON(twice[2])...)
	}
	for _, once := range inBase64(text) {
		quoted := url.QueryEscape(once)
		forms = append(forms, quoted, lowerPercent(quoted))
	}
	for _, once := range inBase64(text) {
		forms = append(forms, inSixBits(once, sixBits[:1])...) // the other alphabet differs in nothing here
	}
	all := base64.StdEncoding.EncodeToString([]byte(text))
	forms = append(append(forms, inSixBits(strings.TrimRight(all, "="), sixBits[:1])...), inLines(all, 76), inLines(all, 64))
	for _, between := range []string{" ", "-", ", ", "\n"} {
		forms = append(forms, strings.Join(strings.Split(text, ""), between))
	}
	return forms
}

// inLatin1 are the usual forms of the bytes that a text is in Latin-1, where these are others than in UTF-8.
func inLatin1(text string) []string {
	latin1 := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xff {
			return nil
		}
		latin1 = append(latin1, byte(r))
	}
	if len(latin1) == len(text) {
		return nil
	}
	bytes := string(latin1)
	return append(append(append(inBytes(bytes), inBase64(bytes)...), inURLs(bytes)...), strings.ToValidUTF8(bytes, "\uFFFD"))
}

// inBytes are bytes that are no UTF-8 as they are, in hexadecimal, and as Go and Python print them.
func inBytes(bytes string) []string {
	inHex := hex.EncodeToString([]byte(bytes))
	return []string{bytes, inHex, strings.ToUpper(inHex), OneLine(bytes), bytesRepr(bytes, '\''), bytesRepr(bytes, '"')}
}

// dotNet is what System.Text.Json writes of a text.
func dotNet(text string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		switch c := rune(unit); {
		case c == '\\':
			b.WriteString(`\\`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x20 || c > 0x7e || strings.ContainsRune("<>&'+\"`", c):
			fmt.Fprintf(&b, `\u%04X`, unit)
		default:
			b.WriteByte(byte(c))
		}
	}
	return b.String()
}

// bytesRepr is what repr of Python writes between quotes of this kind for the text's bytes.
func bytesRepr(text string, quote byte) string {
	var b strings.Builder
	for i := range len(text) {
		if text[i] >= 0x80 {
			fmt.Fprintf(&b, `\x%02x`, text[i])
		} else {
			b.WriteString(pythonRepr(text[i:i+1], quote))
		}
	}
	return b.String()
}

// inASCII writes what is beyond ASCII as Python's ascii and unicode_escape do.
func inASCII(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < 0x80:
			b.WriteByte(byte(r))
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// quotedPrintable is the text as mail has it, without breaks of lines.
func quotedPrintable(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c == '=' || c < ' ' || c > '~' {
			fmt.Fprintf(&b, "=%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// fromLatin1 is the text's UTF-8 read as Latin-1.
func fromLatin1(text string) string {
	runes := make([]rune, len(text))
	for i := range runes {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

func inLines(text string, width int) string {
	var lines []string
	for len(text) > width {
		lines, text = append(lines, text[:width]), text[width:]
	}
	return strings.Join(append(lines, text), "\n")
}

// asCharacters are forms that write each character as a number.
func asCharacters(text string) (forms []string) {
	units := utf16.Encode([]rune(text))
	var lower, upper, decimal, hexadecimal, capital strings.Builder
	for _, u := range units {
		fmt.Fprintf(&lower, `\u%04x`, u)
		fmt.Fprintf(&upper, `\u%04X`, u)
	}
	for _, r := range text {
		fmt.Fprintf(&decimal, "&#%d;", r)
		fmt.Fprintf(&hexadecimal, "&#x%x;", r)
		fmt.Fprintf(&capital, "&#x%X;", r)
	}
	return []string{lower.String(), upper.String(), decimal.String(), hexadecimal.String(), capital.String()}
}
