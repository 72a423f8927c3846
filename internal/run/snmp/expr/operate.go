package expr

import (
	"math"
	"math/big"
	"math/bits"
	"strings"
)

// maxSize bounds the members, or the characters, of what an operator makes.
const maxSize = 1_000_000

func noOperator(op string, a, b Value) error {
	return raise("TypeError", "unsupported operand type(s) for %s: '%s' and '%s'", op, typeName(a), typeName(b))
}

// operate is a binary operator.
func operate(op string, a, b Value) (Value, error) {
	x, xInt := whole(a)
	y, yInt := whole(b)
	if xInt && yInt {
		return operateInts(op, x, y)
	}
	_, xFloat := a.(float64)
	_, yFloat := b.(float64)
	if (xFloat || xInt) && (yFloat || yInt) {
		return operateFloats(op, a, b)
	}
	switch op {
	case "+":
		return join(a, b)
	case "*":
		return repeat(a, b)
	case "-":
		if left, is := a.(*Set); is {
			if right, is := b.(*Set); is {
				return difference(left, right)
			}
		}
	case "%":
		if _, is := a.(string); is {
			return nil, limit("texts cannot be formatted in an expression")
		}
	}
	return nil, noOperator(op, a, b)
}

func operateInts(op string, a, b Value) (Value, error) {
	x, xSmall := a.(int64)
	y, ySmall := b.(int64)
	fit := xSmall && ySmall
	switch op {
	case "+":
		if sum := x + y; fit && (sum > x) == (y > 0) {
			return sum, nil
		}
		return small(new(big.Int).Add(bigOf(a), bigOf(b))), nil
	case "-":
		if rest := x - y; fit && (rest < x) == (y > 0) {
			return rest, nil
		}
		return small(new(big.Int).Sub(bigOf(a), bigOf(b))), nil
	case "*":
		return multiply(a, b)
	case "/":
		return divide(a, b)
	case "**":
		return power(a, b)
	}
	// The quotient is rounded down, and the rest has the sign of the divisor.
	if fit && y == 0 || !fit && bigOf(b).Sign() == 0 {
		return nil, raise("ZeroDivisionError", "integer division or modulo by zero")
	}
	if fit && y != -1 {
		quotient, rest := x/y, x%y
		if rest != 0 && (rest < 0) != (y < 0) {
			quotient, rest = quotient-1, rest+y
		}
		if op == "//" {
			return quotient, nil
		}
		return rest, nil
	}
	quotient, rest := new(big.Int).QuoRem(bigOf(a), bigOf(b), new(big.Int))
	if rest.Sign() != 0 && rest.Sign() != bigOf(b).Sign() {
		quotient.Sub(quotient, big.NewInt(1))
		rest.Add(rest, bigOf(b))
	}
	if op == "//" {
		return small(quotient), nil
	}
	return small(rest), nil
}

func multiply(a, b Value) (Value, error) {
	if x, is := a.(int64); is {
		if y, is := b.(int64); is {
			if high, low := bits.Mul64(magnitude(x), magnitude(y)); high == 0 && low < 1<<63 {
				return x * y, nil
			}
		}
	}
	x, y := bigOf(a), bigOf(b)
	if x.BitLen()+y.BitLen() > maxBits {
		return nil, limit("a product has more than %d bits", maxBits)
	}
	return small(new(big.Int).Mul(x, y)), nil
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return uint64(-x)
	}
	return uint64(x)
}

// divide is /, which is right to the last bit for integers that doubles do not hold, too.
func divide(a, b Value) (Value, error) {
	if x, is := a.(int64); is {
		if y, is := b.(int64); is && y != 0 && magnitude(x) <= 1<<53 && magnitude(y) <= 1<<53 {
			return float64(x) / float64(y), nil
		}
	}
	x, y := bigOf(a), bigOf(b)
	if y.Sign() == 0 {
		return nil, raise("ZeroDivisionError", "division by zero")
	}
	f, _ := new(big.Rat).SetFrac(x, y).Float64()
	if math.IsInf(f, 0) {
		return nil, raise("OverflowError", "integer division result too large for a float")
	}
	return f, nil
}

