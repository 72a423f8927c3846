package filter

import "github.com/panoptes-otel/panoptes-otel/pluginsdk"

// Filter is a compiled resource filter. It never changes and is safe for concurrent use.
type Filter struct {
	source   string
	root     node
	warnings []string
}

// Parse compiles a filter. Its error is a *SyntaxError.
func Parse(text string) (*Filter, error) {
	p := parser{lex: newLexer(text)}
	root, err := p.parse()
	if err != nil {
		return nil, err
	}
	return &Filter{source: text, root: root, warnings: p.trace.warnings()}, nil
}

// Match says whether a resource passes the filter. It neither changes the resource nor allocates.
func (f *Filter) Match(r *pluginsdk.Resource) bool { return f.root.match(r) }

// String returns the text the filter was parsed from.
func (f *Filter) String() string { return f.source }

// Canonical returns the filter in one fixed spelling: keywords in capitals, single blanks, = and != for eq and ne,
// parentheses only where they are needed. Parsing it gives a filter that matches the same resources and has the same
// canonical form.
func (f *Filter) Canonical() string { return string(f.root.appendText(nil)) }

// Warnings says, one line each, where Panoptes itself would have read the filter otherwise or refused it.
func (f *Filter) Warnings() []string { return f.warnings }
