package logs

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
)

const (
	// longestRare is the length beyond which a secret of several lines is looked for in its usual forms alone: its lines are
	// looked for, too.
	longestRare = 512
	// longestLine is the same of a secret of one line.
	longestLine = 4096
)

// written are the forms in which a text may be written. Some may be the same.
func written(text string) []string {
	forms := []string{text, strings.ToValidUTF8(text, "\uFFFD")}
	for _, once := range asJSON(text) {
		forms = append(forms, once)
		forms = append(forms, asJSON(once)...) // JSON that is text in JSON, as recordings have it
	}
	forms = append(forms, inURLs(text)...)
	forms = append(forms, OneLine(text), unquoted(strconv.Quote(text)), unquoted(strconv.QuoteToASCII(text)), pythonRepr(text, '\''), pythonRepr(text, '"'), pythonRepr(text, 0),
		html.EscapeString(text), hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text))))
	forms = append(forms, inSixBits(text, sixBits)...)
	if len(text) > longestLine || len(text) > longestRare && strings.Contains(text, "\n") {
		return forms
	}
	forms = append(append(forms, inLanguages(text)...), asCharacters(text)...)
	forms = append(append(append(forms, inBase32(text)...), inBase85(text)...), inMarkup(text)...)
	return append(append(append(forms, inShells(text)...), inUTF16(text)...), inLatin1(text)...)
}

func unquoted(text string) string { return strings.TrimSuffix(strings.TrimPrefix(text, `"`), `"`) }

func asJSON(text string) []string {
	withHTML, _ := json.Marshal(text) // a text always has a form
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text)
	return []string{
		unquoted(string(withHTML)), unquoted(strings.TrimSuffix(b.String(), "\n")), unquoted(string(pyjson.AppendString(nil, text))),
	}
}

// inURLs are the forms that Go, Python and JavaScript write in URLs, some of them twice.
func inURLs(text string) (forms []string) {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~"
	user := strings.TrimPrefix(url.UserPassword("", text).String(), ":")
	for _, once := range []string{
		url.QueryEscape(text), url.PathEscape(text), user,
		percent(text, letters), percent(text, letters+"/"), percent(text, letters+"!'()*"), percent(text, letters+"!'()*;/?:@&=+$,#"),
		percent(text, ""),
	} {
		forms = append(forms, once, lowerPercent(once))
		if twice := url.QueryEscape(once); len(text) <= longestRare {
			forms = append(forms, twice, lowerPercent(twice))
		}
	}
	return forms
}

// percent writes all bytes except those that are safe as numbers behind percent signs.
func percent(text, safe string) string {
	var b strings.Builder
	for i := range len(text) {
		if strings.IndexByte(safe, text[i]) >= 0 {
			b.WriteByte(text[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", text[i])
		}
	}
	return b.String()
}

// lowerPercent writes the numbers of percent signs in lower case.
func lowerPercent(text string) string {
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
			i += 2
		}
	}
	return string(b)
}

// pythonRepr is what repr of Python writes between quotes of this kind, for bytes and for texts without characters that
// are beyond ASCII; with 0 it is what unicode_escape makes of these.
func pythonRepr(text string, quote byte) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == quote && quote != 0 || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x20 || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// telling is how many characters of an encoding are enough to be looked for.
const telling = 8

// uuencode is the alphabet of uuencode with a backquote for zero, and with a blank.
const uuencode = "`!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_"

var sixBits = []*base64.Encoding{
	base64.RawStdEncoding, base64.RawURLEncoding, base64.NewEncoding(uuencode).WithPadding(base64.NoPadding),
	base64.NewEncoding(" " + uuencode[1:]).WithPadding(base64.NoPadding),
}

// inBase64 are the parts of base64 that a text makes.
func inBase64(text string) []string { return inSixBits(text, sixBits[:2]) }

