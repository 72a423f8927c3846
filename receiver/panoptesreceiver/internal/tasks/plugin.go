package tasks

import (
	"sync/atomic"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/override"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/report"
)

// Classes of the scheduler: Python plugins share the places of their workers, exec plugins those of their children. Those
// that poll by SNMP without a program mostly wait, so they take no place from others.
const (
	ClassGo = iota
	ClassPython
	ClassProcess
	ClassExec
	ClassSNMP
)

var classes = map[plugin.Kind]int{
	plugin.KindGo: ClassGo, plugin.KindPython: ClassPython, plugin.KindProcess: ClassProcess, plugin.KindExec: ClassExec,
	plugin.KindSNMP: ClassSNMP,
}

// Target is what a task is about.
type Target struct {
	Plugin   *Plugin
	Resource *pluginsdk.Resource
}

// noResource stands in for the resource in the task of a discovery plugin.
var noResource = &pluginsdk.Resource{}

// Plugin is a plugin as long as one of its name is there; its versions come and go.
type Plugin struct {
	// Report is what is said about it.
	Report *report.Plugin

	current atomic.Pointer[Version]
	// source takes what a discovery plugin finds; nil for others.
	source atomic.Pointer[store.Source]

	// What follows belongs to Tasks, under its lock.
	lane    schedule.LaneID
	class   int
	limit   int // of the lane; setting is what sets it
	setting string
	tasks   []schedule.ID // by the resource's slot; 0 where there is none
	held    int
	alone   schedule.ID // the task of a discovery plugin; 0 where there is none
}

// Name is the plugin's.
func (p *Plugin) Name() string { return p.Report.Name }

// Current is the version that runs begin with.
func (p *Plugin) Current() *Version { return p.current.Load() }

// Source takes what a discovery plugin finds; nil for other plugins, and once the plugin is removed.
func (p *Plugin) Source() *store.Source { return p.source.Load() }

// Version is one version of a plugin.
type Version struct {
	Plugin *plugin.Plugin
	// Scope is that of the plugin's groups.
	Scope pdata.Scope
	Drops report.Drops

	layered *override.Plugin // with the overrides
}

func newVersion(p *plugin.Plugin, rules override.Rules) *Version {
	return &Version{Plugin: p, layered: rules.For(p), Scope: p.Scope()}
}

// Request asks for a run of the version against a resource.
func (v *Version) Request(res *pluginsdk.Resource) run.Request {
	request := run.Request{Plugin: v.Plugin, Resource: res}
	if p, _ := v.layered.Selected(res); p != v.Plugin {
		request.Plugin, request.Config = p, p.File.Config
	}
	return request
}
