// Command snmp measures how devices are polled by SNMP, beside a floor, gosnmp, Telegraf's input and snmp_exporter's
// collector: `make bench-snmp`. Each contestant runs in a process of its own, and so do the simulated devices; they take
// turns, and the processor time of a contestant is that of its process alone.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
)

func main() {
	out := flag.String("out", "results/snmp.json", "file for the figures")
	docs := flag.String("docs", "", "Markdown file whose table is replaced")
	rounds := flag.Int("rounds", 9, "turns of each contestant")
	only := flag.String("only", "", "measure only these rows, a list with commas: "+strings.Join(sectionNames(), ","))
	fleet := flag.Bool("fleet", false, "be the devices")
	dead := flag.Bool("dead", false, "let each tenth device answer nothing")
	delay := flag.Duration("delay", 0, "how long devices take to answer")
	var o options
	flag.StringVar(&o.contestant, "contestant", "", "run one turn of this contestant")
	flag.StringVar(&o.kind, "kind", "cpu", "what the turn measures: cpu, groups (the same without pdata), time, memory, scale")
	flag.StringVar(&o.python, "python", "python3", "the interpreter")
	flag.StringVar(&o.telegraf, "telegraf", "", "the program of bench/telegraf; without it, it is built")
	flag.IntVar(&o.port, "port", 0, "of the devices")
	flag.IntVar(&o.rows, "rows", 48, "of the devices' tables")
	flag.IntVar(&o.devices, "devices", 300, "how many there are")
	flag.DurationVar(&o.window, "window", time.Second, "how long a turn measures")
	flag.Parse()
	switch {
	case *fleet:
		serveFleet(o.rows, *delay, *dead)
		return
	case o.contestant != "":
		turn(&o)
		return
	}
	if o.telegraf == "" {
		dir, err := os.MkdirTemp("", "bench-snmp-")
		must(err)
		defer os.RemoveAll(dir)
		o.telegraf = filepath.Join(dir, "telegraf")
		buildTelegraf(o.telegraf)
	}
	programs = o
	measure(*out, *docs, *only, *rounds)
}

func measure(out, docs, only string, rounds int) {
	var table strings.Builder
	fmt.Fprintf(&table, "simulated devices on loopback, tables of so many rows and 14 columns; each contestant in a process of its own; %d rounds in turns, medians, ratios are medians of those of the rounds; %d processors, %s\n\n",
		rounds, runtime.GOMAXPROCS(0), runtime.Version())
	fmt.Print(table.String())
	var r bench.Report
	for _, s := range sections {
		if only == "" || strings.Contains(","+only+",", ","+s.name+",") {
			s.measure(&r, rounds)
			must(r.Write(out)) // what is known so far
		}
	}
	fmt.Println()
	r.Print(os.Stdout)
	r.Print(&table)
	if docs != "" {
		must(bench.Document(docs, "## SNMP", table.String()))
	}
}

// programs are given to all turns.
var programs options

// fleetProcess is a fleet that runs.
type fleetProcess struct {
	cmd  *exec.Cmd
	port int
	rows int
}

func startFleet(rows int, delay time.Duration, dead bool) *fleetProcess {
	f := &fleetProcess{rows: rows}
	f.cmd = exec.Command(os.Args[0], "-fleet", "-rows", strconv.Itoa(rows), "-delay", delay.String(), "-dead="+strconv.FormatBool(dead))
	f.cmd.Stderr = os.Stderr
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := f.cmd.StdoutPipe()
	must(err)
	must(f.cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(err)
	f.port, err = strconv.Atoi(strings.TrimSpace(line))
	must(err)
	return f
}

func (f *fleetProcess) stop() {
	must(f.cmd.Process.Kill())
	_ = f.cmd.Wait()
}

// turn runs a turn of a contestant in a process of its own.
func (f *fleetProcess) turn(contestant, kind string, devices int, window time.Duration) (out figure) {
	cmd := exec.Command(os.Args[0], "-contestant", contestant, "-telegraf", programs.telegraf, "-python", programs.python, "-kind", kind, "-port", strconv.Itoa(f.port),
		"-rows", strconv.Itoa(f.rows), "-devices", strconv.Itoa(devices), "-window", window.String())
	cmd.Stderr = os.Stderr
	data, err := cmd.Output()
	must(err)
	must(json.Unmarshal(data, &out))
	return out
}

// turns lets contestants take turns for some rounds.
func (f *fleetProcess) turns(rounds int, kind string, devices int, window time.Duration, contestants ...string) map[string][]figure {
	out := map[string][]figure{}
	for range rounds {
		for _, c := range contestants {
			out[c] = append(out[c], f.turn(c, kind, devices, window))
		}
	}
	return out
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
