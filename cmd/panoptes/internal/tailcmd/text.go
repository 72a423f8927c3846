package tailcmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/stream"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
)

// textView writes group by group: for people, or as they are.
type textView struct {
	json   bool
	out    io.Writer
	stderr io.Writer
	style  term.Style
	buf    []byte
}

func (v *textView) Show(m stream.Message) error {
	if v.json {
		v.buf = appendLine(v.buf[:0], m.Text)
	} else {
		v.buf = append(m.Append(v.buf[:0], v.style), '\n')
	}
	_, err := v.out.Write(v.buf)
	return err
}

func (v *textView) Bad(text string) { complain(v.stderr, text) }

func (v *textView) Note(text string) { complain(v.stderr, text) }

func complain(stderr io.Writer, text string) { fmt.Fprintf(stderr, "panoptes: %s\n", term.Cell(text)) }

func (v *textView) Close() error { return nil }

// appendLine appends a message on one line: as it is, except ends of lines inside it.
func appendLine(b, value []byte) []byte {
	if bytes.ContainsAny(value, "\r\n") {
		var compact bytes.Buffer
		if json.Compact(&compact, value) == nil {
			value = compact.Bytes()
		}
		value = []byte(strings.NewReplacer("\r", " ", "\n", " ").Replace(string(value)))
	}
	return append(append(b, value...), '\n')
}
