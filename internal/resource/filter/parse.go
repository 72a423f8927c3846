package filter

import "strings"

// maxNesting bounds parentheses and NOTs inside each other, and so the stack that parsing and matching take.
const maxNesting = 100

type parser struct {
	lex   *lexer
	tok   token
	depth int
	trace trace
}

func (p *parser) parse() (node, error) {
	p.advance()
	root, err := p.or()
	if err != nil {
		return node{}, err
	}
	if p.tok.kind != tokenEnd {
		return node{}, p.unexpected("AND, OR or the end of the filter", p.connectiveHint())
	}
	return root, nil
}

func (p *parser) advance() { p.tok = p.lex.next() }

// keyword takes the word if it is the one given, in whatever case.
func (p *parser) keyword(word string) bool {
	if p.tok.kind != tokenWord || !strings.EqualFold(p.tok.raw, word) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) symbol(text string) bool {
	if p.tok.kind != tokenSymbol || p.tok.raw != text {
		return false
	}
	p.advance()
	return true
}

func (p *parser) or() (node, error) {
	return p.chain(opOr, "OR", p.and)
}

func (p *parser) and() (node, error) {
	return p.chain(opAnd, "AND", p.operand)
}

// chain reads operands joined by one connective into one node, so that long chains do not nest.
func (p *parser) chain(op op, word string, operand func() (node, error)) (node, error) {
	first, err := operand()
	if err != nil {
		return node{}, err
	}
	kids := []node{first}
	for p.keyword(word) {
		p.trace.connective(op)
		kid, err := operand()
		if err != nil {
			return node{}, err
		}
		kids = append(kids, kid)
	}
	if len(kids) == 1 {
		return first, nil
	}
	return node{op: op, kids: kids}, nil
}

// operand reads a condition, NOT and an operand, or a filter in parentheses.
func (p *parser) operand() (node, error) {
	start := p.tok
	not := p.keyword("NOT")
	if !not && !p.symbol("(") {
		return p.condition()
	}
	p.trace.extended = true
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxNesting {
		e := p.lex.unexpected(start, "at most 100 parentheses and NOTs inside each other", "")
		return node{}, e
	}
	if not {
		kid, err := p.operand()
		if err != nil {
			return node{}, err
		}
		return node{op: opNot, kids: []node{kid}}, nil
	}
	inner, err := p.or()
	if err != nil {
		return node{}, err
	}
	if !p.symbol(")") {
		return node{}, p.unexpected(`AND, OR or ")"`, p.connectiveHint())
	}
	return inner, nil
}

func (p *parser) connectiveHint() string {
	if p.tok.kind == tokenSymbol && p.tok.raw == ")" {
		return `there is no "(" for it`
	}
	if p.tok.kind == tokenString {
		return "conditions are joined by AND or OR"
	}
	return ""
}

// condition reads a field, an operator and what it is compared with.
func (p *parser) condition() (node, error) {
	n := node{op: opCondition}
	if err := p.lvalue(&n.condition); err != nil {
		return n, err
	}
	not := p.keyword("NOT")
	switch {
	case p.keyword("LIKE"):
		value, err := p.value()
		if err != nil {
			return n, err
		}
		n.compare, n.negated, n.values = compareLike, not, []string{value}
		n.pattern = compileLike(value)
	case p.keyword("IN"):
		values, err := p.list()
		if err != nil {
			return n, err
		}
		n.compare, n.negated, n.values = compareIn, not, values
		n.set = newSet(values)
	case not:
		return n, p.unexpected("LIKE or IN", "to negate a comparison write != or put NOT before the field")
	default:
		if err := p.comparison(&n.condition); err != nil {
			return n, err
		}
	}
	p.trace.condition(&n.condition)
	return n, nil
}

// lvalue reads a field, or resource_metadata, a dot and a key.
func (p *parser) lvalue(c *condition) error {
	if p.tok.kind != tokenWord {
		return p.unexpected(expectField, "")
	}
	name := asciiLower(p.tok.raw)
	if name == metadataField {
		p.advance()
		if !p.symbol(".") {
			return p.unexpected(`"." and a metadata key`, "write resource_metadata.KEY")
		}
		if p.tok.kind != tokenWord {
			return p.unexpected("a metadata key of letters, digits and _", "")
		}
		c.field, c.key = fieldMetadata, asciiLower(p.tok.raw)
		p.advance()
		return nil
	}
	for i, known := range fieldNames {
		if name == known {
			c.field = field(i)
			p.advance()
			return nil
		}
	}
	hint := fieldHint(p.tok.raw)
	if name == "and" || name == "or" {
		hint = "a condition is missing before it"
	}
	return p.unexpected(expectField, hint)
}

// comparison reads = or != and a value.
func (p *parser) comparison(c *condition) error {
	switch {
	case p.symbol("="):
	case p.symbol("!="):
		c.negated = true
	case p.keyword("eq"):
		p.trace.wordOperator = true
	case p.keyword("ne"):
		p.trace.wordOperator, c.negated = true, true
	default:
		hint := ""
		if p.tok.kind == tokenSymbol && p.tok.raw == "." {
			hint = "only resource_metadata has keys"
		}
		return p.unexpected(expectOperator, hint)
	}
	value, err := p.value()
	c.compare, c.values = compareEqual, []string{value}
	return err
}

func (p *parser) value() (string, error) {
	if p.tok.kind != tokenString {
		hint := ""
		switch {
		case p.tok.kind == tokenWord:
			hint = `write "` + clip(p.tok.raw) + `"`
		case p.tok.kind == tokenSymbol && p.tok.raw == "=":
			hint = "equality is written with a single ="
		case p.tok.kind == tokenSymbol && p.tok.raw == "(":
			hint = "a list is compared with IN"
		}
		return "", p.unexpected(expectValue, hint)
	}
	value := p.tok.value
	p.advance()
	return value, nil
}

// list reads the values of IN.
func (p *parser) list() ([]string, error) {
	if !p.symbol("(") {
		return nil, p.unexpected(`"("`, `write IN ("a", "b")`)
	}
	var values []string
	for {
		if p.tok.kind == tokenSymbol && p.tok.raw == ")" {
			hint := "the list ends with a comma: take it out"
			if len(values) == 0 {
				hint = "the list is empty: it needs at least one value"
			}
			return nil, p.unexpected(expectValue, hint)
		}
		value, err := p.value()
		if err != nil {
			return nil, err
		}
		values = append(values, value)
		switch {
		case p.symbol(")"):
			return values, nil
		case !p.symbol(","):
			return nil, p.unexpected(`"," or ")"`, "")
		}
	}
}
