package logs

import (
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"maps"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestClean(t *testing.T) {
	t.Parallel()
	var s Scrubber
	assert.Equal(t, "nothing is secret", s.Clean("nothing is secret"))
	for _, secret := range []string{"", "a", "abc", "hunter2", "hunter2-and-more", "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\nshort\n"} {
		require.NoError(t, s.Add(secret))
	}
	for text, want := range map[string]string{
		"":                                  "",
		"abc a":                             "abc a",
		"login with hunter2: refused":       "login with (secret): refused",
		"hunter2-and-more, hunter2 hunter":  "(secret), (secret) hunter",
		"read MIIEvQIBADANBgkqhkiG of file": "read (secret) of file",
		"a short one":                       "a short one",
	} {
		assert.Equal(t, want, s.Clean(text))
	}
	var none *Scrubber
	require.NoError(t, none.Add("hunter2"))
	assert.Equal(t, "hunter2", none.Clean("hunter2"))
}

// TestNothingIsForgotten: however many secrets there are, each is taken out, and beyond the limit none is taken.
func TestNothingIsForgotten(t *testing.T) {
	t.Parallel()
	var s Scrubber
	for i := range 1500 {
		require.NoError(t, s.Add(fmt.Sprintf("secret-%06d", i)))
	}
	for i := range 1500 {
		assert.Equal(t, "a (secret) b", s.Clean(fmt.Sprintf("a secret-%06d b", i)))
	}
	require.ErrorIs(t, s.Add(strings.Repeat("x", mostBytes/10)), ErrTooManySecrets)
	require.NoError(t, s.Add("ro"))
	assert.True(t, s.Is("ro"), "what is short is known as a whole")
	assert.Equal(t, "error", s.Clean("error"))
}

// TestOverlap: of secrets that overlap nothing is left.
func TestOverlap(t *testing.T) {
	t.Parallel()
	var s Scrubber
	for _, secret := range []string{"abcdef", "efghij", "ijklmn", "abcd"} {
		require.NoError(t, s.Add(secret))
	}
	assert.Equal(t, "x(secret)y", s.Clean("xabcdefghijklmny"))
}

// TestEveryForm: a secret is found in whatever form it is written.
func TestEveryForm(t *testing.T) {
	t.Parallel()
	quoted := func(v any) string {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		return string(text)
	}
	plainJSON := func(v any) string {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		require.NoError(t, enc.Encode(v))
		return b.String()
	}
	rapid.Check(t, func(r *rapid.T) {
		// What a password may be: at least six characters, so that each form is telling.
		secret := rapid.StringOfN(rapid.RuneFrom([]rune("abcXYZ019 <>&\"'\\/%+=_-\n\té€")), 6, 30, -1).Draw(r, "secret")
		before := rapid.StringMatching(`[a-z: ]{0,9}`).Draw(r, "before")
		after := rapid.StringMatching(`[a-z: ]{0,9}`).Draw(r, "after")
		var s Scrubber
		if s.Add(secret) != nil {
			r.Fatal("not taken")
		}
		whole := before + secret + after
		forms := map[string]string{
			"raw":            whole,
			"JSON":           quoted(whole),
			"JSON, no HTML":  plainJSON(whole),
			"JSON in JSON":   plainJSON(plainJSON(whole)),
			"Python's JSON":  string(pyjson.AppendString(nil, whole)),
			"query":          "https://host/?token=" + url.QueryEscape(secret) + "&x=1",
			"path":           "https://host/" + url.PathEscape(secret) + "/x",
			"Go":             fmt.Sprintf("%q", whole),
			"HTML":           html.EscapeString(whole),
			"hex":            hex.EncodeToString([]byte(whole)),
			"Go, bytes":      fmt.Sprintf("%X", whole),
			"query, twice":   "next=" + url.QueryEscape("/login?token="+url.QueryEscape(secret)),
			"Python's URL":   strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(secret), "+", "%20"), "%2F", "/"),
			"URL with user":  url.UserPassword("admin", secret).String(),
			"Python's HTML":  strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;").Replace(whole),
			"shell trace":    "+ login '" + strings.ReplaceAll(secret, "'", `'\''`) + "'",
			"unicode_escape": "x " + strings.NewReplacer("\\", `\\`, "\n", `\n`, "\t", `\t`, "é", `\xe9`, "€", `\u20ac`).Replace(secret),
			"attribute":      strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\n", "&#10;", "\t", "&#9;").Replace(whole),
			"base32":         base32.StdEncoding.EncodeToString([]byte(secret)),
			"YAML":           "password: '" + strings.ReplaceAll(secret, "'", "''") + "'",
			"UTF-16":         wide(whole, binary.LittleEndian),
			"UTF-16, BE":     wide(whole, binary.BigEndian),
			"UTF-16 in hex":  hex.EncodeToString([]byte(wide(whole, binary.LittleEndian))),
			"UTF-16, Go":     OneLine(wide(secret, binary.LittleEndian)),
			"list":           "[" + listed(secret, "'") + "]",
			"JSON list":      plainJSON(strings.Split(secret, "")),
			"ASCII list":     "[" + listed(secret, `"`) + "]",
			"no width":       before + strings.Join(strings.Split(secret, ""), "\u200b") + after,
			"colours":        before + strings.Join(strings.Split(secret, ""), "\x1b[1;31m") + after,
			"escaped colour": before + secret[:3] + `\u001b[0m` + secret[3:] + after,
			"backslashes":    strings.ReplaceAll(whole, `\`, `\\`),
			"command":        base64.StdEncoding.EncodeToString([]byte(wide(whole, binary.LittleEndian))),
		}
		if regexp.MustCompile(`[^\n\t]{4}`).MatchString(secret) { // else numbers may be anything
			maps.Copy(forms, map[string]string{
				"Go, numbers": fmt.Sprint([]byte(whole)),
				"spaced hex":  fmt.Sprintf("% x", whole),
				"SNMP's hex":  strings.ReplaceAll(fmt.Sprintf("% X", whole), " ", ":"),
				"hex list":    numbers(secret, "'0x%x'", ", "),
				"octal list":  numbers(secret, "'0o%o'", ", "),
				"od":          "x " + numbers(secret, "%o", " "),
				"xxd":         "00000000: " + pairs(secret),
				"dump":        hex.Dump([]byte(whole)),
			})
		}
		for name, text := range forms {
			if name == "UTF-16, Go" && strings.ContainsAny(secret, "é€") {
				continue // of which half are other characters then
			}
			if clean := s.Clean(text); !strings.Contains(clean, Placeholder) {
				r.Fatalf("%s: %q became %q", name, text, clean)
			}
		}
		if latin1 := inLatin1(secret); latin1 != nil {
			for _, text := range []string{
				latin1[0], fmt.Sprintf("%x", latin1[0]), url.QueryEscape(latin1[0]), fmt.Sprintf("%q", latin1[0]),
			} {
				if !strings.Contains(s.Clean(text), Placeholder) {
					r.Fatalf("Latin-1: %q", text)
				}
			}
		}
		if len(secret) >= 12 {
			once := base64.StdEncoding.EncodeToString([]byte(whole))
			if twice := base64.StdEncoding.EncodeToString([]byte(once)); !strings.Contains(s.Clean(twice), Placeholder) {
				r.Fatalf("base64, twice: %q", twice)
			}
			if text := base64.StdEncoding.EncodeToString([]byte(plainJSON(whole))); !strings.Contains(s.Clean(text), Placeholder) {
				r.Fatalf("base64 of JSON: %q", text)
			}
			for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
				text := encoding.EncodeToString([]byte(whole))
				if !strings.Contains(s.Clean(text), Placeholder) {
					r.Fatalf("base64: %q", text)
				}
			}
		}
	})
}

// TestFormsOfOthers: what other languages and common programs make of a secret is found.
func TestFormsOfOthers(t *testing.T) {
	t.Parallel()
	const secret = "Xk9/p<&ä'\"+q\\nWort"
	encoded := base64.StdEncoding.EncodeToString([]byte("u:" + secret))
	thrice := secret
	for range 3 {
		out, err := json.Marshal(thrice)
		require.NoError(t, err)
		thrice = string(out)
	}
	inASCII85 := make([]byte, ascii85.MaxEncodedLen(len(secret)+2))
	var s Scrubber
	require.NoError(t, s.Add(secret))
	for name, text := range map[string]string{
		"PHP":                `"Xk9\/p<&\u00e4'\"+q\\nWort"`,
		".NET":               `"Xk9/p\u003C\u0026\u00E4\u0027\u0022\u002Bq\\nWort"`,
		"bytes of Python":    `b'Xk9/p<&\xc3\xa4\'"+q\\nWort'`,
		"Latin-1":            "Xk9/p<&Ã¤'\"+q\\nWort",
		"JSON three times":   thrice,
		"blanks":             "X k 9 / p < & ä ' \" + q \\ n W o r t",
		"ascii of Python":    `'Xk9/p<&\xe4\'"+q\\nWort'`,
		"repr of repr":       `'\'Xk9/p<&ä\\\'"+q\\\\nWort\''`,
		"unicode_escape":     `Xk9/p<&\xe4'"+q\\nWort`,
		"JSON for HTML":      `"Xk9/p\u003c\u0026\u00e4'\"+q\\nWort"`,
		"quotes alone":       `'Xk9/p<&ä'\"+q\nWort'`,
		"quoted-printable":   `Xk9/p<&=C3=A4'"+q\nWort`,
		"zeros":              `X\x00k\x009\x00/\x00p\x00<\x00&\x00ä\x00\'\x00"\x00+\x00q\x00\\\x00n\x00W\x00o\x00r\x00t`,
		"UTF-16 as Latin-1":  OneLine(strings.Join(strings.Split(secret, ""), "\x00")),
		"uuencode":           "5=3I8:SDO<#PFPZ0G(BMQ7&Y7;W)T", // python3: binascii.b2a_uu(b"u:" + secret)
		"base85 of Python":   "bvjsUIWKTLCc~sBA}euRZdY$|bN",   // base64.b85encode(b"u:" + secret)
		"ascii85":            string(inASCII85[:ascii85.Encode(inASCII85, []byte("u:"+secret))]),
		"base32":             strings.ToLower(base32.StdEncoding.EncodeToString([]byte("u:" + secret))),
		"upper case":         strings.ToUpper(secret),
		"lower case":         strings.ToLower(secret),
		"entities":           "&#88;&#107;&#57;&#47;&#112;&#60;&#38;&#228;&#39;&#34;&#43;&#113;&#92;&#110;&#87;&#111;&#114;&#116;",
		"octal":              `\130\153\071\057\160\074\046\303\244\047\042\053\161\134\156\127\157\162\164`,
		"base64 twice":       base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(secret)))),
		"quoted base64":      url.QueryEscape(encoded),
		"list of characters": `['X', 'k', '9', '/', 'p', '<', '&', 'ä', '\'', '"', '+', 'q', '\\', 'n', 'W', 'o', 'r', 't']`,
		"list of Python":     `['X', 'k', '9', '/', 'p', '<', '&', 'ä', "'", '"', '+', 'q', '\\', 'n', 'W', 'o', 'r', 't']`,
		"numbers of UTF-16":  `\u0058\u006b\u0039\u002f\u0070\u003c\u0026\u00e4\u0027\u0022\u002b\u0071\u005c\u006e\u0057\u006f\u0072\u0074`,
	} {
		assert.Contains(t, s.Clean(text), Placeholder, name)
	}
	long := strings.Repeat("0123456789abcdefghijklmnopq", 111)
	require.NoError(t, s.Add(long))
	for name, text := range map[string]string{
		"hex":    strings.ReplaceAll(fmt.Sprintf("% x", long), " ", ":"),
		"list":   strings.Join(strings.Fields(strings.Trim(fmt.Sprint([]byte(long)), "[]")), ", "),
		"UTF-16": hex.EncodeToString([]byte(wide(long, binary.LittleEndian))),
		"lines":  inLines(base64.StdEncoding.EncodeToString([]byte(long)), 76),
	} {
		assert.Less(t, len(s.Clean(text)), 20, name)
	}
}

