package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Codes of JSON-RPC 2.0.
const (
	CodeParse          = -32700
	CodeInvalidRequest = -32600
	CodeMethodNotFound = -32601
	CodeInvalidParams  = -32602
	CodeInternal       = -32603
)

// Error is the error of a request: what the other side answered, or what a Handler wants to answer.
type Error struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

func (e *Error) Error() string { return fmt.Sprintf("%s (code %d)", e.Message, e.Code) }

// FaultKind says what is wrong with a line.
type FaultKind string

const (
	// FaultTooLong: the line is longer than the bound.
	FaultTooLong FaultKind = "too_long"
	// FaultSyntax: the line is no JSON object, or no UTF-8.
	FaultSyntax FaultKind = "syntax"
	// FaultInvalid: the object is no JSON-RPC 2.0 message.
	FaultInvalid FaultKind = "invalid"
	// FaultUnknownID: an answer to a call that was never made, or was answered or given up before.
	FaultUnknownID FaultKind = "unknown_id"
	// FaultCutOff: the stream ended within a line.
	FaultCutOff FaultKind = "cut_off"
)

// Fault is a line that is no proper message.
type Fault struct {
	Kind FaultKind
	// Text says what is wrong.
	Text string
	// Line is the beginning of the line, up to 80 bytes.
	Line string
}

func (f *Fault) Error() string {
	if f.Line == "" {
		return f.Text
	}
	return fmt.Sprintf("%s, at line beginning %q", f.Text, f.Line)
}

const excerptLength = 80

func newFault(kind FaultKind, line []byte, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Text: fmt.Sprintf(format, args...), Line: string(line[:min(len(line), excerptLength)])}
}

// message is one line of either direction.
type message struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  *string         `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   *Error          `json:"error"`
}

// hasID is false also for the id null.
func (m *message) hasID() bool { return len(m.ID) > 0 && !bytes.Equal(m.ID, []byte("null")) }

func (m *message) isRequest() bool { return m.Method != nil }

// callID is the number of the call that m answers.
func (m *message) callID() (int64, bool) {
	id, err := strconv.ParseInt(string(m.ID), 10, 64)
	return id, err == nil
}

// parseMessage reads one line. The parts of the message are copies.
func parseMessage(line []byte) (*message, *Fault) {
	if !utf8.Valid(line) {
		return nil, newFault(FaultSyntax, line, "line is no UTF-8")
	}
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		var kind *json.UnmarshalTypeError
		switch {
		case !errors.As(err, &kind):
			return nil, newFault(FaultSyntax, line, "line is no JSON: %v", err)
		case kind.Field == "":
			return nil, newFault(FaultSyntax, line, "line is no JSON object")
		}
		return &m, newFault(FaultInvalid, line, "%q is a JSON %s", kind.Field, kind.Value)
	}
	switch {
	case m.Version != "2.0":
		return &m, newFault(FaultInvalid, line, `"jsonrpc" must be "2.0"`)
	case m.isRequest() && *m.Method == "":
		return &m, newFault(FaultInvalid, line, `"method" must not be empty`)
	case m.isRequest():
		return &m, nil
	case m.Result == nil && m.Error == nil:
		return &m, newFault(FaultInvalid, line, `the object has no "method", "result" or "error"`)
	case m.Result != nil && m.Error != nil && !bytes.Equal(m.Result, []byte("null")):
		return &m, newFault(FaultInvalid, line, `the answer has both "result" and "error"`)
	}
	return &m, nil
}

// peekID looks for the id of an answer at the beginning of a line that cannot be read as a whole: the first member
// "id" of the outer object, unless a member before it is too long to be there.
func peekID(line []byte) (int64, bool) {
	dec := json.NewDecoder(bytes.NewReader(line))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return 0, false
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return 0, false
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return 0, false
		}
		if key == "method" {
			return 0, false
		}
		if key == "id" {
			id, err := strconv.ParseInt(string(value), 10, 64)
			return id, err == nil
		}
	}
	return 0, false
}
