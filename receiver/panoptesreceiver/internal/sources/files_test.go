package sources

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/filetest"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// rack is a Files that runs with its store, and what it tells.
type rack struct {
	t       *testing.T
	dir     string
	changed chan []*pluginsdk.Resource
	lines   chan string
	logs    *observer.ObservedLogs
	failed  atomic.Int32
}

func startRack(t *testing.T, scan time.Duration, filterText string, prepare func(*rack)) *rack {
	t.Helper()
	var keep *filter.Filter
	if filterText != "" {
		var err error
		keep, err = filter.Parse(filterText)
		require.NoError(t, err)
	}
	return startRackOf(t, scan, keep, FileSettings{Read: Resources(nil), Kind: store.KindFile}, []string{"*.json", "sub/more.json"}, prepare)
}

// startRackOf has files of any kind, by patterns in the folder of the rack.
func startRackOf(t *testing.T, scan time.Duration, keep *filter.Filter, s FileSettings, patterns []string, prepare func(*rack)) *rack {
	t.Helper()
	r := &rack{t: t, dir: t.TempDir(), changed: make(chan []*pluginsdk.Resource, 100), lines: make(chan string, 1000)}
	prepare(r)
	core, logs := observer.New(zap.InfoLevel)
	r.logs = logs
	logger := zap.New(core, zap.Hooks(func(e zapcore.Entry) error { r.lines <- e.Message; return nil }))
	for _, pattern := range patterns {
		s.Files = append(s.Files, filepath.Join(r.dir, filepath.FromSlash(pattern)))
	}
	s.Settle, s.ScanInterval, s.Logger = 20*time.Millisecond, scan, logger
	s.Failed, s.Listed = func() { r.failed.Add(1) }, func() {}
	joined := store.New(store.Settings{Filter: keep, Logger: logger, Changed: func(list []*pluginsdk.Resource) { r.changed <- list }})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { NewFiles(s).Run(ctx, joined) })
	wg.Go(func() { joined.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return r
}

// resource is one entry of a file. created may be a number or a text in quotes.
func resource(id, endpoint, created string) string {
	return fmt.Sprintf(`{"resource_site":"local","resource_class":"system","resource_subclass":"host","resource_type":"generic",`+
		`"resource_id":%q,"resource_endpoint":%q,"resource_plugin":"p","resource_creation_timestamp":%s,"resource_metadata":{"_resource_ttl":"900"}}`,
		id, endpoint, created)
}

func (r *rack) file(name string, entries ...string) {
	r.t.Helper()
	filetest.Write(r.t, filepath.Join(r.dir, name), "["+strings.Join(entries, ",\n")+"]")
}

// until waits for resources, written as "id@endpoint id@endpoint".
func (r *rack) until(want string) []*pluginsdk.Resource {
	r.t.Helper()
	deadline := time.After(patience)
	last := "nothing"
	for {
		select {
		case list := <-r.changed:
			var names []string
			for _, res := range list {
				names = append(names, res.ID+"@"+res.Endpoint)
			}
			if last = strings.Join(names, " "); last == want {
				return list
			}
		case <-deadline:
			require.Fail(r.t, "no resources "+want, "last: %s\n%v", last, r.logs.All())
		}
	}
}

func (r *rack) line(message string) map[string]any {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case got := <-r.lines:
			if strings.Contains(got, message) {
				found := r.logs.FilterMessageSnippet(message).All()
				return found[len(found)-1].ContextMap()
			}
		case <-deadline:
			require.Fail(r.t, "no line "+message)
		}
	}
}

func TestResourcesLive(t *testing.T) {
	t.Parallel()
	r := startRack(t, time.Hour, "", func(r *rack) {
		r.file("b.json", resource("b", "1", "5"))
		r.file("a.json", resource("a", "1", "5"))
		require.NoError(t, os.Mkdir(filepath.Join(r.dir, "sub"), 0o700))
	})
	first := r.until("a@1 b@1")
	r.file("b.json", resource("b", "2", "5"), resource("c", "1", "5"))
	second := r.until("a@1 b@2 c@1")
	assert.Same(t, first[0], second[0], "what did not change is the same")
	r.file("sub/more.json", resource("d", "1", "5"), resource("a", "later", "5"))
	r.until("a@later b@2 c@1 d@1")
	assert.Contains(t, r.line("listed more than once"), "such_as")
	require.NoError(t, os.Remove(filepath.Join(r.dir, "b.json")))
	r.until("a@later d@1")
	filetest.Write(t, filepath.Join(r.dir, "single.json"), resource("s", "1", "5"))
	r.until("a@later s@1 d@1")
	assert.Zero(t, r.failed.Load())
}

