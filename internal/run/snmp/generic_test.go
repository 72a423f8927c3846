package snmp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/agenttest"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const (
	genericHead = "[Core]\nName = p\nModule = plugin_polling_generic_snmp\n[main]\nexecute_frequency = 60\nresource_filter = resource_class = \"c\"\n" +
		"namespace = metrics\npolling_status_metric_name = polling_status\n"
	genericConfiguration = `{"oids": {"octets": {"method": "bulk_walk", "oid": ".1.3.6.1.2.1.2.2.1.10"}, "name": {"method": "bulk_walk", "oid": ".1.3.6.1.2.1.2.2.1.2"}},
		"metrics_groups": [{"group_name": "interface", "metrics": {"octets": {"value": "octets.$index", "metric_type": "counter"}}, "dimensions": {"name": "name.$index"}}],
		"snmp": {"max_repetitions": 5}}`
)

func (p *poller) enrich(namespace, endpoint, configuration string) {
	value, err := json.Marshal(map[string]any{"data": map[string]any{endpoint: json.RawMessage(configuration)}, "metadata": struct{}{}})
	require.NoError(p.t, err)
	require.NoError(p.t, hostapi.Enrichment{Store: p.store}.Keep(p.t.Context(), []run.Enrichment{
		{ResourceID: "switch1", Namespace: namespace, TTL: time.Hour, Value: value},
	}))
}

// What is polled is in the enrichment of the device, or in a file; the status says what went wrong with it.
func TestGenericConfiguration(t *testing.T) {
	good := []string{`interface{name="eth0"} octets=7c`, `status{} polling_status=0`}
	const enrichmentFailed, failed = `status{} polling_status=8`, `status{} polling_status=5`
	p := newPoller(t)
	p.write("metrics.json", genericConfiguration)
	p.write("broken.json", "{")
	for _, c := range []struct {
		section string
		want    []string
	}{
		{"[enrichment]\npreload = self:metrics\n", []string{enrichmentFailed}},
		{"[enrichment]\nfile = metrics.json\n", good},
		{"[enrichment]\nfile = " + filepath.Join(p.dir, "metrics.json") + "\n", good},
		{"[enrichment]\nfile = none.json\n", []string{enrichmentFailed}},
		{"[enrichment]\nfile = broken.json\n", []string{enrichmentFailed}},
		{"[enrichment]\nfile = metrics.json\npreload = self:metrics\n", []string{failed}},
		{"", []string{failed}},
	} {
		p.write("p.panoptes-plugin", genericHead+c.section)
		result := p.poll()
		require.NoError(t, result.Err, c.section)
		assert.Equal(t, c.want, texts(result), c.section)
	}
	p.write("p.panoptes-plugin", genericHead+"[enrichment]\npreload = self:metrics\n")
	p.enrich("metrics", "other", genericConfiguration)
	assert.Equal(t, []string{enrichmentFailed}, texts(p.poll()))
	p.enrich("metrics", p.agent.Address(), genericConfiguration)
	assert.Equal(t, good, texts(p.poll()))
	p.enrich("metrics", p.agent.Address(), "[]")
	assert.Equal(t, []string{failed}, texts(p.poll()))

	p.write("p.panoptes-plugin", genericHead+"[enrichment]\npreload = self\n")
	assert.ErrorContains(t, p.poll().Err, `PanoptesEnrichmentCacheError: [enrichment] preload: "self" must be RESOURCE:NAMESPACE`)
}

// A device that SNMP does not reach is pinged.
func TestGenericOfDeadDevice(t *testing.T) {
	p := newPoller(t)
	p.agent.Lock()
	p.agent.Respond = func(*agenttest.Request) {}
	p.agent.Unlock()
	p.write("metrics.json", genericConfiguration)
	p.write("p.panoptes-plugin", genericHead+"[enrichment]\nfile = metrics.json\n[snmp]\ntimeout = whatever\n")
	var pinged string
	p.ping = func(_ context.Context, host string) error { pinged = host; return nil }
	p.renew()
	assert.Equal(t, []string{`status{} polling_status=3`}, texts(p.poll()))
	assert.Equal(t, p.agent.Address(), pinged)
	p.ping = func(context.Context, string) error { return errors.New("100% packet loss") }
	p.renew()
	assert.Equal(t, []string{`status{} polling_status=7`}, texts(p.poll()))
}

