package kafkaclient

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestTimeOf(t *testing.T) {
	t.Parallel()
	const group = `{"metrics_group_type": "x", "resource": {"metrics_group_creation_timestamp": 9}, "metrics_group_creation_timestamp": 1600000000.25}`
	inText := time.UnixMilli(1600000000250)
	for name, tt := range map[string]struct {
		record *kgo.Record
		want   time.Time
	}{
		"kafka's own":            {&kgo.Record{Timestamp: time.UnixMilli(5), Value: []byte(group)}, time.UnixMilli(5)},
		"none of the broker":     {&kgo.Record{Timestamp: time.UnixMilli(-1), Value: []byte(group)}, inText},
		"none of the format":     {&kgo.Record{Value: []byte(group)}, inText},
		"zero":                   {&kgo.Record{Timestamp: time.UnixMilli(0), Value: []byte(group)}, inText},
		"a list":                 {&kgo.Record{Value: []byte("[" + group + "]")}, inText},
		"lines":                  {&kgo.Record{Value: []byte(group + "\n{}")}, inText},
		"a resource set":         {&kgo.Record{Value: []byte(`{"resources": [], "resource_set_creation_timestamp": 1.5}`)}, time.UnixMilli(1500)},
		"an enrichment set":      {&kgo.Record{Value: []byte(`{"enrichment_group_set_creation_timestamp": "1.5"}`)}, time.UnixMilli(1500)},
		"cut off behind it":      {&kgo.Record{Value: []byte(group[:len(group)-1])}, inText},
		"no JSON":                {&kgo.Record{Value: []byte("oops")}, time.Time{}},
		"a number":               {&kgo.Record{Value: []byte("5")}, time.Time{}},
		"nothing":                {&kgo.Record{}, time.Time{}},
		"another case":           {&kgo.Record{Value: []byte(`{"Metrics_Group_Creation_Timestamp": 5}`)}, time.Time{}},
		"no number":              {&kgo.Record{Value: []byte(`{"metrics_group_creation_timestamp": null}`)}, time.Time{}},
		"negative":               {&kgo.Record{Value: []byte(`{"metrics_group_creation_timestamp": -5}`)}, time.Time{}},
		"beyond all time":        {&kgo.Record{Value: []byte(`{"metrics_group_creation_timestamp": 1e300}`)}, time.Time{}},
		"not a number in a text": {&kgo.Record{Value: []byte(`{"metrics_group_creation_timestamp": "NaN"}`)}, time.Time{}},
	} {
		got, ok := TimeOf(tt.record)
		assert.Equal(t, !tt.want.IsZero(), ok, name)
		assert.True(t, got.Equal(tt.want), "%s: %s", name, got)
	}
}

func FuzzTimeOf(f *testing.F) {
	f.Add([]byte(`{"metrics_group_creation_timestamp": 1600000000.25}`))
	f.Add([]byte(`[{"a": {"b": [1, 2]}, "resource_set_creation_timestamp": "1.5"}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if at, ok := TimeOf(&kgo.Record{Value: text}); ok && at.UnixMilli() < 0 {
			t.Errorf("a time before 1970: %s", at)
		}
	})
}