func TestResourcesBrokenFileKeepsTheLastGoodList(t *testing.T) {
	t.Parallel()
	r := startRack(t, 50*time.Millisecond, "", func(r *rack) {
		r.file("a.json", resource("a", "1", "5"))
		r.file("b.json", resource("b", "1", "5"))
		filetest.Write(t, filepath.Join(r.dir, "never.json"), "[\n  {\"resource_site\": \"x\",\n  oops\n]")
	})
	r.until("a@1 b@1")
	assert.Contains(t, r.line("Cannot load resources")["error"], "never.json")
	filetest.Write(t, filepath.Join(r.dir, "a.json"), "{")
	r.line("Cannot load resources")
	r.file("b.json", resource("b", "2", "5"), `{"resource_id": "bad"}`)
	r.until("a@1 b@2")
	assert.Contains(t, r.line("bad entry")["error"], "bad")
	assert.Equal(t, int32(2), r.failed.Load(), "once a broken change")
	r.file("a.json", resource("a", "fixed", "5"))
	r.until("a@fixed b@2")
}

func TestResourcesFirstCreationTimestampStays(t *testing.T) {
	t.Parallel()
	r := startRack(t, 50*time.Millisecond, "", func(r *rack) { r.file("a.json", resource("a", "1", "5")) })
	first := r.until("a@1")
	r.file("a.json", resource("a", "1", "6.5"), resource("b", "1", "7"))
	second := r.until("a@1 b@1")
	assert.Same(t, first[0], second[0], "another timestamp is no change")
	r.file("a.json", resource("b", "1", "8"))
	r.until("b@1")
	r.file("a.json", resource("a", "2", "9"), resource("b", "1", "8"))
	third := r.until("a@2 b@1")
	assert.Equal(t, "5", third[0].CreationTimestamp.String(), "also after it was away")
	assert.Equal(t, "7", third[1].CreationTimestamp.String())
}

func TestResourcesFilter(t *testing.T) {
	t.Parallel()
	r := startRack(t, 50*time.Millisecond, `resource_id LIKE "a%"`, func(r *rack) {
		r.file("a.json", resource("a1", "1", "5"), resource("b1", "1", "5"), resource("a2", "1", "5"))
	})
	r.until("a1@1 a2@1")
}

func TestResourcesNothingMatches(t *testing.T) {
	t.Parallel()
	r := startRack(t, 50*time.Millisecond, "", func(*rack) {})
	r.until("")
	assert.Contains(t, r.line("No file of resources matches")["files"], ".json")
	r.file("late.json", resource("a", "1", "5"))
	r.until("a@1")
	assert.Equal(t, 2, r.logs.FilterMessageSnippet("No file of resources matches").Len(), "once for each pattern")
}

// lookGone tells a file that is gone from one that cannot be reached.
func TestResourcesUnreachable(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	failed := 0
	store := store.New(store.Settings{Changed: func([]*pluginsdk.Resource) {}})
	r := NewFiles(FileSettings{Listed: func() {}, Logger: zap.New(core), Failed: func() { failed++ }})
	r.out = store
	inside := filepath.Join(t.TempDir(), "file")
	filetest.Write(t, inside, "")
	f := r.newFile(filepath.Join(inside, "x.json"), 0)
	f.settling.Taken = "state"
	f.source.Set([]*pluginsdk.Resource{{}}, time.Now())
	r.files[f.path] = f
	now := time.Unix(1_600_000_000, 0)
	for range 3 {
		r.lookGone(t.Context(), f, now, 0) // a file where a directory was: not "does not exist"
	}
	assert.Contains(t, r.files, f.path)
	assert.Equal(t, 1, failed)
	assert.Equal(t, 1, logs.Len())
	require.NoError(t, os.Remove(inside))
	r.lookGone(t.Context(), f, now, 0)
	assert.NotContains(t, r.files, f.path)
	assert.Empty(t, store.Sources())
}
