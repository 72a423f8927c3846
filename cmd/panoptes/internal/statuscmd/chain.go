package statuscmd

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// Chains asks why a plugin runs, or why it does not: a chain for each receiver, or for the one that is named. With the
// id of a resource it is about that one.
func (c *Client) Chains(ctx context.Context, receiver, plugin, resource string) ([]status.Chain, error) {
	if strings.HasPrefix(plugin, ".") { // the Collector knows another folder
		if path, err := filepath.Abs(plugin); err == nil {
			plugin = path
		}
	}
	values := url.Values{"plugin": {plugin}}
	for name, value := range map[string]string{"receiver": receiver, "id": resource} {
		if value != "" {
			values.Set(name, value)
		}
	}
	var chains []status.Chain
	err := c.Get(ctx, "explain", values, &chains)
	return chains, err
}

// paintsOfLinks are the colours of links.
var paintsOfLinks = map[status.Holds]term.Paint{status.Yes: term.Green, status.No: term.Red, status.Unknown: term.Dim}

// PrintChains writes chains, and returns whether none of them breaks.
func PrintChains(w io.Writer, chains []status.Chain) (good bool) {
	style := term.StyleOf(w)
	good = len(chains) > 0
	for _, c := range chains {
		if len(chains) > 1 {
			fmt.Fprintf(w, "%s\n", term.Cell(c.Receiver))
		}
		for _, l := range c.Links {
			word := fmt.Sprintf("%-4s", l.Holds)
			if l.Holds == status.Unknown {
				word = "?   "
			}
			fmt.Fprintf(w, "%s %s: %s\n", style.Paint(paintsOfLinks[l.Holds], word), term.Cell(l.Name), term.Cell(l.Said))
			if l.Next != "" {
				fmt.Fprintf(w, "     next: %s\n", term.Cell(l.Next))
			}
		}
		good = good && c.Good()
	}
	return good
}

// completionLimit is how long a shell waits for a Collector.
const completionLimit = 2 * time.Second

// PluginNames are the names of the plugins of the Collector; none where it does not answer. It is for completion.
func (c *Client) PluginNames(ctx context.Context) (names []cobra.Completion) {
	var plugins []status.Plugin
	c.complete(ctx, "plugins", nil, &plugins)
	for _, p := range plugins {
		if p.Name != "" {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ResourceIDs are the ids of the first resources of the Collector, as PluginNames.
func (c *Client) ResourceIDs(ctx context.Context) (ids []cobra.Completion) {
	var page status.Page[status.Resource]
	c.complete(ctx, "resources", url.Values{"size": {"1000"}}, &page)
	for _, r := range page.Items {
		ids = append(ids, r.Resource.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// complete asks a list for completion; what does not answer leaves it empty.
func (c *Client) complete(ctx context.Context, list string, values url.Values, into any) {
	if c.Open(ctx) != nil {
		return
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, completionLimit)
	defer cancel()
	_ = c.Get(ctx, list, values, into)
}
