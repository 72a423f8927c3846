// Package whole runs whole programs that poll, each in its own process, and says what they and all that they start cost.
package whole

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
)

// Program is a program that runs.
type Program struct{ cmd *exec.Cmd }

// Start starts a program whose standard output and error go to a file.
func Start(log, name string, args ...string) *Program {
	must(os.MkdirAll(filepath.Dir(log), 0o755))
	file, err := os.Create(log)
	must(err)
	defer file.Close()
	p := &Program{exec.Command(name, args...)}
	p.cmd.Stdout, p.cmd.Stderr = file, file
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(p.cmd.Start())
	return p
}

// End ends the program, and what it has started with it.
func (p *Program) End() {
	must(p.cmd.Process.Signal(syscall.SIGTERM))
	ended := time.AfterFunc(20*time.Second, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait()
	ended.Stop()
}

// Cost is what a program has used.
type Cost struct {
	// Own is the processor time of its process, Others that of all processes that it started, ended ones as well.
	Own, Others time.Duration
	// Processes is how many it has started that live.
	Processes int
}

// Cost says what the program has used until now.
func (p *Program) Cost() Cost { return CostOf(p.cmd.Process.Pid) }

// CostOf says what a process, and all that it has started, have used until now.
func CostOf(pid int) Cost {
	var c Cost
	c.Own, c.Others = bench.Times(pid)
	for _, child := range bench.Descendants(pid) {
		own, ended := bench.Times(child)
		c.Others += own + ended
		c.Processes++
	}
	return c
}

// Since is what was used since then.
func (c Cost) Since(then Cost) Cost {
	return Cost{c.Own - then.Own, c.Others - then.Others, c.Processes}
}

// Memory is what the program and all that it started hold, in bytes, where what they share counts once.
func (p *Program) Memory() float64 {
	bytes := bench.PSS(p.cmd.Process.Pid)
	for _, child := range bench.Descendants(p.cmd.Process.Pid) {
		bytes += bench.PSS(child)
	}
	return bytes
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
