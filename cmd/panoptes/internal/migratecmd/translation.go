package migratecmd

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/configobj"
)

// setting is a value of the new configuration, a string, int, bool or []string, and where it came from.
type setting struct {
	value   any
	comment string
}

// directory is a directory of plugins, and where it was named.
type directory struct {
	path string
	from source
}

// translation gathers what the new configuration is to say.
type translation struct {
	settings map[string]setting
	notes    []note

	directories  []directory
	scanInterval time.Duration
	scanSources  []source
	brokers      []string
	brokersFrom  []source
	shards       []*configobj.Section // of the Redis that plugins use
}

func newTranslation() *translation { return &translation{settings: map[string]setting{}} }

// read takes all keys of a file; each of them gets a note.
func (t *translation) read(file string, root *configobj.Section) {
	all := rules()
	root.Walk(func(section *configobj.Section) {
		for _, entry := range section.Entries {
			s := source{file, section, entry}
			n := note{outcome: unknown}
			if entry.Used {
				n = note{outcome: carried, text: "the keys that refer to it"}
			}
			if i := slices.IndexFunc(all, func(r rule) bool { return r.matches(s) }); i >= 0 {
				n = all[i].do(t, s)
			}
			n.at, n.key, n.section = s.at(), s.key(), section
			t.notes = append(t.notes, n)
		}
	})
}

// set sets a value. Of two keys that say different things the first counts, and the second is told to be wrong.
func (t *translation) set(path string, value any, from source) note {
	if first, taken := t.settings[path]; taken && !reflect.DeepEqual(first.value, value) {
		return note{outcome: wrong, text: "differs from " + first.comment + ", which counts"}
	}
	t.settings[path] = setting{value, from.String()}
	return note{outcome: carried, text: path}
}

func (t *translation) addBroker(address string, from source) {
	if !slices.Contains(t.brokers, address) {
		t.brokers = append(t.brokers, address)
	}
	t.brokersFrom = append(t.brokersFrom, from)
}

// finish turns what was gathered from several keys into settings, and tells what is missing, or does not fit together.
func (t *translation) finish() {
	t.finishDirectories()
	t.finishRedis()
	if t.scanInterval > 0 {
		s := setting{t.scanInterval.String(), origins(t.scanSources)}
		t.settings[scanInterval], t.settings[receiver+"resources::scan_interval"] = s, s
	}
	if len(t.brokers) > 0 {
		t.settings[brokersPath] = setting{t.brokers, origins(t.brokersFrom)}
	} else {
		t.missing("[kafka] brokers", "there is none: the exporter takes localhost:9092 until "+brokersPath+" is set")
	}
	site, global := t.settings[topicsPath+"site"], t.settings[topicsPath+"global"]
	if site.value == false && global.value != true {
		delete(t.settings, topicsPath+"site")
		for i, n := range t.notes {
			if n.outcome == carried && n.text == topicsPath+"site" {
				t.notes[i].outcome = wrong
				t.notes[i].text = "is off, and so is publish_to_global_topic, with which Panoptes does not start: site topics stay on"
			}
		}
	}
}

// finishDirectories leaves out what lies in another directory: they are scanned recursively, and of two files with one Name
// the second is refused.
func (t *translation) finishDirectories() {
	var paths, from []string
	for i, d := range t.directories {
		inside := slices.ContainsFunc(t.directories, func(o directory) bool { return below(d.path, o.path) })
		if twice := slices.ContainsFunc(t.directories[:i], func(o directory) bool { return o.path == d.path }); !inside && !twice {
			paths = append(paths, d.path)
		}
		if s := d.from.String(); !slices.Contains(from, s) {
			from = append(from, s)
		}
	}
	if len(paths) == 0 {
		t.missing("plugins_paths", "there is none in [discovery], [polling] and [enrichment]: set "+directories)
		return
	}
	if slices.ContainsFunc(paths, func(p string) bool { return !filepath.IsAbs(p) }) {
		from = append(from, "a relative path starts where the Collector is started")
	}
	t.settings[directories] = setting{paths, strings.Join(from, "\n")}
}

// below says whether a path lies in another one.
func below(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != "." && filepath.IsLocal(rel)
}

// missing tells what a file should have had.
func (t *translation) missing(key, text string) {
	t.notes = append(t.notes, note{outcome: wrong, key: key, text: text})
}

func origins(sources []source) string {
	var out []string
	for _, s := range sources {
		out = append(out, s.String())
	}
	return strings.Join(slices.Compact(out), "\n")
}

// count returns how many keys were carried over, of how many.
func (t *translation) count() (over, of int) {
	for _, n := range t.notes {
		if n.at == "" {
			continue
		}
		if of++; n.outcome == carried {
			over++
		}
	}
	return over, of
}

// failed says whether something is left for somebody to look at.
func (t *translation) failed() bool {
	return slices.ContainsFunc(t.notes, func(n note) bool { return n.outcome == unknown || n.outcome == wrong })
}

// translate reads files in the order in which they are given.
func translate(files []string, read func(string) ([]byte, error)) (*translation, error) {
	t := newTranslation()
	for _, file := range files {
		data, err := read(file)
		if err != nil {
			return nil, err
		}
		root, err := configobj.Parse(file, data)
		if err != nil {
			return nil, fmt.Errorf("cannot be read as ConfigObj, in which panoptes.ini is written:\n%w", err)
		}
		t.read(file, root)
	}
	t.finish()
	return t, nil
}
