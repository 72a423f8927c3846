package panoptesrateprocessor

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/state"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// saveEvery is how often the state is written to the storage. When the process is killed, the series that had a point
// since then lose one rate.
const saveEvery = 10 * time.Second

// keeping is what keeps the state in a storage; the zero value keeps nothing.
type keeping struct {
	id      component.ID  // of the processor
	storage *component.ID // of the extension
	keeper  *ratestate.Keeper
	client  storage.Client
	failing atomic.Bool
	host    component.Host // to report to
}

// openState restores the state from the storage, if there is one, and returns its label. The seed may be another
// afterwards.
func (p *rateProcessor) openState(ctx context.Context, host component.Host) (label []byte, err error) {
	if p.storage == nil {
		return nil, nil
	}
	p.host = host
	storages, err := state.Find(host, *p.storage)
	if err != nil {
		return nil, err
	}
	state.HealFor(host, p.storage, p.logger, "rates of the first points of each series")
	var r ratestate.Restored
	client, damaged, err := state.OpenStorage(ctx, storages, state.Owner{
		Kind: component.KindProcessor, ID: p.id, Forget: state.Forget,
		Restore: func(ctx context.Context, client storage.Client) (found bool, err error) {
			p.keeper, r, err = ratestate.OpenKeeper(ctx, client, p.state)
			return r.Found, err
		},
	})
	if err != nil {
		p.keeper = nil
		return nil, fmt.Errorf("storage %q: %w", p.storage, err)
	}
	p.client = client
	if damaged != nil {
		p.logger.Warn("The storage of the rate state is damaged; it is left as it is, and a spare one is used until it has been removed",
			zap.Stringer("storage", p.storage), zap.String("spare", state.SpareName), zap.Error(damaged))
	}
	for _, damage := range r.Damage {
		p.logger.Warn("Cannot use some of the stored rate state; its series begin anew",
			zap.Stringer("storage", p.storage), zap.Error(damage))
	}
	if r.Evicted > 0 {
		p.telemetry.PanoptesRateSeriesEvicted.Add(ctx, int64(r.Evicted))
	}
	p.logger.Info("Restored the rate state", zap.Stringer("storage", p.storage), zap.Int("series", r.Series-r.Evicted),
		zap.Int("evicted", r.Evicted))
	return r.Label, nil
}

// settle makes the storage forget what this batch has made outdated, before anybody else sees what came of it.
func (p *rateProcessor) settle(ctx context.Context) {
	if p.keeper != nil {
		p.saved(ctx, 0, p.keeper.Settle(ctx))
	}
}

// save writes the state every now and then until the processor is shut down.
func (p *rateProcessor) save() {
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	ctx := context.Background()
	for {
		select {
		case <-p.done:
			return
		case <-ticker.C:
			written, err := p.keeper.Save(ctx)
			p.saved(ctx, written, err)
		}
	}
}

// saved counts a write, and logs when writing begins to fail and when it works again.
func (p *rateProcessor) saved(ctx context.Context, written int, err error) {
	if written > 0 {
		p.telemetry.PanoptesRateStateWritten.Add(ctx, int64(written))
	}
	if err != nil {
		p.telemetry.PanoptesRateStateFailures.Add(ctx, 1)
		if !p.failing.Swap(true) {
			p.logger.Error("Cannot write the rate state; rates go on, but a crash before it works again may make some of them wrong",
				zap.Stringer("storage", p.storage), zap.Error(err), zap.String("next", "look at the storage's disk: it may be full, or gone"))
			componentstatus.ReportStatus(p.host, componentstatus.NewRecoverableErrorEvent(
				fmt.Errorf("storage %q does not take the rate state: %w", p.storage, err)))
		}
	} else if p.failing.Load() && p.failing.Swap(false) {
		p.logger.Info("The rate state can be written again", zap.Stringer("storage", p.storage))
		componentstatus.ReportStatus(p.host, componentstatus.NewEvent(componentstatus.StatusOK))
	}
}

// closeState saves what has changed and closes the storage. Nothing may use the state any more.
func (p *rateProcessor) closeState(ctx context.Context) error {
	if p.keeper == nil {
		return nil
	}
	_, err := p.keeper.Save(ctx)
	err = errors.Join(err, p.client.Close(ctx))
	p.keeper, p.client = nil, nil
	if err != nil {
		return fmt.Errorf("storage %q: %w", p.storage, err)
	}
	return nil
}
