package configobj

import (
	"errors"
	"fmt"
	"strings"
)

// parseValue reads a value of one line: a text, or a list, whose parts may be quoted, and a comment.
func parseValue(text string) (values []string, list bool, err error) {
	if isComment(text) {
		return []string{""}, false, nil
	}
	if rest, ok := strings.CutPrefix(text, ","); ok { // the empty list
		if !isComment(rest) {
			return nil, false, errors.New("a list must not begin with a comma")
		}
		return []string{}, true, nil
	}
	for {
		value, rest, err := parsePart(text)
		if err != nil {
			return nil, false, err
		}
		values = append(values, value)
		rest = strings.TrimSpace(rest)
		if isComment(rest) {
			return values, list, nil
		}
		if rest[0] != ',' {
			return nil, false, fmt.Errorf("expected a comma or a comment after the closing quote, found %.40q", rest)
		}
		list = true
		if text = strings.TrimSpace(rest[1:]); isComment(text) {
			return values, true, nil // a comma ends it
		}
	}
}

// parsePart reads one part: quoted, or up to a comma or a comment.
func parsePart(text string) (value, rest string, err error) {
	switch quote := text[0]; quote {
	case '"', '\'':
		end := strings.IndexByte(text[1:], quote)
		if end < 0 {
			return "", "", fmt.Errorf("has no closing %c", quote)
		}
		return text[1 : end+1], text[end+2:], nil
	case ',':
		return "", "", errors.New("a list must not have two commas in a row")
	}
	end := strings.IndexAny(text, ",#")
	if end < 0 {
		end = len(text)
	}
	return strings.TrimSpace(text[:end]), text[end:], nil
}
