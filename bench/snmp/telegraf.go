package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// telegraf is Telegraf's input of SNMP, with all devices as its agents, in a process of its own (bench/telegraf).
type telegraf struct {
	cmd   *exec.Cmd
	polls io.Writer
	out   *bufio.Reader
}

func newTelegraf(o *options, repetitions int) *telegraf {
	t := &telegraf{cmd: exec.Command(o.telegraf)}
	t.cmd.Stderr = os.Stderr
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdin, err := t.cmd.StdinPipe()
	must(err)
	stdout, err := t.cmd.StdoutPipe()
	must(err)
	must(t.cmd.Start())
	t.polls, t.out = stdin, bufio.NewReader(stdout)
	pairs := func(columns []column) (out [][2]string) {
		for _, c := range columns {
			out = append(out, [2]string{c.name, "." + c.oid})
		}
		return out
	}
	agents := make([]string, o.devices)
	for i := range agents {
		agents[i] = "udp://" + device(i, o.port).String()
	}
	must(json.NewEncoder(stdin).Encode(map[string]any{
		"Agents": agents, "Repetitions": repetitions, "Community": community, "Uptime": "." + uptime,
		"Tags": pairs(labels), "Fields": pairs(metrics),
	}))
	return t
}

func (t *telegraf) poll([]netip.AddrPort) int64 {
	_, err := fmt.Fprintln(t.polls)
	must(err)
	line, err := t.out.ReadString('\n')
	must(err)
	n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	must(err)
	return n
}

// buildTelegraf builds the process.
func buildTelegraf(path string) {
	build := exec.Command("go", "build", "-o", path, ".")
	build.Dir, build.Stderr = "telegraf", os.Stderr
	must(build.Run())
}
