package expr

func (n *subscript) eval(e *evaluation, s *scope) (Value, error) {
	of, err := n.of.eval(e, s)
	if err != nil {
		return nil, err
	}
	index, err := n.index.eval(e, s)
	if err == nil {
		err = e.step(reading(index))
	}
	if err != nil {
		return nil, err
	}
	switch of := of.(type) {
	case *Dict:
		i, there, err := of.find(index)
		if err != nil {
			return nil, err
		}
		if !there {
			return nil, &Error{Kind: "KeyError", arg: index}
		}
		return of.values[i], nil
	case string:
		i, size, err := place(of, index, "string")
		if err != nil {
			return nil, err
		}
		return member(of, i, size), e.step(len(of) / 16)
	case *List:
		if of.kind <= kindTuple {
			i, _, err := place(of, index, typeName(of))
			if err != nil {
				return nil, err
			}
			return of.items[i], nil
		}
	case *Range:
		i, _, err := place(of, index, "range object")
		if err != nil {
			return nil, err
		}
		return of.start + int64(i)*of.step, nil
	}
	return nil, raise("TypeError", "'%s' object is not subscriptable", typeName(of))
}

// place returns where an index points, and how many members there are.
func place(of, index Value, name string) (i, size int, err error) {
	n, is := whole(index)
	if !is {
		return 0, 0, raise("TypeError", "%s indices must be integers, not '%s'", name, typeName(index))
	}
	if size, err = length(of); err != nil {
		return 0, 0, err
	}
	at, fits := n.(int64)
	if at < 0 {
		at += int64(size)
	}
	if !fits || at < 0 || at >= int64(size) {
		return 0, 0, raise("IndexError", "%s index out of range", name)
	}
	return int(at), size, nil
}

// member is a character of a text that has size of them.
func member(text string, i, size int) string {
	if size == len(text) {
		return text[i : i+1]
	}
	return string([]rune(text)[i])
}

func (n *slice) eval(e *evaluation, s *scope) (Value, error) {
	of, err := n.of.eval(e, s)
	if err != nil {
		return nil, err
	}
	var parts [3]Value
	for i, part := range []node{n.from, n.to, n.step} {
		if part == nil {
			continue
		}
		if parts[i], err = part.eval(e, s); err != nil {
			return nil, err
		}
	}
	size, err := length(of)
	if err != nil {
		return nil, raise("TypeError", "'%s' object is not subscriptable", typeName(of))
	}
	places, err := sliced(parts, size)
	if err != nil {
		return nil, err
	}
	if err := e.step(1 + len(places)); err != nil {
		return nil, err
	}
	switch of := of.(type) {
	case string:
		runes := []rune(of)
		out := make([]rune, len(places))
		for i, at := range places {
			out[i] = runes[at]
		}
		return string(out), nil
	case *List:
		if of.kind <= kindTuple {
			out := make([]Value, len(places))
			for i, at := range places {
				out[i] = of.items[at]
			}
			return &List{kind: of.kind, items: out}, nil
		}
	case *Range:
		out := make([]Value, len(places))
		for i, at := range places {
			out[i] = of.start + int64(at)*of.step
		}
		return NewList(out...), nil
	}
	return nil, raise("TypeError", "'%s' object is not subscriptable", typeName(of))
}

// sliced returns the places that a slice takes.
func sliced(parts [3]Value, size int) ([]int, error) {
	var n [3]int64
	for i, part := range parts {
		if part == nil {
			continue
		}
		v, is := whole(part)
		if !is {
			return nil, raise("TypeError", "slice indices must be integers or None or have an __index__ method")
		}
		var fits bool
		if n[i], fits = v.(int64); !fits {
			return nil, limit("a slice has bounds of more than 64 bits")
		}
	}
	from, to, step, end := n[0], n[1], n[2], int64(size)
	if parts[2] == nil {
		step = 1
	}
	if step == 0 {
		return nil, raise("ValueError", "slice step cannot be zero")
	}
	low, high := int64(0), end
	if step < 0 {
		low, high = -1, end-1
	}
	bound := func(at int64) int64 {
		if at < 0 {
			at += end
		}
		return max(low, min(at, high))
	}
	switch {
	case parts[0] != nil:
		from = bound(from)
	case step > 0:
		from = low
	default:
		from = high
	}
	switch {
	case parts[1] != nil:
		to = bound(to)
	case step > 0:
		to = high
	default:
		to = low
	}
	var out []int
	for at := from; step > 0 && at < to || step < 0 && at > to; at += step {
		out = append(out, int(at))
		if step > end || step < -end {
			break
		}
	}
	return out, nil
}
