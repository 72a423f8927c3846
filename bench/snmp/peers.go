package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gosnmp/gosnmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/snmp_exporter/collector"
	"github.com/prometheus/snmp_exporter/config"
)

// sessions are gosnmp alone: a session and a socket a device, kept from poll to poll, and a walk a column.
type sessions struct {
	open   map[netip.AddrPort]*gosnmp.GoSNMP
	atOnce int
}

func newSessions(o *options, v3 bool) *sessions {
	s := &sessions{open: map[netip.AddrPort]*gosnmp.GoSNMP{}, atOnce: 128}
	for i := range o.devices {
		addr := device(i, o.port)
		g := &gosnmp.GoSNMP{
			Target: addr.Addr().String(), Port: addr.Port(), Community: community, Version: gosnmp.Version2c,
			Timeout: 2 * time.Second, Retries: 1, MaxRepetitions: 50,
		}
		if v3 {
			g.Version, g.SecurityModel, g.MsgFlags = gosnmp.Version3, gosnmp.UserSecurityModel, gosnmp.AuthPriv
			g.SecurityParameters = &gosnmp.UsmSecurityParameters{
				UserName: user, AuthenticationProtocol: gosnmp.SHA, AuthenticationPassphrase: passphrase,
				PrivacyProtocol: gosnmp.AES, PrivacyPassphrase: passphrase,
			}
		}
		must(g.Connect())
		s.open[addr] = g
	}
	return s
}

func (s *sessions) poll(devices []netip.AddrPort) int64 {
	return each(devices, s.atOnce, func(addr netip.AddrPort) (n int64) {
		g := s.open[addr]
		_, err := g.Get([]string{"." + uptime})
		must(err)
		for _, c := range metrics {
			must(g.BulkWalk("."+c.oid, func(gosnmp.SnmpPDU) error {
				n++
				return nil
			}))
		}
		return n
	})
}

// each does something for each device, so many at once, and adds up what it returns.
func each(devices []netip.AddrPort, atOnce int, do func(netip.AddrPort) int64) int64 {
	var sum atomic.Int64
	next := make(chan netip.AddrPort)
	var wg sync.WaitGroup
	for range min(atOnce, len(devices)) {
		wg.Go(func() {
			for addr := range next {
				sum.Add(do(addr))
			}
		})
	}
	for _, addr := range devices {
		next <- addr
	}
	close(next)
	wg.Wait()
	return sum.Load()
}

// exporter is snmp_exporter's collector, a new one for each poll, as it has them.
type exporter struct {
	cfg     *config.Config
	metrics collector.Metrics
	atOnce  int
}

func newExporter(o *options) *exporter {
	_, err := kingpin.CommandLine.Parse(nil)
	must(err)
	dir, err := os.MkdirTemp("", "bench-snmp-")
	must(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "snmp.yml")
	must(os.WriteFile(path, []byte(exporterModule()), 0o600))
	cfg, err := config.LoadFile([]string{path}, false)
	must(err)
	e := &exporter{cfg: cfg, atOnce: 64, metrics: collector.Metrics{
		SNMPCollectionDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "a"}, []string{"module"}),
		SNMPUnexpectedPduType:  prometheus.NewCounter(prometheus.CounterOpts{Name: "b"}),
		SNMPDuration:           prometheus.NewHistogram(prometheus.HistogramOpts{Name: "c"}),
		SNMPPackets:            prometheus.NewCounter(prometheus.CounterOpts{Name: "d"}),
		SNMPRetries:            prometheus.NewCounter(prometheus.CounterOpts{Name: "e"}),
		SNMPInflight:           prometheus.NewGauge(prometheus.GaugeOpts{Name: "f"}),
	}}
	if o.all {
		e.atOnce = o.devices
	}
	return e
}

// exporterModule is the snmp.yml, as its generator would write it.
func exporterModule() string {
	var b strings.Builder
	b.WriteString("auths:\n  public: {version: 2, community: public}\nmodules:\n  interface:\n    timeout: 2s\n    retries: 1\n    get: [" + uptime + "]\n    walk:\n")
	for _, c := range slices.Concat(metrics, labels) {
		fmt.Fprintf(&b, "    - %s\n", c.oid)
	}
	fmt.Fprintf(&b, "    metrics:\n    - {name: sysUpTime, oid: %s, type: gauge}\n", strings.TrimSuffix(uptime, ".0"))
	for _, c := range metrics {
		kind := "counter"
		if strings.HasSuffix(c.name, "status") {
			kind = "gauge"
		}
		fmt.Fprintf(&b, "    - name: %s\n      oid: %s\n      type: %s\n      indexes: [{labelname: ifIndex, type: gauge}]\n      lookups:\n", c.name, c.oid, kind)
		for _, l := range labels {
			fmt.Fprintf(&b, "      - {labels: [ifIndex], labelname: %s, oid: %s, type: DisplayString}\n", l.name, l.oid)
		}
		b.WriteString("      - {labels: [], labelname: ifIndex}\n")
	}
	return b.String()
}

func (e *exporter) poll(devices []netip.AddrPort) int64 {
	module := collector.NewNamedModule("interface", e.cfg.Modules["interface"])
	logger := slog.New(slog.DiscardHandler)
	const own = 5 // metrics of the scrape itself
	return each(devices, e.atOnce, func(addr netip.AddrPort) (n int64) {
		c := collector.New(context.Background(), addr.String(), "public", "", e.cfg.Auths["public"], []*collector.NamedModule{module}, logger, e.metrics, 1, false)
		ch := make(chan prometheus.Metric)
		go func() {
			c.Collect(ch)
			close(ch)
		}()
		for range ch {
			n++
		}
		return max(0, n-own-1) // and sysUpTime
	})
}
