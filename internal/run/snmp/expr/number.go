package expr

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// maxBits bounds the integers that a product and a power make.
const maxBits = 4096

func intOf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// whole returns an integer, which a bool is, too; false for what is none.
func whole(v Value) (Value, bool) {
	switch v := v.(type) {
	case bool:
		return intOf(v), true
	case int64, *big.Int:
		return v, true
	}
	return nil, false
}

// bigOf returns an integer in the large form.
func bigOf(v Value) *big.Int {
	if b, is := v.(*big.Int); is {
		return b
	}
	return big.NewInt(v.(int64))
}

// small returns an integer in the form that it is to have.
func small(b *big.Int) Value {
	if b.IsInt64() {
		return b.Int64()
	}
	return b
}

// float returns a number as a double.
func float(v Value) (float64, bool, error) {
	switch v := v.(type) {
	case float64:
		return v, true, nil
	case int64:
		return float64(v), true, nil
	case bool:
		return float64(intOf(v)), true, nil
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		if math.IsInf(f, 0) {
			return 0, true, raise("OverflowError", "int too large to convert to float")
		}
		return f, true, nil
	}
	return 0, false, nil
}

var (
	integerText = regexp.MustCompile(`^[+-]?[0-9]+(_[0-9]+)*$`)
	floatSyntax = regexp.MustCompile(`^[+-]?([0-9]+(_[0-9]+)*\.?([0-9]+(_[0-9]+)*)?|\.[0-9]+(_[0-9]+)*)([eE][+-]?[0-9]+(_[0-9]+)*)?$`)
	floatWords  = regexp.MustCompile(`^(?i)[+-]?(inf|infinity|nan)$`)
)

// ToInt is int(v).
func ToInt(v Value) (Value, error) {
	switch v := v.(type) {
	case bool:
		return intOf(v), nil
	case int64, *big.Int:
		return v, nil
	case float64:
		switch {
		case math.IsNaN(v):
			return nil, raise("ValueError", "cannot convert float NaN to integer")
		case math.IsInf(v, 0):
			return nil, raise("OverflowError", "cannot convert float infinity to integer")
		case math.Abs(v) < 1<<62:
			return int64(v), nil
		}
		i, _ := big.NewFloat(v).Int(nil)
		return small(i), nil
	case string:
		return parseInt(v)
	}
	return nil, raise("TypeError", "int() argument must be a string, a bytes-like object or a real number, not '%s'", typeName(v))
}

func parseInt(text string) (Value, error) {
	digits := strings.TrimFunc(text, isSpace)
	if n := len(digits); n > 0 && n < 19 {
		if i, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return i, nil
		}
	}
	if len(text) > MaxLength {
		return nil, limit("a number has more than %d digits", MaxLength)
	}
	if !integerText.MatchString(digits) {
		return nil, raise("ValueError", "invalid literal for int() with base 10: %s", Repr(text))
	}
	i, _ := new(big.Int).SetString(strings.ReplaceAll(digits, "_", ""), 10)
	return small(i), nil
}

// intBase is int(text, base).
func intBase(v, base Value) (Value, error) {
	text, is := v.(string)
	if !is {
		return nil, raise("TypeError", "int() can't convert non-string with explicit base")
	}
	n, is := base.(int64)
	if !is || n != 0 && (n < 2 || n > 36) {
		return nil, raise("ValueError", "int() base must be >= 2 and <= 36, or 0")
	}
	if len(text) > MaxLength {
		return nil, limit("a number has more than %d digits", MaxLength)
	}
	digits := strings.ToLower(strings.TrimFunc(text, isSpace))
	sign, body := "", digits
	if strings.HasPrefix(body, "-") || strings.HasPrefix(body, "+") {
		sign, body = body[:1], body[1:]
	}
	for prefix, its := range map[string]int64{"0x": 16, "0o": 8, "0b": 2} {
		if strings.HasPrefix(body, prefix) && (n == 0 || n == its) {
			body, n = strings.TrimPrefix(body[2:], "_"), its
			break
		}
	}
	if n == 0 {
		n = 10
	}
	i, good := new(big.Int).SetString(sign+strings.ReplaceAll(body, "_", ""), int(n))
	if !good || strings.HasPrefix(body, "_") || strings.HasSuffix(body, "_") || strings.Contains(body, "__") || strings.ContainsAny(body, "+-") {
		return nil, raise("ValueError", "invalid literal for int() with base %s: %s", Repr(base), Repr(text))
	}
	return small(i), nil
}

// ToFloat is float(v).
func ToFloat(v Value) (Value, error) {
	if text, is := v.(string); is {
		digits := strings.TrimFunc(text, isSpace)
		if !floatSyntax.MatchString(digits) && !floatWords.MatchString(digits) {
			return nil, raise("ValueError", "could not convert string to float: %s", Repr(text))
		}
		if strings.HasSuffix(strings.ToLower(digits), "nan") {
			return math.NaN(), nil
		}
		f, _ := strconv.ParseFloat(strings.ReplaceAll(digits, "_", ""), 64) // what is too large is infinite, as in Python
		return f, nil
	}
	f, is, err := float(v)
	if !is {
		return nil, raise("TypeError", "float() argument must be a string or a real number, not '%s'", typeName(v))
	}
	return f, err
}

// round is round(v) and round(v, digits).
func round(v Value, digits Value) (Value, error) {
	if n, is := whole(v); is {
		places, given := digits.(int64)
		if digits == nil || given && places >= 0 {
			return n, nil
		}
		if !given {
			return nil, raise("TypeError", "'%s' object cannot be interpreted as an integer", typeName(digits))
		}
		return roundInt(n, -places), nil
	}
	f, is := v.(float64)
	if !is {
		return nil, raise("TypeError", "type %s doesn't define __round__ method", typeName(v))
	}
	if digits == nil {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return ToInt(f)
		}
		return ToInt(math.RoundToEven(f))
	}
	n, is := whole(digits)
	places, fits := n.(int64)
	if !is {
		return nil, raise("TypeError", "'%s' object cannot be interpreted as an integer", typeName(digits))
	}
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0) || !fits || places > 323:
		return f, nil
	case places < -308:
		return 0.0 * f, nil
	case places < 0:
		power := math.Pow(10, float64(-places))
		return math.RoundToEven(f/power) * power, nil
	}
	// On the exact value, halves to even.
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(places), 64), 64)
	if err != nil {
		return nil, raise("OverflowError", "rounded value too large to represent")
	}
	return rounded, nil
}

// roundInt rounds an integer to a multiple of a power of ten, halves to even.
func roundInt(v Value, power int64) Value {
	n := bigOf(v)
	if power > int64(n.BitLen()) {
		return int64(0)
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(power), nil)
	quotient, rest := new(big.Int).DivMod(n, unit, new(big.Int)) // the rest is never negative
	switch twice := new(big.Int).Lsh(rest, 1); twice.Cmp(unit) {
	case 1:
		quotient.Add(quotient, big.NewInt(1))
	case 0:
		quotient.Add(quotient, new(big.Int).And(quotient, big.NewInt(1)))
	}
	return small(quotient.Mul(quotient, unit))
}