// numbers are the bytes of a text in a format.
func numbers(text, format, between string) string {
	parts := make([]string, len(text))
	for i := range parts {
		parts[i] = fmt.Sprintf(format, text[i])
	}
	return strings.Join(parts, between)
}

// pairs are the bytes of a text as xxd writes them.
func pairs(text string) string {
	var b strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&b, "%02x", text[i])
		if i%2 == 1 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// listed are the characters of a text in quotes, in ASCII.
func listed(text, quote string) string {
	var parts []string
	for _, c := range text {
		one := strings.Trim(strconv.QuoteToASCII(string(c)), `"`)
		if c == '"' {
			one = `\"`
		}
		parts = append(parts, quote+strings.ReplaceAll(one, "'", `\'`)+quote)
	}
	return strings.Join(parts, ", ")
}

// TestWholeForms: of what others write nothing is left besides what is around it.
func TestWholeForms(t *testing.T) {
	t.Parallel()
	const secret = "Kä'sewasser\"99!"
	var s Scrubber
	require.NoError(t, s.Add(secret))
	latin1 := inLatin1(secret)[0]
	for name, test := range map[string]struct{ text, want string }{
		"list of Python": {`['K', 'ä', "'", 's', 'e', 'w', 'a', 's', 's', 'e', 'r', '"', '9', '9', '!']`, "[(secret)]"},
		"JSON list":      {`["K","\u00e4","'","s","e","w","a","s","s","e","r","\"","9","9","!"]`, "[(secret)]"},
		"hex":            {"[" + numbers(secret, "'0x%x'", ", ") + "]", "['(secret)']"},
		"octal":          {"[" + numbers(secret, "0o%o", ", ") + ", 0o12]", "[(secret), 0o12]"},
		"padded octal":   {numbers(secret, "%03o", " ") + " 012", "(secret) 012"},
		"cut":            {"[" + numbers(secret[:12], "%d", ", ") + ", 1...", "[(secret), 1..."},
		"code points":    {fmt.Sprint([]rune(secret)), "[(secret)]"},
		"escapes":        {`foo` + numbers(secret, `\x%02x`, "") + `bar`, `foo\(secret)bar`},
		"object ID":      {"1.3.6.1.4.1.9." + strings.Trim(numbers(secret, "%d.", ""), "."), "1.3.6.1.4.1.9.(secret)"},
		"hexdump -C":     {hex.Dump([]byte("user:" + secret + "\n")), "00000000  75 73 65 72 3a (secret)\n"},
		"xxd":            {"00000000: 4bc3 a427 7365 7761 7373 6572 2239 3921  K..'sewasser\"99!\n", "00000000: (secret)\n"},
		"colours":        {"is K\x1b[31mä'se\x1b[0mwasser\"99!\x1b[0m now", "is (secret)\x1b[0m now"},
		"soft hyphens":   {"is Kä'se\u00adwasser\u200b\"99! now", "is (secret) now"},
		"Basic, Latin-1": {base64.StdEncoding.EncodeToString([]byte("admin:" + latin1)), "YWRtaW46(secret)"},
		"bytes, Latin-1": {fmt.Sprint([]byte(latin1)), "[(secret)]"},
		"UTF-16":         {fmt.Sprintf("%q", wide(secret, binary.LittleEndian)), `"(secret)"`},
		"plain":          {"1.2.3.4 00:11:22:33:44:55 [1, 2, 3] 'a', 'b' \x1b[1mbold\x1b[0m", "1.2.3.4 00:11:22:33:44:55 [1, 2, 3] 'a', 'b' \x1b[1mbold\x1b[0m"},
	} {
		assert.Equal(t, test.want, s.Clean(test.text), name)
	}
}

