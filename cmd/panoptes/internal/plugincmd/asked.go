package plugincmd

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
)

// Asking is a run of a plugin that is made to see what it asks a device by SNMP.
type Asking struct {
	Plugin string // its file
	// Device is the ID of a resource of the configuration or the files, or without these a host.
	Device                        string
	Configs, Resources            []string
	Receiver, Secrets, Enrichment string
	Community                     string // "" takes that of the configuration and the secrets
}

// AskedBySNMP runs a plugin once, and returns all that the device answered. What the plugin makes of it is thrown away;
// that its run failed is said on stderr.
func (h Host) AskedBySNMP(ctx context.Context, a Asking, stderr io.Writer) ([]ber.Variable, error) {
	var heard heard
	o := runOptions{
		host: h, resources: a.Resources, times: 1, heard: heard.take, community: engine.Secret(a.Community),
		answers:   answers{enrichment: a.Enrichment},
		collector: collector{configs: a.Configs, receiver: a.Receiver, secrets: a.Secrets},
	}
	if len(a.Configs) == 0 && len(a.Resources) == 0 {
		o.endpoints = []string{a.Device}
	} else {
		o.resourceID = a.Device
	}
	if err := o.run(ctx, a.Plugin, io.Discard, stderr); err != nil && !errors.Is(err, exit.ErrReported) {
		return nil, err
	}
	return heard.all, nil
}

// heard is what devices answered. It is safe for concurrent use.
type heard struct {
	mu  sync.Mutex
	all []ber.Variable
}

func (h *heard) take(_ *engine.Target, _ *engine.Request, result *engine.Result) {
	h.mu.Lock()
	defer h.mu.Unlock()
	result.Each(func(name ber.OID, value ber.Value) { h.all = append(h.all, ber.Variable{Name: name, Value: value}) })
}
