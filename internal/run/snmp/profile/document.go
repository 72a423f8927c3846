package profile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/spelling"
)

// document is a YAML file that is being read. It collects errors, so that all of them are told at once.
type document struct {
	file  string
	errs  []error
	steps int
}

// Limits of a file: snmp_exporter's own has 2 MiB and 230,000 nodes.
const (
	maxFile   = 32 << 20
	maxErrors = 20
	maxSteps  = 1 << 19 // of nodes, with what aliases repeat
)

// open parses a file and returns its root; nil where it is no YAML.
func (d *document) open(content []byte) *yaml.Node {
	if len(content) > maxFile {
		d.errs = append(d.errs, fmt.Errorf("%s: the file has %d bytes, limit is %d", d.file, len(content), maxFile))
		return nil
	}
	var root yaml.Node
	if err := yaml.Unmarshal(content, &root); err != nil {
		d.errs = append(d.errs, fmt.Errorf("%s: %w", d.file, err))
		return nil
	}
	if len(root.Content) == 0 {
		d.errs = append(d.errs, fmt.Errorf("%s: the file is empty", d.file))
		return nil
	}
	return root.Content[0]
}

func (d *document) err() error {
	if len(d.errs) > maxErrors {
		more := len(d.errs) - maxErrors
		d.errs = append(d.errs[:maxErrors:maxErrors], fmt.Errorf("%s: and %d more", d.file, more))
	}
	return errors.Join(d.errs...)
}

// fault notes an error at a node.
func (d *document) fault(n *yaml.Node, format string, args ...any) {
	if d.steps <= maxSteps {
		d.errs = append(d.errs, fmt.Errorf("%s:%d: "+format, append([]any{d.file, n.Line}, args...)...))
	}
}

// resolve follows an alias. It returns nil where the file has too much of them.
func (d *document) resolve(n *yaml.Node) *yaml.Node {
	if d.steps++; d.steps > maxSteps {
		d.errs = []error{fmt.Errorf("%s: aliases make more than %d nodes of the file", d.file, maxSteps)}
		return nil
	}
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// fields are the values of a mapping by key.
type fields struct {
	*document
	at     *yaml.Node
	keys   []*yaml.Node
	values map[string]*yaml.Node
	// what names the mapping in messages.
	what string
}

// mapping reads a mapping that has no other keys than those known. Without known keys all are allowed. A merge (<<) counts
// for keys that the mapping does not have itself.
func (d *document) mapping(n *yaml.Node, what string, known ...string) *fields {
	f := &fields{document: d, at: n, values: map[string]*yaml.Node{}, what: what}
	if n = d.resolve(n); n == nil {
		return f
	}
	if n.Kind != yaml.MappingNode {
		d.fault(n, "%s must be a mapping", what)
		return f
	}
	f.take(n, known, 0)
	return f
}

func (f *fields) take(n *yaml.Node, known []string, depth int) {
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Tag == "!!merge":
			merged = append(merged, value)
		case key.Kind != yaml.ScalarNode:
			f.fault(key, "%s: a key must be a word", f.what)
		case len(known) > 0 && !slices.Contains(known, key.Value):
			f.fault(key, "%s has no key %q%s", f.what, key.Value, suggest(key.Value, known))
		case f.values[key.Value] != nil && depth == 0:
			f.fault(key, "%s has the key %q twice", f.what, key.Value)
		case f.values[key.Value] == nil:
			f.keys = append(f.keys, key)
			f.values[key.Value] = value
		}
	}
	for _, value := range merged {
		value = f.resolve(value)
		list := []*yaml.Node{value}
		if value != nil && value.Kind == yaml.SequenceNode {
			list = value.Content
		}
		for _, from := range list {
			if from = f.resolve(from); from == nil || from.Kind != yaml.MappingNode || depth > 8 {
				f.fault(n, "%s: a merge must be of mappings", f.what)
				continue
			}
			f.take(from, known, depth+1)
		}
	}
}

// suggest names the known word that is nearest to a wrong one.
func suggest(word string, known []string) string {
	best := spelling.Nearest(word, known, 2)
	switch {
	case best != "":
		return fmt.Sprintf("; did you mean %q?", best)
	case len(known) == 0:
		return "; there are none"
	}
	return "; it has " + strings.Join(known, ", ")
}

