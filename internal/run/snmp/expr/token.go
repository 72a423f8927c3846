package expr

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenValue // a literal: a number or a text
	tokenOp    // an operator, a bracket, or a word that is one
	tokenIndex // $index
)

type token struct {
	kind  tokenKind
	text  string
	value Value
}

// operators are the longest first. Those that the language does not have are there to be named in errors.
var operators = []string{
	"**=", "//=", "...", "**", "//", "<<", ">>", "==", "!=", "<=", ">=", ":=", "->", "+", "-", "*", "/", "%", "@", "&", "|", "^", "~", "<",
	">", "(", ")", "[", "]", "{", "}", ",", ":", ".", ";", "=",
}

// words have a meaning of their own.
var words = map[string]bool{
	"and": true, "or": true, "not": true, "in": true, "is": true, "if": true, "else": true, "for": true, "lambda": true,
	"await": true, "async": true, "yield": true, "import": true, "from": true, "class": true, "def": true, "return": true, "with": true,
	"while": true, "try": true, "except": true, "finally": true, "raise": true, "global": true, "nonlocal": true, "pass": true, "break": true,
	"continue": true, "del": true, "assert": true, "as": true, "elif": true,
}

const indexMark = "$index"

var numberSyntax = regexp.MustCompile(`^(0[xX](_?[0-9a-fA-F])+|0[oO](_?[0-7])+|0[bB](_?[01])+|` +
	`([0-9](_?[0-9])*\.?([0-9](_?[0-9])*)?|\.[0-9](_?[0-9])*)([eE][+-]?[0-9](_?[0-9])*)?)`)

// tokens cuts an expression into its parts.
func tokens(text string) ([]token, error) {
	var out []token
	for at := 0; at < len(text); {
		c, size := utf8.DecodeRuneInString(text[at:])
		rest := text[at:]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			at += size
		case strings.HasPrefix(rest, indexMark) && !wordAt(rest[len(indexMark):]):
			out = append(out, token{kind: tokenIndex, text: indexMark})
			at += len(indexMark)
		case c == '\'' || c == '"':
			value, n, err := readText(rest, false)
			if err != nil {
				return nil, err
			}
			out = append(out, token{tokenValue, rest[:n], value})
			at += n
		case c >= '0' && c <= '9' || c == '.' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9':
			t, err := readNumber(rest)
			if err != nil {
				return nil, err
			}
			out = append(out, t)
			at += len(t.text)
		case c == '_' || unicode.IsLetter(c):
			t, err := readWord(rest)
			if err != nil {
				return nil, err
			}
			out = append(out, t)
			at += len(t.text)
		default:
			op := operator(rest)
			if op == "" {
				return nil, fmt.Errorf("the character %q has no meaning in an expression", c)
			}
			out = append(out, token{kind: tokenOp, text: op})
			at += len(op)
		}
	}
	return append(out, token{kind: tokenEnd, text: "the end"}), nil
}

func operator(rest string) string {
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			return op
		}
	}
	return ""
}

// wordAt says whether a text goes on with a letter or digit.
func wordAt(text string) bool {
	c, _ := utf8.DecodeRuneInString(text)
	return c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c)
}

// readWord reads a name, a word with a meaning, or a text with a letter before it.
func readWord(rest string) (token, error) {
	n := 0
	for n < len(rest) && wordAt(rest[n:]) {
		_, size := utf8.DecodeRuneInString(rest[n:])
		n += size
	}
	word := rest[:n]
	if n < len(rest) && (rest[n] == '\'' || rest[n] == '"') {
		lower := strings.ToLower(word)
		if lower != "r" && lower != "u" {
			return token{}, fmt.Errorf("a text with %s before it is not allowed in an expression", word)
		}
		value, size, err := readText(rest[n:], lower == "r")
		return token{tokenValue, rest[:n+size], value}, err
	}
	if words[word] {
		return token{kind: tokenOp, text: word}, nil
	}
	switch word {
	case "None":
		return token{kind: tokenValue, text: word}, nil
	case "True", "False":
		return token{tokenValue, word, word == "True"}, nil
	}
	return token{kind: tokenName, text: word}, nil
}

func readNumber(rest string) (token, error) {
	text := numberSyntax.FindString(rest)
	if wordAt(rest[len(text):]) {
		return token{}, fmt.Errorf("%q is no number of an expression", text+rest[len(text):][:1])
	}
	plain := strings.ReplaceAll(text, "_", "")
	prefixed := len(plain) > 1 && plain[0] == '0' && plain[1] > '9' && plain[1] != 'e' && plain[1] != 'E'
	if !prefixed && strings.ContainsAny(plain, ".eE") {
		f, _ := strconv.ParseFloat(plain, 64) // what is too large is infinite
		return token{tokenValue, text, f}, nil
	}
	base := 10
	if prefixed {
		base = 0
	} else if strings.Trim(plain, "0") != "" && plain[0] == '0' {
		return token{}, fmt.Errorf("%q begins with a zero", text)
	}
	n, ok := new(big.Int).SetString(plain, base)
	if !ok {
		return token{}, fmt.Errorf("%q is no number", text)
	}
	return token{tokenValue, text, small(n)}, nil
}

// readText reads a literal of a text, and returns how long that is.
func readText(rest string, raw bool) (value string, size int, err error) {
	mark := rest[:1]
	if strings.HasPrefix(rest, strings.Repeat(mark, 3)) {
		mark = strings.Repeat(mark, 3)
	}
	var b strings.Builder
	for at := len(mark); at < len(rest); {
		switch {
		case strings.HasPrefix(rest[at:], mark):
			return b.String(), at + len(mark), nil
		case rest[at] == '\n' && len(mark) == 1:
			return "", 0, fmt.Errorf("a text does not end in its line")
		case rest[at] != '\\' || at+1 == len(rest):
			b.WriteByte(rest[at])
			at++
		case raw:
			b.WriteString(rest[at : at+2])
			at += 2
		default:
			n, err := escape(&b, rest[at+1:])
			if err != nil {
				return "", 0, err
			}
			at += 1 + n
		}
	}
	return "", 0, fmt.Errorf("a text does not end")
}

// escapes are those of one letter.
var escapes = map[byte]string{
	'\\': "\\", '\'': "'", '"': `"`, 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v", '\n': "",
}

// escape writes what an escape stands for, and returns its length without the backslash.
func escape(b *strings.Builder, rest string) (int, error) {
	if text, known := escapes[rest[0]]; known {
		b.WriteString(text)
		return 1, nil
	}
	n, base := 0, 16
	switch c := rest[0]; {
	case c >= '0' && c <= '7':
		base, n = 8, 1
		for n < 3 && n < len(rest) && rest[n] >= '0' && rest[n] <= '7' {
			n++
		}
		code, _ := strconv.ParseUint(rest[:n], base, 32)
		b.WriteRune(rune(code))
		return n, nil
	case c == 'x':
		n = 2
	case c == 'u':
		n = 4
	case c == 'U':
		n = 8
	default:
		b.WriteByte('\\') // it stands for itself
		return 0, nil
	}
	if len(rest) <= n {
		return 0, fmt.Errorf(`the escape \%s is cut short`, rest)
	}
	code, err := strconv.ParseUint(rest[1:1+n], base, 32)
	if err != nil || !utf8.ValidRune(rune(code)) {
		return 0, fmt.Errorf(`\%s is no escape`, rest[:1+n])
	}
	b.WriteRune(rune(code))
	return 1 + n, nil
}
