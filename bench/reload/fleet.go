package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

const (
	resources = 100_000
	plugins   = 10
)

// fleet writes the files that the receiver reads.
type fleet struct {
	dir string
	// endpoints and ids count how often each resource got another one.
	endpoints, ids [resources]int
}

// scenario is what changes from one version of the file of resources to the next.
type scenario struct {
	name string
	// endpoint and id say of how many resources one gets another endpoint, or makes room for one of another id.
	endpoint, id int
}

var scenarios = []scenario{
	{"1 % changed", 100, 1000},
	{"all changed", 1, 10},
}

func newFleet(dir string) *fleet {
	f := &fleet{dir: dir}
	must(os.Mkdir(filepath.Join(dir, "plugins"), 0o700))
	for i := range plugins {
		text := fmt.Sprintf("[Core]\nName = Bench %d\nModule = go:bench\n[main]\nexecute_frequency = 60\n"+
			"resource_filter = resource_class = \"network\" AND resource_subclass IN (\"switch\", \"router\") AND resource_metadata.os_name LIKE \"os%%%%\"\n", i)
		must(os.WriteFile(filepath.Join(dir, "plugins", fmt.Sprint(i, ".panoptes-plugin")), []byte(text), 0o600))
	}
	f.write()
	f.publish()
	return f
}

// change writes the next version of the file beside it.
func (f *fleet) change(s scenario, round int) {
	for i := range resources {
		if i%s.endpoint == round%s.endpoint {
			f.endpoints[i]++
		}
		if i%s.id == round%s.id {
			f.ids[i]++
		}
	}
	f.write()
}

func (f *fleet) write() {
	var b bytes.Buffer
	b.WriteByte('[')
	for i := range resources {
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, `{"resource_site": "dc%d", "resource_class": "network", "resource_subclass": "switch", "resource_type": "cisco", `+
			`"resource_id": "sw%d.example.com", "resource_endpoint": "10.%d.%d.%d", "resource_plugin": "discovery", `+
			`"resource_creation_timestamp": 1512629517.03, "resource_metadata": {"_resource_ttl": "86400", "os_name": "os%d", "os_version": "4.2"}}`,
			i%5, i+f.ids[i]*resources, f.endpoints[i], i/256, i%256, i%3)
	}
	b.WriteByte(']')
	must(os.WriteFile(filepath.Join(f.dir, "new"), b.Bytes(), 0o600))
}

// publish puts what was written in the place of the file.
func (f *fleet) publish() {
	must(os.Rename(filepath.Join(f.dir, "new"), filepath.Join(f.dir, "resources.json")))
}
