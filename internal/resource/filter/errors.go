package filter

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/panoptes-otel/panoptes-otel/internal/spelling"
)

// SyntaxError says where a filter stops making sense.
type SyntaxError struct {
	// Line and Column are where Found begins; both start at 1, and columns count characters, not bytes.
	Line, Column int
	// Found is what stands there, quoted where it is text of the filter.
	Found string
	// Expected is what could stand there instead.
	Expected string
	// Hint says what to do about a frequent mistake, or is "".
	Hint string
}

// Error gives position, what was found and what was expected, and the hint if there is one.
func (e *SyntaxError) Error() string {
	var b strings.Builder
	if e.Line > 1 {
		b.WriteString("line " + strconv.Itoa(e.Line) + ", ")
	}
	b.WriteString("column " + strconv.Itoa(e.Column) + ": found " + e.Found + ", expected " + e.Expected)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

const (
	expectField    = `a field, NOT or "("`
	expectOperator = "=, !=, LIKE, IN, NOT LIKE or NOT IN"
	expectValue    = "a value in double quotes"
)

func (p *parser) unexpected(expected, hint string) *SyntaxError {
	return p.lex.unexpected(p.tok, expected, hint)
}

func (l *lexer) unexpected(t token, expected, hint string) *SyntaxError {
	e := &SyntaxError{Line: t.line, Column: t.column, Expected: expected, Hint: hint}
	switch t.kind {
	case tokenEnd:
		e.Found = "the end of the filter"
	case tokenOpenString:
		e.Found = "a value without its closing quote"
		e.Expected = "a value that ends with \" on the same line"
	case tokenIllegal:
		e.Found = strconv.Quote(clip(t.raw))
		if e.Hint == "" {
			e.Hint = illegalHints[t.raw]
		}
	default:
		e.Found = strconv.Quote(clip(t.raw))
	}
	return e
}

// illegalHints answer what users of other languages write.
var illegalHints = map[string]string{
	"'":      "values are written in double quotes",
	"\u201c": "typographic quotes: write plain double quotes",
	"\u201d": "typographic quotes: write plain double quotes",
	"\u2018": "typographic quotes: write plain double quotes",
	"\u2019": "typographic quotes: write plain double quotes",
	"==":     "equality is written with a single =",
	"<>":     "inequality is written !=",
	"&&":     "write AND",
	"||":     "write OR",
	"!":      "write NOT, or != to compare",
	"#":      "a filter has no comments",
	"\u00a0": "this is a no-break space: write a plain one",
}

// clip keeps what is quoted in a message short.
func clip(s string) string {
	const limit = 40
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-3]) + "..."
}

// fieldHint helps with a name that is no field: it names the nearest one.
func fieldHint(word string) string {
	lower := asciiLower(word)
	switch lower {
	case "resource_plugin", "resource_ttl", "resource_creation_timestamp":
		return lower + " cannot be filtered by; " + validFields
	}
	names := append(fieldNames[:], metadataField)
	best := spelling.Nearest("resource_"+lower, names, 0) // people leave the prefix out
	if best == "" {
		best = spelling.Nearest(lower, names, min(len(lower)-1, 4))
	}
	if best != "" {
		if best == metadataField {
			best += ".KEY"
		}
		return "did you mean " + best + "? " + validFields
	}
	return validFields
}

var validFields = "fields are " + strings.Join(fieldNames[:], ", ") + " and " + metadataField + ".KEY"
