package expr

// Names are what expressions may speak of, in one evaluation after the other. They belong to one goroutine.
type Names struct {
	// Tables are tables and single values by name.
	Tables map[string]Value
	// Index is what $index stands for; nil is nothing.
	Index Value

	evaluation evaluation
}

// Evaluate returns the value of an expression. Its error is an *Error.
func (e *Expression) Evaluate(n *Names) (Value, error) {
	one := &n.evaluation
	one.left, one.args, one.scope = MaxSteps, one.args[:0], scope{names: n}
	return e.root.eval(one, &one.scope)
}

// Apply returns what a transform makes of a value.
func (e *Expression) Apply(v Value) (Value, error) {
	n := &Names{}
	n.evaluation.left, n.evaluation.scope = MaxSteps, scope{names: n, local: &binding{name: e.argument, value: v}}
	return e.root.eval(&n.evaluation, &n.evaluation.scope)
}

// evaluation is one evaluation, which counts its steps.
type evaluation struct {
	left  int
	scope scope   // the outermost
	args  []Value // of the calls that are under way
}

func (e *evaluation) step(n int) error {
	if e.left -= n; e.left < 0 {
		return limit("the evaluation takes more than %d steps", MaxSteps)
	}
	return nil
}

// scope is what names stand for.
type scope struct {
	names *Names
	local *binding
}

// binding is a name of a comprehension or a lambda, before those of what it is in.
type binding struct {
	name  string
	value Value
	outer *binding
}

func (s *scope) with(name string, v Value) *scope {
	return &scope{s.names, &binding{name, v, s.local}}
}

func (n *constant) eval(e *evaluation, _ *scope) (Value, error) { return n.value, e.step(1) }

func (n *nameNode) eval(e *evaluation, s *scope) (Value, error) {
	for b := s.local; b != nil; b = b.outer {
		if b.name == n.name {
			return b.value, e.step(1)
		}
	}
	if n.name == "index" && s.names.Index != nil {
		return s.names.Index, e.step(1)
	}
	if v, there := s.names.Tables[n.name]; there {
		return v, e.step(1)
	}
	return nil, raise("NameError", "name '%s' is not defined", n.name)
}