// has says whether a key is there and not null.
func (f *fields) has(key string) bool {
	n := f.values[key]
	return n != nil && (n.Kind != yaml.ScalarNode || n.Tag != "!!null")
}

// node returns the value of a key, nil where there is none.
func (f *fields) node(key string) *yaml.Node {
	if !f.has(key) {
		return nil
	}
	return f.resolve(f.values[key])
}

// need is node for a key that must be there.
func (f *fields) need(key string) *yaml.Node {
	n := f.node(key)
	if n == nil {
		f.fault(f.at, "%s needs the key %q", f.what, key)
	}
	return n
}

// text returns the text of a key, "" where there is none.
func (f *fields) text(key string) string {
	n := f.node(key)
	if n == nil {
		return ""
	}
	return f.scalar(n, f.what+": "+key)
}

// scalar returns the text of a node.
func (d *document) scalar(n *yaml.Node, what string) string {
	if n = d.resolve(n); n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		d.fault(n, "%s must be a single value", what)
		return ""
	}
	return n.Value
}

// list returns the nodes of a list. What is no list counts as a list of one where one is allowed.
func (d *document) list(n *yaml.Node, what string, one bool) []*yaml.Node {
	if n = d.resolve(n); n == nil {
		return nil
	}
	if n.Kind == yaml.SequenceNode {
		return n.Content
	}
	if one {
		return []*yaml.Node{n}
	}
	d.fault(n, "%s must be a list", what)
	return nil
}

// texts returns the texts of a key with a list.
func (f *fields) texts(key string, one bool) []string {
	var out []string
	if n := f.node(key); n != nil {
		for _, item := range f.list(n, f.what+": "+key, one) {
			out = append(out, f.scalar(item, f.what+": "+key))
		}
	}
	return out
}

// choice returns a text that must be one of some; the first of them where the key is not there.
func (f *fields) choice(key string, words ...string) string {
	if !f.has(key) {
		return words[0]
	}
	text := f.text(key)
	if !slices.Contains(words, text) {
		f.fault(f.values[key], "%s: %s is %q, it must be one of %s", f.what, key, text, strings.Join(words, ", "))
		return words[0]
	}
	return text
}

func (f *fields) number(key string) float64 {
	if !f.has(key) {
		return 0
	}
	n, err := strconv.ParseFloat(f.text(key), 64)
	if err != nil || n-n != 0 {
		f.fault(f.values[key], "%s: %s must be a number", f.what, key)
		return 0
	}
	return n
}

func (f *fields) integer(key string) int {
	if !f.has(key) {
		return 0
	}
	n, err := strconv.ParseInt(f.text(key), 0, 32)
	if err != nil || n < 0 {
		f.fault(f.values[key], "%s: %s must be a whole number from 0 on", f.what, key)
		return 0
	}
	return int(n)
}

func (f *fields) boolean(key string) bool {
	if !f.has(key) {
		return false
	}
	b, err := strconv.ParseBool(strings.ToLower(f.text(key)))
	if err != nil {
		f.fault(f.values[key], "%s: %s must be true or false", f.what, key)
	}
	return b
}

func (f *fields) duration(key string) time.Duration {
	if !f.has(key) {
		return 0
	}
	d, err := time.ParseDuration(f.text(key))
	if err != nil || d <= 0 {
		f.fault(f.values[key], "%s: %s must be a time with its unit, such as 1h", f.what, key)
		return 0
	}
	return d
}

// oid reads an OID.
func (d *document) oid(n *yaml.Node, what string) (o ber.OID, ok bool) {
	if n == nil {
		return o, false
	}
	o, err := ber.ParseOID(d.scalar(n, what))
	if err == nil && o.Len() < 2 {
		err = errors.New("an OID of an object has more than one arc")
	}
	if err != nil {
		d.fault(n, "%s: %v", what, err)
		return o, false
	}
	return o, true
}

// pattern reads a regular expression; whole makes it match the whole text.
func (d *document) pattern(n *yaml.Node, what string, whole bool) *regexp.Regexp {
	if n == nil {
		return nil
	}
	text := d.scalar(n, what)
	if len(text) > 4096 {
		d.fault(n, "%s: a regular expression has %d bytes, limit is 4096", what, len(text))
		return nil
	}
	if whole {
		text = "^(?:" + text + ")$"
	}
	p, err := regexp.Compile(text)
	if err != nil {
		d.fault(n, "%s: %v", what, err)
	}
	return p
}
