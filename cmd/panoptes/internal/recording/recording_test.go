package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestWriteAndRead(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	scrub := &Scrubber{}
	w, err := NewWriter(&file, scrub, Head{Host: "panoptes test", Plugin: Plugin{Name: "p", Kind: "python", Transforms: "a = rate:a:n"}})
	require.NoError(t, err)
	run := Run{
		Resource: json.RawMessage(`{"resource_id":"one"}`), Config: pluginsdk.Config{"main": {"a": "<b>"}}, Started: 1.5, Outcome: "ok",
		Calls:  []Call{{Method: "secrets.get", Params: json.RawMessage(`{"name":"community"}`), Result: json.RawMessage(`{"value":"pa\"ss wörd"}`)}},
		Output: []string{`{"dimension_value": "pa\"ss w\u00f6rd"}`},
	}
	require.NoError(t, scrub.Add(`pa"ss wörd`))
	require.NoError(t, w.Run(run))
	assert.NotContains(t, file.String(), "ss w")
	assert.Contains(t, file.String(), `"<b>"`)

	r, err := NewReader(&file)
	require.NoError(t, err)
	assert.Equal(t, Format, r.Head.Format)
	assert.Equal(t, "a = rate:a:n", r.Head.Plugin.Transforms)
	got, err := r.Next()
	require.NoError(t, err)
	run.Calls[0].Result = json.RawMessage(`{"value":"(secret)"}`)
	run.Output[0] = `{"dimension_value": "(secret)"}`
	assert.Equal(t, &run, got)
	_, err = r.Next()
	require.ErrorIs(t, err, io.EOF)
}

func TestScrub(t *testing.T) {
	t.Parallel()
	s := &Scrubber{}
	assert.JSONEq(t, `{"a": 1}`, string(s.CleanJSON([]byte(`{"a": 1}`))), "nothing is secret")
	require.NoError(t, s.Add(""))
	require.NoError(t, s.Add("1"))
	require.NoError(t, s.Add("hunter2"))
	require.NoError(t, s.Add("hunter2 and more"))
	got := s.CleanJSON([]byte(`{"hunter2": 1, "name": {"name": "hunter2"}, "x": "1", "y": "11", "z": ["say hunter2 and more", "\\hunter2\"", 1]}`))
	assert.JSONEq(t, `{"(secret)": 1, "name": {"name": "(secret)"}, "x": "(secret)", "y": "11", "z": ["say (secret)", "\\(secret)\"", 1]}`, string(got))
	for _, broken := range []string{`"`, `"\`, `{"a`, ``, `"a" `} {
		assert.Equal(t, broken, string(s.CleanJSON([]byte(broken))))
	}
}

// What a plugin escaped is escaped once more on the wire.
func TestScrubWire(t *testing.T) {
	t.Parallel()
	const secret = `Xk9$"q<Wort`
	s := &Scrubber{}
	require.NoError(t, s.Add(secret))
	tape := NewTape(s)
	for _, message := range []string{`"Xk9$""q<Wort"`, `\x58\x6b\x39\x24\x22\x71\x3c\x57\x6f\x72\x74`, strings.TrimSpace(string(mustMarshal(t, strings.TrimSpace(string(mustMarshal(t, secret))))))} {
		tape.Pass(wire.StreamOut, []byte(`{"method":"log","params":{"message":`+strings.TrimSpace(string(mustMarshal(t, message)))+"}}\n"))
	}
	var run Run
	tape.Take(&run)
	require.Len(t, run.Wire, 3)
	for _, p := range run.Wire {
		assert.Regexp(t, `^\{"method":"log","params":\{"message":".{0,8}\(secret\).{0,8}"\}\}\n$`, p.Text)
	}
}

// Whatever the secret is, JSON stays JSON and has it no more.
func TestScrubAny(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringN(4, 20, -1).Draw(t, "secret")
		text := rapid.String().Draw(t, "before") + secret + rapid.String().Draw(t, "after")
		s := &Scrubber{}
		require.NoError(t, s.Add(secret))
		line, err := marshal(map[string]any{"k": text, "nested": string(mustMarshal(t, text))})
		require.NoError(t, err)
		var got struct{ K, Nested string }
		require.NoError(t, json.Unmarshal(s.CleanJSON(line), &got))
		if strings.ToValidUTF8(secret, "") == secret && !strings.Contains(Placeholder, secret) {
			assert.NotContains(t, strings.ReplaceAll(got.K, Placeholder, ""), secret)
		}
	})
}

// A secret is not found where an escape has some of its characters.
func TestScrubKeepsEscapes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ secret, text, want string }{
		{"tAAA", "\tAAA, tAAA", "\tAAA, " + Placeholder},
		{"\tAAA", "\\\tAAA", Placeholder}, // as a shell writes it
		{"0001", "\x01 0001", "\x01 " + Placeholder},
	} {
		s := &Scrubber{}
		require.NoError(t, s.Add(c.secret))
		var got string
		require.NoError(t, json.Unmarshal(s.CleanJSON(mustMarshal(t, c.text)), &got))
		assert.Equal(t, c.want, got)
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":     "EOF",
		"{":    "unexpected end",
		"{}\n": "no recording",
		`{"format": "panoptes-recording", "version": 2}`: "version 2",
	} {
		_, err := NewReader(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
	r, err := NewReader(strings.NewReader(`{"format": "panoptes-recording", "version": 1}` + "\n[]\n"))
	require.NoError(t, err)
	_, err = r.Next()
	require.ErrorContains(t, err, "line 2")
	require.False(t, errors.Is(err, io.EOF))
}

func mustMarshal(t require.TestingT, text string) []byte {
	out, err := marshal(text)
	require.NoError(t, err)
	return out
}
