package route

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

type vector struct {
	Group           *pluginsdk.MetricsGroup `json:"group"`
	Key             *string                 `json:"key"`
	PartitioningKey string                  `json:"partitioning_key"`
	Murmur2         uint32                  `json:"murmur2"`
	Partitions      int32                   `json:"partitions"`
	Partition       *int32                  `json:"partition"`
	Topics          json.RawMessage         `json:"topics"`
	OriginalTopics  []string                `json:"original_topics"`
	Options         struct {
		Site       bool              `json:"publish_to_site_topic"`
		Global     bool              `json:"publish_to_global_topic"`
		GlobalName string            `json:"global_topic_name"`
		Plugin     map[string]string `json:"plugin_topics"`
	} `json:"options"`
}

func TestVectors(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../testdata/vectors/partition.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	rows := 0
	for lines.Scan() {
		rows++
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatalf("row %d: %v", rows, err)
		}
		checkVector(t, rows, &v)
	}
	if lines.Err() != nil || rows < 20 {
		t.Errorf("read %d rows: %v", rows, lines.Err())
	}
}

func checkVector(t *testing.T, row int, v *vector) {
	t.Helper()
	if got := MessageKey(v.Group.Resource); v.Key != nil && got != *v.Key {
		t.Errorf("row %d: key %q, want %q", row, got, *v.Key)
	}
	key := AppendPartitioningKey(nil, v.Group)
	if string(key) != v.PartitioningKey {
		t.Errorf("row %d: partitioning key %q, want %q", row, key, v.PartitioningKey)
	}
	if got := hashing.Murmur2(key); got != v.Murmur2 {
		t.Errorf("row %d: murmur2 %d, want %d", row, got, v.Murmur2)
	}
	if got := Partition(key, v.Partitions); v.Partition != nil && got != *v.Partition {
		t.Errorf("row %d: partition %d, want %d", row, got, *v.Partition)
	}
	o := Options{SiteTopics: v.Options.Site, GlobalTopic: v.Options.Global, GlobalTopicName: v.Options.GlobalName}
	suffixes, given := v.Options.Plugin["processed"]
	if given && suffixes == "" {
		suffixes = ","
	}
	got, sanitised := Topics(o, v.Group.Resource.Site, suffixes)
	slices.Sort(got)
	var want []string
	if json.Unmarshal(v.Topics, &want) != nil { // a sentence: the row asks for our own rule
		for _, topic := range v.OriginalTopics {
			legal, _ := Sanitise(topic)
			want = append(want, legal)
		}
	}
	if !slices.Equal(got, want) || sanitised != (v.OriginalTopics != nil) {
		t.Errorf("row %d: topics %q (sanitised: %v), want %q", row, got, sanitised, want)
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	for name, c := range map[string]struct {
		options   Options
		site      string
		plugin    string
		want      []string
		sanitised bool
	}{
		"nothing is on":      {Options{}, "s", "a", nil, false},
		"own suffixes":       {Options{SiteTopics: true, Suffixes: []string{"metrics", "processed"}}, "s", "a, metrics", []string{"s-metrics", "s-processed", "s-a"}, false},
		"no suffix at all":   {Options{SiteTopics: true, Suffixes: []string{}}, "s", "", nil, false},
		"blank plugin topic": {Options{SiteTopics: true}, "s", " ", []string{"s-processed", "s-"}, false},
		"default global":     {Options{GlobalTopic: true}, "s", "", []string{"panoptes-metrics"}, false},
		"global is a site's": {Options{SiteTopics: true, GlobalTopic: true, GlobalTopicName: "s-processed"}, "s", "", []string{"s-processed"}, false},
		"reserved global":    {Options{GlobalTopic: true, GlobalTopicName: ".."}, "s", "", []string{"__"}, true},
		"illegal characters": {Options{SiteTopics: true}, "Zürich 1/b", "", []string{"Z_rich_1_b-processed"}, true},
		"dots are legal":     {Options{SiteTopics: true}, ".", "", []string{".-processed"}, false},
		"too long":           {Options{SiteTopics: true}, long, "", []string{strings.Repeat("x", 240) + "-f8cf2774"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, sanitised := Topics(c.options, c.site, c.plugin)
			if !slices.Equal(got, c.want) || sanitised != c.sanitised {
				t.Errorf("got %q (sanitised: %v), want %q (%v)", got, sanitised, c.want, c.sanitised)
			}
		})
	}
}

func TestSanitiseIsLegalAndStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z.]{0,400}`)).Draw(t, "name")
		got, changed := Sanitise(name)
		if !legal(got) || changed == (got == name) {
			t.Fatalf("%q became %q (changed: %v)", name, got, changed)
		}
		if again, changed := Sanitise(got); changed || again != got {
			t.Fatalf("%q became %q, then %q", name, got, again)
		}
	})
}

func TestPartitioningKeyOrdersDimensions(t *testing.T) {
	t.Parallel()
	g := &pluginsdk.MetricsGroup{Resource: &pluginsdk.Resource{ID: "r"}, Type: "t"}
	for _, d := range [][2]string{{"b", "2|x"}, {"a", "1"}, {"é", "3"}, {"B", "0"}} {
		if err := g.AddDimension(d[0], d[1]); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := string(AppendPartitioningKey([]byte("."), g)), ".r|t|B|0|a|1|b|2|x|é|3"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if g.Dimensions()[0].Name != "b" {
		t.Error("the group's own dimensions were reordered")
	}
}

func TestPartitionOfNone(t *testing.T) {
	t.Parallel()
	for _, n := range []int32{0, -1} {
		if got := Partition([]byte("a"), n); got != 0 {
			t.Errorf("partition of %d: %d", n, got)
		}
	}
}
