package ber

import "errors"

// What can be wrong with the frame of an element.
var (
	ErrTruncated  = errors.New("it ends within an element")
	ErrIndefinite = errors.New("an element of indefinite length, which SNMP does not have")
	ErrTag        = errors.New("an element of another type than expected")
)

// Read takes the first element off b.
func Read(b []byte) (tag byte, content, rest []byte, err error) {
	if len(b) < 2 {
		return 0, nil, nil, ErrTruncated
	}
	tag, n, head := b[0], int(b[1]), 2
	if n >= 0x80 {
		if n, head, err = longLength(b); err != nil {
			return 0, nil, nil, err
		}
	}
	if n > len(b)-head {
		return 0, nil, nil, ErrTruncated
	}
	return tag, b[head : head+n : head+n], b[head+n:], nil
}

// longLength reads a length of several bytes, of which any may be zero.
func longLength(b []byte) (n, head int, err error) {
	count := int(b[1] & 0x7f)
	if count == 0 {
		return 0, 0, ErrIndefinite
	}
	if count > len(b)-2 {
		return 0, 0, ErrTruncated
	}
	for _, c := range b[2 : 2+count] {
		if n > len(b) {
			return 0, 0, ErrTruncated
		}
		n = n<<8 | int(c)
	}
	return n, 2 + count, nil
}

// Expect is Read for an element that must have a certain tag.
func Expect(tag byte, b []byte) (content, rest []byte, err error) {
	got, content, rest, err := Read(b)
	if err == nil && got != tag {
		err = ErrTag
	}
	return content, rest, err
}

// ReadInt takes an Integer of at most 32 bits off b.
func ReadInt(b []byte) (n int32, rest []byte, err error) {
	content, rest, err := Expect(byte(Integer), b)
	if err != nil {
		return 0, nil, err
	}
	wide, err := Number(Integer, content)
	if err == nil && int64(wide) != int64(int32(wide)) {
		err = errors.New("a number of more than 32 bits")
	}
	return int32(wide), rest, err
}

// VarBind is a variable in a message: an object identifier's bytes, and the tag and bytes of its value. Both belong to the
// message.
type VarBind struct {
	OID     []byte
	Tag     byte
	Content []byte
}

// ReadVarBind takes the first variable off a list of them.
func ReadVarBind(list []byte) (v VarBind, rest []byte, err error) {
	// Nearly all variables have three short lengths.
	if len(list) > 4 && list[0] == TagSequence && list[1] < 0x80 && list[2] == byte(ObjectID) {
		end, value := 2+int(list[1]), 4+int(list[3])
		if list[3] < 0x80 && value+2 <= end && end <= len(list) && list[value+1] < 0x80 && value+2+int(list[value+1]) == end {
			return VarBind{list[4:value:value], list[value], list[value+2 : end : end]}, list[end:], nil
		}
	}
	pair, rest, err := Expect(TagSequence, list)
	if err != nil {
		return v, nil, err
	}
	if v.OID, pair, err = Expect(byte(ObjectID), pair); err != nil {
		return v, nil, err
	}
	if v.Tag, v.Content, pair, err = Read(pair); err != nil {
		return v, nil, err
	}
	if len(pair) > 0 {
		return v, nil, errors.New("a variable with more than a name and a value")
	}
	return v, rest, nil
}

// Value reads the value of a variable.
func (v VarBind) Value() (Value, error) { return ParseValue(v.Tag, v.Content) }

// Parse reads the name and the value of a variable.
func (v VarBind) Parse() (Variable, error) {
	name, err := ParseContent(v.OID)
	if err != nil {
		return Variable{}, err
	}
	value, err := v.Value()
	return Variable{name, value}, err
}

// Variable is a variable with its value.
type Variable struct {
	Name  OID
	Value Value
}
