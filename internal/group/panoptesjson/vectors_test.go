package panoptesjson

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// groupsOf returns all objects of a row that look like a metrics group, at whatever depth.
func groupsOf(t *testing.T, row json.RawMessage) (groups []json.RawMessage) {
	t.Helper()
	var members map[string]json.RawMessage
	var list []json.RawMessage
	switch {
	case json.Unmarshal(row, &members) == nil:
		if _, ok := members["metrics_group_type"]; ok {
			return []json.RawMessage{row}
		}
		for _, m := range members {
			groups = append(groups, groupsOf(t, m)...)
		}
	case json.Unmarshal(row, &list) == nil:
		for _, m := range list {
			groups = append(groups, groupsOf(t, m)...)
		}
	}
	return groups
}

// TestVectorsPass takes every group of the vectors through the decoder, which reads what encoding/json reads, and through
// the encoder, which writes that group again, as package mapping would.
func TestVectorsPass(t *testing.T) {
	t.Parallel()
	d := NewDecoder(DecoderOptions{})
	e := NewEncoder(pdata.FromOptions{}, testRoutes)
	read := 0
	for _, name := range []string{"partition", "rates", "schema", "group_set", "influx", "runner"} {
		data, err := os.ReadFile("../../../testdata/vectors/" + name + ".jsonl")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			for _, text := range groupsOf(t, json.RawMessage(line)) {
				var ours pluginsdk.MetricsGroup
				err := d.Decode(text, &ours)
				for reader, read := range otherReaders {
					other, otherErr := read(text)
					if (err == nil) != (otherErr == nil) {
						t.Errorf("%s: %v, %s: %v\n%s", name, err, reader, otherErr, text)
					}
					// What has no time is of now, which passes between the two.
					if err != nil || otherErr != nil || !hasTimes(text) {
						continue
					}
					if got, want := ours.AppendJSON(nil), other.AppendJSON(nil); !bytes.Equal(got, want) {
						t.Errorf("%s: got\n%s\n%s:\n%s", name, got, reader, want)
					}
				}
				if err != nil || !hasTimes(text) {
					continue
				}
				read++
				b := pdata.NewBuilder(pdata.Options{ServiceIdentity: true})
				b.Add(pdata.Scope{Plugin: "p"}, &ours)
				same(t, e, b.Take(), pdata.FromOptions{})
			}
		}
	}
	if read < 120 {
		t.Errorf("only %d groups", read)
	}
}

func hasTimes(text []byte) bool {
	return bytes.Contains(text, []byte(`"metrics_group_creation_timestamp"`)) && bytes.Contains(text, []byte(`"resource_creation_timestamp"`)) &&
		bytes.Count(text, []byte(`"metric_name"`)) == bytes.Count(text, []byte(`"metric_creation_timestamp"`))
}
