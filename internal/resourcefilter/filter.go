package resourcefilter

import "github.com/panoptes-otel/panoptes-otel/pluginsdk"

// Filter is a compiled resource filter. It never changes and is safe for concurrent use.
type Filter struct {
	source   string
	warnings []string
}

// Parse compiles a filter. Its error is a *SyntaxError.
func Parse(text string) (*Filter, error) { return &Filter{source: text}, nil }

// Match says whether a resource passes the filter. It does not allocate.
func (f *Filter) Match(*pluginsdk.Resource) bool { return false }

// String returns the source text.
func (f *Filter) String() string { return f.source }

// Warnings says, one line each, where Panoptes itself would have read the filter otherwise.
func (f *Filter) Warnings() []string { return f.warnings }

// SyntaxError says where a filter stops making sense.
type SyntaxError struct {
	Line, Column    int
	Found, Expected string
	Hint            string
}

func (e *SyntaxError) Error() string { return e.Found }
