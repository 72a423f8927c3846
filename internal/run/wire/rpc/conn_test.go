package rpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is the other side of a connection, worked by hand.
type peer struct {
	t    *testing.T
	conn *Conn
	in   *bufio.Scanner
	out  io.WriteCloser

	mu     sync.Mutex
	faults []*Fault
}

// newPeer returns the other side of a connection that has its own end closed at the end of the test.
func newPeer(t *testing.T, o Options) *peer {
	t.Helper()
	fromUs, toPeer := io.Pipe()
	fromPeer, toUs := io.Pipe()
	p := &peer{t: t, in: bufio.NewScanner(fromUs), out: toUs}
	o.Fault = func(f *Fault) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.faults = append(p.faults, f)
	}
	p.conn = New(fromPeer, toPeer, o)
	t.Cleanup(func() {
		p.conn.Close()
		_ = fromUs.Close()
		_ = fromPeer.Close()
		p.conn.Wait()
	})
	return p
}

// read returns the next line that we sent.
func (p *peer) read() map[string]any {
	p.t.Helper()
	if !p.in.Scan() {
		p.t.Fatalf("nothing to read: %v", p.in.Err())
	}
	var m map[string]any
	if err := json.Unmarshal(p.in.Bytes(), &m); err != nil {
		p.t.Fatalf("%q: %v", p.in.Bytes(), err)
	}
	if m["jsonrpc"] != "2.0" {
		p.t.Errorf("%q is no JSON-RPC 2.0", p.in.Bytes())
	}
	return m
}

func (p *peer) write(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.out, text); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) faultKinds() []FaultKind {
	p.mu.Lock()
	defer p.mu.Unlock()
	kinds := []FaultKind{}
	for _, f := range p.faults {
		kinds = append(kinds, f.Kind)
	}
	return kinds
}

// call starts a call and returns where its error comes to.
func (p *peer) call(result any) chan error {
	done := make(chan error, 1)
	go func() { done <- p.conn.Call(context.Background(), "run", map[string]int{"n": 1}, result) }()
	return done
}

func TestCall(t *testing.T) {
	t.Parallel()
	p := newPeer(t, Options{})
	var result struct{ N int }
	done := p.call(&result)
	if m := p.read(); m["method"] != "run" || m["id"] != 1.0 || m["params"].(map[string]any)["n"] != 1.0 {
		t.Errorf("request is %v", m)
	}
	p.write(`{"jsonrpc":"2.0","id":1,"result":{"N":7},"more":0}` + "\n")
	if err := <-done; err != nil || result.N != 7 {
		t.Errorf("Call = %v, %v", result, err)
	}
	done = p.call(nil)
	p.read()
	p.write(`{"jsonrpc":"2.0","id":2,"error":{"code":-32001,"message":"rejected","data":{"kind":"x"}}}` + "\n")
	var e *Error
	if err := <-done; !errors.As(err, &e) || e.Code != -32001 || string(e.Data) != `{"kind":"x"}` {
		t.Errorf("Call = %v", err)
	}
}

