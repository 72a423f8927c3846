package child

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
)

const parentEnv = "CHILD_TEST_FIFO"

// TestParent is no test of its own: TestDiesWithParent runs it in another process, which starts a child that holds a
// pipe, lets the thread that asked for it end, and then dies without a word.
func TestParent(*testing.T) {
	fifo := os.Getenv(parentEnv)
	if fifo == "" {
		return
	}
	started := make(chan *Process)
	go func() {
		runtime.LockOSThread() // not unlocked: the thread ends with the goroutine
		p, err := Start(Config{Path: "/bin/sh", Args: []string{"-c", `exec 9>"$FIFO"; echo ready; exec sleep 1000`}, Env: []string{"FIFO=" + fifo}})
		if err != nil {
			panic(err)
		}
		started <- p
	}()
	p := <-started
	if line, err := bufio.NewReader(p.Stdout()).ReadString('\n'); line != "ready\n" {
		panic(err)
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// TestDiesWithParent: a child outlives the thread that started it, and does not outlive us, even if we are killed.
func TestDiesWithParent(t *testing.T) {
	t.Parallel()
	fifo, released := newFIFO(t)
	hold, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	parent := exec.Command(os.Args[0], "-test.run=^TestParent$", "-test.timeout=30s")
	parent.Env = append(os.Environ(), parentEnv+"="+fifo)
	if err := parent.Run(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("parent ended with %v", err)
	}
	released()
}
