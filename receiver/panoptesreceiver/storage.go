package panoptesreceiver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/state"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/report"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/resourcekeys"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/tasks"
)

// saveEvery is how often the state is written to the storage. A process that is killed loses what changed since then.
const saveEvery = 10 * time.Second

// Sections of the state. A further kind of state is a section more.
const (
	sectionKV        = "kv" // the key-value store, and the enrichment in it
	sectionSightings = "resources"
)

// keeping is what keeps the state in a storage; nil where there is none.
type keeping struct {
	keeper  *state.Keeper
	client  storage.Client
	logger  *zap.Logger
	health  *report.Health
	failing bool
}

// openStorage restores the state from the storage extension, if there is one.
func (r *panoptesReceiver) openStorage(ctx context.Context, host component.Host) error {
	id := r.cfg.Storage
	if id == nil {
		return nil
	}
	storages, err := state.Find(host, *id)
	if err != nil {
		return err
	}
	if n := state.HealFor(host, id, r.logger, "last runs, and what plugins kept in the key-value store"); n > 0 {
		r.telemetry.PanoptesDamagedStorages.Add(ctx, int64(n))
	}
	sections := map[string]state.Source{sectionSightings: sightings{r.store}}
	if r.kv != nil {
		sections[sectionKV] = r.kv
	}
	maps.Copy(sections, r.tasks.Sections())
	var keeper *state.Keeper
	var damage []error
	client, damaged, err := state.OpenStorage(ctx, storages, state.Owner{
		Kind: component.KindReceiver, ID: r.set.ID, Forget: state.Forget,
		Restore: func(ctx context.Context, client storage.Client) (found bool, err error) {
			if keeper, damage, err = state.Open(ctx, client, sections); err != nil {
				return false, err
			}
			return keeper.Found(), nil
		},
	})
	if err != nil {
		return fmt.Errorf("storage %q: %w", id, err)
	}
	if damaged != nil {
		r.telemetry.PanoptesDamagedStorages.Add(ctx, 1)
		r.logger.Warn("The storage of the state of plugins is damaged; it is left as it is, and a spare one is used until it has been removed",
			zap.Stringer("storage", id), zap.String("spare", state.SpareName), zap.Error(damaged))
	}
	for _, d := range damage {
		r.logger.Warn("Cannot use some of the stored state; it begins anew", zap.Stringer("storage", id), zap.Error(d))
	}
	restored := []zap.Field{zap.Stringer("storage", id)}
	if r.kv != nil {
		restored = append(restored, zap.Int("keys", r.kv.Len()))
	}
	r.logger.Info("Restored the state of plugins", restored...)
	r.keeping = &keeping{keeper: keeper, client: client, logger: r.logger, health: r.report.Health}
	return nil
}

// run writes the state now and then, until ctx ends.
func (k *keeping) run(ctx context.Context) {
	save, sign := time.NewTicker(saveEvery), time.NewTicker(tasks.SignEvery)
	defer save.Stop()
	defer sign.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-save.C:
			k.save(context.WithoutCancel(ctx))
		case <-sign.C:
			if !k.failing { // else the next save tries it
				k.saved(k.keeper.SaveSections(context.WithoutCancel(ctx), tasks.SectionAlive))
			}
		}
	}
}

// save writes what changed.
func (k *keeping) save(ctx context.Context) { k.saved(k.keeper.Save(ctx)) }

// saved notes whether the state could be written. A failure is logged when it begins and when it ends; what was not
// written stays to be.
func (k *keeping) saved(err error) {
	switch {
	case err != nil && !k.failing:
		k.logger.Error("Cannot write the state of plugins; it is tried again, and lost if the Collector ends before",
			zap.Error(err), zap.String("next", "look at the storage's disk: it may be full, or gone"))
	case err == nil && k.failing:
		k.logger.Info("The state of plugins can be written again")
	}
	k.failing = err != nil
	if err != nil {
		err = fmt.Errorf("cannot write the state of plugins: %w", err)
	}
	k.health.Set(report.ProblemStorage, err)
}

// close writes what is left. run must have ended.
func (k *keeping) close(ctx context.Context) error {
	k.save(ctx)
	return k.client.Close(ctx)
}

// sightings is when resources were seen first, as a section of the state.
type sightings struct{ store *store.Store }

// sighting is one of them as it is stored.
type sighting struct {
	First json.RawMessage `json:"first"`
	Left  int64           `json:"left,omitempty"` // milliseconds since the epoch
	TTL   int64           `json:"ttl"`            // seconds
}

// Restore implements state.Source.
func (s sightings) Restore(records []state.Record) error {
	var errs []error
	list := make([]store.Sighting, 0, len(records))
	for _, r := range records {
		var id [5]string
		var stored sighting
		seen := store.Sighting{}
		err := errors.Join(json.Unmarshal([]byte(r.Key), &id), json.Unmarshal(r.Value, &stored))
		if err == nil {
			err = seen.First.UnmarshalJSON(stored.First)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("resource %s: %w", r.Key, err))
			continue
		}
		seen.Identity = pluginsdk.Identity{Site: id[0], Class: id[1], Subclass: id[2], Type: id[3], ID: id[4]}
		seen.TTL = time.Duration(stored.TTL) * time.Second
		if stored.Left != 0 {
			seen.Left = time.UnixMilli(stored.Left)
		}
		list = append(list, seen)
	}
	s.store.Restore(list)
	return errors.Join(errs...)
}

// Changes implements state.Source.
func (s sightings) Changes() (changed []state.Record, gone []string) {
	seen, forgotten := s.store.Sightings()
	for _, one := range seen {
		stored := sighting{First: one.First.Append(nil), TTL: int64(one.TTL / time.Second)}
		if !one.Left.IsZero() {
			stored.Left = one.Left.UnixMilli()
		}
		if value, err := json.Marshal(stored); err == nil { // a number or a text, which can always be marshalled
			changed = append(changed, state.Record{Key: sightingKey(one.Identity), Value: value})
		}
	}
	for _, id := range forgotten {
		gone = append(gone, sightingKey(id))
	}
	return changed, gone
}

func sightingKey(id pluginsdk.Identity) string {
	key, _ := json.Marshal([]string{id.Site, id.Class, id.Subclass, id.Type, id.ID}) // texts: cannot fail
	return string(key)
}

// openShared opens the store that plugins share: in memory, or in a Redis that the extension panoptes_redis knows.
func (r *panoptesReceiver) openShared(host component.Host) error {
	if r.cfg.Redis == nil {
		r.kv = kv.NewStore(kv.Options{})
		r.enrichment = hostapi.Enrichment{Store: r.kv.Namespace(kv.PluginsNamespace)}
		return nil
	}
	shared, err := hostapi.FindShared(host, *r.cfg.Redis)
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	r.shared = shared
	r.enrichment = hostapi.Enrichment{Store: shared.Namespace(kv.PluginsNamespace), Namespaces: shared.EnrichmentNamespaces}
	r.resourceKeys = resourcekeys.New(resourcekeys.Settings{
		Write: func(ctx context.Context, set []hostapi.Pair, deleted []string) error {
			return shared.Write(ctx, kv.ResourcesNamespace, set, deleted)
		},
		Logger: r.logger,
	})
	return nil
}
