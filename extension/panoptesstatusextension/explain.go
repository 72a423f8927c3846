package panoptesstatusextension

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/spelling"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// apiExplain answers why a plugin runs or does not.
func (e *statusExtension) apiExplain(w http.ResponseWriter, r *http.Request) {
	q, err := readQuery("", r.URL.Query())
	if err == nil && q.Plugin == "" {
		err = errors.New("plugin: name the plugin, or the path of its file")
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	writeJSON(w, http.StatusOK, items(e.explain(q, r.URL.Query().Get("id"))))
}

// explain follows a plugin through each receiver that is asked. With the id of a resource it answers for that one.
func (e *statusExtension) explain(q query, id string) (chains []status.Chain) {
	for _, r := range e.asked(q) {
		x := explainer{Chain: status.Chain{Receiver: r.ID().String(), Plugin: q.Plugin}, receiver: r, resource: id, now: e.now(), behind: e.stageLinks, byHand: e.byHand}
		x.follow()
		chains = append(chains, x.Chain)
	}
	return chains
}

// chainsKept is for how long a page shows the same chains: they go through all resources, and pages may load themselves again.
const chainsKept = 5 * time.Second

// keptChains are those that a page showed last.
type keptChains struct {
	receiver, plugin string
	at               time.Time
	chains           []status.Chain
}

// lastChains is explain for a page.
func (e *statusExtension) lastChains(q query) []status.Chain {
	e.mu.RLock()
	kept := e.chains
	e.mu.RUnlock()
	if now := e.now(); kept.receiver != q.Receiver || kept.plugin != q.Plugin || now.Sub(kept.at) >= chainsKept {
		kept = keptChains{q.Receiver, q.Plugin, now, e.explain(q, "")}
		e.mu.Lock()
		e.chains = kept
		e.mu.Unlock()
	}
	return kept.chains
}

// explainer makes one chain.
type explainer struct {
	status.Chain
	receiver status.Receiver
	resource string // the id of the one that is asked for; "" for all
	now      time.Time
	// behind says what components behind the receiver know of a plugin.
	behind func(name, plugin string) []status.Link
	// byHand is the command that runs a plugin without the Collector.
	byHand func(status.Receiver, *status.Plugin, *pluginsdk.Resource) string
}

func (x *explainer) yes(link, format string, args ...any) {
	x.Links = append(x.Links, status.Link{Name: link, Holds: status.Yes, Said: fmt.Sprintf(format, args...)})
}

func (x *explainer) no(link, next, format string, args ...any) {
	x.Links = append(x.Links, status.Link{Name: link, Holds: status.No, Said: fmt.Sprintf(format, args...), Next: next})
}

func (x *explainer) unknown(link, said string) {
	x.Links = append(x.Links, status.Link{Name: link, Holds: status.Unknown, Said: said})
}

func (x *explainer) follow() {
	p := x.find()
	if p == nil || !x.loaded(p) || !x.scheduled(p) || p.Type != discovery && !x.chosen(p) {
		return
	}
	x.ran(p)
}

// find finds the file of the plugin.
func (x *explainer) find() *status.Plugin {
	plugins := x.receiver.Plugins()
	var names []string
	unread := 0
	var found, inFolder []*status.Plugin
	for i := range plugins {
		p := &plugins[i]
		if pluginfile.Means(x.Plugin, p.Name, p.File) {
			found = append(found, p)
		}
		if dir := filepath.Dir(p.File); dir == filepath.Clean(x.Plugin) || filepath.Base(dir) == filepath.Clean(x.Plugin) {
			inFolder = append(inFolder, p)
		}
		if p.Name == "" {
			unread++
		} else {
			names = append(names, p.Name)
		}
	}
	if len(found) == 0 && len(inFolder) == 1 {
		found = inFolder
	}
	if len(found) > 0 {
		p := found[max(slices.IndexFunc(found, (*status.Plugin).HasGood), 0)] // another may have its name
		x.yes("file found", "%s", p.File)
		return p
	}
	next := "see plugins::directories of the receiver; panoptes explain --config asks the files"
	if near := spelling.Nearest(x.Plugin, names, 2); near != "" {
		next = fmt.Sprintf("did you mean %q?", near)
	} else if unread > 0 {
		next += fmt.Sprintf("; %s could not be loaded, and the plugins page says why", logs.Count(unread, "file"))
	}
	x.no("file found", next, "none of %s is of the plugin %q", logs.Count(len(plugins), "file"), x.Plugin)
	return nil
}

// loaded says whether the file runs as it is, and returns whether some version of it does.
func (x *explainer) loaded(p *status.Plugin) bool {
	since := ""
	if !p.ErrorSince.IsZero() {
		since = ", since " + ago(x.now, p.ErrorSince)
	}
	if !p.HasGood() {
		x.no("loaded", "correct the plugin file or its module", "%s%s", p.Error, since)
		return false
	}
	x.yes("parsed", "plugin %q, runtime %s", p.Name, p.Runtime)
	if p.Error != "" {
		x.no("loaded", "correct the plugin file or its module", "%s%s; version %s runs on", p.Error, since, p.Version)
		return true
	}
	x.yes("loaded", "version %s, %s", p.Version, ago(x.now, p.Loaded))
	return true
}

// discovery is the type of the plugins that run against no resource.
const discovery = "discovery"

func (x *explainer) scheduled(p *status.Plugin) bool {
	if p.Interval > 0 {
		x.yes("scheduled", "every %s, a run may take %s", seconds(p.Interval), seconds(p.Deadline))
		return true
	}
	if p.Tasks > 0 {
		x.yes("scheduled", "by the receiver's overrides")
		return true
	}
	x.no("scheduled", "write execute_frequency = SECONDS under [main] of "+p.File, "it has no interval")
	return false
}

// seconds is a duration of the API that somebody set.
func seconds(s float64) string { return exactly(time.Duration(math.Round(s*1000)) * time.Millisecond) }
