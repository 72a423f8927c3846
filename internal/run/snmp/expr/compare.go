package expr

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"strings"
)

// compare is a comparison; the result is a bool.
func (e *evaluation) compare(op string, a, b Value) (bool, error) {
	switch op {
	case "==":
		return e.equal(a, b)
	case "!=":
		same, err := e.equal(a, b)
		return !same, err
	case "is":
		return a == nil && b == nil, nil // the parser lets None alone stand there
	case "is not":
		return a != nil || b != nil, nil
	case "in":
		return e.contains(b, a)
	case "not in":
		there, err := e.contains(b, a)
		return !there, err
	}
	return e.ordered(op, a, b)
}

// equal is ==.
func (e *evaluation) equal(a, b Value) (bool, error) {
	if err := e.step(1 + reading(a)); err != nil {
		return false, err
	}
	switch x := a.(type) {
	case nil:
		return b == nil, nil
	case string:
		y, is := b.(string)
		return is && x == y, nil
	case *List:
		y, is := b.(*List)
		if !is || x.kind != y.kind || len(x.items) != len(y.items) {
			return false, nil
		}
		if x.kind > kindTuple {
			return x == y, nil
		}
		for i := range x.items {
			if same, err := e.equal(x.items[i], y.items[i]); !same || err != nil {
				return false, err
			}
		}
		return true, nil
	case *Dict:
		y, is := b.(*Dict)
		return e.equalDicts(x, y, is)
	case *Set:
		y, is := b.(*Set)
		if !is {
			return false, nil
		}
		return x.Len() == y.Len() && within(x, y), nil
	case *Range:
		y, is := b.(*Range)
		return is && x.length == y.length && (x.length == 0 || x.start == y.start && (x.length == 1 || x.step == y.step)), nil
	}
	order, numbers := compareNumbers(a, b)
	return numbers && order == 0, nil
}

func (e *evaluation) equalDicts(x, y *Dict, is bool) (bool, error) {
	if !is || x.Len() != y.Len() {
		return false, nil
	}
	for i, key := range x.keys {
		at, there, err := y.find(key)
		if err != nil || !there {
			return false, err
		}
		if same, err := e.equal(x.values[i], y.values[at]); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// within says whether all members of a set are members of another.
func within(a, b *Set) bool {
	return !slices.ContainsFunc(a.keys, func(key Value) bool {
		_, there, _ := b.find(key)
		return !there
	})
}

// unordered is the order of NaN and anything.
const unordered = 2

// compareNumbers returns -1, 0, 1 or unordered; false where one of the two is no number.
func compareNumbers(a, b Value) (order int, numbers bool) {
	x, xInt := whole(a)
	y, yInt := whole(b)
	f, xFloat := a.(float64)
	g, yFloat := b.(float64)
	switch {
	case xInt && yInt:
		i, iSmall := x.(int64)
		j, jSmall := y.(int64)
		if iSmall && jSmall {
			return sign(i < j, i > j), true
		}
		return bigOf(x).Cmp(bigOf(y)), true
	case xFloat && yFloat:
		if math.IsNaN(f) || math.IsNaN(g) {
			return unordered, true
		}
		return sign(f < g, f > g), true
	case xInt && yFloat:
		return compareMixed(x, g), true
	case xFloat && yInt:
		if order = compareMixed(y, f); order != unordered {
			order = -order
		}
		return order, true
	}
	return 0, false
}

func sign(less, more bool) int {
	switch {
	case less:
		return -1
	case more:
		return 1
	}
	return 0
}

// compareMixed compares an integer with a double, exactly.
func compareMixed(n Value, f float64) int {
	switch {
	case math.IsNaN(f):
		return unordered
	case math.IsInf(f, 0):
		return sign(f > 0, f < 0)
	}
	if i, is := n.(int64); is && magnitude(i) <= 1<<53 {
		return sign(float64(i) < f, float64(i) > f)
	}
	return new(big.Float).SetInt(bigOf(n)).Cmp(big.NewFloat(f))
}

// ordered is <, <=, > and >=.
func (e *evaluation) ordered(op string, a, b Value) (bool, error) {
	if err := e.step(1 + reading(a)); err != nil {
		return false, err
	}
	if order, numbers := compareNumbers(a, b); numbers {
		return order != unordered && holds(op, order), nil
	}
	switch x := a.(type) {
	case string:
		if y, is := b.(string); is {
			return holds(op, strings.Compare(x, y)), nil
		}
	case *List:
		y, is := b.(*List)
		if !is || x.kind != y.kind || x.kind > kindTuple {
			break
		}
		for i := range min(len(x.items), len(y.items)) {
			if same, err := e.equal(x.items[i], y.items[i]); err != nil {
				return false, err
			} else if !same {
				return e.ordered(op, x.items[i], y.items[i])
			}
		}
		return holds(op, sign(len(x.items) < len(y.items), len(x.items) > len(y.items))), nil
	case *Set:
		if y, is := b.(*Set); is {
			switch op {
			case "<":
				return x.Len() < y.Len() && within(x, y), nil
			case "<=":
				return within(x, y), nil
			case ">":
				return y.Len() < x.Len() && within(y, x), nil
			}
			return within(y, x), nil
		}
	}
	return false, raise("TypeError", "'%s' not supported between instances of '%s' and '%s'", op, typeName(a), typeName(b))
}

func holds(op string, order int) bool {
	switch op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// contains is in.
func (e *evaluation) contains(where, what Value) (bool, error) {
	if err := e.step(reading(what)); err != nil {
		return false, err
	}
	switch in := where.(type) {
	case *Dict:
		_, there, err := in.find(what)
		return there, err
	case *Set:
		_, there, err := in.find(what)
		return there, err
	case string:
		text, is := what.(string)
		if !is {
			return false, raise("TypeError", "'in <string>' requires string as left operand, not %s", typeName(what))
		}
		if err := e.step(reading(in)); err != nil {
			return false, err
		}
		return strings.Contains(in, text), nil
	}
	found := false
	err := e.each(where, func(item Value) (more bool, err error) {
		found, err = e.equal(item, what)
		return !found, err
	})
	if failed, is := errors.AsType[*Error](err); is && failed.Kind == "TypeError" && !iterable(where) {
		return false, raise("TypeError", "argument of type '%s' is not iterable", typeName(where))
	}
	return found, err
}

// reading is what it costs to look at all of a value, in steps.
func reading(v Value) int {
	text, _ := v.(string)
	return len(text) / 64
}
