package lines

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzLines: lines come out as they are, except for those that are too long, whatever the sizes of limit and buffer.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\n\nbcd\r\n\n"), uint8(3))
	f.Add([]byte("no end"), uint8(6))
	f.Add(bytes.Repeat([]byte("0123456789abcdef\n0123456789abcdef0\n"), 3), uint8(16))
	f.Fuzz(func(t *testing.T, text []byte, limit uint8) {
		l := New(bytes.NewReader(text), int(limit), 16)
		want := bytes.Split(text, []byte("\n"))
		if len(want[len(want)-1]) == 0 {
			want = want[:len(want)-1] // what follows the last end is no line
		}
		offset := int64(0)
		for i, line := range want {
			got, err := l.Next()
			require.Equal(t, i+1, l.Number)
			offset += int64(len(line)) + 1
			require.Equal(t, min(offset, int64(len(text))), l.Offset)
			if len(line) > int(limit) {
				require.Equal(t, TooLongError(limit), err)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, string(line), string(got))
		}
		_, err := l.Next()
		require.ErrorIs(t, err, io.EOF)
	})
}

// failing gives some bytes and then fails.
type failing struct{ data []byte }

var errBroken = errors.New("broken")

func (f *failing) Read(b []byte) (int, error) {
	n := copy(b, f.data)
	f.data = f.data[n:]
	if n == 0 {
		return 0, errBroken
	}
	return n, nil
}

func TestLinesBroken(t *testing.T) {
	t.Parallel()
	l := New(&failing{[]byte("one\nhalf")}, 100, 16)
	line, err := l.Next()
	require.NoError(t, err)
	require.Equal(t, "one", string(line))
	_, err = l.Next()
	require.ErrorIs(t, err, errBroken)
}

// zeros is a device without an end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func TestLineWithoutEnd(t *testing.T) {
	t.Parallel()
	_, err := New(zeros{}, 16, 1<<20).Next()
	require.EqualError(t, err, "line has no end within 1073741824 bytes")
}