func power(a, b Value) (Value, error) {
	x, y := bigOf(a), bigOf(b)
	if !y.IsInt64() || float64(max(x.BitLen(), 1))*math.Abs(float64(y.Int64())) > maxBits {
		return nil, limit("a power has more than %d bits", maxBits)
	}
	if y.Sign() < 0 {
		return operateFloats("**", a, b)
	}
	return small(new(big.Int).Exp(x, y, nil)), nil
}

func operateFloats(op string, a, b Value) (Value, error) {
	x, _, err := float(a)
	if err != nil {
		return nil, err
	}
	y, _, err := float(b)
	if err != nil {
		return nil, err
	}
	switch op {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	case "**":
		return powerFloats(x, y)
	}
	if y == 0 {
		return nil, raise("ZeroDivisionError", "float division or modulo by zero")
	}
	if op == "/" {
		return x / y, nil
	}
	rest := math.Mod(x, y)
	quotient := (x - rest) / y
	if rest == 0 {
		rest = math.Copysign(0, y)
	} else if (rest < 0) != (y < 0) {
		rest, quotient = rest+y, quotient-1
	}
	if op == "%" {
		return rest, nil
	}
	if quotient == 0 {
		return math.Copysign(0, x/y), nil
	}
	floor := math.Floor(quotient)
	if quotient-floor > 0.5 {
		floor++
	}
	return floor, nil
}

func powerFloats(x, y float64) (Value, error) {
	if x == 0 && y < 0 {
		return nil, raise("ZeroDivisionError", "0.0 cannot be raised to a negative power")
	}
	if x < 0 && y != math.Floor(y) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
		return nil, raise("TypeError", "complex numbers are not allowed in an expression")
	}
	out := math.Pow(x, y)
	if math.IsInf(out, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
		return nil, raise("OverflowError", "(34, 'Numerical result out of range')")
	}
	return out, nil
}

// join is + of texts, lists and tuples.
func join(a, b Value) (Value, error) {
	switch a := a.(type) {
	case string:
		if b, is := b.(string); is {
			if len(a)+len(b) > maxSize {
				return nil, limit("a sum has more than %d members", maxSize)
			}
			return a + b, nil
		}
		return nil, raise("TypeError", `can only concatenate str (not "%s") to str`, typeName(b))
	case *List:
		b, is := b.(*List)
		if !is || a.kind != b.kind || a.kind > kindTuple {
			break
		}
		if len(a.items)+len(b.items) > maxSize {
			return nil, limit("a sum has more than %d members", maxSize)
		}
		return &List{kind: a.kind, items: append(append(make([]Value, 0, len(a.items)+len(b.items)), a.items...), b.items...)}, nil
	}
	return nil, noOperator("+", a, b)
}

// repeat is * of a text and an integer.
func repeat(a, b Value) (Value, error) {
	for _, side := range [][2]Value{{a, b}, {b, a}} {
		if l, is := side[0].(*List); is && l.kind <= kindTuple {
			return nil, limit("lists cannot be multiplied in an expression")
		}
		text, isText := side[0].(string)
		times, isInt := whole(side[1])
		if !isText || !isInt {
			continue
		}
		n, fits := times.(int64)
		if !fits || n > 0 && len(text) > 0 && n > maxSize/int64(len(text)) {
			return nil, limit("a text would have more than %d characters", maxSize)
		}
		return strings.Repeat(text, int(max(n, 0))), nil
	}
	if _, is := a.(string); is {
		return nil, raise("TypeError", "can't multiply sequence by non-int of type '%s'", typeName(b))
	}
	return nil, noOperator("*", a, b)
}

func difference(a, b *Set) (Value, error) {
	out := newSet()
	for _, key := range a.keys {
		if _, there, _ := b.find(key); !there {
			if err := out.set(key, nil); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// negate is unary - and +.
func negate(op string, v Value) (Value, error) {
	if n, is := whole(v); is {
		if op == "+" {
			return n, nil
		}
		return operateInts("-", int64(0), n)
	}
	if f, is := v.(float64); is {
		if op == "-" {
			f = -f
		}
		return f, nil
	}
	return nil, raise("TypeError", "bad operand type for unary %s: '%s'", op, typeName(v))
}
