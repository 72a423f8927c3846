package panoptesjson

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listOf is a list of resources r0, r1 and so on.
func listOf(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"resource_site": "s", "resource_class": "c", "resource_subclass": "sc", "resource_type": "t", `+
			`"resource_id": "r%d", "resource_endpoint": "e", "resource_metadata": {"_resource_ttl": "60"}}`, i))
	}
	return "[" + strings.Join(all, ",\n ") + "]"
}

// Lists of any length keep their order, however many processors read them.
func TestResourcesOfAnyLength(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, resourcesAtOnce - 1, resourcesAtOnce, resourcesAtOnce + 1, 20 * resourcesAtOnce} {
		list, bad, err := NewDecoder(DecoderOptions{}).Resources([]byte(listOf(n)))
		require.NoError(t, err)
		require.Empty(t, bad)
		require.Len(t, list, n)
		for i, r := range list {
			assert.Equal(t, fmt.Sprintf("r%d", i), r.ID)
			assert.Equal(t, "60", r.Metadata[0].Value)
		}
	}
}

// A bad entry anywhere costs itself alone, and its error says where it is.
func TestResourcesWithABadEntry(t *testing.T) {
	t.Parallel()
	good := listOf(3 * resourcesAtOnce)
	for _, n := range []int{0, resourcesAtOnce - 1, 2*resourcesAtOnce + 7} {
		site := fmt.Sprintf(`"resource_endpoint": "e", "resource_metadata": {"_resource_ttl": "60"}},
 {"resource_site": "s", "resource_class": "c", "resource_subclass": "sc", "resource_type": "t", "resource_id": "r%d"`, n)
		if n == 0 {
			site = `"resource_site": "s", "resource_class": "c", "resource_subclass": "sc", "resource_type": "t", "resource_id": "r0"`
		}
		at := strings.Index(good, site) + strings.Index(site, `"s"`)
		list, bad, err := NewDecoder(DecoderOptions{}).Resources([]byte(good[:at] + `7` + good[at+len(`"s"`):]))
		require.NoError(t, err)
		require.Len(t, list, 3*resourcesAtOnce-1)
		for i, r := range list {
			if i >= n {
				i++
			}
			assert.Equal(t, fmt.Sprintf("r%d", i), r.ID)
		}
		assert.Equal(t, []BadResource{{n, fmt.Sprintf("r%d", n), &Error{Offset: at, Field: "resource_site", Err: bad[0].Err.Err}}}, bad)
		require.EqualError(t, bad[0].Err.Err, "expected a string, found a number")
	}
}

// Text that is no JSON is an error, wherever it ceases to be.
func TestResourcesThatAreNoJSON(t *testing.T) {
	t.Parallel()
	good := listOf(3 * resourcesAtOnce)
	for want, text := range map[string]string{
		fmt.Sprintf("at byte %d: expected the end, found 'x'", len(good)):      good + "x",
		fmt.Sprintf("at byte %d: the text ends too early", len(good)-1):        good[:len(good)-1],
		`at byte 11: expected "," or the end of the list, found a number`:      `{"a": true 7}`,
		"at byte 0: the text ends too early":                                   "",
		"at byte 0: expected a list of resources, or one resource, found 'x'":  "x",
		"at byte 1: expected a list of resources, or one resource, found null": " null",
		"resources (at byte 14): expected a list, found an object":             `{"resources": {}}`,
		"resources (at byte 31): is there twice":                               `{"resources": [], "resources": []}`,
	} {
		list, bad, err := NewDecoder(DecoderOptions{}).Resources([]byte(text))
		assert.EqualError(t, err, want)
		assert.Nil(t, list)
		assert.Nil(t, bad)
	}
}

func BenchmarkResources(b *testing.B) {
	text := []byte(listOf(20_000))
	d := NewDecoder(DecoderOptions{})
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := d.Resources(text); err != nil {
			b.Fatal(err)
		}
	}
}
