package filter

// appendText appends the canonical form. Parentheses stand where a connective is inside one that binds tighter.
func (n *node) appendText(b []byte) []byte {
	switch n.op {
	case opCondition:
		return n.condition.appendText(b)
	case opNot:
		return n.kids[0].appendOperand(append(b, "NOT "...), opNot)
	}
	word := " AND "
	if n.op == opOr {
		word = " OR "
	}
	for i := range n.kids {
		if i > 0 {
			b = append(b, word...)
		}
		b = n.kids[i].appendOperand(b, n.op)
	}
	return b
}

func (n *node) appendOperand(b []byte, parent op) []byte {
	if n.op == opOr && parent != opOr || n.op == opAnd && parent == opNot {
		return append(n.appendText(append(b, '(')), ')')
	}
	return n.appendText(b)
}

func (c *condition) appendText(b []byte) []byte {
	if c.field == fieldMetadata {
		b = append(b, metadataField+"."...)
		b = append(b, c.key...)
	} else {
		b = append(b, fieldNames[c.field]...)
	}
	if c.compare == compareEqual {
		if c.negated {
			return appendQuoted(append(b, " != "...), c.values[0])
		}
		return appendQuoted(append(b, " = "...), c.values[0])
	}
	if c.negated {
		b = append(b, " NOT"...)
	}
	if c.compare == compareLike {
		return appendQuoted(append(b, " LIKE "...), c.values[0])
	}
	b = append(b, " IN ("...)
	for i, v := range c.values {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendQuoted(b, v)
	}
	return append(b, ')')
}

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\t':
			b = append(b, `\t`...)
		case '\n':
			b = append(b, `\n`...)
		case '\f':
			b = append(b, `\f`...)
		case '\r':
			b = append(b, `\r`...)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
