package panoptesreceiver

import (
	"sync/atomic"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/override"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/batch"
)

// Classes of the scheduler: Python plugins share the places of their workers, exec plugins those of their children. Those
// that poll by SNMP without a program mostly wait, so they take no place from others.
const (
	classGo = iota
	classPython
	classProcess
	classExec
	classSNMP
)

// snmpPlaces is how many runs that poll by SNMP may be under way. Each costs a goroutine; what is sent is bounded elsewhere.
const snmpPlaces = 4096

var classes = map[plugin.Kind]int{
	plugin.KindGo: classGo, plugin.KindPython: classPython, plugin.KindProcess: classProcess, plugin.KindExec: classExec,
	plugin.KindSNMP: classSNMP,
}

// target is what a task is about.
type target struct {
	plugin   *loaded
	resource *pluginsdk.Resource
}

// loaded is a plugin as long as one of its name is there; its versions come and go.
type loaded struct {
	name    string
	attrs   pluginAttrs
	current atomic.Pointer[version]
	counts  pluginCounts
	speaker *batch.Speaker

	// What follows belongs to tasks, under its lock.
	lane  schedule.LaneID
	class int
	limit int           // of the lane
	tasks []schedule.ID // by the resource's slot; 0 where there is none
	held  int
	alone schedule.ID // the task of a discovery plugin; 0 where there is none

	// source takes what a discovery plugin finds; nil for others.
	source atomic.Pointer[store.Source]
}

// noResource stands in for the resource in the task of a discovery plugin.
var noResource = &pluginsdk.Resource{}

// version is one version of a plugin.
type version struct {
	plugin  *plugin.Plugin
	layered *override.Plugin // with the overrides
	scope   pdata.Scope
	drops   dropLog
}

func newVersion(p *plugin.Plugin, rules override.Rules) *version {
	return &version{plugin: p, layered: rules.For(p), scope: p.Scope()}
}
