// Package goldentext is the form in which metrics groups are compared with what was expected of them: values and all,
// but not times, nor the order of groups, metrics and dimensions, which are sets in Panoptes.
package golden

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Of is the groups as indented JSON in an order of their own and without times. The groups stay as they are.
func Of(groups []*pluginsdk.MetricsGroup) ([]byte, error) {
	all := []any{}
	for _, g := range groups {
		if g == nil {
			return nil, errors.New("a group is nil")
		}
		dec := json.NewDecoder(bytes.NewReader(g.AppendJSON(nil)))
		dec.UseNumber() // 5 and 5.0 are not the same
		var group map[string]any
		if err := dec.Decode(&group); err != nil {
			return nil, fmt.Errorf("group %q: %w", g.Type, err)
		}
		removeTimes(group)
		for _, key := range []string{"metrics", "dimensions"} {
			if list, ok := group[key].([]any); ok {
				sortByText(list)
			}
		}
		all = append(all, group)
	}
	sortByText(all)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(all)
	return out.Bytes(), err
}

func removeTimes(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			if strings.HasSuffix(key, "_creation_timestamp") {
				delete(v, key)
				continue
			}
			removeTimes(member)
		}
	case []any:
		for _, member := range v {
			removeTimes(member)
		}
	}
}

// sortByText orders values by their JSON, whose keys are in order.
func sortByText(list []any) {
	slices.SortStableFunc(list, func(a, b any) int {
		textA, _ := json.Marshal(a) // they came from JSON
		textB, _ := json.Marshal(b)
		return bytes.Compare(textA, textB)
	})
}

// Difference says in words which line of two texts is the first that differs.
func Difference(want, got string) string {
	wantLines, gotLines := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(wantLines), len(gotLines)) {
		if wantLines[i] != gotLines[i] {
			return fmt.Sprintf("line %d is\n%s\nwant\n%s", i+1, gotLines[i], wantLines[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(gotLines), len(wantLines))
}