// A metric whose table did not come to its end, or whose scalar did not come, is left out, and not made of what came; what else the
// device answers is there.
func TestGenericLeavesOutWhatTimedOut(t *testing.T) {
	p := newPoller(t)
	source, err := snmprec.Parse("device", []byte(strings.Replace(recording, "\n", "\n1.3.6.1.2.1.2.1.0|2|1\n", 1)))
	require.NoError(t, err)
	p.write("metrics.json", `{"oids": {"octets": {"method": "bulk_walk", "oid": ".1.3.6.1.2.1.2.2.1.10"}, "uptime": {"method": "get", "oid": ".1.3.6.1.2.1.1.3.0"},
			"number": {"method": "get", "oid": ".1.3.6.1.2.1.2.1.0"}},
		"metrics_groups": [{"group_name": "interface", "metrics": {"octets": {"value": "octets.$index", "metric_type": "counter"}}, "dimensions": {}},
			{"group_name": "ports", "metrics": {"ports": "len(octets)", "fixed": 1}, "dimensions": {}},
			{"group_name": "system", "metrics": {"uptime": "uptime", "number": "number", "more": "int(number) + 1"}, "dimensions": {}}],
		"snmp": {"max_repetitions": 1}}`)
	p.write("p.panoptes-plugin", genericHead+"[enrichment]\nfile = metrics.json\n")
	number, err := ber.MustOID("1.3.6.1.2.1.2.1").AppendContent(nil) // asked for with the index 0, or for what follows
	require.NoError(t, err)
	const whole = `system{} more=2 number=1 uptime=10000`
	given := 0
	for name, c := range map[string]struct {
		answers func(*agenttest.Request) bool // whether the device does
		want    []string
	}{
		"all":        {func(*agenttest.Request) bool { return true }, []string{`interface{} octets=7c`, `ports{} fixed=1 ports=1`, whole, `status{} polling_status=0`}},
		"one packet": {func(*agenttest.Request) bool { given++; return given == 1 }, []string{`ports{} fixed=1`, whole, `status{} polling_status=4`}},
		"no number": {
			func(r *agenttest.Request) bool { return !bytes.Contains(r.PDU.Variables, number) },
			[]string{`interface{} octets=7c`, `ports{} fixed=1 ports=1`, `system{} uptime=10000`, `status{} polling_status=4`},
		},
	} {
		p.agent.Lock()
		p.agent.Source = source
		p.agent.Respond = func(r *agenttest.Request) {
			if c.answers(r) {
				p.agent.Reply(r)
			}
		}
		p.agent.Unlock()
		p.renew()
		assert.Equal(t, c.want, texts(p.poll()), name)
	}
}