// TestLongLists: a secret is found anywhere in a list that is read in parts, in little time.
func TestLongLists(t *testing.T) {
	t.Parallel()
	var s Scrubber
	require.NoError(t, s.Add("correct-horse"))
	for _, before := range []int{longestReading - 5, 2*longestReading + 3} {
		text := strings.Repeat("7, ", before) + numbers("correct-horse", "%d", ", ") + strings.Repeat(", 7", longestReading)
		assert.Equal(t, strings.Repeat("7, ", before)+Placeholder+strings.Repeat(", 7", longestReading), s.Clean(text))
		characters := strings.Repeat("'7', ", before) + listed("correct-horse", "'")
		assert.Equal(t, strings.Repeat("'7', ", before)+Placeholder, s.Clean(characters))
	}
	for _, odd := range []string{"00000000 ", "0041424344454647 ", "\x1b[", "'", `\u00`, "\u200b"} {
		s.Clean(strings.Repeat(odd, 1<<20/len(odd)))
	}
}

// wide is a text in UTF-16.
func wide(text string, order binary.AppendByteOrder) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return string(out)
}

// TestCutSecret: of a secret in which a text was cut, before it was cleaned, not more is left than a few letters.
func TestCutSecret(t *testing.T) {
	t.Parallel()
	var s Scrubber
	for _, secret := range []string{"correct-horse-battery-staple", "correct-horse", "correct-hare-and-many-other-animals"} {
		require.NoError(t, s.Add(secret))
	}
	for text, want := range map[string]string{
		"login correct-horse-batte":                       "login (secret)",
		`value "correct-horse-batte" is wrong`:            `value "(secret)" is wrong`,
		"login correct-horse-battery-s...":                "login (secret)...",
		"correct-horse-battery-sta\nnext":                 "(secret)\nnext",
		"correct-hare-and-many...":                        "(secret)...",
		"a correct-h":                                     "a (secret)",
		"a correct answer":                                "a correct answer",
		"a correct-ho!":                                   "a correct-ho!",
		KeepStart("login correct-horse-battery-stap", 20): "login (secret)...",
	} {
		assert.Equal(t, want, s.Clean(text), text)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("hunter2", "the hunter2 is here")
	f.Fuzz(func(t *testing.T, secret, text string) {
		var s Scrubber
		if s.Add(secret) != nil || len(secret) < shortest || strings.Contains(Placeholder, secret) {
			return
		}
		if clean := s.Clean(text + secret + text); strings.Contains(strings.ReplaceAll(clean, Placeholder, "\x00"), secret) {
			t.Errorf("%q is in %q", secret, clean)
		}
	})
}

func TestError(t *testing.T) {
	t.Parallel()
	var s Scrubber
	require.NoError(t, s.Add("hunter2"))
	require.NoError(t, s.Error(nil))
	plain := errors.New("plain")
	assert.Same(t, plain, s.Error(plain))
	err := s.Error(fmt.Errorf("open %q: %w", "hunter2", fs.ErrNotExist))
	assert.EqualError(t, err, `open "(secret)": file does not exist`)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func BenchmarkClean(b *testing.B) {
	var s Scrubber
	for i := range 20 {
		_ = s.Add(fmt.Sprintf("secret-%06d", i))
	}
	for name, text := range map[string]string{
		"text":    strings.Repeat("looking at interface ethernet 1/2; ", 4),
		"numbers": "2026-11-30 21:03:31.123 10.0.0.1:161 took 2.25 s: 1,204 rows of 17 tables, 00:1b:44:11:3a:b7 of 10.0.0.7 added 3, lost 0; next at 21:04:31",
		"quotes":  `cannot read "ifInOctets" of 'router-1': the agent "snmpd" says 'no such name' for "1.3.6.1.2.1.2.2.1.10"; ask "Größe" again in a minute or so`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Clean(text)
			}
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	b.ReportAllocs()
	var s Scrubber
	for b.Loop() {
		s = Scrubber{}
		_ = s.Add("correct-horse-battery-staple")
	}
	b.ReportMetric(float64(s.count), "forms")
	b.ReportMetric(float64(s.bytes), "bytes")
}
