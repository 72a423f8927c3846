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
	"net/url"
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
		for name, text := range map[string]string{
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
			"Go, numbers":    fmt.Sprint([]byte(whole)),
			"spaced hex":     fmt.Sprintf("% x", whole),
			"SNMP's hex":     strings.ReplaceAll(fmt.Sprintf("% X", whole), " ", ":"),
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
			"command":        base64.StdEncoding.EncodeToString([]byte(wide(whole, binary.LittleEndian))),
		} {
			if name == "UTF-16, Go" && strings.ContainsAny(secret, "é€") {
				continue // of which half are other characters then
			}
			if clean := s.Clean(text); !strings.Contains(clean, Placeholder) {
				r.Fatalf("%s: %q became %q", name, text, clean)
			}
		}
		if len(secret) >= 12 {
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
	text := strings.Repeat("looking at interface ethernet 1/2; ", 4)
	b.ReportAllocs()
	for b.Loop() {
		s.Clean(text)
	}
}
