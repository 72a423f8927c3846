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

// How most lines begin: answers and notifications of a side that writes no blanks and the result or parameters last.
var (
	plainAnswer       = []byte(`{"jsonrpc":"2.0","id":`)
	plainResult       = []byte(`,"result":`)
	plainNotification = []byte(`{"jsonrpc":"2.0","method":"`)
	plainParams       = []byte(`","params":`)
)

// plainMessage reads the lines that most are, without looking into result or parameters: whoever unmarshals these
// finds out what is wrong with them. It returns nil where the line is another one.
func plainMessage(line []byte) *message {
	last := len(line) - 1
	if last < 1 || line[last] != '}' {
		return nil
	}
	if rest, ok := bytes.CutPrefix(line[:last], plainAnswer); ok {
		id, result, ok := bytes.Cut(rest, plainResult)
		if !ok || len(id) == 0 || len(id) > 18 || !isObject(result) {
			return nil
		}
		for _, c := range id {
			if c < '0' || c > '9' {
				return nil
			}
		}
		copied := bytes.Clone(rest)
		return &message{Version: "2.0", ID: copied[:len(id)], Result: copied[len(rest)-len(result):]}
	}
	if rest, ok := bytes.CutPrefix(line[:last], plainNotification); ok {
		method, params, ok := bytes.Cut(rest, plainParams)
		if !ok || len(method) == 0 || !isObject(params) || bytes.ContainsAny(method, `"\`) {
			return nil
		}
		name := string(method)
		return &message{Version: "2.0", Method: &name, Params: bytes.Clone(params)}
	}
	return nil
}

// isObject says whether braces and strings make text one object and nothing after it. What is in it may be no JSON.
func isObject(text []byte) bool {
	if len(text) == 0 || text[0] != '{' {
		return false
	}
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i == len(text)-1
			}
		}
	}
	return false
}

// parseMessage reads one line. The parts of the message are copies.
func parseMessage(line []byte) (*message, *Fault) {
	if !utf8.Valid(line) {
		return nil, newFault(FaultSyntax, line, "line is no UTF-8")
	}
	if m := plainMessage(line); m != nil {
		return m, nil
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

// What is written.
type request struct {
	Version string `json:"jsonrpc"`
	ID      int64  `json:"id"`
	Method  string `json:"method"`
	Params  any    `json:"params,omitempty"`
}

type notification struct {
	Version string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  any    `json:"params,omitempty"`
}

type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result"`
}

type errorResponse struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Error   *Error          `json:"error"`
}