func TestConcurrentCallsAnsweredInAnyOrder(t *testing.T) {
	t.Parallel()
	p := newPeer(t, Options{})
	const n = 50
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			var got int
			if err := p.conn.Call(context.Background(), "echo", i, &got); err != nil || got != i {
				t.Errorf("Call = %d, %v; want %d", got, err, i)
			}
		})
	}
	answers := make([]string, n)
	for i := range n {
		m := p.read()
		answers[n-1-i] = fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,"result":%v}`, m["id"], m["params"])
	}
	p.write(strings.Join(answers, "\n") + "\n")
	wg.Wait()
}

func TestRequestsOfOtherSide(t *testing.T) {
	t.Parallel()
	notes := make(chan string, 1)
	p := newPeer(t, Options{
		Handle: func(_ context.Context, method string, params json.RawMessage) (any, error) {
			switch method {
			case "kv.get":
				return map[string]string{"value": "<" + string(params) + ">"}, nil
			case "fail":
				return nil, errors.New("no such luck")
			case "bad":
				return func() {}, nil
			}
			return nil, MethodNotFound(method)
		},
		Notify: func(method string, _ json.RawMessage) { notes <- method },
	})
	for _, c := range []struct{ request, want string }{
		{`{"jsonrpc":"2.0","id":"a","method":"kv.get","params":[1]}`, `map[id:a jsonrpc:2.0 result:map[value:<[1]>]]`},
		{`{"jsonrpc":"2.0","id":2,"method":"fail"}`, `map[error:map[code:-32603 message:no such luck] id:2 jsonrpc:2.0]`},
		{`{"jsonrpc":"2.0","id":3,"method":"x"}`, `map[error:map[code:-32601 message:method not found: "x"] id:3 jsonrpc:2.0]`},
		{`{"jsonrpc":"2.0","id":4,"method":""}`, `map[error:map[code:-32600 message:"method" must not be empty] id:4 jsonrpc:2.0]`},
		{`{"jsonrpc":"1.0","id":5,"method":"x"}`, `map[error:map[code:-32600 message:"jsonrpc" must be "2.0"] id:5 jsonrpc:2.0]`},
		{`{"jsonrpc":"2.0","id":6,"method":"bad"}`, ``},
	} {
		p.write(c.request + "\n")
		if got := fmt.Sprint(p.read()); c.want != "" && got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.request, got, c.want)
		}
	}
	p.write(`{"jsonrpc":"2.0","method":"log"}` + "\n")
	if got := <-notes; got != "log" {
		t.Errorf("notification %q", got)
	}
}

// TestFaults writes lines that are no answers while one call waits, then a good answer to it.
func TestFaults(t *testing.T) {
	t.Parallel()
	const good = `{"jsonrpc":"2.0","id":1,"result":"good"}`
	for _, c := range []struct {
		name, lines string
		kinds       string
		err         string // of the call; "" where it gets the good answer
	}{
		{"garbage", "hello world", "[syntax]", `line is no JSON: `},
		{"cut JSON", `{"jsonrpc":`, "[syntax]", `line is no JSON: `},
		{"no object", `[1]`, "[syntax]", "line is no JSON object"},
		{"text", `"x"`, "[syntax]", "line is no JSON object"},
		{"invalid UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"\xff\"}", "[syntax]", "line is no UTF-8"},
		{"NUL", "\x00", "[syntax]", "line is no JSON: "},
		{"no version", `{"id":1,"result":1}`, "[invalid]", `"jsonrpc" must be "2.0"`},
		{"id of another call is spared", `{"id":9,"result":1}`, "[invalid]", ""},
		{"no result", `{"jsonrpc":"2.0","id":1}`, "[invalid]", `the object has no "method", "result" or "error"`},
		{"result and error", `{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":"m"}}`, "[invalid]", `both "result" and "error"`},
		{"error is text", `{"jsonrpc":"2.0","id":1,"error":"m"}`, "[invalid]", `"error" is a JSON string`},
		{"no id", `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse"}}`, "[invalid]", `without an "id": parse (code -32700)`},
		{"wrong id", `{"jsonrpc":"2.0","id":7,"result":1}`, "[unknown_id]", ""},
		{"text id", `{"jsonrpc":"2.0","id":"1","result":1}`, "[unknown_id]", ""},
		{"half id", `{"jsonrpc":"2.0","id":1.5,"result":1}`, "[unknown_id]", ""},
		{"twice", good + "\n" + good, "[unknown_id unknown_id]", ""},
		{"too long, id seen", `{"jsonrpc":"2.0","id":1,"result":"` + strings.Repeat("x", 5000) + `"}`, "[too_long]", "line of 5036 bytes, limit is 1000"},
		{"too long, id of another", `{"jsonrpc":"2.0","id":9,"result":"` + strings.Repeat("x", 5000) + `"}`, "[too_long]", ""},
		{"too long, no id seen", strings.Repeat("x", 200_000), "[too_long]", "line of 200000 bytes, limit is 1000"},
		{"empty lines", "\n \n\r", "[]", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, Options{MaxLine: 1000})
			var result string
			done := p.call(&result)
			p.read()
			p.write(c.lines + "\n" + good + "\n")
			err := <-done
			switch {
			case c.err == "" && (err != nil || result != "good"):
				t.Errorf("Call = %q, %v", result, err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("Call: %v\nwant %s", err, c.err)
			}
			// The stream goes on: a second call is answered as if nothing had been.
			done = p.call(&result)
			p.read()
			p.write(`{"jsonrpc":"2.0","id":2,"result":"second"}` + "\n")
			if err := <-done; err != nil || result != "second" {
				t.Errorf("second Call = %q, %v", result, err)
			}
			kinds := p.faultKinds()
			if c.err != "" { // the good answer came to a call that had failed
				kinds = kinds[:len(kinds)-1]
			}
			if got := fmt.Sprint(kinds); got != c.kinds {
				t.Errorf("faults %s, want %s", got, c.kinds)
			}
		})
	}
}

