package expr

import (
	"fmt"
	"slices"
	"strings"
)

// The limits of an expression.
const (
	MaxLength = 4096
	MaxDepth  = 32
	// MaxSteps bounds an evaluation: parts, members gone through, and characters made.
	MaxSteps = 1_000_000
)

// Expression is an expression that was read.
type Expression struct {
	// Text is how it is written.
	Text string

	root    node
	names   []string
	indexed bool
	table   string
	// argument is the name of a transform's argument, "" for what is none.
	argument string
}

// Uses says whether the expression speaks of a name.
func (e *Expression) Uses(name string) bool { return slices.Contains(e.names, name) }

// Indexed says whether it speaks of $index.
func (e *Expression) Indexed() bool { return e.indexed }

// Table is the first name that is followed by .$index, "" where there is none.
func (e *Expression) Table() string { return e.table }

// IsCell says whether it is TABLE.$index and nothing else.
func (e *Expression) IsCell() bool {
	s, is := e.root.(*subscript)
	if !is {
		return false
	}
	of, isName := s.of.(*nameNode)
	index, isIndex := s.index.(*nameNode)
	return isName && isIndex && of.name == e.table && index.name == "index"
}

// Parse reads an expression. The error names what does not belong to the language.
func Parse(text string) (*Expression, error) { return parse(text, false) }

// ParseTransform reads a lambda with one argument.
func ParseTransform(text string) (*Expression, error) { return parse(text, true) }

func parse(text string, transform bool) (*Expression, error) {
	text = strings.TrimSpace(text)
	if len(text) > MaxLength {
		return nil, fmt.Errorf("the expression has %d characters, the limit is %d", len(text), MaxLength)
	}
	all, err := tokens(text)
	if err == nil {
		p := parser{tokens: all, expression: &Expression{Text: text}}
		if err = p.whole(transform); err == nil {
			return p.expression, nil
		}
	}
	return nil, fmt.Errorf("%q: %w", text, err)
}

type parser struct {
	tokens     []token
	at         int
	depth      int
	expression *Expression
}

func (p *parser) next() token { return p.tokens[p.at] }

// take goes on, if the next part is this operator.
func (p *parser) take(op string) bool {
	if t := p.next(); t.kind == tokenOp && t.text == op {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(op string) error {
	if !p.take(op) {
		return fmt.Errorf("%s stands where %s should", p.next().text, op)
	}
	return nil
}

// deeper runs what reads a part within another.
func (p *parser) deeper(read func() (node, error)) (node, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, fmt.Errorf("it is nested deeper than %d", MaxDepth)
	}
	defer func() { p.depth-- }()
	return read()
}

func (p *parser) whole(transform bool) (err error) {
	if transform {
		if p.expression.argument, err = p.lambda(); err != nil {
			return err
		}
	}
	if p.expression.root, err = p.list(""); err != nil {
		return err
	}
	if t := p.next(); t.kind != tokenEnd {
		return fmt.Errorf("%s is not allowed there in an expression", t.text)
	}
	return nil
}

// lambda reads the beginning of a lambda.
func (p *parser) lambda() (argument string, err error) {
	if !p.take("lambda") {
		return "", fmt.Errorf("a transform must be a lambda with one argument")
	}
	t := p.next()
	if p.at++; t.kind != tokenName || !p.take(":") {
		return "", fmt.Errorf("a lambda must have one argument")
	}
	return t.text, p.name(t.text)
}

// name notes a name of the expression.
func (p *parser) name(name string) error {
	if strings.HasPrefix(name, "__") || name == "self" {
		return fmt.Errorf("the name %s is not allowed", name)
	}
	if name == "index" {
		p.expression.indexed = true
	}
	if !p.expression.Uses(name) {
		p.expression.names = append(p.expression.names, name)
	}
	return nil
}

// list reads expressions with commas between: one alone is itself, several, or one with a comma behind it, are a tuple.
func (p *parser) list(end string) (node, error) {
	first, err := p.one()
	if err != nil || !p.take(",") {
		return first, err
	}
	items := []node{first}
	for !p.closes(end) {
		item, err := p.one()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if !p.take(",") {
			break
		}
	}
	return &display{"(", items}, nil
}

// closes says whether a list is over.
func (p *parser) closes(end string) bool {
	t := p.next()
	return t.kind == tokenEnd || t.kind == tokenOp && t.text == end
}

// one reads an expression without a comma.
func (p *parser) one() (node, error) {
	return p.deeper(func() (node, error) {
		then, err := p.or()
		if err != nil || !p.take("if") {
			return then, err
		}
		test, err := p.or()
		if err == nil {
			err = p.expect("else")
		}
		if err != nil {
			return nil, err
		}
		otherwise, err := p.one()
		return &conditional{test, then, otherwise}, err
	})
}

func (p *parser) or() (node, error)  { return p.logic("or", p.and) }
func (p *parser) and() (node, error) { return p.logic("and", p.not) }

func (p *parser) logic(op string, operand func() (node, error)) (node, error) {
	first, err := operand()
	if err != nil || p.next().kind != tokenOp || p.next().text != op {
		return first, err
	}
	out := &logic{or: op == "or", items: []node{first}}
	for p.take(op) {
		item, err := operand()
		if err != nil {
			return nil, err
		}
		out.items = append(out.items, item)
	}
	return out, nil
}

func (p *parser) not() (node, error) {
	if !p.take("not") {
		return p.comparison()
	}
	of, err := p.deeper(p.not)
	return &unary{"not", of}, err
}

func (p *parser) comparison() (node, error) {
	first, err := p.sum()
	if err != nil {
		return nil, err
	}
	out := &comparison{first: first}
	for op := p.comparator(); op != ""; op = p.comparator() {
		item, err := p.sum()
		if err != nil {
			return nil, err
		}
		if c, is := item.(*constant); (op == "is" || op == "is not") && (!is || c.value != nil) {
			return nil, fmt.Errorf("%s goes with None alone in an expression", op)
		}
		out.ops, out.rest = append(out.ops, op), append(out.rest, item)
	}
	if len(out.ops) == 0 {
		return first, nil
	}
	return out, nil
}

// comparator reads an operator that compares, or nothing.
func (p *parser) comparator() string {
	for _, op := range []string{"==", "!=", "<=", ">=", "<", ">", "in"} {
		if p.take(op) {
			return op
		}
	}
	if p.take("is") {
		if p.take("not") {
			return "is not"
		}
		return "is"
	}
	if t := p.tokens[min(p.at+1, len(p.tokens)-1)]; p.next().text == "not" && t.kind == tokenOp && t.text == "in" {
		p.at += 2
		return "not in"
	}
	return ""
}

func (p *parser) sum() (node, error) { return p.operation(p.product, "+", "-") }

func (p *parser) product() (node, error) { return p.operation(p.sign, "*", "//", "/", "%") }

func (p *parser) operation(operand func() (node, error), ops ...string) (node, error) {
	left, err := operand()
	for err == nil {
		i := slices.IndexFunc(ops, p.take)
		if i < 0 {
			return left, nil
		}
		var right node
		right, err = operand()
		left = &binary{ops[i], left, right}
	}
	return nil, err
}

func (p *parser) sign() (node, error) {
	for _, op := range []string{"-", "+"} {
		if p.take(op) {
			of, err := p.deeper(p.sign)
			return &unary{op, of}, err
		}
	}
	base, err := p.primary()
	if err != nil || !p.take("**") {
		return base, err
	}
	exponent, err := p.deeper(p.sign)
	return &binary{"**", base, exponent}, err
}
