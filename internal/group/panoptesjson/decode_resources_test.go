package panoptesjson

import (
	"errors"
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
		list, err := NewDecoder(DecoderOptions{}).Resources([]byte(listOf(n)))
		require.NoError(t, err)
		require.Len(t, list, n)
		for i, r := range list {
			assert.Equal(t, fmt.Sprintf("r%d", i), r.ID)
			assert.Equal(t, "60", r.Metadata[0].Value)
		}
	}
}

// A mistake anywhere is found, and where it is.
func TestResourcesWithAMistake(t *testing.T) {
	t.Parallel()
	good := listOf(3 * resourcesAtOnce)
	for _, n := range []int{0, resourcesAtOnce - 1, 2*resourcesAtOnce + 7} {
		id := fmt.Sprintf(`"r%d"`, n)
		bad := strings.Replace(good, id, "7", 1)
		list, err := NewDecoder(DecoderOptions{}).Resources([]byte(bad))
		assert.Nil(t, list)
		var at *Error
		require.True(t, errors.As(err, &at))
		assert.Equal(t, strings.Index(good, id), at.Offset)
		assert.Equal(t, "resource_id", at.Field)
	}
	_, err := NewDecoder(DecoderOptions{}).Resources([]byte(good + "x"))
	require.ErrorIs(t, err, errAfterwards)
	_, err = NewDecoder(DecoderOptions{}).Resources([]byte(good[:len(good)-1]))
	require.ErrorIs(t, err, errEnd)
}

func BenchmarkResources(b *testing.B) {
	text := []byte(listOf(20_000))
	d := NewDecoder(DecoderOptions{})
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Resources(text); err != nil {
			b.Fatal(err)
		}
	}
}
