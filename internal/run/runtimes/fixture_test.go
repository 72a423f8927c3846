//go:build unix

package runtimes

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// fixtureArg makes the tests' own binary a plugin: its next argument says how it behaves.
const fixtureArg = "plugin-fixture"

const fixtureGroup = `{"type":"fixture","gauges":{"value":1}}`

// fixture is a plugin: a process plugin that answers as mode says, or an exec plugin for the modes of execFixture.
func fixture(mode string) {
	if act := execFixture[mode]; act != nil {
		act()
		return
	}
	f := &fixturePlugin{mode: mode}
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			if mode == "ignores the end" {
				signal.Ignore(syscall.SIGTERM)
				select {}
			}
			return
		}
		var m struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Params struct {
				RunID    int64 `json:"run_id"`
				Resource struct {
					ID string `json:"resource_id"`
				} `json:"resource"`
			} `json:"params"`
			Result json.RawMessage `json:"result"`
		}
		if json.Unmarshal(line, &m) != nil {
			continue
		}
		f.take(string(m.ID), m.Method, m.Params.RunID, m.Params.Resource.ID, m.Result)
	}
}

type fixturePlugin struct {
	mode    string
	mu      sync.Mutex
	answer  string // of the run that asked the host
	waiting []func()
}

func (f *fixturePlugin) write(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Printf(format, args...)
}

func (f *fixturePlugin) result(id, result string) {
	f.write(`{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", id, result)
}

func (f *fixturePlugin) take(id, method string, run int64, resource string, result json.RawMessage) {
	switch method {
	case "initialize":
		f.initialize(id)
	case "describe":
		switch f.mode {
		case "describes":
			f.result(id, `{"groups":[{"type":"fixture","metrics":[{"name":"value","type":"gauge","unit":"1"}]}]}`)
			return
		case "describes badly":
			f.result(id, `{"groups":[{"type":""}]}`)
			return
		}
		f.write(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`+"\n", id)
	case "shutdown":
		f.result(id, "{}")
	case "run":
		f.run(id, run, resource)
	case "cancel":
		if f.mode == "heeds cancel" {
			f.result(f.answer, `{"outcome":"raised","error":{"type":"Canceled","message":"by the host"}}`)
		}
	case "": // an answer to kv.get
		f.result(f.answer, fmt.Sprintf(`{"outcome":"ok","groups":[{"type":"kv","gauges":{"value":1},"dimensions":{"answer":%q}}]}`, result))
	}
}

func (f *fixturePlugin) initialize(id string) {
	version, concurrency := 1, 1
	switch f.mode {
	case "exits at once":
		fmt.Fprintln(os.Stderr, "no good")
		os.Exit(3)
	case "old protocol":
		version = 0
	case "concurrent", "hangs for one":
		concurrency = 8
	}
	f.result(id, fmt.Sprintf(`{"protocol_version":%d,"capabilities":{"concurrency":%d},"more":true}`, version, concurrency))
}

func (f *fixturePlugin) ok(id string, groups ...string) {
	f.result(id, `{"outcome":"ok","groups":[`+strings.Join(groups, ",")+`]}`)
}

