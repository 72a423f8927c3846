package profile_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/profile"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/table"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/tabletest"
)

const datadogFolder = "testdata/datadog/"

func datadogFiles(t *testing.T) (files []profile.File) {
	names, err := filepath.Glob(datadogFolder + "*.yaml")
	require.NoError(t, err)
	for _, name := range names {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		files = append(files, profile.File{Name: filepath.Base(name), Content: content})
	}
	return files
}

// A profile makes groups of what it says, and of what it extends.
func TestDatadog(t *testing.T) {
	profiles, err := profile.Datadog(datadogFiles(t))
	require.NoError(t, err)
	device := tabletest.Open(t, datadogFolder+"device.snmprec")
	chosen := profiles.Find(ber.MustOID("1.3.6.1.4.1.9999.1.3"))
	require.NotNil(t, chosen)
	result, err := chosen.Program.Run(context.Background(), device.Ask, &table.State{}, tabletest.Target())
	require.NoError(t, err)
	golden := datadogFolder + "device.golden"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(tabletest.Text(result)), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), tabletest.Text(result))
}

// The pattern that says most of a device's sysObjectID has the profile.
func TestDatadogFind(t *testing.T) {
	profiles, err := profile.Datadog(datadogFiles(t))
	require.NoError(t, err)
	for id, want := range map[string]string{
		"1.3.6.1.4.1.9999.1.3": "acme-switch", "1.3.6.1.4.1.9999.1.7.1": "acme-switch", "1.3.6.1.4.1.9999.1.7": "acme-special",
		"1.3.6.1.4.1.9999.10.1": "", "1.3.6.1.4.1.9999": "",
	} {
		found := profiles.Find(ber.MustOID(id))
		if want == "" {
			assert.Nil(t, found, id)
			continue
		}
		require.NotNil(t, found, id)
		assert.Equal(t, want, found.Name)
	}
	assert.True(t, profiles.Chosen())
	one, err := profile.Datadog([]profile.File{{Name: "one.yaml", Content: []byte("metrics: [{symbol: {OID: 1.3.6.1.2.1.1.3.0, name: up}}]")}})
	require.NoError(t, err)
	assert.False(t, one.Chosen())
	assert.Equal(t, "one", one.Find(ber.MustOID("1.3.6")).Name)
}

func TestDatadogErrors(t *testing.T) {
	for text, want := range map[string]string{
		"metrics: 1":                        "p.yaml:1: metrics must be a list",
		"extends: [none.yaml]\nmetrics: []": `p.yaml:1: extends "none.yaml", which is not in the folder`,
		"metrics:\n  - {symbol: {name: x}}": `p.yaml:2: metric "x" needs an OID`,
		"metrics:\n  - {symbol: {OID: 1.3.1, name: x}, metric_type: bag}":                                                                                  `p.yaml:2: metric "x": there is no type "bag"`,
		"metrics:\n  - {table: t, symbols: [{OID: 1.3.1, name: x}], metric_tags: [{tag: y}]}":                                                              `p.yaml:2: tag "y" needs an OID or an index`,
		"metrics:\n  - {table: t, symbols: [{OID: 1.3.1, name: x, extract_value: '('}]}":                                                                   "error parsing regexp",
		"metrics:\n  - {table: t, symbols: [{OID: 1.3.1, name: x}], metric_tags: [{tag: y, symbol: {OID: 1.3.2}, index_transform: [{start: 3, end: 1}]}]}": "start must not be after end",
		"metrics:\n  - {table: t, symbols: [{OID: 1.3.1, name: x}], metric_tags: [{tag: y, index: 2000000000}]}":                                           `p.yaml:2: tag "y": index must be at most 128`,
		"sysobjectid: [1.3.6]": "there are no groups",
	} {
		_, err := profile.Datadog([]profile.File{{Name: "p.yaml", Content: []byte(text)}})
		assert.ErrorContains(t, err, want, text)
	}
}

func FuzzDatadog(f *testing.F) {
	names, err := filepath.Glob(datadogFolder + "*.yaml")
	require.NoError(f, err)
	for _, name := range names {
		content, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(content)
	}
	f.Fuzz(func(_ *testing.T, content []byte) {
		if p, err := profile.Datadog([]profile.File{{Name: "p.yaml", Content: content}}); err == nil {
			p.Find(ber.MustOID("1.3.6.1.4.1.9.1.1"))
		}
	})
}
