package rpc

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func FuzzParseMessage(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `{"jsonrpc":"2.0","id":1,"result":null}`, `{"jsonrpc":"2.0","method":"log","params":{"a":[1]}}`,
		`{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"m","data":{}}}`, `{"id":1,"id":2}`, "\xff", `{"method":5}`,
		`{"jsonrpc":"2.0","id":12,"result":{"a":[1]}}`, `{"jsonrpc":"2.0","id":1,"result":1,"id":2}`, `{"jsonrpc":"2.0","id":01,"result":1} `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		m, fault := parseMessage(line)
		if m == nil && fault == nil {
			t.Fatal("neither a message nor a fault")
		}
		if fault != nil && (fault.Error() == "" || len(fault.Line) > excerptLength) {
			t.Errorf("fault %q", fault)
		}
		if fault == nil && !m.isRequest() && m.Result == nil && m.Error == nil {
			t.Error("a message that is nothing passed")
		}
		peekID(line)
	})
}

// FuzzStream gives a connection any bytes at all: it neither panics nor hangs, and says that it has ended.
func FuzzStream(f *testing.F) {
	f.Add([]byte("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}\nx\n\n{\"id\":1"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		c := New(bytes.NewReader(stream), io.Discard, Options{MaxLine: 64})
		<-c.Done()
		c.Wait()
	})
}

// TestLinesLikeModel compares the reader with strings.Split, for any sizes of reads.
func TestLinesLikeModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.Custom(func(t *rapid.T) string {
			return strings.Repeat("x", rapid.SampledFrom([]int{0, 1, 9, 10, 11, 4095, 4096, 4097, 65535, 65536, 65537, 200_000}).Draw(t, "n"))
		})).Draw(t, "lines")
		limit := rapid.SampledFrom([]int{1, 10, 4096, 70_000}).Draw(t, "limit")
		text := strings.Join(parts, "\n")
		var r io.Reader = strings.NewReader(text)
		if rapid.Bool().Draw(t, "small reads") {
			r = iotest.HalfReader(r)
		}
		lines := newLineReader(r, limit)
		for i, want := range parts {
			line, size, err := lines.next()
			last := i == len(parts)-1
			switch {
			case last && want == "":
				if !errors.Is(err, io.EOF) {
					t.Fatalf("at the end: %v", err)
				}
				return
			case last != errors.Is(err, io.ErrUnexpectedEOF), !last && err != nil:
				t.Fatalf("line %d of %d: %v", i, len(parts), err)
			case size != len(want):
				t.Fatalf("line %d has size %d, want %d", i, size, len(want))
			case size <= limit && string(line) != want, len(line) > max(limit, keepOfLongLine), !strings.HasPrefix(want, string(line)):
				t.Fatalf("line %d is %d bytes of %d", i, len(line), len(want))
			}
		}
	})
}
