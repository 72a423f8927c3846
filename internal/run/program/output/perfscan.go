package output

import (
	"errors"
	"fmt"
	"strings"
)

// perfScanner takes the items of one line of performance data apart:
//
//	'label'=value[UOM];[warn];[crit];[min];[max] 'label'=...
//
// Checks keep to this more or less. What separates items is blanks, and "|", which some write between them. Labels may
// have blanks without quotes, and values a blank before their unit.
type perfScanner struct{ rest string }

// errNoItem is what next returns at the end of the line.
var errNoItem = errors.New("no further item")

const perfBlanks = " \t\r\v\f\n"

func newPerfScanner(line string) *perfScanner { return &perfScanner{line} }

// next takes the next item. Where the error is another than errNoItem, what was wrong is passed over.
func (s *perfScanner) next() (perfItem, error) {
	s.rest = strings.TrimLeft(s.rest, perfBlanks+"|")
	if s.rest == "" {
		return perfItem{}, errNoItem
	}
	label, err := s.label()
	if err != nil {
		return perfItem{}, err
	}
	return parsePerfItem(label, s.value())
}

// word takes a word, which may be empty: what comes next is a "|" or the end of the line then.
func (s *perfScanner) word() string {
	s.rest = strings.TrimLeft(s.rest, perfBlanks)
	end := strings.IndexAny(s.rest, perfBlanks+"|")
	if end < 0 {
		end = len(s.rest)
	}
	word := s.rest[:end]
	s.rest = s.rest[end:]
	return word
}

// label takes a label and the "=" after it.
func (s *perfScanner) label() (string, error) {
	if s.rest[0] == '\'' {
		return s.quotedLabel()
	}
	var words []string
	for {
		before := s.rest
		word := s.word()
		name, value, ok := strings.Cut(word, "=")
		switch {
		case ok && len(words)+len(name) > 0 && !strings.HasPrefix(word, "'"):
			s.rest = before[len(before)-len(s.rest)-len(value):] // the value's first word follows at once
			if name != "" {
				words = append(words, name)
			}
			return strings.Join(words, " "), nil
		case len(words) == 0 && word != "" && ok:
			return "", fmt.Errorf("%q is no label=value", short(word))
		case word == "" || strings.HasPrefix(word, "'"):
			s.rest = before
			return "", fmt.Errorf("%q is no label=value", short(strings.Join(words, " ")))
		}
		words = append(words, word)
	}
}

// quotedLabel takes a label in quotes, in which two quotes stand for one.
func (s *perfScanner) quotedLabel() (string, error) {
	var b strings.Builder
	rest := s.rest[1:]
	for {
		part, after, ok := strings.Cut(rest, "'")
		if !ok {
			word := s.word()
			return "", fmt.Errorf("label that begins with %q has no quote at its end", short(strings.TrimPrefix(word, "'")))
		}
		b.WriteString(part)
		rest = after
		if !strings.HasPrefix(rest, "'") {
			break
		}
		b.WriteByte('\'')
		rest = rest[1:]
	}
	switch {
	case b.Len() == 0:
		s.word()
		return "", errors.New("a label is empty")
	case !strings.HasPrefix(rest, "="):
		s.word()
		return "", fmt.Errorf("label %q is not followed by =", short(b.String()))
	}
	s.rest = rest[1:]
	return b.String(), nil
}

// value takes all that belongs to the value: its first word, also behind a blank if it is a number, a unit behind a mere number, and of the words up to the next
// item what has a ";", or, where no item follows, all. The others begin the next item's label.
func (s *perfScanner) value() string {
	value := ""
	if s.rest != "" && !strings.ContainsRune(perfBlanks+"|", rune(s.rest[0])) {
		value = s.word()
	} else {
		before := s.rest
		if value = s.word(); !isBareValue(value) {
			value, s.rest = "", before
		}
	}
	var words []string
	mine := 0 // of words
	after := s.rest
	for {
		before := s.rest
		word := s.word()
		if word == "" || strings.HasPrefix(word, "'") {
			s.rest = before
			mine, after = len(words), before
			break
		}
		if strings.Contains(word, "=") {
			break
		}
		words = append(words, word)
		if strings.Contains(word, ";") || len(words) == 1 && isUnitBehind(value, word) {
			mine, after = len(words), s.rest
		}
	}
	s.rest = after
	return strings.Join(append([]string{value}, words[:mine]...), " ")
}

// isBareValue says whether a word behind "= " is the value, and not the beginning of the next item's label, which would
// be another one in each run.
func isBareValue(word string) bool {
	word = strings.TrimRight(word, ",")
	number := perfNumber.FindString(word)
	unit := word[len(number):]
	return word == "U" || number != "" && (unit == "" || knownUnit(unit))
}

// isUnitBehind says whether a word is the unit of the number before it. One letter may as well begin a label.
func isUnitBehind(value, word string) bool {
	word = strings.TrimRight(word, ",")
	return perfNumber.FindString(value) == value && value != "" && (word == "%" || len(word) > 1 && knownUnit(word))
}
