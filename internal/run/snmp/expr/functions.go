package expr

import (
	"math/big"
	"slices"
)

// function is a function of the language.
type function func(e *evaluation, args []Value) (Value, error)

// functions are all of them.
var functions = map[string]function{
	"int": callInt, "float": callFloat, "str": callStr, "len": callLen, "sum": callSum, "min": callMin, "max": callMax,
	"round": callRound, "abs": callAbs, "sorted": callSorted, "any": callAny, "all": callAll, "bool": callBool, "range": callRange,
	"list": callList, "tuple": callTuple, "dict": callDict, "set": callSet, "zip": callZip, "enumerate": callEnumerate,
}

// count checks how many arguments there are.
func count(name string, args []Value, least, most int) error {
	if len(args) < least || len(args) > most {
		return raise("TypeError", "%s() does not take %d arguments", name, len(args))
	}
	return nil
}

func callInt(_ *evaluation, args []Value) (Value, error) {
	switch len(args) {
	case 0:
		return int64(0), nil
	case 1:
		return ToInt(args[0])
	case 2:
		return intBase(args[0], args[1])
	}
	return nil, count("int", args, 0, 2)
}

func callFloat(_ *evaluation, args []Value) (Value, error) {
	if len(args) == 0 {
		return 0.0, nil
	}
	if err := count("float", args, 0, 1); err != nil {
		return nil, err
	}
	return ToFloat(args[0])
}

func callStr(_ *evaluation, args []Value) (Value, error) {
	if len(args) == 0 {
		return "", nil
	}
	if err := count("str", args, 0, 1); err != nil {
		return nil, err
	}
	switch args[0].(type) {
	case nil, bool, int64, *big.Int, float64, string:
		return ToText(args[0]), nil
	}
	return nil, limit("str takes a text or a number in an expression")
}

func callLen(_ *evaluation, args []Value) (Value, error) {
	if err := count("len", args, 1, 1); err != nil {
		return nil, err
	}
	n, err := length(args[0])
	return int64(n), err
}

func callSum(e *evaluation, args []Value) (Value, error) {
	if err := count("sum", args, 1, 2); err != nil {
		return nil, err
	}
	var total Value = int64(0)
	if len(args) == 2 {
		if _, number := compareNumbers(args[1], int64(0)); !number {
			return nil, limit("sum adds numbers in an expression")
		}
		total = args[1]
	}
	err := e.each(args[0], func(item Value) (more bool, err error) {
		total, err = operate("+", total, item)
		return true, err
	})
	return total, err
}

func callMin(e *evaluation, args []Value) (Value, error) { return extreme(e, "min", "<", args) }
func callMax(e *evaluation, args []Value) (Value, error) { return extreme(e, "max", ">", args) }

func extreme(e *evaluation, name, op string, args []Value) (best Value, err error) {
	var of Value = tuple(args...)
	switch len(args) {
	case 0:
		return nil, count(name, args, 1, 1)
	case 1:
		of = args[0]
	}
	found := false
	err = e.each(of, func(item Value) (bool, error) {
		if !found {
			best, found = item, true
			return true, nil
		}
		better, err := e.ordered(op, item, best)
		if better {
			best = item
		}
		return true, err
	})
	if err == nil && !found {
		err = raise("ValueError", "%s() arg is an empty sequence", name)
	}
	return best, err
}

func callRound(_ *evaluation, args []Value) (Value, error) {
	if err := count("round", args, 1, 2); err != nil {
		return nil, err
	}
	if len(args) == 1 {
		return round(args[0], nil)
	}
	return round(args[0], args[1])
}

func callAbs(_ *evaluation, args []Value) (Value, error) {
	if err := count("abs", args, 1, 1); err != nil {
		return nil, err
	}
	order, number := compareNumbers(args[0], int64(0))
	if !number {
		return nil, raise("TypeError", "bad operand type for abs(): '%s'", typeName(args[0]))
	}
	if f, is := args[0].(float64); is && (order < 0 || f == 0) {
		return 0 - f, nil
	}
	if order < 0 {
		return negate("-", args[0])
	}
	return negate("+", args[0])
}

func callSorted(e *evaluation, args []Value) (Value, error) {
	if err := count("sorted", args, 1, 1); err != nil {
		return nil, err
	}
	items, err := e.all(args[0])
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(items, func(a, b Value) int {
		if err != nil {
			return 0
		}
		var less, more bool
		if less, err = e.ordered("<", a, b); err == nil && !less {
			more, err = e.ordered("<", b, a)
		}
		return sign(less, more)
	})
	return NewList(items...), err
}

