//go:build unix

package runtimes

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
)

// BenchmarkProcessRun has sixteen runs of a process plugin under way.
func BenchmarkProcessRun(b *testing.B) {
	r, err := New(Settings{})
	require.NoError(b, err)
	path := filepath.Join(b.TempDir(), "x.panoptes-plugin")
	require.NoError(b, os.WriteFile(path, []byte("[Core]\nName = x\nModule = "+os.Args[0]+pluginHead+"args = "+fixtureArg+" served\n"), 0o600))
	p, _, err := plugin.Open(path, plugin.OpenOptions{})
	require.NoError(b, err)
	_, err = r.Load(context.Background(), p)
	require.NoError(b, err)
	var number atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		res := testResource(fmt.Sprint("r", number.Add(1)))
		for pb.Next() {
			if result := r.Run(context.Background(), run.Request{Plugin: p, Resource: res}); result.Err != nil {
				b.Error(result.Err)
				return
			}
		}
	})
	require.NoError(b, r.Close(context.Background()))
}
