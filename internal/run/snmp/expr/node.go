package expr

// node is a part of an expression.
type node interface {
	eval(e *evaluation, s *scope) (Value, error)
}

type (
	constant struct{ value Value }
	nameNode struct{ name string }
	// display is a list, a tuple or a set that is written out.
	display struct {
		kind  string // "[", "(" or "{"
		items []node
	}
	dictDisplay struct{ keys, values []node }
	binary      struct {
		op          string
		left, right node
	}
	unary struct {
		op string // "-", "+" or "not"
		of node
	}
	// logic is and, or.
	logic struct {
		or    bool
		items []node
	}
	comparison struct {
		first node
		ops   []string
		rest  []node
	}
	conditional struct{ test, then, otherwise node }
	subscript   struct{ of, index node }
	slice       struct{ of, from, to, step node } // parts may be nil
	callNode    struct {
		function string
		call     function
		args     []node
	}
	methodNode struct {
		of   node
		name string
		args []node
	}
	comprehension struct {
		kind    string // "[", "{" or ":" for a dict
		key     node   // of a dict
		item    node
		clauses []clause
	}
)

// clause is one for of a comprehension with its conditions.
type clause struct {
	names  []string
	single bool // one name, that takes members whole
	of     node
	ifs    []node
}
