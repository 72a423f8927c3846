package parse

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/spelling"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// parseCSV reads a table (RFC 4180), whose first line names the columns: fields such as resource_id, and resource_metadata.KEY.
// An empty cell says nothing. Blank lines, and those that begin with #, are passed over.
func parseCSV(data []byte, defaults *pluginsdk.Resource) (res []*pluginsdk.Resource, warnings []error, err error) {
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	in.Comment, in.TrimLeadingSpace, in.ReuseRecord = '#', true, true
	in.FieldsPerRecord = -1 // a row of another length is left out on its own
	var columns []string
	for {
		row, err := in.Read()
		switch {
		case errors.Is(err, io.EOF):
			return normalized(res), warnings, nil
		case err != nil:
			return nil, nil, err
		}
		if columns == nil {
			if columns, err = checkColumns(row); err != nil {
				return nil, nil, err
			}
			continue
		}
		line, _ := in.FieldPos(0)
		r, id, err := csvEntry(columns, row, defaults)
		if err != nil {
			warnings = append(warnings, &EntryError{Index: -1, Line: line, ID: shortened(id), Err: err})
			continue
		}
		res = append(res, r)
	}
}

// metadataColumn is what the names of columns of metadata begin with.
const metadataColumn = "resource_metadata."

// csvColumns are the others.
var csvColumns = map[string]bool{
	"resource_site": true, "resource_class": true, "resource_subclass": true, "resource_type": true, "resource_id": true,
	"resource_endpoint": true, "resource_plugin": true, "resource_creation_timestamp": true,
}

func checkColumns(row []string) ([]string, error) {
	var columns []string
	seen := map[string]bool{}
	for _, name := range row {
		name = strings.TrimSpace(name)
		if key, ok := strings.CutPrefix(name, metadataColumn); !csvColumns[name] && (!ok || key == "") {
			expected := "expected a field such as resource_id, or " + metadataColumn + "KEY"
			if near := spelling.Nearest(name, slices.Sorted(maps.Keys(csvColumns)), 3); near != "" {
				expected = fmt.Sprintf("did you mean %q?", near)
			}
			return nil, fmt.Errorf("line 1: column %q: %s", name, expected)
		}
		if seen[name] {
			return nil, fmt.Errorf("line 1: column %q comes twice", name)
		}
		seen[name] = true
		columns = append(columns, name)
	}
	return columns, nil
}

// csvEntry turns a row into JSON, which has the rules.
func csvEntry(columns, row []string, defaults *pluginsdk.Resource) (r *pluginsdk.Resource, id string, err error) {
	if len(row) != len(columns) {
		return nil, "", fmt.Errorf("it has %s, there are %s", logs.Count(len(row), "cell"), logs.Count(len(columns), "column"))
	}
	fields, metadata := map[string]any{}, map[string]string{}
	for i, cell := range row {
		cell = strings.TrimSpace(cell)
		if cell == "" {
			continue
		}
		if key, ok := strings.CutPrefix(columns[i], metadataColumn); ok {
			metadata[key] = cell
			continue
		}
		fields[columns[i]] = cell
		if columns[i] == "resource_id" {
			id = cell
		}
	}
	if len(metadata) > 0 {
		fields["resource_metadata"] = metadata
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, id, err
	}
	r, bad, err := decoder(text, defaults).Resource(text)
	if len(bad) > 0 {
		err = reason(bad[0].Err)
	}
	return r, id, err
}
