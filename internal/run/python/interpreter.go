package python

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/safepath"
	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/scratch"
	"github.com/panoptes-otel/panoptes-otel/python"
)

// probe makes any Python from 2.6 on say what it is.
const probe = `import json,sys; print(json.dumps([sys.version_info[0], sys.version_info[1], sys.executable, sys.path]))`

const (
	// probeLimit is how long the interpreter may take to say what it is, maxAnswer how many bytes it may say.
	probeLimit = 20 * time.Second
	maxAnswer  = 64 << 10
)

// interpreter is what workers are started from: the interpreter, and the embedded package on disk. Both are found
// when the first worker is wanted; what failed is tried again at the next start. It is safe for concurrent use.
type interpreter struct {
	setting string   // of the interpreter
	dir     string   // for the package; "" means memory, or a temporary folder
	inherit []string // names of variables

	mu        sync.Mutex
	path      string          // as sys.executable says; "" until it is known to be fit
	archive   string          // path of the zip; "" until it is written
	temporary *scratch.Folder // of the package, if any
	memory    *os.File        // the zip, where it is in no folder
}

// InterpreterError is why an interpreter runs no plugin at all.
type InterpreterError struct{ error }

// Unwrap is the error without this type.
func (e *InterpreterError) Unwrap() error { return e.error }

// firstExtra is the number of a child's first descriptor besides the standard ones.
const firstExtra = 3

func newInterpreter(setting, dir string, inherit []string) *interpreter {
	return &interpreter{setting: setting, dir: dir, inherit: inherit}
}

// command is how to start a worker. extra is the number of the first descriptor that it may pass.
func (i *interpreter) command(ctx context.Context, extra int) (child.Config, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.findInterpreter(ctx); err != nil {
		return child.Config{}, &InterpreterError{err}
	}
	// faulthandler shows where in Python a segmentation fault happened.
	config := child.Config{Path: i.path, Args: []string{"-I", "-B", "-u", "-X", "faulthandler"}, Inherit: i.inherit}
	inMemory, err := i.holdArchive()
	switch {
	case err != nil:
		return child.Config{}, err
	case inMemory:
		config.Args = append(config.Args, "-c", python.Bootstrap, strconv.Itoa(extra))
		config.ExtraFiles = []*os.File{i.memory}
		return config, nil
	}
	if err := i.writeArchive(); err != nil {
		return child.Config{}, err
	}
	config.Args = append(config.Args, i.archive)
	return config, nil
}

// renew has the interpreter looked for again.
func (i *interpreter) renew() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.path = ""
}

// holdArchive puts the embedded package into memory where no folder is set and the system can do so. Nothing needs to be
// writable for it, and nobody can replace it.
func (i *interpreter) holdArchive() (held bool, err error) {
	if i.dir != "" || i.memory != nil {
		return i.memory != nil, nil
	}
	data, err := python.Zip()
	if err != nil {
		return false, err
	}
	i.memory, err = memoryFile("panoptes.zip", data)
	if err != nil {
		return false, fmt.Errorf("hold the Python runtime in memory: %w; set python.runtime_dir to a folder that can be written", err)
	}
	return i.memory != nil, nil
}

func (i *interpreter) findInterpreter(ctx context.Context) error {
	if i.path != "" {
		return nil
	}
	setting := i.setting
	name := setting
	if info, err := os.Stat(setting); err == nil && info.IsDir() {
		name = filepath.Join(setting, "bin", "python") // a virtual environment
		if runtime.GOOS == "windows" {
			name = filepath.Join(setting, "Scripts", "python.exe")
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return fmt.Errorf("python.interpreter %q cannot be run: %w; install Python 3.8 or later, or set python.interpreter "+
			"to the path of one", setting, err)
	}
	found, err := probeInterpreter(ctx, path, i.inherit)
	if err != nil {
		return fmt.Errorf("python.interpreter %q (%s) does not work as a Python interpreter: %w", setting, path, err)
	}
	if found.major != 3 || found.minor < 8 {
		return fmt.Errorf("python.interpreter %q (%s) is Python %d.%d, 3.8 or later is needed: set python.interpreter to "+
			"the path of one", setting, path, found.major, found.minor)
	}
	for _, folder := range found.searchPath {
		if err := safepath.Check(folder); errors.Is(err, safepath.ErrUnsafe) {
			return fmt.Errorf("python.interpreter %q (%s) has modules of a folder in which others can put some: %w", setting, path, err)
		}
	}
	// The name may have led to a script that picks an interpreter; start what it picked.
	i.path = cmp.Or(found.executable, path)
	return nil
}

// found is what an interpreter says of itself.
type found struct {
	major, minor int
	executable   string // "" where Python does not know
	searchPath   []string
}

// probeInterpreter runs the interpreter once to learn what it is.
func probeInterpreter(ctx context.Context, path string, inherit []string) (f found, err error) {
	var stderr runlog.Tail
	p, err := child.Start(child.Config{Path: path, Args: []string{"-I", "-B", "-c", probe}, Inherit: inherit, Stderr: stderr.Add})
	if err != nil {
		return f, err
	}
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = p.Kill() })
	defer stop()
	out, readErr := io.ReadAll(io.LimitReader(p.Stdout(), maxAnswer))
	_ = p.Stdout().Close()
	<-p.Done()
	switch {
	case ctx.Err() != nil:
		return f, fmt.Errorf("it did not answer within %s", probeLimit)
	case p.Err() != nil:
		return f, fmt.Errorf("%w%s", p.Err(), &stderr)
	case readErr != nil:
		return f, readErr
	}
	answer := []any{&f.major, &f.minor, &f.executable, &f.searchPath}
	if json.Unmarshal(out, &answer) != nil || len(answer) != 4 || f.major == 0 {
		return f, fmt.Errorf("it answered %.80q", out)
	}
	return f, nil
}

// writeArchive puts the embedded package where the interpreter can read it.
func (i *interpreter) writeArchive() error {
	if i.archive != "" {
		if _, err := os.Stat(i.archive); err == nil {
			return nil
		}
		i.archive = "" // somebody cleaned up
	}
	dir := i.dir
	if dir == "" {
		if i.temporary == nil {
			made, err := scratch.Make("panoptes-package-", false)
			if err != nil {
				return fmt.Errorf("make a folder for the Python runtime: %w; set python.runtime_dir to one that can be written", err)
			}
			i.temporary = made
		}
		dir = i.temporary.Path
	}
	path, err := python.WriteZip(dir)
	if err != nil {
		return err
	}
	i.archive = path
	return nil
}

// remove removes what writeArchive and holdArchive made.
func (i *interpreter) remove() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.memory != nil {
		_ = i.memory.Close()
		i.memory = nil
	}
	if i.temporary != nil {
		_ = i.temporary.Close()
		i.temporary, i.archive = nil, ""
	}
}
