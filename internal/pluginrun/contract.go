package pluginrun

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/contract"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// declaration is what a plugin says that it makes: in its plugin file, or, where that has nothing, by itself once it is
// loaded. Copies of a Plugin share it.
type declaration struct {
	contract  atomic.Pointer[contract.Contract]
	inFile    bool
	described sync.Once
}

// readContract takes the contract of the plugin file.
func (p *Plugin) readContract() error {
	c, err := contract.Parse(p.File)
	if err != nil {
		return err
	}
	p.declared = &declaration{inFile: c != nil}
	p.declared.contract.Store(c)
	return nil
}

// Contract is what the plugin says that it makes, nil where it says nothing. What a plugin says of itself is known after
// Check, or after its first run.
func (p *Plugin) Contract() *contract.Contract {
	if p.declared == nil {
		return nil
	}
	return p.declared.contract.Load()
}

// describes takes what the plugin says of itself.
func (p *Plugin) describes(said pluginsdk.Contract) error {
	if p.declared == nil || p.declared.inFile || len(said.Groups) == 0 {
		return nil
	}
	c, err := contract.New(said)
	if err != nil {
		return fmt.Errorf("what the plugin says of itself: %w", err)
	}
	p.declared.contract.Store(c)
	return nil
}

// describesOnce asks a Go plugin what it makes, the first time.
func (p *Plugin) describesOnce(plugin pluginsdk.PollingPlugin) (err error) {
	d, ok := plugin.(pluginsdk.Describer)
	if !ok || p.declared == nil {
		return nil
	}
	p.declared.described.Do(func() { err = p.describes(d.Describe()) })
	return err
}

// enforce takes out of a result what breaks the plugin's contract.
func (req Request) enforce(result *Result) {
	c := req.Plugin.Contract()
	if c == nil || len(result.Groups) == 0 {
		return
	}
	kept := result.Groups[:0]
	for _, g := range result.Groups {
		good, violations := c.Check(g)
		for _, v := range violations {
			result.drop(req, Drop{Group: g.Type, Metric: v.Metric, Reason: DropContract, Err: v.Err})
		}
		if good != nil {
			kept = append(kept, good)
		}
	}
	result.Groups = kept
}
