package expr

import (
	"fmt"
	"math/big"
)

// Value is a value of Python: nil (None), bool, int64, *big.Int (what int64 does not hold), float64, string, *List, *Dict,
// *Set or *Range.
type Value any

// listKind is what a List is in Python.
type listKind uint8

const (
	kindList listKind = iota
	kindTuple
	kindView     // of the keys, values or items of a dict
	kindIterator // zip and enumerate
)

// List is what has its members in an order.
type List struct {
	kind  listKind
	items []Value
}

// NewList returns a list.
func NewList(items ...Value) *List { return &List{items: items} }

// Items are the members, which are not to be changed.
func (l *List) Items() []Value { return l.items }

func tuple(items ...Value) *List { return &List{kind: kindTuple, items: items} }

// Range is the whole numbers from start on.
type Range struct{ start, step, length int64 }

// Dict is a dict, which keeps the order in which keys came.
type Dict struct {
	keys   []Value
	values []Value
	texts  map[string]int // where the keys are that are texts
	others map[any]int    // and all others
}

// NewDict returns an empty dict with room for n keys.
func NewDict(n int) *Dict {
	return &Dict{keys: make([]Value, 0, n), values: make([]Value, 0, n), texts: make(map[string]int, n)}
}

// Len is the number of keys.
func (d *Dict) Len() int { return len(d.keys) }

// At returns the key and the value at a place.
func (d *Dict) At(i int) (key, value Value) { return d.keys[i], d.values[i] }

// Text returns the value of a key that is a text.
func (d *Dict) Text(key string) (Value, bool) {
	i, there := d.texts[key]
	if !there {
		return nil, false
	}
	return d.values[i], true
}

// SetText sets the value of a key that is a text.
func (d *Dict) SetText(key string, v Value) {
	if i, there := d.texts[key]; there {
		d.values[i] = v
		return
	}
	d.texts[key] = len(d.keys)
	d.keys, d.values = append(d.keys, key), append(d.values, v)
}

// find returns the place of a key; the error says that it can be none.
func (d *Dict) find(key Value) (int, bool, error) {
	if text, is := key.(string); is {
		i, there := d.texts[text]
		return i, there, nil
	}
	hashed, err := hash(key)
	if err != nil {
		return 0, false, err
	}
	i, there := d.others[hashed]
	return i, there, nil
}

func (d *Dict) set(key, v Value) error {
	if text, is := key.(string); is {
		d.SetText(text, v)
		return nil
	}
	hashed, err := hash(key)
	if err != nil {
		return err
	}
	if i, there := d.others[hashed]; there {
		d.values[i] = v
		return nil
	}
	if d.others == nil {
		d.others = map[any]int{}
	}
	d.others[hashed] = len(d.keys)
	d.keys, d.values = append(d.keys, key), append(d.values, v)
	return nil
}

// Set is a set; its members are the keys.
type Set struct{ Dict }

func newSet() *Set { return &Set{Dict: *NewDict(0)} }

// Hashes of what is no text. Equal values have equal ones.
type (
	noneHash  struct{}
	bigHash   string
	tupleHash string
)

// hash returns what stands for a value as a key.
func hash(v Value) (any, error) {
	switch v := v.(type) {
	case nil:
		return noneHash{}, nil
	case string:
		return v, nil
	case bool:
		return intOf(v), nil
	case int64:
		return v, nil
	case *big.Int:
		return bigHash(v.String()), nil
	case float64:
		if whole := int64(v); float64(whole) == v && v > -1<<62 && v < 1<<62 {
			return whole, nil
		}
		return v, nil
	case *List:
		if v.kind == kindTuple {
			var key []byte
			for _, item := range v.items {
				h, err := hash(item)
				if err != nil {
					return nil, err
				}
				key = fmt.Appendf(key, "%T:%q,", h, fmt.Sprint(h))
			}
			return tupleHash(key), nil
		}
	}
	return nil, raise("TypeError", "unhashable type: '%s'", typeName(v))
}

// typeName is what Python calls the type of a value.
func typeName(v Value) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case *List:
		return [...]string{"list", "tuple", "dict_view", "iterator"}[v.kind]
	case *Dict:
		return "dict"
	case *Set:
		return "set"
	case *Range:
		return "range"
	}
	return "object"
}

// truth is what a condition makes of a value.
func truth(v Value) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case *List:
		return v.kind == kindIterator || len(v.items) > 0
	case *Dict:
		return v.Len() > 0
	case *Set:
		return v.Len() > 0
	case *Range:
		return v.length > 0
	}
	return true // an integer that int64 does not hold
}
