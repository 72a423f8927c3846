package validatecmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	program = "panoptes-otelcol"
	// collectorLimit is how long the Collector's own check may take. It loads configurations and makes pipelines.
	collectorLimit = time.Minute
)

// collector lets the Collector check the configuration, for the components that this command does not know.
func (v *validation) collector(ctx context.Context, named, gates string, configs []string, stderr io.Writer) {
	path, err := find(named)
	if err != nil {
		v.wrong("--collector", err)
		return
	}
	if path == "" {
		fmt.Fprintf(stderr, "panoptes: the settings of stock components are not checked: there is no %s beside this command or in PATH; "+
			"name one with --collector\n", program)
		return
	}
	args := []string{"validate"}
	for _, c := range configs {
		args = append(args, "--config="+c)
	}
	if gates != "" {
		args = append(args, "--feature-gates="+gates)
	}
	ctx, cancel := context.WithTimeout(ctx, collectorLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		v.wrong(program, fmt.Errorf("%s validate: %w: %s", path, err, strings.TrimSpace(said.String())))
	}
}

// find returns the Collector's program: the named one, or else "" where there is none.
func find(named string) (string, error) {
	if named != "" {
		return exec.LookPath(named)
	}
	if own, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(own), program)
		if path, err := exec.LookPath(beside); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(program)
	if errors.Is(err, exec.ErrNotFound) {
		return "", nil
	}
	return path, err
}
