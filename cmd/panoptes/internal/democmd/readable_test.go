package democmd

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestReadable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plugindir/plugins.go:12\tPlugin does not load\t{\"otelcol.component.id\": \"panoptes\", \"plugin\": \"x\", \"error\": \"line 3: oops\\n  at once\", \"tries\": 3}": "Plugin does not load: line 3: oops\n  at once (plugin x, tries 3)",
		"x.go:1\twarn\t{\"error\": \"\\u001b[31mred\", \"a\\u001b\": \"\\u0007\"}":                                                                                          `warn: \x1b[31mred (a\x1b \x07)`,
		"x.go:1\tended in order":                   "ended in order",
		"no place\t{\"a\": {\"b\": [1, \"two\"]}}": `no place (a {"b":[1,"two"]})`,
		"x.go:1\tmessage\t{\"otelcol.signal\": 1}": "message",
		"x.go:1\tbraces\t{not json}":               "braces\t{not json}",
		"x.go:1\ttabs\tinside\t{\"error\": \"e\"}": "tabs\tinside: e",
		"bare": "bare",
		"":     "",
		"{\"error\": \"a message and nothing else\"}": `{"error": "a message and nothing else"}`,
	} {
		assert.Equal(t, want, readable(text), text)
	}
}
