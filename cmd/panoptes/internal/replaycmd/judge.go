package replaycmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/recording"
	"github.com/panoptes-otel/panoptes-otel/internal/group/golden"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// recorded takes the plugin file of the recording.
func (p *player) recorded(head recording.Head) (err error) {
	p.kind = plugin.Kind(head.Plugin.Kind)
	if head.Plugin.File != "" {
		p.file, err = pluginfile.Parse(head.Plugin.Path, []byte(head.Plugin.File))
	}
	return err
}

// request asks for the run of the recording.
func request(p *plugin.Plugin, r *recording.Run) (run.Request, error) {
	req := run.Request{Plugin: p, Config: r.Config}
	if p.Type != plugin.TypeDiscovery {
		req.Resource = &pluginsdk.Resource{}
		if err := json.Unmarshal(r.Resource, req.Resource); err != nil {
			return req, exit.Misuse(fmt.Errorf("resource of the recording: %w", err))
		}
	}
	if r.Now != nil {
		req.Clock = &run.Clock{Now: *r.Now, Readings: r.Readings}
	}
	return req, nil
}

// judge reads what the plugin said in the run once more. Of a run that said nothing, as past its deadline, there is nothing
// to be read.
func (p *player) judge(n int, r *recording.Run) error {
	if described := r.Described(); described != nil {
		p.described = described
	}
	said, ok := r.Said(p.kind)
	if p.file == nil || !ok {
		return nil
	}
	found, err := runtimes.Recorded(p.file, p.kind, plugin.Type(r.Type), p.described)
	if err != nil {
		return exit.Misuse(fmt.Errorf("plugin of the recording: %w", err))
	}
	found.Interval = seconds(r.Interval)
	req, err := request(found, r)
	if err != nil {
		return err
	}
	result, err := runtimes.Judge(req, said)
	if err != nil {
		return err
	}
	p.compare(n, r, result)
	p.compareTexts(n, "group", r.Groups, textsOf(result.Groups))
	var dropped []string
	for _, d := range result.Dropped {
		dropped = append(dropped, d.Err.Error())
	}
	if !slices.Equal(dropped, r.Dropped) {
		p.different("run %d: dropped %q, in the recording %q", n, dropped, r.Dropped)
	}
	return nil
}

// compare compares how the run ended, and what it found that are no groups.
func (p *player) compare(n int, one *recording.Run, result run.Result) {
	if string(result.Outcome) != one.Outcome {
		p.different("run %d: ended as %s (%v), in the recording as %s (%s)", n, result.Outcome, result.Err, one.Outcome, one.Error)
	}
	var resources []json.RawMessage
	for _, r := range result.Resources {
		resources = append(resources, json.RawMessage(r.AppendJSON(nil)))
	}
	p.compareTexts(n, "resource", one.Resources, resources)
	enrichment, err := json.Marshal(result.Enrichment)
	if err != nil || len(result.Enrichment) == 0 {
		enrichment = nil
	}
	p.compareTexts(n, "enrichment", []json.RawMessage{one.Enrichment}, []json.RawMessage{enrichment})
}

// compareTexts compares the JSON of things, one by one.
func (p *player) compareTexts(n int, what string, want, got []json.RawMessage) {
	for i := range max(len(want), len(got)) {
		var w, g json.RawMessage
		if i < len(want) {
			w = compact(want[i])
		}
		if i < len(got) {
			g = compact(got[i])
		}
		if !bytes.Equal(w, g) {
			p.different("run %d: %s %d is\n%s\nin the recording it is\n%s", n, what, i+1, g, w)
		}
	}
}

// compact is JSON without the blanks that a recording does not keep.
func compact(text json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return text
	}
	return b.Bytes()
}

func textsOf(groups []*pluginsdk.MetricsGroup) (texts []json.RawMessage) {
	for _, g := range groups {
		texts = append(texts, json.RawMessage(g.AppendJSON(nil)))
	}
	return texts
}

// compareAgain compares the groups of a run that was made again, whatever their order.
func (p *player) compareAgain(n int, r *recording.Run, got []*pluginsdk.MetricsGroup) error {
	want, err := decode(r.Groups)
	if err != nil {
		return exit.Misuse(err)
	}
	wantText, err := golden.Of(want)
	if err != nil {
		return err
	}
	gotText, err := golden.Of(got)
	if err != nil {
		return err
	}
	if !bytes.Equal(wantText, gotText) {
		p.different("run %d: the groups are not those of the recording: %s", n, golden.Difference(string(wantText), string(gotText)))
		return nil
	}
	if slices.Equal(sortedTexts(want), sortedTexts(got)) {
		return nil
	}
	if p.plugin.Kind == plugin.KindPython && len(r.Readings) > 0 {
		p.different("run %d: the groups have other times than those of the recording", n)
		return nil
	}
	fmt.Fprintf(p.stderr, "panoptes: run %d: compared without times, since the plugin takes them from a clock of its own\n", n)
	return nil
}

func sortedTexts(groups []*pluginsdk.MetricsGroup) []string {
	var texts []string
	for _, g := range groups {
		texts = append(texts, string(g.AppendJSON(nil)))
	}
	slices.Sort(texts)
	return texts
}
