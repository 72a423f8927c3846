package schema

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func protocolSchema(t *testing.T, def string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("../../schema/plugin-protocol.json#/$defs/" + def)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func conforms(t *testing.T, s *jsonschema.Schema, text string) {
	t.Helper()
	if err := s.Validate(parse(t, []byte(text))); err != nil {
		t.Errorf("%s\n%v", text, err)
	}
}

// TestTranscript validates what host and plugin say in the transcript of docs/plugin-protocol.md, which a test of
// internal/run writes: each message, and each result as one of its method.
func TestTranscript(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/plugin-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	sides := map[string]*jsonschema.Schema{"-->": protocolSchema(t, "fromHost"), "<--": protocolSchema(t, "fromPlugin")}
	results := map[string]*jsonschema.Schema{
		"initialize": protocolSchema(t, "initializeResult"), "describe": protocolSchema(t, "contract"), "run": protocolSchema(t, "runResult"),
	}
	asked := map[string]string{} // method by id
	lines, judged := 0, map[string]bool{}
	for line := range strings.Lines(string(page)) {
		arrow, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if sides[arrow] == nil {
			continue
		}
		lines++
		conforms(t, sides[arrow], text)
		var m struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Result json.RawMessage `json:"result"`
		}
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		if arrow == "-->" && m.Method != "" {
			asked[string(m.ID)] = m.Method
		}
		if s := results[asked[string(m.ID)]]; arrow == "<--" && m.Result != nil && s != nil {
			judged[asked[string(m.ID)]] = true
			conforms(t, s, string(m.Result))
		}
	}
	if lines < 8 || !judged["initialize"] || !judged["run"] {
		t.Errorf("%d lines, results of %v: is the transcript there?", lines, judged)
	}
}

// TestProtocolSchemaRefuses shows that the schema is not one that takes everything.
func TestProtocolSchemaRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ def, message string }{
		{"fromHost", `{"jsonrpc":"1.0","id":1,"result":{}}`},
		{"fromHost", `{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"m"}}`},
		{"fromHost", `{"jsonrpc":"2.0","id":1,"method":"dance","params":{}}`},
		{"fromHost", `{"jsonrpc":"2.0","id":1,"method":"cancel","params":{"run_id":1}}`},
		{"fromHost", `{"jsonrpc":"2.0","id":1,"method":"run","params":{"run_id":1}}`},
		{"fromPlugin", `{"jsonrpc":"2.0","id":1,"method":"kv.set","params":{"key":"k"}}`},
		{"fromPlugin", `{"jsonrpc":"2.0","id":1,"method":"kv.set","params":{"key":"k","value":"v","expire":0}}`},
		{"fromPlugin", `{"jsonrpc":"2.0","method":"log","params":{"level":"loud","message":"m"}}`},
		{"runResult", `{"outcome":"fine"}`},
		{"runResult", `{"outcome":"ok","groups":[{"type":"t"}]}`},
		{"runResult", `{"outcome":"ok","groups":[{"type":"t","gauges":{"a":"1"}}]}`},
		{"runResult", `{"outcome":"ok","groups":[{"metrics_group_type":"t","metrics_group_interval":0}]}`},
		{"initializeResult", `{"capabilities":{}}`},
		{"contract", `{"groups":[{"type":"t","metrics":[{"name":"a","type":"histogram"}]}]}`},
	} {
		if protocolSchema(t, c.def).Validate(parse(t, []byte(c.message))) == nil {
			t.Errorf("%s takes %s", c.def, c.message)
		}
	}
}