func evalAll(e *evaluation, s *scope, nodes []node) ([]Value, error) {
	if err := e.step(1); err != nil {
		return nil, err
	}
	out := make([]Value, len(nodes))
	for i, n := range nodes {
		v, err := n.eval(e, s)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (n *display) eval(e *evaluation, s *scope) (Value, error) {
	items, err := evalAll(e, s, n.items)
	if err != nil {
		return nil, err
	}
	switch n.kind {
	case "[":
		return NewList(items...), nil
	case "(":
		return tuple(items...), nil
	}
	out := newSet()
	for _, item := range items {
		if err := out.set(item, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (n *dictDisplay) eval(e *evaluation, s *scope) (Value, error) {
	out := NewDict(len(n.keys))
	for i := range n.keys {
		pair, err := evalAll(e, s, []node{n.keys[i], n.values[i]})
		if err != nil {
			return nil, err
		}
		if err := out.set(pair[0], pair[1]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (n *binary) eval(e *evaluation, s *scope) (Value, error) {
	left, err := n.left.eval(e, s)
	if err != nil {
		return nil, err
	}
	right, err := n.right.eval(e, s)
	if err != nil {
		return nil, err
	}
	out, err := operate(n.op, left, right)
	if err != nil {
		return nil, err
	}
	return out, e.step(1 + size(out))
}

// size is what it costs to have made a value, in steps.
func size(v Value) int {
	switch v := v.(type) {
	case string:
		return len(v) / 16
	case *List:
		return len(v.items)
	}
	return 0
}

func (n *unary) eval(e *evaluation, s *scope) (Value, error) {
	v, err := n.of.eval(e, s)
	if err != nil {
		return nil, err
	}
	if n.op == "not" {
		return !truth(v), e.step(1)
	}
	return negate(n.op, v)
}

func (n *logic) eval(e *evaluation, s *scope) (v Value, err error) {
	for _, item := range n.items {
		if v, err = item.eval(e, s); err != nil || truth(v) == n.or {
			return v, err
		}
	}
	return v, nil
}

func (n *comparison) eval(e *evaluation, s *scope) (Value, error) {
	left, err := n.first.eval(e, s)
	if err != nil {
		return nil, err
	}
	for i, op := range n.ops {
		right, err := n.rest[i].eval(e, s)
		if err != nil {
			return nil, err
		}
		if holds, err := e.compare(op, left, right); err != nil || !holds {
			return false, err
		}
		left = right
	}
	return true, nil
}

func (n *conditional) eval(e *evaluation, s *scope) (Value, error) {
	test, err := n.test.eval(e, s)
	if err != nil {
		return nil, err
	}
	if truth(test) {
		return n.then.eval(e, s)
	}
	return n.otherwise.eval(e, s)
}

func (n *callNode) eval(e *evaluation, s *scope) (Value, error) {
	first := len(e.args)
	for _, arg := range n.args {
		v, err := arg.eval(e, s)
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, v)
	}
	out, err := n.call(e, e.args[first:len(e.args):len(e.args)]) // functions keep no arguments
	if e.args = e.args[:first]; err == nil {
		err = e.step(1)
	}
	if err != nil {
		return nil, err
	}
	return out, e.step(size(out))
}

func (n *methodNode) eval(e *evaluation, s *scope) (Value, error) {
	of, err := n.of.eval(e, s)
	if err != nil {
		return nil, err
	}
	args, err := evalAll(e, s, n.args)
	if err != nil {
		return nil, err
	}
	out, err := method(e, of, n.name, args)
	if err != nil {
		return nil, err
	}
	return out, e.step(size(out))
}

func (n *comprehension) eval(e *evaluation, s *scope) (Value, error) {
	var list []Value
	var keys *Dict
	add := func(s *scope) error {
		v, err := n.item.eval(e, s)
		switch {
		case err != nil:
			return err
		case n.kind == "[":
			list = append(list, v)
			return nil
		case n.kind == "{":
			return keys.set(v, nil)
		}
		key, err := n.key.eval(e, s)
		if err != nil {
			return err
		}
		return keys.set(key, v)
	}
	switch n.kind {
	case "[":
		err := e.turns(n.clauses, s, add)
		return NewList(list...), err
	case "{":
		out := newSet()
		keys = &out.Dict
		return out, e.turns(n.clauses, s, add)
	}
	keys = NewDict(0)
	return keys, e.turns(n.clauses, s, add)
}

// turns calls visit for each turn of a comprehension.
func (e *evaluation) turns(clauses []clause, s *scope, visit func(*scope) error) error {
	if len(clauses) == 0 {
		return visit(s)
	}
	c := &clauses[0]
	of, err := c.of.eval(e, s)
	if err != nil {
		return err
	}
	return e.each(of, func(item Value) (bool, error) {
		inner, err := c.bind(e, s, item)
		if err != nil {
			return false, err
		}
		for _, condition := range c.ifs {
			if v, err := condition.eval(e, inner); err != nil || !truth(v) {
				return true, err
			}
		}
		return true, e.turns(clauses[1:], inner, visit)
	})
}

// bind gives the names of a clause the parts of a member.
func (c *clause) bind(e *evaluation, s *scope, item Value) (*scope, error) {
	if c.single {
		return s.with(c.names[0], item), nil
	}
	parts, err := e.all(item)
	if err != nil {
		return nil, err
	}
	if len(parts) != len(c.names) {
		return nil, raise("ValueError", "cannot take %d values as %d", len(parts), len(c.names))
	}
	for i, name := range c.names {
		s = s.with(name, parts[i])
	}
	return s, nil
}