// inSixBits are the parts of these encodings that a text makes wherever it begins in what is encoded, such as behind a user's
// name. Parts that are too short to tell are left out.
func inSixBits(text string, encodings []*base64.Encoding) []string {
	var forms []string
	for offset := range 3 {
		// The characters that the bytes before and behind it have a part in.
		skip, end := (offset*8+5)/6, (offset+len(text))*8/6
		for _, encoding := range encodings {
			all := encoding.EncodeToString(append(make([]byte, offset), text...))
			if end-skip >= telling {
				forms = append(forms, all[skip:end])
			}
		}
	}
	return forms
}

// inBase32 are the parts of base32 that a text makes wherever it begins in what is encoded.
func inBase32(text string) []string {
	var forms []string
	for offset := range 5 {
		skip, end := (offset*8+4)/5, (offset+len(text))*8/5
		all := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(append(make([]byte, offset), text...))
		if offset == 0 || end-skip >= telling {
			forms = append(forms, all[skip:end], strings.ToLower(all[skip:end]))
		}
	}
	return forms
}

// The alphabets of base85, beside that of ascii85, which is in the order of ASCII from "!" on.
const (
	rfc1924 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
	z85     = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
)

// inBase85 are the parts of base85 that a text makes wherever it begins in what is encoded: its whole groups of four bytes.
func inBase85(text string) []string {
	var forms []string
	for offset := range 4 {
		whole := text[min(offset, len(text)):]
		whole = whole[:len(whole)/4*4]
		if len(whole)*5/4 < telling {
			continue
		}
		var adobe, python, zmq strings.Builder
		for ; whole != ""; whole = whole[4:] {
			group, digits := binary.BigEndian.Uint32([]byte(whole)), [5]byte{}
			for i := range digits {
				digits[4-i] = byte(group % 85)
				group /= 85
			}
			for _, d := range digits {
				adobe.WriteByte('!' + d)
				python.WriteByte(rfc1924[d])
				zmq.WriteByte(z85[d])
			}
		}
		forms = append(forms, adobe.String(), python.String(), zmq.String())
	}
	return forms
}

// inMarkup are the forms of HTML and XML that Go does not write, and of YAML and SQL.
func inMarkup(text string) []string {
	and := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	attribute := strings.NewReplacer("\n", "&#10;", "\r", "&#13;", "\t", "&#9;").Replace(and.Replace(text))
	return []string{
		and.Replace(text), attribute, strings.ReplaceAll(attribute, `"`, "&quot;"),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;").Replace(text),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace(text),
		strings.ReplaceAll(text, "'", "''"), strings.ReplaceAll(text, `"`, `""`),
	}
}

// inShells are the forms that shells write, such as where they trace commands.
func inShells(text string) []string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c >= 0x80
		if !letter && !strings.ContainsRune("_-./:=@%+,", rune(c)) {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return []string{strings.ReplaceAll(text, "'", `'\''`), strings.ReplaceAll(text, "'", `'"'"'`), b.String()}
}

// inUTF16 are the forms of a text in UTF-16. Those of ASCII fit both orders of bytes, without the zero at one end.
func inUTF16(text string) []string {
	units := utf16.Encode([]rune(text))
	little, big := make([]byte, 0, 2*len(units)), make([]byte, 0, 2*len(units))
	ascii := len(units) > 0
	for _, u := range units {
		little, big = append(little, byte(u), byte(u>>8)), append(big, byte(u>>8), byte(u))
		ascii = ascii && u < 0x80
	}
	characters := strings.Split(text, "")
	zeros := strings.Join(characters, "\x00") // what is Latin-1, read as that
	for i := range characters {
		characters[i] = pythonRepr(characters[i], '\'')
	}
	between := []string{zeros, OneLine(zeros), strings.Join(characters, `\x00`), strings.Join(characters, `\u0000`), strings.Join(characters, `\0`)}
	if !ascii {
		for _, bytes := range []string{string(little), string(big)} {
			between = append(append(between, inBase64(bytes)...), inBytes(bytes)...)
		}
		return between
	}
	both := string(little[:len(little)-1])
	inHex := hex.EncodeToString([]byte(both))
	return append(append(inBase64(both), between...), inHex, strings.ToUpper(inHex))
}
