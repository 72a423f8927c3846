package panoptesencodingextension

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/encoding"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// batches reads a stream to its end: the data points of each batch, the offset after it, and the error that ends it.
func batches(t *testing.T, d encoding.MetricsDecoder) (points []int, offsets []int64, err error) {
	t.Helper()
	for {
		md, err := d.DecodeMetrics()
		if err != nil {
			assert.Zero(t, md.DataPointCount())
			return points, offsets, err
		}
		points, offsets = append(points, md.DataPointCount()), append(offsets, d.Offset())
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	one := group("a", 1600000000) + "\n"
	n := int64(len(one))
	list := "[" + strings.TrimSpace(one) + ", " + strings.TrimSpace(one) + "]\n"
	for name, tt := range map[string]struct {
		text    string
		options []encoding.DecoderOption
		points  []int
		offsets []int64
		err     string
		counts  map[string]int
	}{
		"empty":              {"", nil, nil, nil, "EOF", map[string]int{}},
		"all in one batch":   {one + one + "\n" + list, nil, []int{12}, []int64{2*n + 1 + int64(len(list))}, "EOF", map[string]int{"groups_read": 4}},
		"by items":           {one + one + one, []encoding.DecoderOption{encoding.WithFlushItems(4)}, []int{6, 3}, []int64{2 * n, 3 * n}, "EOF", map[string]int{"groups_read": 3}},
		"by bytes":           {one + one + one, []encoding.DecoderOption{encoding.WithFlushBytes(n)}, []int{3, 3, 3}, []int64{n, 2 * n, 3 * n}, "EOF", map[string]int{"groups_read": 3}},
		"without limits":     {one + one, []encoding.DecoderOption{encoding.WithFlushBytes(0), encoding.WithFlushItems(0)}, []int{6}, []int64{2 * n}, "EOF", map[string]int{"groups_read": 2}},
		"from an offset":     {one + one, []encoding.DecoderOption{encoding.WithOffset(n)}, []int{3}, []int64{2 * n}, "EOF", map[string]int{"groups_read": 1}},
		"no end of line":     {strings.TrimSpace(one), nil, []int{3}, []int64{n - 1}, "EOF", map[string]int{"groups_read": 1}},
		"a bad line":         {"5\n" + one + "x\n" + one, []encoding.DecoderOption{encoding.WithFlushBytes(1)}, []int{3, 3}, []int64{2 + n, 4 + 2*n}, "EOF", map[string]int{"groups_read": 2, "groups_dropped invalid": 1, "groups_dropped malformed": 1}},
		"bad lines at last":  {one + "5\n\n5\n", []encoding.DecoderOption{encoding.WithFlushBytes(1)}, []int{3}, []int64{n}, "EOF", map[string]int{"groups_read": 1, "groups_dropped invalid": 2}},
		"a line too long":    {strings.Repeat("x", 4001) + "\n" + one, nil, []int{3}, []int64{4002 + n}, "EOF", map[string]int{"groups_read": 1, "groups_dropped too_large": 1}},
		"nothing but others": {"\n5\n6\n", nil, nil, nil, "none of 2 is a metrics group: line 2: group 0: at byte 0: expected an object, found a number", map[string]int{"groups_dropped invalid": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newObserved(t, func(cfg *Config) { cfg.MaxMessageBytes = 4000 })
			d, err := o.NewMetricsDecoder(iotest.OneByteReader(strings.NewReader(tt.text)), tt.options...)
			require.NoError(t, err)
			points, offsets, err := batches(t, d)
			assert.EqualError(t, err, tt.err)
			assert.Equal(t, tt.points, points)
			assert.Equal(t, tt.offsets, offsets)
			assert.Equal(t, tt.counts, o.counts(t))
			assert.Equal(t, int64(len(tt.text)), d.Offset())
			_, err = d.DecodeMetrics()
			require.ErrorIs(t, err, io.EOF, "the end stays the end")
			bad := len(tt.counts) - 1
			assert.Equal(t, tt.err == "EOF" && bad > 0, o.logs.Len() > 0, o.logs.All())
		})
	}
}

// What was read before a stream failed comes before the error.
func TestStreamFails(t *testing.T) {
	t.Parallel()
	o := newObserved(t, nil)
	broken := errors.New("broken")
	one := group("a", 1600000000) + "\n"
	d, err := o.NewMetricsDecoder(io.MultiReader(strings.NewReader(one+"half"), iotest.ErrReader(broken)))
	require.NoError(t, err)
	points, _, err := batches(t, d)
	require.ErrorIs(t, err, broken)
	assert.Equal(t, []int{3}, points)
}

func TestStreamOffsets(t *testing.T) {
	t.Parallel()
	o := newObserved(t, nil)
	_, err := o.NewMetricsDecoder(strings.NewReader("abc"), encoding.WithOffset(4))
	require.EqualError(t, err, "go to offset 4 of a stream: at 3: EOF")
	_, err = o.NewMetricsDecoder(strings.NewReader("abc"), encoding.WithOffset(-1))
	require.EqualError(t, err, "offset of a stream must not be negative, is -1")

	// Going on from the offset after any batch gives the rest.
	var text strings.Builder
	for n := range 20 {
		fmt.Fprintln(&text, group(fmt.Sprint(n), 1600000000))
	}
	whole, err := o.NewMetricsDecoder(strings.NewReader(text.String()), encoding.WithFlushItems(7))
	require.NoError(t, err)
	points, offsets, err := batches(t, whole)
	require.ErrorIs(t, err, io.EOF)
	for i, offset := range offsets {
		rest, err := o.NewMetricsDecoder(strings.NewReader(text.String()), encoding.WithFlushItems(7), encoding.WithOffset(offset))
		require.NoError(t, err)
		got, _, err := batches(t, rest)
		require.ErrorIs(t, err, io.EOF)
		assert.Equal(t, len(points)-i-1, len(got))
	}
}
