package kv_test

import (
	"testing"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv/kvtest"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	store := kv.NewStore(kv.Options{})
	kvtest.Run(t, func(name string) pluginsdk.KeyValueStore { return store.Namespace(name) })
}
