package plugincmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/internal/lines"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
)

// answers are files with what a plugin is answered in the place of devices and of stored enrichment.
type answers struct {
	snmprec    string
	enrichment string
}

func (a *answers) add(flags *pflag.FlagSet) {
	flags.StringVar(&a.snmprec, "snmprec", "", "answer SNMP from the recording `FILE` (OID|TAG|VALUE a line, as snmpsim has them), whatever the device; nothing is sent")
	flags.StringVar(&a.enrichment, "enrichment", "", "what plugins find as enrichment: a `FILE` of JSON objects, one a line, with resource_id, namespace and data, "+
		"or as an enrichment plugin's run prints them with --json")
}

// apply lets the files answer. Enrichment goes into the key-value store, which is made if the settings have none.
func (a *answers) apply(ctx context.Context, s *runtimes.Settings) error {
	if a.snmprec != "" {
		recorded, err := snmprec.Open(a.snmprec)
		if err != nil {
			return exit.Misuse(err)
		}
		if recorded.Len() == 0 {
			return exit.Misusef("recording %q has no variable", a.snmprec)
		}
		s.Host.SNMP.Agent = recorded
	}
	if a.enrichment == "" {
		return nil
	}
	found, err := readEnrichment(ctx, a.enrichment)
	if err != nil {
		return exit.Misuse(err)
	}
	if s.Host.KV == nil {
		s.Host.KV = kv.NewStore(kv.Options{}).Namespace(kv.PluginsNamespace)
	}
	return hostapi.Enrichment{Store: s.Host.KV}.Keep(ctx, found)
}

// enrichmentLine is a line of a file of enrichment: data, or the whole value that is stored.
type enrichmentLine struct {
	ResourceID string          `json:"resource_id"`
	Namespace  string          `json:"namespace"`
	Data       json.RawMessage `json:"data"`
	Value      json.RawMessage `json:"value"`
}

// enrichmentTTL is how long enrichment of a file lives: longer than any command.
const enrichmentTTL = 365 * 24 * time.Hour

// readEnrichment reads a file of enrichment. The error names file and line.
func readEnrichment(ctx context.Context, path string) ([]run.Enrichment, error) {
	file, err := input.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in := lines.New(file, input.MaxLine, 64<<10)
	var found []run.Enrichment
	for {
		line, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return found, nil
		case err != nil:
			return nil, fmt.Errorf("%s: line %d: %w", path, in.Number, err)
		case len(line) == 0:
			continue
		}
		one, err := parseEnrichment(line)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, in.Number, err)
		}
		found = append(found, one)
	}
}

func parseEnrichment(line []byte) (run.Enrichment, error) {
	var l enrichmentLine
	if err := json.Unmarshal(line, &l); err != nil {
		return run.Enrichment{}, err
	}
	switch {
	case (l.Data == nil) == (l.Value == nil):
		return run.Enrichment{}, errors.New(`a line needs one of "data" and "value"`)
	case l.Data != nil:
		value, err := json.Marshal(map[string]any{"data": l.Data, "metadata": struct{}{}})
		if err != nil {
			return run.Enrichment{}, err
		}
		l.Value = value
	}
	return run.EnrichmentItem{
		ResourceID: l.ResourceID, Namespace: l.Namespace, TTL: int64(enrichmentTTL.Seconds()), Value: l.Value,
	}.Check()
}