// What a configuration takes from a table as it is, is what an expression finds there: of whichever type, and under another index.
func TestGenericCells(t *testing.T) {
	p := newPoller(t)
	source, err := snmprec.Parse("device", []byte("1.3.6.1.4.1.9.1.1|70|18446744073709551615\n1.3.6.1.4.1.9.1.2|2|-3\n1.3.6.1.4.1.9.1.4.5|4| 12\n1.3.6.1.4.1.9.1.6|4|many\n"))
	require.NoError(t, err)
	p.agent.Lock()
	p.agent.Source = source
	p.agent.Unlock()
	p.write("metrics.json", `{"oids": {"cells": {"method": "bulk_walk", "oid": ".1.3.6.1.4.1.9.1"}, "whole": {"method": "bulk_walk", "oid": ".1.3.6.1.4.1.9.1"},
			"other": {"method": "bulk_walk", "oid": ".1.3.6.1.4.1.9.1", "index_transform": {"2": "two"}}},
		"metrics_groups": [
			{"group_name": "a", "metrics": {"n": "cells.$index", "half": {"value": "cells.$index", "transform": "lambda x: x / 2"}}, "dimensions": {"i": {"value": "$index", "indices_from": "cells"}, "t": "cells.$index"}},
			{"group_name": "b", "metrics": {"n": "max(whole.$index, '')", "half": {"value": "max(whole.$index, '')", "transform": "lambda x: x / 2"}},
				"dimensions": {"i": {"value": "$index", "indices_from": "whole"}, "t": "whole.$index"}},
			{"group_name": "c", "metrics": {"n": {"value": "other.$index", "type": "float"}}, "dimensions": {"i": {"value": "$index", "indices_from": "other"}}}]}`)
	p.write("p.panoptes-plugin", genericHead+"[enrichment]\nfile = metrics.json\n")
	of := map[string][]string{}
	for _, text := range texts(p.poll()) {
		of[text[:1]] = append(of[text[:1]], text[1:])
	}
	assert.Equal(t, []string{
		`{i="1",t="18446744073709551615"} half=9.223372036854776e+18 n=18446744073709551615`, `{i="2",t="-3"} half=-1.5 n=-3`, `{i="4.5",t=" 12"} half=6.0 n=12`,
	}, of["a"])
	assert.Equal(t, of["b"], of["a"])
	assert.Equal(t, []string{`{i="1"} n=1.8446744073709552e+19`, `{i="two"} n=-3.0`, `{i="4.5"} n=12.0`}, of["c"])
}

// An endpoint that is no address and has none ends the run with the status alone.
func TestGenericEndpointWithoutAddress(t *testing.T) {
	p := newPoller(t)
	p.write("metrics.json", genericConfiguration)
	p.write("p.panoptes-plugin", genericHead+"[enrichment]\nfile = metrics.json\n")
	p.endpoint = "no such host"
	var pinged bool
	p.ping = func(context.Context, string) error { pinged = true; return errors.New("unknown host") }
	p.renew()
	result := p.poll()
	assert.Equal(t, []string{`status{} polling_status=7`}, texts(result), "%v", result.Err)
	assert.True(t, pinged)
}

// What Panoptes' connection factory refuses, the first request does not reach.
func TestGenericConnection(t *testing.T) {
	p := newPoller(t)
	p.write("metrics.json", genericConfiguration)
	p.write("p.panoptes-plugin", genericHead+"[enrichment]\nfile = metrics.json\n[x509]\nx509_secured_requests = 2\nx509_key_location = /nowhere\nx509_key_filename = key\n")
	assert.Equal(t, []string{`status{} polling_status=5`}, texts(p.poll()))
	p.write("p.panoptes-plugin", genericHead+"[enrichment]\nfile = metrics.json\n")
	p.metadata = pluginsdk.Metadata{}.Set("snmp_proxy_hosts", "proxy1")
	p.ping = func(context.Context, string) error { return nil }
	p.renew()
	assert.Equal(t, []string{`status{} polling_status=2`}, texts(p.poll()))
}

// A plugin file that lacks an option is refused; targets that are wrong are named, and the groups are described.
func TestGenericIsChecked(t *testing.T) {
	p := newPoller(t)
	p.write("p.panoptes-plugin", "[Core]\nName = p\nModule = plugin_polling_generic_snmp\n[main]\nexecute_frequency = 60\nresource_filter = resource_class = \"c\"\n")
	_, err := p.load()
	assert.ErrorContains(t, err, "[main] namespace is missing")
	p.write("metrics.json", `{"oids": {}, "metrics_groups": [{"group_name": "g", "metrics": {"a": 1, "bad": "open('f')"}, "dimensions": {"d": "'x'"}}]}`)
	p.write("p.panoptes-plugin", genericHead+"[enrichment]\nfile = metrics.json\n")
	loaded, err := p.load()
	require.NoError(t, err)
	require.NotNil(t, loaded.Contract())
	assert.Equal(t, []string{
		`plugin "p": metrics.json: "bad" of group "g" is left out: "open('f')": the function open is not allowed`,
	}, p.warnings())
	assert.Equal(t, []string{`g{d="x"} a=1`, `status{} polling_status=0`}, texts(p.poll()))
}
