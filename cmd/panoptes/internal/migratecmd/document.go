package migratecmd

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// item is a place of the new configuration: what is written there unless a setting says something else.
type item struct {
	path    string
	value   any // nil: nothing, where there is no setting; empty{}: a key without a value
	comment string
}

type empty struct{}

// storageDirectory is where file_storage keeps what Panoptes kept in Redis: systemd's state directory of the service.
const storageDirectory = "/var/lib/panoptes-otelcol"

// layout is the new configuration, in its order.
func (t *translation) layout() []item {
	items := []item{
		{"extensions::file_storage::directory", storageDirectory, "keeps what Panoptes kept in Redis, and what waits for Kafka"},
		{"extensions::file_storage::create_directory", true, ""},
		{"extensions::panoptes_status", empty{}, "plugins, resources and runs, for people: http://127.0.0.1:13150"},
		{path: redisExtension + "endpoint"},
		{path: redisExtension + "db"},
		{path: redisExtension + "password"},
		{path: directories, value: []string{}},
		{path: scanInterval},
		{path: receiver + "resources::scan_interval"},
		{path: receiver + "context::sites"},
	}
	for _, key := range []string{
		"snmp::connection_factory_module", "snmp::connection_factory_class", "snmp::community", "snmp::community_string_key", "snmp::timeout",
		"snmp::retries", "snmp::non_repeaters", "snmp::max_repetitions", "snmp::port", "snmp::proxy_port",
		"x509::x509_cert_location", "x509::x509_cert_filename", "x509::x509_key_location", "x509::x509_key_filename",
		"x509::x509_secured_requests",
	} {
		items = append(items, item{path: receiver + "context::" + key})
	}
	items = append(
		items,
		item{path: receiver + "secrets::directory"},
		item{path: receiver + "python::interpreter"},
		item{receiver + "storage", "file_storage", ""},
		item{"processors::panoptes_rate::storage", "file_storage", "the [transforms] of plugins"},
		item{path: brokersPath},
		item{path: topicsPath + "site"},
		item{path: topicsPath + "global"},
		item{path: topicsPath + "global_name"},
		item{jsonExporter + "prime", true, "rates from the first message on"},
		item{jsonExporter + "sending_queue::storage", "file_storage", ""},
	)
	exporters := []string{"panoptes_json"}
	if t.writesInflux() {
		exporters = append(exporters, "panoptes_influx")
		items = append(
			items,
			item{influxEndpoint, influxURL("127.0.0.1", 8086), "the consumer's default"},
			item{path: influxExporter + "database"},
			item{path: influxPoints},
			item{path: influxWait},
			item{influxExporter + "sending_queue::storage", "file_storage", ""},
		)
	}
	return append(
		items,
		item{"service::extensions", []string{"file_storage", "panoptes_status"}, ""},
		item{"service::pipelines::metrics::receivers", []string{"panoptes"}, ""},
		item{"service::pipelines::metrics::processors", []string{"panoptes_rate"}, ""},
		item{"service::pipelines::metrics::exporters", exporters, ""},
	)
}

func (t *translation) writesInflux() bool {
	for path := range t.settings {
		if strings.HasPrefix(path, influxExporter) {
			return true
		}
	}
	return false
}

// document writes the configuration. Comments tell where values came from.
func (t *translation) document(files []string) ([]byte, error) {
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, i := range t.layout() {
		value, comment := i.value, i.comment
		if s, ok := t.settings[i.path]; ok {
			value, comment = s.value, s.comment
		}
		if value != nil {
			put(root, strings.Split(i.path, "::"), value, comment)
		}
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Written by panoptes migrate from %s. A comment above a value names the key that it came from.\n"+
		"# Check it with: panoptes validate --config FILE\n", strings.Join(names, ", "))
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, err
	}
	return out.Bytes(), enc.Close()
}

// put sets a value below a mapping.
func put(at *yaml.Node, path []string, value any, comment string) {
	for i, key := range path {
		last := i == len(path)-1
		next := childOf(at, key)
		if next == nil {
			next = &yaml.Node{Kind: yaml.MappingNode}
			if last {
				next = valueNode(value)
			}
			name := &yaml.Node{Kind: yaml.ScalarNode, Value: key}
			if last && comment != "" {
				name.HeadComment = "# " + strings.ReplaceAll(comment, "\n", "\n# ")
			}
			at.Content = append(at.Content, name, next)
		}
		at = next
	}
}

// childOf is the value of a key of a mapping, nil where it has none.
func childOf(at *yaml.Node, key string) *yaml.Node {
	for pair := range slices.Chunk(at.Content, 2) {
		if pair[0].Value == key {
			return pair[1]
		}
	}
	return nil
}

func valueNode(value any) *yaml.Node {
	switch v := value.(type) {
	case empty:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	case string:
		// The Collector replaces ${...}; a doubled sign is one.
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.ReplaceAll(v, "$", "$$")}
	case variable:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "${env:" + string(v) + "}"}
	case int:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(v)}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
	case []string:
		list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, s := range v {
			list.Content = append(list.Content, valueNode(s))
		}
		return list
	}
	panic(fmt.Sprintf("no form in YAML for %T", value))
}
