package expr

import (
	"strings"
	"unicode/utf8"
)

// methods are the names of all methods.
var methods = map[string]bool{
	"values": true, "items": true, "keys": true, "get": true,
	"split": true, "strip": true, "lstrip": true, "rstrip": true, "replace": true, "startswith": true, "endswith": true,
	"upper": true, "lower": true, "join": true,
}

// method calls a method of a dict or of a text.
func method(e *evaluation, of Value, name string, args []Value) (Value, error) {
	switch of := of.(type) {
	case *Dict:
		return of.method(e, name, args)
	case string:
		return textMethod(e, of, name, args)
	}
	return nil, noMethod(of, name)
}

func noMethod(of Value, name string) error {
	return limit("%s has no method %s in an expression", typeName(of), name)
}

func (d *Dict) method(e *evaluation, name string, args []Value) (Value, error) {
	if name == "get" {
		if err := count(name, args, 1, 2); err != nil {
			return nil, err
		}
		at, there, err := d.find(args[0])
		switch {
		case err != nil:
			return nil, err
		case there:
			return d.values[at], nil
		case len(args) == 2:
			return args[1], nil
		}
		return nil, nil
	}
	view := &List{kind: kindView}
	switch name {
	case "keys":
		view.items = d.keys
	case "values":
		view.items = d.values
	case "items":
		if err := e.step(d.Len()); err != nil {
			return nil, err
		}
		view.items = make([]Value, d.Len())
		for i := range view.items {
			view.items[i] = tuple(d.keys[i], d.values[i])
		}
	default:
		return nil, noMethod(d, name)
	}
	return view, count(name, args, 0, 0)
}

// textOf returns an argument that must be a text.
func textOf(v Value, name string) (string, error) {
	text, is := v.(string)
	if !is {
		return "", raise("TypeError", "%s arg must be str, not %s", name, typeName(v))
	}
	return text, nil
}

func textMethod(e *evaluation, text, name string, args []Value) (Value, error) {
	if err := e.step(reading(text)); err != nil {
		return nil, err
	}
	switch name {
	case "upper":
		return strings.ReplaceAll(strings.ToUpper(text), "\u00df", "SS"), count(name, args, 0, 0)
	case "lower":
		return strings.ToLower(text), count(name, args, 0, 0)
	case "strip", "lstrip", "rstrip":
		return strip(text, name, args)
	case "split":
		return split(text, args)
	case "replace":
		return replace(text, args)
	case "startswith", "endswith":
		return begins(text, name, args)
	case "join":
		return joinTexts(e, text, args)
	}
	return nil, noMethod(text, name)
}

func strip(text, name string, args []Value) (Value, error) {
	if err := count(name, args, 0, 1); err != nil {
		return nil, err
	}
	cut := isSpace
	if len(args) == 1 && args[0] != nil {
		set, err := textOf(args[0], name)
		if err != nil {
			return nil, err
		}
		cut = func(c rune) bool { return strings.ContainsRune(set, c) }
	}
	if name != "rstrip" {
		text = strings.TrimLeftFunc(text, cut)
	}
	if name != "lstrip" {
		text = strings.TrimRightFunc(text, cut)
	}
	return text, nil
}

func split(text string, args []Value) (Value, error) {
	if err := count("split", args, 0, 2); err != nil {
		return nil, err
	}
	most := int64(-1)
	if len(args) == 2 {
		n, is := whole(args[1])
		fits := false
		if most, fits = n.(int64); !is || !fits {
			return nil, raise("TypeError", "'%s' object cannot be interpreted as an integer", typeName(args[1]))
		}
	}
	var parts []string
	if len(args) == 0 || args[0] == nil {
		parts = fields(text, most)
	} else {
		mark, err := textOf(args[0], "split")
		switch {
		case err != nil:
			return nil, err
		case mark == "":
			return nil, raise("ValueError", "empty separator")
		case most < 0 || most > maxSize:
			parts = strings.Split(text, mark)
		default:
			parts = strings.SplitN(text, mark, int(most)+1)
		}
	}
	out := make([]Value, len(parts))
	for i, part := range parts {
		out[i] = part
	}
	return NewList(out...), nil
}

// fields splits at blanks, most times if that is not negative.
func fields(text string, most int64) (out []string) {
	for text = strings.TrimLeftFunc(text, isSpace); text != ""; text = strings.TrimLeftFunc(text, isSpace) {
		end := strings.IndexFunc(text, isSpace)
		if most == 0 {
			return append(out, text)
		}
		if end < 0 {
			return append(out, text)
		}
		out, text = append(out, text[:end]), text[end:]
		most--
	}
	return out
}

func replace(text string, args []Value) (Value, error) {
	if err := count("replace", args, 2, 3); err != nil {
		return nil, err
	}
	old, err := textOf(args[0], "replace")
	if err != nil {
		return nil, err
	}
	by, err := textOf(args[1], "replace")
	if err != nil {
		return nil, err
	}
	most := int64(-1)
	if len(args) == 3 {
		n, is := whole(args[2])
		fits := false
		if most, fits = n.(int64); !is || !fits {
			return nil, raise("TypeError", "'%s' object cannot be interpreted as an integer", typeName(args[2]))
		}
	}
	if (strings.Count(text, old)+1)*len(by) > maxSize {
		return nil, limit("a text would have more than %d characters", maxSize)
	}
	return strings.Replace(text, old, by, int(max(-1, min(most, maxSize)))), nil
}

func begins(text, name string, args []Value) (Value, error) {
	if err := count(name, args, 1, 3); err != nil {
		return nil, err
	}
	var bounds [3]Value
	copy(bounds[:], args[1:])
	if len(args) > 1 {
		runes := []rune(text)
		places, err := sliced(bounds, len(runes))
		if err != nil {
			return nil, err
		}
		if text = ""; len(places) > 0 {
			text = string(runes[places[0] : places[len(places)-1]+1])
		}
	}
	of := []Value{args[0]}
	if all, is := args[0].(*List); is && all.kind == kindTuple {
		of = all.items
	}
	for _, v := range of {
		part, err := textOf(v, name+" first")
		if err != nil {
			return nil, err
		}
		if name == "startswith" && strings.HasPrefix(text, part) || name == "endswith" && strings.HasSuffix(text, part) {
			return true, nil
		}
	}
	return false, nil
}

func joinTexts(e *evaluation, mark string, args []Value) (Value, error) {
	if err := count("join", args, 1, 1); err != nil {
		return nil, err
	}
	if !iterable(args[0]) {
		return nil, raise("TypeError", "can only join an iterable")
	}
	var parts []string
	size := 0
	err := e.each(args[0], func(item Value) (bool, error) {
		part, is := item.(string)
		if !is {
			return false, raise("TypeError", "sequence item %d: expected str instance, %s found", len(parts), typeName(item))
		}
		parts = append(parts, part)
		if size += utf8.RuneCountInString(mark) + utf8.RuneCountInString(part); size > maxSize {
			return false, limit("a text would have more than %d characters", maxSize)
		}
		return true, nil
	})
	return strings.Join(parts, mark), err
}
