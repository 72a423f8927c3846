package targets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Reader reads target groups.
type Reader struct {
	// Labels say how labels become fields.
	Labels Labels
	// Defaults are what no label gives.
	Defaults *pluginsdk.Resource
}

// group is a target group, in JSON and in YAML.
type group struct {
	Targets []string          `json:"targets" yaml:"targets"`
	Labels  map[string]string `json:"labels" yaml:"labels"`
}

// Read returns the resources of a document: a list of target groups as JSON, or as YAML where yaml says so. more are labels that each
// target has besides its own. The warnings are what is left out, by number, from 0; err is the one reason why there is nothing at all.
func (r *Reader) Read(data []byte, isYAML bool, more map[string]string) (list []*pluginsdk.Resource, warnings []error, err error) {
	decoded := decodeJSON
	if isYAML {
		decoded = decodeYAML
	}
	entries, err := decoded(data)
	if err != nil {
		return nil, nil, err
	}
	for i, decode := range entries {
		name := "groups[" + strconv.Itoa(i) + "]"
		var g group
		line, err := decode(&g)
		if line > 0 {
			name = "line " + strconv.Itoa(line) + ": " + name
		}
		if err != nil {
			warnings = append(warnings, fmt.Errorf("%s is left out: %w", name, err))
			continue
		}
		for j, target := range g.Targets {
			labels := make(map[string]string, len(g.Labels)+len(more)+1)
			for _, from := range []map[string]string{g.Labels, more, {addressLabel: target}} { // as Prometheus does: the target's own wins
				maps.Copy(labels, from)
			}
			place := name + ".targets[" + strconv.Itoa(j) + "] (" + shortened(target) + ")"
			res, leftOut, err := r.Labels.Resource(labels, r.Defaults)
			if err != nil {
				warnings = append(warnings, fmt.Errorf("%s is left out: %s", place, oneLine(err)))
				continue
			}
			for _, text := range leftOut {
				warnings = append(warnings, fmt.Errorf("%s: %s: it is left out", place, text))
			}
			list = append(list, res)
		}
	}
	list, doubles := parse.Merge(list)
	return list, append(warnings, doubles...), nil
}

// ReadFile reads the contents of the file at path as Read does. Each target gets the label __meta_filepath, and all errors name the file.
func (r *Reader) ReadFile(path string, data []byte) (list []*pluginsdk.Resource, warnings []error, err error) {
	list, warnings, err = r.Read(data, parse.FormatOf(path) == parse.FormatYAML, map[string]string{"__meta_filepath": path})
	if err != nil {
		return nil, nil, fmt.Errorf("targets file %q: %w", path, err)
	}
	for i := range warnings {
		warnings[i] = fmt.Errorf("targets file %q: %w", path, warnings[i])
	}
	return list, warnings, nil
}

// decodeEntry decodes one group strictly, and tells its line, 0 where it is not known.
type decodeEntry func(*group) (line int, err error)

func decodeJSON(data []byte) ([]decodeEntry, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, jsonError(data, err)
	}
	entries := make([]decodeEntry, len(list))
	for i, text := range list {
		entries[i] = func(g *group) (int, error) {
			decoder := json.NewDecoder(bytes.NewReader(text))
			decoder.DisallowUnknownFields()
			if bytes.Equal(text, []byte("null")) {
				return 0, errNoGroup
			}
			return 0, plainJSON(decoder.Decode(g))
		}
	}
	return entries, nil
}

var errNoGroup = errors.New(`expected an object with "targets" and "labels"`)

// jsonError gives the place of a mistake.
func jsonError(data []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		before := data[:min(int(syntax.Offset), len(data))]
		return fmt.Errorf("line %d: %w", 1+bytes.Count(before, []byte("\n")), err)
	case errors.As(err, &kind):
		return errors.New("expected a list of target groups")
	}
	return err
}

// plainJSON says what is wrong with a group without the names of Go.
func plainJSON(err error) error {
	var kind *json.UnmarshalTypeError
	if !errors.As(err, &kind) {
		return err
	}
	switch {
	case kind.Field == "":
		return errNoGroup
	case strings.HasPrefix(kind.Field, "targets"):
		return fmt.Errorf("targets must be a list of strings, and has a %s", kind.Value)
	}
	return fmt.Errorf("labels must be an object of strings, and has a %s", kind.Value)
}

func decodeYAML(data []byte) ([]decodeEntry, error) {
	if len(data) > parse.MaxYAML {
		return nil, fmt.Errorf("it has %d bytes; YAML of targets may have %d: write it as JSON, of which %d are read", len(data), parse.MaxYAML, parse.MaxSize)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, yamlError(err)
	}
	if doc.Kind == 0 { // an empty file lists nothing
		return nil, nil
	}
	list := doc.Content[0]
	if list.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("line %d: expected a list of target groups", list.Line)
	}
	entries := make([]decodeEntry, len(list.Content))
	for i, node := range list.Content {
		entries[i] = func(g *group) (int, error) { return node.Line, decodeNode(node, g) }
	}
	return entries, nil
}

func decodeNode(node *yaml.Node, g *group) error {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		return errNoGroup
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key := node.Content[i].Value; key != "targets" && key != "labels" && key != "<<" {
			return fmt.Errorf("unknown key %s: expected targets and labels", shortened(key))
		}
	}
	return yamlError(node.Decode(g))
}

func yamlError(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(oneLine(errors.New(strings.TrimPrefix(err.Error(), "yaml: "))))
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