func (f *fixturePlugin) run(id string, run int64, resource string) {
	group := fmt.Sprintf(`{"type":"fixture","gauges":{"value":1},"dimensions":{"pid":"%d"}}`, os.Getpid())
	switch f.mode {
	case "good":
		f.ok(id, group, `{"metrics_group_type":"full","metrics_group_interval":60,"metrics":[{"metric_name":"n","metric_type":"counter","metric_value":2}]}`)
	case "logs":
		f.write(`{"jsonrpc":"2.0","method":"log","params":{"run_id":%d,"level":"warning","message":"about %s"}}`+"\n", run, resource)
		fmt.Fprintln(os.Stderr, "to stderr")
		f.ok(id)
	case "kv":
		f.answer = id
		f.write(`{"jsonrpc":"2.0","id":"k","method":"kv.get","params":{"key":"there"}}` + "\n")
	case "concurrent": // answers nothing until eight are there
		f.write(`{"jsonrpc":"2.0","method":"log","params":{"run_id":%d,"logger":"door","message":"waits with %s"}}`+"\n", run, resource)
		f.waiting = append(f.waiting, func() { f.ok(id, group) })
		if len(f.waiting) == 8 {
			for _, answer := range f.waiting {
				answer()
			}
		}
	case "hangs for one":
		if resource != "bad" {
			f.ok(id, group)
		}
	case "describes":
		f.ok(id, fixtureGroup, `{"type":"other","gauges":{"value":1}}`)
	case "none":
		f.result(id, `{"outcome":"none"}`)
	case "raises":
		f.result(id, `{"outcome":"raised","error":{"type":"Oops","message":"it broke","traceback":"here\nthere"}}`)
	case "refuses":
		f.write(`{"jsonrpc":"2.0","id":%s,"error":{"code":-1,"message":"not today"}}`+"\n", id)
	case "bad groups":
		f.ok(id, fixtureGroup, `{"type":"bad","gauges":{"a-b":1}}`, `5`, fixtureGroup)
	case "heeds cancel":
		f.answer = id
	case "crashes for one":
		if resource == "bad" {
			fmt.Fprintln(os.Stderr, "segfault")
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		f.ok(id, group)
	default:
		hostile[f.mode](f, id)
	}
}

// hostile are the plugins that nobody wants.
var hostile = map[string]func(f *fixturePlugin, id string){
	"forks twice and lives on": func(*fixturePlugin, string) {
		// It leaves the group and the session, ignores what it can, and holds all three pipes.
		grandchild("hostile-grandchild")
		os.Exit(0)
	},
	"floods stdout": func(*fixturePlugin, string) { flood(os.Stdout) },
	"floods stderr": func(*fixturePlugin, string) { flood(os.Stderr) },
	"floods both":   func(*fixturePlugin, string) { go flood(os.Stderr); flood(os.Stdout) },
	"half a line and hangs": func(f *fixturePlugin, id string) {
		f.write(`{"jsonrpc":"2.0","id":%s,"resu`, id)
		select {}
	},
	"wrong id": func(f *fixturePlugin, _ string) { f.ok("777") },
	"answers twice": func(f *fixturePlugin, id string) {
		f.ok(id, fixtureGroup)
		f.ok(id, fixtureGroup)
	},
	"answers 100 MB": func(f *fixturePlugin, id string) {
		f.write(`{"jsonrpc":"2.0","id":%s,"result":"`, id)
		block := strings.Repeat("x", 1<<20)
		for range 100 {
			_, _ = os.Stdout.WriteString(block)
		}
		f.write("\"}\n")
	},
	"closes stdin": func(f *fixturePlugin, id string) {
		_ = os.Stdin.Close()
		f.ok(id, fixtureGroup)
		select {}
	},
	"closes stdout": func(*fixturePlugin, string) { _ = os.Stdout.Close(); select {} },
	"ignores TERM":  func(*fixturePlugin, string) { signal.Ignore(syscall.SIGTERM); select {} },
	"exits in a run": func(*fixturePlugin, string) {
		fmt.Fprintln(os.Stderr, "goodbye")
		os.Exit(7)
	},
	"invalid UTF-8": func(f *fixturePlugin, id string) { f.result(id, "\"\xff\xfe\"") },
	"eats memory": func(*fixturePlugin, string) {
		var all [][]byte
		for {
			all = append(all, make([]byte, 1<<20))
			for i := 0; i < 1<<20; i += 4096 {
				all[len(all)-1][i] = 1
			}
		}
	},
	"asks without end": func(f *fixturePlugin, _ string) {
		for {
			f.write(`{"jsonrpc":"2.0","id":1,"method":"kv.get","params":{"key":"x"}}` + "\n")
		}
	},
	"logs without end": func(f *fixturePlugin, _ string) {
		for {
			f.write(`{"jsonrpc":"2.0","method":"log","params":{"message":"again"}}` + "\n")
		}
	},
	"text between": func(f *fixturePlugin, id string) {
		f.write("hello\n")
		f.ok(id, fixtureGroup)
	},
}

func flood(w io.Writer) {
	line := strings.Repeat("all work and no play ", 50) + "\n"
	for {
		if _, err := io.WriteString(w, line); err != nil {
			os.Exit(1)
		}
	}
}

// grandchild leaves a process behind that is in nobody's group.
func grandchild(mode string) {
	cmd := exec.Command(os.Args[0], fixtureArg, mode)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
}

// execFixture are exec plugins.
var execFixture = map[string]func(){
	"exec-good": func() {
		resource, _ := io.ReadAll(os.Stdin)
		var r struct {
			ID string `json:"resource_id"`
		}
		_ = json.Unmarshal(resource, &r)
		dir, _ := os.Getwd()
		fmt.Printf(`{"type":"exec","gauges":{"value":1},"dimensions":{"id":%q,"endpoint":%q,"interval":%q,"dir":%q,"args":%q}}`+"\n",
			r.ID, os.Getenv("PANOPTES_RESOURCE_ENDPOINT"), os.Getenv("PANOPTES_INTERVAL"), dir, strings.Join(os.Args[2:], "|"))
		fmt.Fprintln(os.Stderr, "done")
	},
	"exec-config": func() {
		fmt.Printf(`{"type":"c","gauges":{},"dimensions":{"config":%q}}`, os.Getenv("PANOPTES_CONFIG"))
	},
	"exec-two":       func() { fmt.Println(fixtureGroup, `{"type":"other","gauges":{"value":1}}`) },
	"exec-nothing":   func() {},
	"exec-no-groups": func() { fmt.Print(`{"groups": []}`) },
	"exec-text":      func() { fmt.Println("Hello, world") },
	"exec-mixed":     func() { fmt.Println("debug"); fmt.Println(fixtureGroup); fmt.Println(fixtureGroup) },
	"exec-fails":     func() { fmt.Println(fixtureGroup); fmt.Fprintln(os.Stderr, "no route"); os.Exit(4) },
	"exec-dies":      func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} },
	"exec-hangs":     func() { signal.Ignore(syscall.SIGTERM); time.Sleep(time.Hour) },
	"exec-floods":    func() { flood(os.Stdout) },
	"exec-noisy":     func() { flood(os.Stderr) },
	"exec-orphan":    func() { fmt.Println(fixtureGroup); grandchild("hostile-grandchild") },
	"exec-warning":   func() { fmt.Println("DISK WARNING - full|'/var'=90%;80;95;0;100"); os.Exit(1) },
	"exec-no-state":  func() { fmt.Println("cannot"); os.Exit(9) },
	"exec-text-format": func() {
		fmt.Print("# TYPE reads counter\nreads{disk=\"a\"} 5\nreads{disk=\"b\"} NaN\n")
	},
	"exec-environment": func() {
		for _, v := range os.Environ() {
			name, _, _ := strings.Cut(v, "=")
			fmt.Printf(`{"type":"e","gauges":{"n":1},"dimensions":{"name":%q}}`+"\n", name)
		}
	},
	"transcript": tee,
	"served": func() {
		if err := pluginsdk.Serve(transcriptPlugin{}); err != nil {
			panic(err)
		}
	},
	"hostile-grandchild": func() {
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
		if path := os.Getenv("FIXTURE_PIDS"); path != "" {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			if err == nil {
				fmt.Fprintln(f, os.Getpid())
				_ = f.Close()
			}
		}
		time.Sleep(time.Hour)
	},
}
