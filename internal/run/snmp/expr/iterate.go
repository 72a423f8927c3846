package expr

import "unicode/utf8"

func iterable(v Value) bool {
	switch v.(type) {
	case string, *List, *Dict, *Set, *Range:
		return true
	}
	return false
}

// each goes through the members of a value, until visit says that it wants no more. Each member is a step.
func (e *evaluation) each(v Value, visit func(Value) (more bool, err error)) error {
	one := func(item Value) (bool, error) {
		if err := e.step(1); err != nil {
			return false, err
		}
		return visit(item)
	}
	list := func(items []Value) error {
		for _, item := range items {
			if more, err := one(item); !more || err != nil {
				return err
			}
		}
		return nil
	}
	switch v := v.(type) {
	case string:
		for len(v) > 0 {
			_, size := utf8.DecodeRuneInString(v)
			if more, err := one(v[:size]); !more || err != nil {
				return err
			}
			v = v[size:]
		}
		return nil
	case *List:
		return list(v.items)
	case *Dict:
		return list(v.keys)
	case *Set:
		return list(v.keys)
	case *Range:
		for i := range v.length {
			if more, err := one(v.start + i*v.step); !more || err != nil {
				return err
			}
		}
		return nil
	}
	return raise("TypeError", "'%s' object is not iterable", typeName(v))
}

// all returns the members of a value in a slice of their own.
func (e *evaluation) all(v Value) ([]Value, error) {
	var out []Value
	err := e.each(v, func(item Value) (bool, error) {
		out = append(out, item)
		return true, nil
	})
	return out, err
}

// length is len(v).
func length(v Value) (int, error) {
	switch v := v.(type) {
	case string:
		return utf8.RuneCountInString(v), nil
	case *List:
		if v.kind != kindIterator {
			return len(v.items), nil
		}
	case *Dict:
		return v.Len(), nil
	case *Set:
		return v.Len(), nil
	case *Range:
		return int(v.length), nil
	}
	return 0, raise("TypeError", "object of type '%s' has no len()", typeName(v))
}
