package panoptesstatusextension

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"golang.org/x/net/netutil"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesstatusextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
	"github.com/panoptes-otel/panoptes-otel/internal/state"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/internal/tlsfiles"
)

// maxConnections is how many clients are served at a time; those beyond wait.
const maxConnections = 128

// statusExtension serves the pages. It is a status.Board: receivers add themselves when they start.
type statusExtension struct {
	cfg     *Config
	set     component.TelemetrySettings
	version string
	configs string // the flags of the Collector that name its configuration
	now     func() time.Time

	telemetry *metadata.TelemetryBuilder

	server *http.Server
	served chan struct{} // closed when the server has ended
	stop   sync.Once

	viewers []shardgroup.Viewer // written by Start

	mu        sync.RWMutex
	receivers []status.Receiver
	stages    []*status.Stage
	chains    keptChains
}

var (
	_ extension.Extension = (*statusExtension)(nil)
	_ status.Board        = (*statusExtension)(nil)
)

func newExtension(set extension.Settings, cfg *Config) (*statusExtension, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	e := &statusExtension{
		cfg: cfg, set: set.TelemetrySettings, version: set.BuildInfo.Version, configs: configFlags(os.Args[1:]), now: time.Now, telemetry: telemetry,
	}
	return e, telemetry.RegisterPanoptesStatusReceiversCallback(func(_ context.Context, o metric.Int64Observer) error {
		e.mu.RLock()
		defer e.mu.RUnlock()
		o.Observe(int64(len(e.receivers)))
		return nil
	})
}

// Start implements component.Component. Extensions start before all else, so that nobody has opened a storage yet.
func (e *statusExtension) Start(ctx context.Context, host component.Host) error {
	state.HealOthers(host, e.set.Logger)
	e.viewers = viewers(host.GetExtensions())
	settings := e.cfg.Server
	if tls := settings.TLS.Get(); tls != nil {
		loaded, err := tlsfiles.Server(ctx, *tls)
		if err != nil {
			return fmt.Errorf("tls: %w", err)
		}
		settings.TLS = configoptional.Some(loaded)
	}
	listener, err := settings.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("listen on endpoint %q: %w", e.cfg.Server.NetAddr.Endpoint, err)
	}
	e.server, err = settings.ToServer(ctx, host.GetExtensions(), e.set, e.handler(listener.Addr()))
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if auth := e.cfg.Server.Auth.Get(); auth != nil && auth.AuthenticatorID.Type().String() == "basicauth" {
		e.server.Handler = challenged(e.server.Handler)
	}
	e.served = make(chan struct{})
	go func() {
		defer close(e.served)
		if err := e.server.Serve(netutil.LimitListener(listener, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewPermanentErrorEvent(fmt.Errorf("serve status pages: %w", err)))
		}
	}()
	scheme := "http"
	if e.cfg.Server.TLS.HasValue() {
		scheme = "https"
	}
	e.set.Logger.Info("Serving status pages", zap.String("url", scheme+"://"+listener.Addr().String()+"/"))
	if what := e.cfg.Exposed(); what != "" {
		e.set.Logger.Warn("Status pages are open to the network: "+what, zap.String("endpoint", e.cfg.Server.NetAddr.Endpoint))
	}
	return nil
}

// Shutdown implements component.Component. Requests under way get the time that ctx gives.
func (e *statusExtension) Shutdown(ctx context.Context) error {
	var err error
	e.stop.Do(func() {
		defer e.telemetry.Shutdown()
		if e.server == nil {
			return
		}
		if err = e.server.Shutdown(ctx); err != nil {
			err = e.server.Close()
		}
		if e.served != nil {
			<-e.served
		}
	})
	return err
}

// Add implements status.Board.
func (e *statusExtension) Add(r status.Receiver) (remove func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.receivers = append(e.receivers, r)
	slices.SortFunc(e.receivers, func(a, b status.Receiver) int { return strings.Compare(a.ID().String(), b.ID().String()) })
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.receivers = slices.DeleteFunc(slices.Clone(e.receivers), func(o status.Receiver) bool { return o == r })
	}
}

// AddStage implements status.Board.
func (e *statusExtension) AddStage(s *status.Stage) (remove func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stages = append(e.stages, s)
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.stages = slices.DeleteFunc(slices.Clone(e.stages), func(o *status.Stage) bool { return o == s })
	}
}

// stageLinks says what the stages of a name know of a plugin: those that have seen data of it, or all where none has.
func (e *statusExtension) stageLinks(name, plugin string) (links []status.Link) {
	e.mu.RLock()
	stages := e.stages
	e.mu.RUnlock()
	seen := false
	for _, s := range stages {
		if s.Name != name {
			continue
		}
		l := s.Link(pluginfile.NormalizeName(plugin))
		l.Name = name + " " + s.ID.String()
		links, seen = append(links, l), seen || l.Holds != status.Unknown
	}
	if seen {
		links = slices.DeleteFunc(links, func(l status.Link) bool { return l.Holds == status.Unknown })
	}
	slices.SortStableFunc(links, func(a, b status.Link) int { return strings.Compare(a.Name, b.Name) })
	return links
}

// ShowsOutput implements status.Board.
func (e *statusExtension) ShowsOutput() bool { return e.cfg.Actions.LastOutput }

// all returns the receivers, by id.
func (e *statusExtension) all() []status.Receiver {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return slices.Clone(e.receivers)
}

// receiver returns the receiver of an id, or the only one there is where the id is "".
func (e *statusExtension) receiver(id string) (status.Receiver, bool) {
	all := e.all()
	for _, r := range all {
		if r.ID().String() == id || id == "" && len(all) == 1 {
			return r, true
		}
	}
	return nil, false
}

// loopback says whether an address is reached from this machine only.
func loopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
