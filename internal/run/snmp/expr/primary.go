package expr

import "fmt"

// primary reads an atom with what follows it: calls and subscripts.
func (p *parser) primary() (node, error) {
	out, err := p.atom()
	for err == nil {
		switch {
		case p.take("["):
			out, err = p.subscript(out)
		case p.take("("):
			return nil, fmt.Errorf("a call of what is no function is not allowed")
		case p.take("."):
			out, err = p.attribute(out)
		default:
			return out, nil
		}
	}
	return nil, err
}

// attribute reads what follows a point: $index, or a method.
func (p *parser) attribute(of node) (node, error) {
	t := p.next()
	p.at++
	if t.kind == tokenIndex {
		p.ofTable(of)
		return &subscript{of, &nameNode{"index"}}, p.name("index")
	}
	if t.kind != tokenName || !methods[t.text] {
		return nil, fmt.Errorf(".%s is not allowed in an expression", t.text)
	}
	if !p.take("(") {
		return nil, fmt.Errorf("the method %s must be called", t.text)
	}
	args, err := p.arguments()
	return &methodNode{of, t.text, args}, err
}

// ofTable notes the table that indexes come from, the first.
func (p *parser) ofTable(of node) {
	if name, is := of.(*nameNode); is && p.expression.table == "" {
		p.expression.table = name.name
	}
}

func (p *parser) subscript(of node) (node, error) {
	start := p.at
	var parts [3]node
	colons := 0
	for !p.take("]") {
		if p.take(":") {
			if colons++; colons > 2 {
				return nil, fmt.Errorf("a slice has three parts at most")
			}
			continue
		}
		if parts[colons] != nil {
			return nil, p.expect("]")
		}
		var err error
		if parts[colons], err = p.list("]"); err != nil {
			return nil, err
		}
	}
	for _, t := range p.tokens[start:p.at] {
		if t.kind == tokenIndex || t.kind == tokenName && t.text == "index" {
			p.ofTable(of)
		}
	}
	switch {
	case colons > 0:
		return &slice{of, parts[0], parts[1], parts[2]}, nil
	case parts[0] == nil:
		return nil, fmt.Errorf("[] needs an index")
	}
	return &subscript{of, parts[0]}, nil
}

// arguments reads those of a call, after its parenthesis.
func (p *parser) arguments() ([]node, error) {
	var args []node
	for !p.take(")") {
		if t := p.tokens[min(p.at+1, len(p.tokens)-1)]; p.next().kind == tokenName && t.kind == tokenOp && t.text == "=" {
			return nil, fmt.Errorf("a call may have positional arguments only")
		}
		item, err := p.one()
		if err == nil && len(args) == 0 {
			item, err = p.comprehension("[", nil, item)
		}
		if err != nil {
			return nil, err
		}
		args = append(args, item)
		if !p.take(",") {
			return args, p.expect(")")
		}
	}
	return args, nil
}

func (p *parser) atom() (node, error) {
	t := p.next()
	p.at++
	switch t.kind {
	case tokenValue:
		value := t.value
		for text, is := value.(string); is && p.next().kind == tokenValue; text, is = value.(string) {
			more, both := p.next().value.(string)
			if !both {
				break
			}
			value = text + more // literals side by side are one
			p.at++
		}
		return &constant{value}, nil
	case tokenIndex:
		return &nameNode{"index"}, p.name("index")
	case tokenName:
		if err := p.name(t.text); err != nil {
			return nil, err
		}
		if p.take("(") {
			return p.call(t.text)
		}
		return &nameNode{t.text}, nil
	case tokenOp:
		switch t.text {
		case "(":
			return p.parentheses()
		case "[":
			return p.brackets()
		case "{":
			return p.braces()
		}
	}
	return nil, fmt.Errorf("%s is not allowed there in an expression", t.text)
}

func (p *parser) call(name string) (node, error) {
	f, known := functions[name]
	if !known {
		return nil, fmt.Errorf("the function %s is not allowed", name)
	}
	args, err := p.arguments()
	return &callNode{name, f, args}, err
}

func (p *parser) parentheses() (node, error) {
	if p.take(")") {
		return &display{kind: "("}, nil
	}
	item, err := p.list(")")
	if err == nil {
		item, err = p.comprehension("[", nil, item)
	}
	if err != nil {
		return nil, err
	}
	return item, p.expect(")")
}

func (p *parser) brackets() (node, error) {
	if p.take("]") {
		return &display{kind: "["}, nil
	}
	first, err := p.one()
	if err != nil {
		return nil, err
	}
	if p.isFor() {
		out, err := p.comprehension("[", nil, first)
		if err != nil {
			return nil, err
		}
		return out, p.expect("]")
	}
	return p.items("[", "]", first)
}

// items reads the rest of a list or a set.
func (p *parser) items(kind, end string, first node) (node, error) {
	items := []node{first}
	for !p.take(end) {
		if err := p.expect(","); err != nil {
			return nil, err
		}
		if p.take(end) {
			break
		}
		item, err := p.one()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return &display{kind, items}, nil
}

func (p *parser) braces() (node, error) {
	if p.take("}") {
		return &dictDisplay{}, nil
	}
	first, err := p.one()
	if err != nil {
		return nil, err
	}
	if !p.take(":") {
		if !p.isFor() {
			return p.items("{", "}", first)
		}
		out, err := p.comprehension("{", nil, first)
		if err != nil {
			return nil, err
		}
		return out, p.expect("}")
	}
	value, err := p.one()
	if err != nil {
		return nil, err
	}
	if p.isFor() {
		out, err := p.comprehension(":", first, value)
		if err != nil {
			return nil, err
		}
		return out, p.expect("}")
	}
	out := &dictDisplay{[]node{first}, []node{value}}
	for !p.take("}") {
		if err := p.expect(","); err != nil {
			return nil, err
		}
		if p.take("}") {
			break
		}
		key, err := p.one()
		if err == nil {
			err = p.expect(":")
		}
		if err != nil {
			return nil, err
		}
		if value, err = p.one(); err != nil {
			return nil, err
		}
		out.keys, out.values = append(out.keys, key), append(out.values, value)
	}
	return out, nil
}

func (p *parser) isFor() bool { t := p.next(); return t.kind == tokenOp && t.text == "for" }

// comprehension reads what follows the item of a comprehension; without a for the item is what it is.
func (p *parser) comprehension(kind string, key, item node) (node, error) {
	if !p.isFor() {
		return item, nil
	}
	out := &comprehension{kind: kind, key: key, item: item}
	for p.take("for") {
		c, err := p.clause()
		if err != nil {
			return nil, err
		}
		out.clauses = append(out.clauses, c)
	}
	return out, nil
}

func (p *parser) clause() (c clause, err error) {
	closing := p.take("(")
	c.single = true
	for {
		t := p.next()
		if p.at++; t.kind != tokenName {
			return c, fmt.Errorf("a comprehension must have names as targets")
		}
		if err := p.name(t.text); err != nil {
			return c, err
		}
		c.names = append(c.names, t.text)
		if !p.take(",") {
			break
		}
		c.single = false
		if t := p.next(); t.kind == tokenOp && (t.text == "in" || t.text == ")") {
			break
		}
	}
	if closing {
		if err := p.expect(")"); err != nil {
			return c, err
		}
	}
	if err := p.expect("in"); err != nil {
		return c, err
	}
	if c.of, err = p.deeper(p.or); err != nil {
		return c, err
	}
	for p.take("if") {
		condition, err := p.deeper(p.or)
		if err != nil {
			return c, err
		}
		c.ifs = append(c.ifs, condition)
	}
	return c, nil
}
