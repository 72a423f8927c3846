package plugin

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

// Contract is what the plugin says that it makes, nil where it says nothing. What a plugin says of itself is known once it
// is loaded, or after its first run.
func (p *Plugin) Contract() *contract.Contract {
	if p.declared == nil {
		return nil
	}
	return p.declared.contract.Load()
}

// Declare takes what the plugin says it makes. A contract in the plugin file comes first.
func (p *Plugin) Declare(said pluginsdk.Contract) error {
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

// Tell takes what the plugin makes, without holding it to that. A contract in the plugin file comes first.
func (p *Plugin) Tell(made []pluginsdk.GroupContract) {
	if p.declared != nil && !p.declared.inFile {
		p.declared.contract.Store(contract.Describing(pluginsdk.Contract{Groups: made}))
	}
}

// DeclareOnce is Declare for what describe returns, which it calls the first time alone.
func (p *Plugin) DeclareOnce(describe func() pluginsdk.Contract) (err error) {
	if p.declared != nil {
		p.declared.described.Do(func() { err = p.Declare(describe()) })
	}
	return err
}