func TestResultThatDoesNotFit(t *testing.T) {
	t.Parallel()
	p := newPeer(t, Options{})
	var result int
	done := p.call(&result)
	p.read()
	p.write(`{"jsonrpc":"2.0","id":1,"result":"text"}` + "\n")
	var f *Fault
	if err := <-done; !errors.As(err, &f) || f.Kind != FaultInvalid {
		t.Errorf("Call = %v", err)
	}
}

func TestEndOfStream(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, last, err string }{
		{"clean", "", "connection is closed by the other side"},
		{"half a line", `{"jsonrpc":"2.0","id":1,"res`, "stream ended within a line, after 28 bytes of it"},
		{"half an overlong line", strings.Repeat("x", 2000), "stream ended within a line, after 2000 bytes of it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, Options{MaxLine: 1000})
			done := p.call(nil)
			p.read()
			p.write(c.last)
			_ = p.out.Close()
			if err := <-done; !errors.Is(err, ErrClosed) || !strings.Contains(err.Error(), c.err) {
				t.Errorf("Call = %v", err)
			}
			<-p.conn.Done()
			if err := p.conn.Call(context.Background(), "x", nil, nil); !errors.Is(err, ErrClosed) {
				t.Errorf("Call after the end = %v", err)
			}
			if err := p.conn.Notify(context.Background(), "x", nil); !errors.Is(err, ErrClosed) {
				t.Errorf("Notify after the end = %v", err)
			}
		})
	}
}

func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	p := newPeer(t, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.conn.Call(ctx, "slow", nil, nil) }()
	p.read()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Call = %v", err)
	}
	// Its late answer disturbs nobody.
	next := p.call(nil)
	p.read()
	p.write(`{"jsonrpc":"2.0","id":1,"result":0}` + "\n" + `{"jsonrpc":"2.0","id":2,"result":0}` + "\n")
	if err := <-next; err != nil {
		t.Error(err)
	}
}

// TestPeerThatDoesNotRead: what is not read holds up no caller beyond its context, nor Close.
func TestPeerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	p := newPeer(t, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	errs := make(chan error, 100)
	for range cap(errs) {
		go func() { errs <- p.conn.Call(ctx, "x", nil, nil) }()
	}
	cancel()
	for range cap(errs) {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("Call = %v", err)
		}
	}
}

func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}, 6), make(chan struct{})
	var mu sync.Mutex
	running, most := 0, 0
	p := newPeer(t, Options{MaxHandled: 2, Handle: func(context.Context, string, json.RawMessage) (any, error) {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		entered <- struct{}{}
		<-leave
		mu.Lock()
		running--
		mu.Unlock()
		return 1, nil
	}})
	n := cap(entered)
	var writing sync.WaitGroup
	defer writing.Wait()
	writing.Go(func() {
		_, err := io.WriteString(p.out, strings.Repeat(`{"jsonrpc":"2.0","id":1,"method":"x"}`+"\n", n))
		if err != nil {
			t.Error(err)
		}
	})
	<-entered
	<-entered
	for range n {
		leave <- struct{}{}
		p.read()
	}
	if most != 2 {
		t.Errorf("%d requests were handled at once, limit is 2", most)
	}
}
