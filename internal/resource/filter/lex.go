package filter

import (
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenString
	tokenSymbol     // ( ) , . = !=
	tokenOpenString // a string without its closing quote
	tokenIllegal
)

// token is one piece of a filter; raw is its text, value the text a string stands for.
type token struct {
	kind         tokenKind
	raw, value   string
	line, column int
}

// lexer cuts a filter into tokens. It keeps two columns: column counts characters, for messages; tabColumn counts as
// Python's expandtabs does, because Panoptes expands raw tabs, inside values too, before it reads a filter.
type lexer struct {
	text         string
	pos          int
	line, column int
	tabColumn    int
}

func newLexer(text string) *lexer { return &lexer{text: text, line: 1, column: 1} }

// step goes on by one character and returns it; a byte that is no UTF-8 counts as one.
func (l *lexer) step() string {
	_, size := utf8.DecodeRuneInString(l.text[l.pos:])
	s := l.text[l.pos : l.pos+size]
	l.pos += size
	l.column++
	l.tabColumn++
	switch s {
	case "\n":
		l.line++
		l.column, l.tabColumn = 1, 0
	case "\r":
		l.tabColumn = 0
	case "\t":
		l.tabColumn += 8 - 1 - (l.tabColumn-1)%8
	}
	return s
}

func (l *lexer) peek() byte {
	if l.pos < len(l.text) {
		return l.text[l.pos]
	}
	return 0
}

func (l *lexer) next() token {
	for l.pos < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.pos]) >= 0 {
		l.step()
	}
	t := token{line: l.line, column: l.column}
	if l.pos == len(l.text) {
		return t
	}
	start := l.pos
	switch c := l.peek(); {
	case isWordByte(c):
		t.kind = tokenWord
		for isWordByte(l.peek()) {
			l.step()
		}
	case c == '"':
		t.kind, t.value = l.quoted()
	case strings.IndexByte("(),.", c) >= 0:
		t.kind = tokenSymbol
		l.step()
	default:
		t.kind = l.operator()
	}
	t.raw = l.text[start:l.pos]
	return t
}

// operator takes = and !=, and what looks like an operator but is none in one piece, so that messages quote it whole.
func (l *lexer) operator() tokenKind {
	rest := l.text[l.pos:]
	for _, two := range []string{"!=", "==", "<>", "&&", "||", "<=", ">="} {
		if strings.HasPrefix(rest, two) {
			l.step()
			l.step()
			if two == "!=" {
				return tokenSymbol
			}
			return tokenIllegal
		}
	}
	if l.step() == "=" {
		return tokenSymbol
	}
	return tokenIllegal
}

// quoted reads a string from its opening quote on.
func (l *lexer) quoted() (tokenKind, string) {
	l.step()
	var b []byte
	for l.pos < len(l.text) {
		before := l.tabColumn
		switch c := l.peek(); c {
		case '"':
			l.step()
			return tokenString, string(b)
		case '\n', '\r':
			return tokenOpenString, ""
		case '\t':
			l.step()
			b = append(b, strings.Repeat(" ", l.tabColumn-before)...)
		case '\\':
			l.step()
			if l.pos == len(l.text) || l.peek() == '\n' || l.peek() == '\r' {
				return tokenOpenString, ""
			}
			before = l.tabColumn
			b = append(b, unescape(l.step(), before, l)...)
		default:
			b = append(b, l.step()...)
		}
	}
	return tokenOpenString, ""
}

// unescape is what a backslash and the character c stand for. A raw tab behind a backslash was expanded before, so that
// the backslash takes the first blank.
func unescape(c string, before int, l *lexer) string {
	switch c {
	case "t":
		return "\t"
	case "n":
		return "\n"
	case "f":
		return "\f"
	case "r":
		return "\r"
	case "\t":
		return strings.Repeat(" ", l.tabColumn-before)
	}
	return c
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func asciiLower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			b := []byte(s)
			for j, c := range b {
				b[j] = lower(c)
			}
			return string(b)
		}
	}
	return s
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
