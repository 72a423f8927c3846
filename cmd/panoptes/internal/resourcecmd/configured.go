package resourcecmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/collectorconfig"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/statuscmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// pageSize is how many resources the running Collector is asked for at a time.
const pageSize = 1000

// configured lists the resources of a configuration.
type configured struct {
	configs  []string
	receiver string
	client   statuscmd.Client
}

func (c *configured) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&c.configs, "config", nil, "a `FILE` or URI of configuration, as the Collector takes it; may be repeated, later ones win")
	flags.StringVar(&c.receiver, "receiver", "", "the `ID` of the receiver, where the configuration has several")
	c.client.Add(flags)
}

// list prints the resources, and on stderr what each source gives.
func (c *configured) list(cmd *cobra.Command) error {
	config, err := collectorconfig.Load(cmd.Context(), c.configs)
	if err != nil {
		return exit.Misuse(err)
	}
	cfg, id, err := config.Receiver(c.receiver)
	if err != nil {
		return exit.Misuse(err)
	}
	if err := c.client.Open(cmd.Context()); err != nil {
		return err
	}
	defer c.client.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), collectorconfig.SourceLimit)
	defer cancel()
	stderr := cmd.ErrOrStderr()
	entries, sources, err := cfg.FindEntries(ctx, panoptesreceiver.Finding{Host: collectorconfig.Host{}, Telemetry: collectorconfig.Telemetry(term.Logger(stderr, zapcore.WarnLevel)), Ask: true, Asked: true})
	if err != nil {
		return err
	}
	bad := false
	if len(cfg.Resources.Discovery) > 0 {
		found, from, err := c.ask(ctx, id)
		if err != nil {
			bad = true
			fmt.Fprintf(stderr, "panoptes: what extensions find a running Collector alone knows, and none can be asked: %s\n", term.Message(err.Error()))
		}
		entries, sources = join(entries, found), append(sources, from...)
	}
	for _, s := range sources {
		bad = s.Error != "" || bad
		tell(stderr, &s)
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	if err := errors.Join(c.print(out, term.StyleOf(cmd.OutOrStdout()), entries), out.Flush()); err != nil {
		return err
	}
	if bad {
		return exit.ErrReported
	}
	return nil
}

// ask asks the running Collector what extensions find for a receiver.
func (c *configured) ask(ctx context.Context, receiver component.ID) (entries []store.Entry, sources []store.SourceStatus, err error) {
	values := url.Values{"receiver": {receiver.String()}}
	var all []status.Source
	if err := c.client.Get(ctx, "sources", values, &all); err != nil {
		return nil, nil, err
	}
	for _, s := range all {
		if s.Kind == store.KindExtension {
			sources = append(sources, s.SourceStatus)
		}
	}
	values.Set("size", strconv.Itoa(pageSize))
	for n, pages := 1, 1; n <= pages; n++ {
		var page status.Page[status.Resource]
		values.Set("page", strconv.Itoa(n))
		if err := c.client.Get(ctx, "resources", values, &page); err != nil {
			return entries, sources, err
		}
		for _, r := range page.Items {
			if len(r.Claims) > 0 && r.Claims[len(r.Claims)-1].Kind == store.KindExtension {
				entries = append(entries, r.Entry)
			}
		}
		pages = page.Pages
	}
	return entries, sources, nil
}

// join adds what extensions find to what this command has read, where nothing of that is the same resource and wins.
func join(read, found []store.Entry) []store.Entry {
	places := make(map[pluginsdk.Identity]int, len(read))
	for i := range read {
		places[read[i].Resource.Identity()] = i
	}
	for _, e := range found {
		at, there := places[e.Resource.Identity()]
		switch {
		case !there:
			places[e.Resource.Identity()] = len(read)
			read = append(read, e)
		case last(&read[at]).Kind < store.KindExtension:
			read[at] = e
		}
	}
	return read
}

// last is the claim that counts.
func last(e *store.Entry) store.Claim {
	if len(e.Claims) == 0 {
		return store.Claim{}
	}
	return e.Claims[len(e.Claims)-1]
}

func (c *configured) print(out io.Writer, style term.Style, entries []store.Entry) error {
	rows, now := make([][]string, 0, len(entries)), time.Now()
	for i := range entries {
		rows = append(rows, append(row(entries[i].Resource, style, now), last(&entries[i]).Place.String()))
	}
	return style.Table(out, append(slices.Clone(heading), "SOURCE"), rows)
}

// tell says what a source gives.
func tell(w io.Writer, s *store.SourceStatus) {
	text := s.Place.String() + ": " + logs.Count(s.Resources, "resource")
	if s.Dropped > 0 {
		text += fmt.Sprintf(", %d left out", s.Dropped)
	}
	if s.Error != "" {
		text += ", and it is broken: " + s.Error
	}
	fmt.Fprintf(w, "panoptes: %s\n", term.Cell(text))
	for _, d := range s.Left {
		fmt.Fprintf(w, "panoptes: %s: left out %s: %s\n", term.Cell(s.Place.String()), strconv.Quote(d.Target), term.Cell(d.Reason))
	}
	if more := s.Dropped - len(s.Left); more > 0 {
		fmt.Fprintf(w, "panoptes: %s: and %d more\n", term.Cell(s.Place.String()), more)
	}
}
