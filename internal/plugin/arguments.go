package plugin

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// argument is one argument of a program, with fields of the resource in it. What a field has comes into this argument
// and no other, whatever is in it: there is no shell, and nothing is split again.
type argument []argumentPart

// argumentPart is text, or a field where field is not "".
type argumentPart struct{ text, field string }

// String is the argument as the plugin file has it.
func (a argument) String() string {
	var b strings.Builder
	for _, p := range a {
		if p.field != "" {
			b.WriteString("{" + p.field + "}")
		}
		b.WriteString(p.text)
	}
	return b.String()
}

func (a argument) fields() bool {
	return slices.ContainsFunc(a, func(p argumentPart) bool { return p.field != "" })
}

const metadataPrefix = "resource_metadata."

var argumentField = regexp.MustCompile(`\{(resource_[A-Za-z_]*(?:\.[^{}]*)?)\}`)

var resourceFields = map[string]func(*pluginsdk.Resource) string{
	"resource_site":     func(r *pluginsdk.Resource) string { return r.Site },
	"resource_class":    func(r *pluginsdk.Resource) string { return r.Class },
	"resource_subclass": func(r *pluginsdk.Resource) string { return r.Subclass },
	"resource_type":     func(r *pluginsdk.Resource) string { return r.Type },
	"resource_id":       func(r *pluginsdk.Resource) string { return r.ID },
	"resource_endpoint": func(r *pluginsdk.Resource) string { return r.Endpoint },
	"resource_plugin":   func(r *pluginsdk.Resource) string { return r.Plugin },
}

// parseArguments splits text at blanks, except in quotes, and looks for fields such as {resource_endpoint}.
func parseArguments(text string) ([]argument, error) {
	words, err := splitWords(text)
	if err != nil {
		return nil, err
	}
	var args []argument
	for _, word := range words {
		if strings.ContainsRune(word, 0) {
			return nil, errors.New("there is a NUL character")
		}
		a := parseFields(word)
		for _, p := range a {
			if key, ok := strings.CutPrefix(p.field, metadataPrefix); p.field != "" && resourceFields[p.field] == nil && (!ok || key == "") {
				return nil, fmt.Errorf("there is no field {%s}: write {resource_endpoint}, {resource_id} and so on, or {%sKEY}", p.field, metadataPrefix)
			}
		}
		args = append(args, a)
	}
	return args, nil
}

// parseFields takes a word apart into text and fields.
func parseFields(word string) (a argument) {
	at := 0
	for _, m := range argumentField.FindAllStringSubmatchIndex(word, -1) {
		if m[0] > at {
			a = append(a, argumentPart{text: word[at:m[0]]})
		}
		a = append(a, argumentPart{field: word[m[2]:m[3]]})
		at = m[1]
	}
	if at < len(word) || len(a) == 0 {
		a = append(a, argumentPart{text: word[at:]})
	}
	return a
}

// splitWords splits at blanks. Quotes of either kind keep blanks, and nothing else has a meaning.
func splitWords(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	open, quote := false, rune(0)
	for _, c := range text {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, open = c, true
		case quote == 0 && strings.ContainsRune(" \t\r\n", c):
			if open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			open = true
			word.WriteRune(c)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the quote %c has no end", quote)
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}

// Arguments are the arguments of a plugin's program for a resource, which may be nil for process plugins: these have no
// fields of one. A field that would begin its argument with "-" is refused: a resource must not be able to name an option.
func (p *Plugin) Arguments(r *pluginsdk.Resource) ([]string, error) {
	out := make([]string, 0, len(p.program.args))
	for _, a := range p.program.args {
		var b strings.Builder
		for _, p := range a {
			value := p.text
			if p.field != "" {
				var err error
				if value, err = fieldOf(r, p.field); err != nil {
					return nil, fmt.Errorf("[main] args: %w", err)
				}
				if b.Len() == 0 && strings.HasPrefix(value, "-") {
					return nil, fmt.Errorf("[main] args: {%s} is %.60q, which the program would take for an option: "+
						"what begins with - may not stand at the beginning of an argument", p.field, value)
				}
			}
			b.WriteString(value)
		}
		out = append(out, b.String())
	}
	return out, nil
}

func fieldOf(r *pluginsdk.Resource, field string) (string, error) {
	var value string
	if get := resourceFields[field]; get != nil {
		value = get(r)
	} else {
		key := strings.TrimPrefix(field, metadataPrefix)
		var ok bool
		if value, ok = r.Metadata.Get(key); !ok {
			return "", fmt.Errorf("the resource has no metadata %q for {%s}: let resource_filter ask for it", key, field)
		}
	}
	if strings.ContainsRune(value, 0) {
		return "", fmt.Errorf("{%s} has a NUL character", field)
	}
	return value, nil
}
