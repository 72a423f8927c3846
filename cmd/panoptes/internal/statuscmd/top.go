package statuscmd

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/complete"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// orders are what plugins can be ordered by, each as its change a second.
var orders = map[string]func(use) float64{
	"busy":   func(u use) float64 { return u.busy },
	"cpu":    func(u use) float64 { return u.cpu },
	"runs":   func(u use) float64 { return u.runs },
	"points": func(u use) float64 { return u.points },
	"bytes":  func(u use) float64 { return u.bytes },
	"series": func(u use) float64 { return float64(u.Series) },
	"failed": func(u use) float64 { return u.failed },
}

type topOptions struct {
	client Client
	every  time.Duration
	times  int
	order  string
}

// NewTop returns the command top.
func NewTop() *cobra.Command {
	var o topOptions
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch which plugins cost most",
		Long: `Shows what each plugin of a running Collector costs, again and again: how many of its runs go on at once (busy), CPU
seconds, runs, data points and bytes (of Panoptes' JSON) a second, each over the time since the last look, and the series
that it has now. Above them are the places for runs in use, by what runs plugins, and the setting to raise where runs wait for
one. The first look has no time to count over, and shows - for all that is a second. Ctrl-C ends it.`,
		Example: `  panoptes top
  panoptes top --order cpu --every 5s
  panoptes top --times 2 > costs.tsv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, ok := orders[o.order]; !ok {
				return exit.Misusef("unknown --order %q: expected busy, cpu, runs, points, bytes, series or failed", o.order)
			}
			if o.every < 100*time.Millisecond {
				return exit.Misusef("--every must be at least 100ms, is %s", o.every)
			}
			if err := o.client.Open(cmd.Context()); err != nil {
				return err
			}
			defer o.client.Close()
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return o.run(ctx, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	o.client.Add(flags)
	flags.DurationVar(&o.every, "every", 2*time.Second, "the `TIME` between two looks")
	flags.IntVar(&o.times, "times", 0, "the `NUMBER` of looks; 0 goes on for ever")
	flags.StringVar(&o.order, "order", "busy", "what comes first: busy, cpu, runs, points, bytes, series or failed")
	complete.Flag(cmd, "order", slices.Sorted(maps.Keys(orders))...)
	return cmd
}

// use is what a plugin used a second.
type use struct {
	status.Plugin
	busy, cpu, runs, points, bytes, failed float64
}

func (o *topOptions) run(ctx context.Context, out io.Writer) error {
	style := term.StyleOf(out)
	var before []status.Plugin
	var last time.Time
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		var now []status.Plugin
		if err := o.client.Get(ctx, "plugins", nil, &now); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		var whole status.Overview
		if err := o.client.Get(ctx, "overview", nil, &whole); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		at := time.Now()
		uses := used(before, now, at.Sub(last).Seconds())
		slices.SortStableFunc(uses, func(a, b use) int { return cmp.Compare(orders[o.order](b), orders[o.order](a)) })
		if err := draw(out, style, uses, before != nil, whole.Places, at); err != nil {
			return err
		}
		if n == o.times {
			return nil
		}
		before, last = now, at
		timer.Reset(o.every)
	}
}

// used is what was used between two looks. Without a first one it is all that was used until now, which orders plugins as well.
func used(before, now []status.Plugin, seconds float64) []use {
	type name struct{ receiver, file string }
	old := map[name]status.Plugin{}
	for _, p := range before {
		old[name{p.Receiver, p.File}] = p
	}
	if before == nil {
		seconds = 1
	}
	var uses []use
	for _, p := range now {
		o := old[name{p.Receiver, p.File}]
		if o.Runs > p.Runs {
			o = status.Plugin{} // the Collector was started anew
		}
		uses = append(uses, use{
			Plugin: p, busy: (p.Busy - o.Busy) / seconds, cpu: (p.CPU - o.CPU) / seconds,
			runs: float64(p.Runs-o.Runs) / seconds, points: float64(p.Points-o.Points) / seconds,
			bytes: float64(p.Bytes-o.Bytes) / seconds, failed: float64(p.FailedRuns-o.FailedRuns) / seconds,
		})
	}
	return uses
}

// draw writes one look: over the last one on a terminal, below it elsewhere. known says that there is a time that uses are over.
func draw(out io.Writer, style term.Style, uses []use, known bool, all []status.Places, at time.Time) error {
	var b bytes.Buffer
	if style.Color {
		b.WriteString("\x1b[H\x1b[2J")
	}
	fmt.Fprintf(&b, "%s%s\n", at.Format(time.TimeOnly), placesInUse(style, all))
	var rows [][]string
	for _, u := range uses {
		name := u.Name
		if name == "" {
			name = u.File
		}
		row := []string{name, u.Runtime}
		for _, v := range []float64{u.busy, u.cpu, u.runs, u.points, u.bytes, u.failed} {
			if !known {
				row = append(row, "-")
				continue
			}
			row = append(row, strconv.FormatFloat(v, 'f', 2, 64))
		}
		rows = append(rows, append(row, strconv.FormatInt(u.Series, 10), strconv.Itoa(u.Tasks)))
	}
	if err := style.Table(&b, []string{"PLUGIN", "RUNTIME", "BUSY", "CPU", "RUNS/S", "POINTS/S", "BYTES/S", "FAILED/S", "SERIES", "TASKS"}, rows); err != nil {
		return err
	}
	_, err := out.Write(b.Bytes())
	return err
}

// placesInUse tells how many places are in use, of the classes that use any.
func placesInUse(style term.Style, all []status.Places) string {
	text := ""
	for _, p := range all {
		if p.Wanted == 0 {
			continue
		}
		text += "  " + placeUse(style, p)
	}
	if text != "" {
		text = "  places:" + text
	}
	return text
}

// placeUse tells how many places are in use, and where they are short the setting to raise.
func placeUse(style term.Style, p status.Places) string {
	whose := p.Class
	if p.Plugin != "" {
		whose = p.Of()
	}
	use := fmt.Sprintf("%s %d/%d", term.Cell(whose), p.Used, p.Places)
	if p.Short {
		use = style.Paint(term.Yellow, fmt.Sprintf("%s, %d wanted", use, p.Wanted))
		if p.Setting != "" {
			use += " (" + term.Cell(p.Setting) + ")"
		}
	}
	return use
}
