package snmp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/profile"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// sysObjectID says what a device is.
var sysObjectID = ber.MustOID("1.3.6.1.2.1.1.2.0")

// choice are profiles, of which each device has the one that fits its sysObjectID.
type choice struct {
	name     string
	profiles *profile.DatadogProfiles
	programs map[*profile.DatadogProfile]*program

	mu    sync.Mutex
	found map[pluginsdk.Identity]chosen
	swept time.Time // when found was looked through
}

// chosen is the program of a device. It counts for a while, since a device may be replaced.
type chosen struct {
	program *program
	until   time.Time
}

func readChoice(d plugin.Document) (*choice, error) {
	files, err := profileFiles(d)
	if err != nil {
		return nil, err
	}
	c := &choice{name: d.Name, programs: map[*profile.DatadogProfile]*program{}, found: map[pluginsdk.Identity]chosen{}}
	if c.profiles, err = profile.Datadog(files); err != nil {
		return nil, err
	}
	for _, p := range c.profiles.All() {
		c.programs[p] = newProgram(p.Program)
	}
	return c, nil
}

// profileFiles reads a file, or the YAML files of a folder.
func profileFiles(d plugin.Document) (files []profile.File, err error) {
	err = filepath.WalkDir(d.Path, func(path string, entry fs.DirEntry, err error) error {
		yaml := strings.HasSuffix(path, ".yaml") || strings.HasSuffix(path, ".yml")
		if err != nil || entry.IsDir() || !yaml && path != d.Path {
			return err
		}
		content, err := safefile.Read(context.Background(), path, maxDocument)
		files = append(files, profile.File{Name: filepath.Base(path), Content: content})
		return err
	})
	if errors.Is(err, os.ErrNotExist) || err == nil && len(files) == 0 {
		return nil, fmt.Errorf("[snmp] profiles: %q has no YAML files", d.Name)
	}
	return files, err
}

// Describe implements part.
func (c *choice) Describe() (out []pluginsdk.GroupContract) {
	for _, p := range c.profiles.All() {
		out = append(out, p.Program.Describe()...)
	}
	return out
}

// poll implements part.
func (c *choice) poll(ctx context.Context, p *polling) run.Result {
	one, err := c.of(ctx, p)
	if err != nil {
		return p.failed(ctx, err)
	}
	return one.poll(ctx, p)
}

// of returns the program of a device, which is asked what it is where that is not known.
func (c *choice) of(ctx context.Context, p *polling) (*program, error) {
	key := p.Resource.Identity()
	c.mu.Lock()
	found, there := c.found[key]
	c.mu.Unlock()
	if there && p.now.Before(found.until) {
		return found.program, nil
	}
	if !c.profiles.Chosen() {
		return c.programs[c.profiles.All()[0]], nil
	}
	device, err := p.runtime.Devices.Target(ctx, p.Resource, p.wish)
	if err != nil {
		return nil, err
	}
	answer := p.runtime.Devices.Do(ctx, &device, &engine.Request{Get: []ber.OID{sysObjectID}}).Variables[0]
	if answer.Err != nil {
		return nil, answer.Err
	}
	id := answer.Value.OID()
	of := c.profiles.Find(id)
	if of == nil {
		return nil, fmt.Errorf("no profile of %s fits the device's sysObjectID, which is %q", c.name, id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found[key] = chosen{c.programs[of], p.now.Add(statesKept)}
	if p.now.Sub(c.swept) > statesSwept {
		c.swept = p.now
		maps.DeleteFunc(c.found, func(_ pluginsdk.Identity, one chosen) bool { return p.now.After(one.until) })
	}
	return c.programs[of], nil
}
