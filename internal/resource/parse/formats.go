package parse

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Format is how a document writes resources.
type Format uint8

// The formats.
const (
	FormatJSON Format = iota
	FormatJSONLines
	FormatYAML
	FormatCSV
)

// MaxYAML is the most bytes of YAML that are read: its tree takes some twenty-five times as many.
const MaxYAML = 16 << 20

// FormatOf tells the format by the name of a file: YAML for .yaml and .yml, one JSON object a line for .jsonl and
// .ndjson, a table for .csv, else JSON.
func FormatOf(path string) Format {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml":
		return FormatYAML
	case ".jsonl", ".ndjson":
		return FormatJSONLines
	case ".csv":
		return FormatCSV
	}
	return FormatJSON
}

// Guess tells the format by a text that has no name: JSON begins with a bracket, as JSON objects a line do, and a table with names
// between commas. What is neither is YAML.
func Guess(text []byte) Format {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	switch {
	case bytes.HasPrefix(text, []byte("{")) && bytes.HasSuffix(bytes.TrimSpace(first), []byte("}")) && bytes.HasPrefix(bytes.TrimSpace(rest), []byte("{")):
		return FormatJSONLines
	case len(text) == 0, bytes.HasPrefix(text, []byte("[")), bytes.HasPrefix(text, []byte("{")):
		return FormatJSON
	case bytes.Contains(first, []byte(",")) && !bytes.Contains(first, []byte(": ")):
		return FormatCSV
	}
	return FormatYAML
}

// Parse reads the resources of a document. What an entry does not say, site, class, subclass, type, plugin and metadata, it has
// from defaults; nil has it say all. The warnings are an *EntryError for each entry that is left out; err is the
// one reason why there are none at all.
func Parse(format Format, data []byte, defaults *pluginsdk.Resource) (res []*pluginsdk.Resource, warnings []error, err error) {
	switch format {
	case FormatJSONLines:
		return parseLines(data, defaults)
	case FormatYAML:
		return parseYAML(data, defaults)
	case FormatCSV:
		return parseCSV(data, defaults)
	}
	return parseJSON(data, defaults)
}

// parseLines reads one resource a line; blank lines are passed over.
func parseLines(data []byte, defaults *pluginsdk.Resource) (res []*pluginsdk.Resource, warnings []error, err error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	number := 0
	for line := range bytes.Lines(data) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		r, bad, err := decoder(line, defaults).Resource(line)
		if err != nil {
			return nil, nil, position(line, number, err)
		}
		warnings = append(warnings, entryErrors(bad, number)...)
		if r != nil {
			res = append(res, r)
		}
	}
	return normalized(res), warnings, nil
}

// parseYAML reads documents of the shapes that JSON has. Plain scalars are taken as they are written where a text is
// needed: in YAML nobody sees that os_version: 4.10 is a number.
func parseYAML(data []byte, defaults *pluginsdk.Resource) (res []*pluginsdk.Resource, warnings []error, err error) {
	if len(data) > MaxYAML {
		return nil, nil, fmt.Errorf("it has %d bytes; YAML of resources may have %d, as reading it takes many times its size in memory: "+
			"write it as JSON, of which %d are read", len(data), MaxYAML, MaxSize)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return res, warnings, nil
		}
		if err != nil {
			return nil, nil, errors.New(strings.ReplaceAll(strings.TrimPrefix(err.Error(), "yaml: "), "\n", ";"))
		}
		more, bad, err := parseNode(&doc, defaults)
		if err != nil {
			return nil, nil, err
		}
		res, warnings = append(res, more...), append(warnings, bad...)
	}
}

func parseNode(doc *yaml.Node, defaults *pluginsdk.Resource) (res []*pluginsdk.Resource, warnings []error, err error) {
	list, single, err := nodeEntries(doc)
	if err != nil {
		return nil, nil, err
	}
	for i, node := range list {
		r, id, err := nodeEntry(node, defaults)
		if err != nil {
			bad := &EntryError{Index: i, Line: node.Line, ID: id, Err: err}
			if single {
				bad.Index = -1
			}
			warnings = append(warnings, bad)
			continue
		}
		res = append(res, r)
	}
	return normalized(res), warnings, nil
}

// nodeEntries takes a document apart as entries does.
func nodeEntries(doc *yaml.Node) (list []*yaml.Node, single bool, err error) {
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		doc = doc.Content[0]
	}
	switch doc.Kind {
	case yaml.SequenceNode:
		return doc.Content, false, nil
	case yaml.MappingNode:
		for i := 0; i+1 < len(doc.Content); i += 2 {
			if doc.Content[i].Value != "resources" {
				continue
			}
			if doc.Content[i+1].Kind != yaml.SequenceNode {
				return nil, false, fmt.Errorf(`line %d: "resources" must be a list`, doc.Content[i+1].Line)
			}
			return doc.Content[i+1].Content, false, nil
		}
		return []*yaml.Node{doc}, true, nil
	}
	if doc.Tag == "!!null" {
		return nil, false, nil
	}
	return nil, false, fmt.Errorf("line %d: expected a list of resources, or one resource", doc.Line)
}

// nodeEntry turns an entry into JSON, which has the rules.
func nodeEntry(node *yaml.Node, defaults *pluginsdk.Resource) (r *pluginsdk.Resource, id string, err error) {
	if node = resolve(node); node.Kind != yaml.MappingNode {
		return nil, "", errors.New("expected an object")
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], resolve(node.Content[i+1])
		if i > 0 {
			b.WriteByte(',')
		}
		if err := writeNode(&b, key.Value, value); err != nil {
			return nil, id, err
		}
		if key.Value == "resource_id" {
			id = value.Value
		}
	}
	b.WriteByte('}')
	r, bad, err := decoder(b.Bytes(), defaults).Resource(b.Bytes())
	if len(bad) > 0 {
		err = reason(bad[0].Err)
	}
	return r, id, err
}

func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// writeNode writes one field of an entry as JSON. Only the metadata are an object.
func writeNode(b *bytes.Buffer, key string, value *yaml.Node) error {
	name, _ := json.Marshal(key)
	b.Write(name)
	b.WriteByte(':')
	if value.Kind == yaml.MappingNode && key == "resource_metadata" {
		b.WriteByte('{')
		for i := 0; i+1 < len(value.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeNode(b, value.Content[i].Value, resolve(value.Content[i+1])); err != nil {
				return fmt.Errorf("resource_metadata: %w", err)
			}
		}
		b.WriteByte('}')
		return nil
	}
	if value.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: %s must be a string", value.Line, key)
	}
	number := value.Tag == "!!int" || value.Tag == "!!float"
	switch {
	case value.Tag == "!!null":
		b.WriteString("null")
	case key == "resource_creation_timestamp" && number && json.Valid([]byte(value.Value)):
		b.WriteString(value.Value)
	default:
		text, _ := json.Marshal(value.Value)
		b.Write(text)
	}
	return nil
}