func callAny(e *evaluation, args []Value) (Value, error) { return quantified(e, "any", args, true) }
func callAll(e *evaluation, args []Value) (Value, error) { return quantified(e, "all", args, false) }

// quantified looks for a member whose truth is wanted.
func quantified(e *evaluation, name string, args []Value, wanted bool) (Value, error) {
	if err := count(name, args, 1, 1); err != nil {
		return nil, err
	}
	found := !wanted
	err := e.each(args[0], func(item Value) (bool, error) {
		found = truth(item)
		return found != wanted, nil
	})
	return found, err
}

func callBool(_ *evaluation, args []Value) (Value, error) {
	if err := count("bool", args, 0, 1); err != nil {
		return nil, err
	}
	return len(args) == 1 && truth(args[0]), nil
}

func callRange(_ *evaluation, args []Value) (Value, error) {
	if err := count("range", args, 1, 3); err != nil {
		return nil, err
	}
	n := make([]int64, len(args))
	for i, arg := range args {
		v, is := whole(arg)
		if !is {
			return nil, raise("TypeError", "'%s' object cannot be interpreted as an integer", typeName(arg))
		}
		small, fits := v.(int64)
		if !fits || small > 1<<53 || small < -1<<53 {
			return nil, limit("a range has bounds of more than 53 bits")
		}
		n[i] = small
	}
	r := &Range{step: 1}
	end := n[0]
	if len(n) > 1 {
		r.start, end = n[0], n[1]
	}
	if len(n) > 2 {
		r.step = n[2]
	}
	switch {
	case r.step == 0:
		return nil, raise("ValueError", "range() arg 3 must not be zero")
	case r.step > 0 && end > r.start:
		r.length = (end - r.start + r.step - 1) / r.step
	case r.step < 0 && end < r.start:
		r.length = (r.start - end - r.step - 1) / -r.step
	}
	if r.length > maxSize {
		return nil, limit("a range has more than %d members", maxSize)
	}
	return r, nil
}

func callList(e *evaluation, args []Value) (Value, error) { return collect(e, kindList, "list", args) }

func callTuple(e *evaluation, args []Value) (Value, error) {
	return collect(e, kindTuple, "tuple", args)
}

func collect(e *evaluation, kind listKind, name string, args []Value) (Value, error) {
	if err := count(name, args, 0, 1); err != nil || len(args) == 0 {
		return &List{kind: kind}, err
	}
	items, err := e.all(args[0])
	return &List{kind: kind, items: items}, err
}

func callSet(e *evaluation, args []Value) (Value, error) {
	out := newSet()
	if err := count("set", args, 0, 1); err != nil || len(args) == 0 {
		return out, err
	}
	return out, e.each(args[0], func(item Value) (bool, error) { return true, out.set(item, nil) })
}

func callDict(e *evaluation, args []Value) (Value, error) {
	out := NewDict(0)
	if err := count("dict", args, 0, 1); err != nil || len(args) == 0 {
		return out, err
	}
	if from, is := args[0].(*Dict); is {
		for i := range from.keys {
			if err := out.set(from.keys[i], from.values[i]); err != nil {
				return nil, err
			}
		}
		return out, e.step(from.Len())
	}
	return out, e.each(args[0], func(item Value) (bool, error) {
		pair, err := e.all(item)
		if err == nil && len(pair) != 2 {
			err = raise("ValueError", "dictionary update sequence element has length %d; 2 is required", len(pair))
		}
		if err != nil {
			return false, err
		}
		return true, out.set(pair[0], pair[1])
	})
}

func callZip(e *evaluation, args []Value) (Value, error) {
	columns := make([][]Value, len(args))
	rows := 0
	for i, arg := range args {
		items, err := e.all(arg)
		if err != nil {
			return nil, err
		}
		if columns[i] = items; i == 0 || len(items) < rows {
			rows = len(items)
		}
	}
	out := make([]Value, rows)
	for i := range out {
		row := make([]Value, len(columns))
		for k := range columns {
			row[k] = columns[k][i]
		}
		out[i] = tuple(row...)
	}
	return &List{kind: kindIterator, items: out}, nil
}

func callEnumerate(e *evaluation, args []Value) (Value, error) {
	if err := count("enumerate", args, 1, 2); err != nil {
		return nil, err
	}
	var at Value = int64(0)
	if len(args) == 2 {
		var is bool
		if at, is = whole(args[1]); !is {
			return nil, raise("TypeError", "'%s' object cannot be interpreted as an integer", typeName(args[1]))
		}
	}
	var out []Value
	err := e.each(args[0], func(item Value) (more bool, err error) {
		out = append(out, tuple(at, item))
		at, err = operateInts("+", at, int64(1))
		return true, err
	})
	return &List{kind: kindIterator, items: out}, err
}
