//go:build unix

package safepath

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

const (
	// maxInterpreters is how many scripts may be the interpreter of one another, as in Linux.
	maxInterpreters = 5
	// maxFirstLine is how much of a first line systems read.
	maxFirstLine = 512
)

// CheckProgram makes sure that nobody else can replace what the system runs for the program at path: the file, and for a
// script also the interpreter that its "#!" line names. Where that is env, which looks it up in searchPath, a list as in
// PATH, nobody else may be able to put a program in front of it. What an interpreter then looks up by itself is not known.
func CheckProgram(path, searchPath string) error {
	dir := filepath.Dir(path) // programs are started in their own folder
	for range maxInterpreters {
		if err := Check(path); err != nil {
			return fmt.Errorf("program %q: %w", path, err)
		}
		line, err := firstLine(path)
		if err != nil || line == "" {
			return err
		}
		interpreter, rest, _ := strings.Cut(line, " ")
		if interpreter == "" {
			return nil // the system refuses it
		}
		path = absolute(dir, interpreter)
		name := envProgram(interpreter, rest)
		if name == "" {
			continue
		}
		if err := Check(path); err != nil {
			return fmt.Errorf("program %q: %w", path, err)
		}
		if path, err = lookUp(name, dir, searchPath); err != nil || path == "" {
			return err
		}
	}
	return nil // the system refuses it
}

// firstLine returns what follows "#!" in the first line of a file, "" where that does not begin so.
func firstLine(path string) (string, error) {
	f, err := safefile.Open(context.Background(), path, math.MaxInt64)
	if errors.Is(err, fs.ErrPermission) {
		return "", nil // it can be run, not read: the system could not read a "#!" line, either, for an interpreter
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, maxFirstLine)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	head, _, _ = bytes.Cut(head[:n], []byte("\n"))
	line, ok := bytes.CutPrefix(head, []byte("#!"))
	if !ok {
		return "", nil
	}
	return strings.TrimSpace(strings.ReplaceAll(string(line), "\t", " ")), nil
}

// envProgram is the program that env runs with these arguments, "" where the interpreter is not env.
func envProgram(interpreter, arguments string) string {
	if filepath.Base(interpreter) != "env" {
		return ""
	}
	words := strings.Fields(arguments)
	i := slices.IndexFunc(words, func(w string) bool { return !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") })
	if i < 0 {
		return ""
	}
	return strings.Trim(words[i], `"'`)
}

// lookUp finds a program as execvp does, and makes sure that nobody else can put one into the folders where it looks first. It
// returns "" where there is none.
func lookUp(name, dir, searchPath string) (string, error) {
	if strings.Contains(name, "/") {
		return absolute(dir, name), nil
	}
	for _, folder := range filepath.SplitList(cmp.Or(searchPath, "/bin:/usr/bin")) {
		folder = absolute(dir, folder)
		err := checkFolder(folder)
		if err != nil {
			return "", fmt.Errorf("folder %q of PATH, in which %q is looked up: %w", folder, name, err)
		}
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", nil
}

// checkFolder is Check for a folder that need not be there: nobody else may be able to make it.
func checkFolder(folder string) error {
	err := Check(folder)
	for up := folder; errors.Is(err, fs.ErrNotExist); {
		up = filepath.Dir(up)
		if err = Check(up); err != nil {
			continue
		}
		info, err := os.Stat(up)
		if err != nil {
			return err
		}
		if info.Mode()&0o002 != 0 && !ReadOnly(up) {
			return fmt.Errorf("%w: it is not there, and every user can make it, as %q can be written by all: take it out of PATH",
				ErrUnsafe, up)
		}
	}
	if !errors.Is(err, ErrUnsafe) {
		return nil // nothing is found in a folder that is a file, or that we may not enter
	}
	return err
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
