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
	// maxPrograms is how many files of one start are looked at: more do not run one another.
	maxPrograms = 100
	// maxFirstLine is how much of a first line systems read.
	maxFirstLine = 512
)

// CheckProgram makes sure that nobody else can replace what the system runs for the program at path in the folder dir: the
// file, and for a script also the interpreter that its "#!" line names, and each file and program that the line names besides.
// A name without a slash is looked up in searchPath, a list as in PATH, and nobody else may be able to put a program in front
// of it. What is not there, nobody else may be able to make. What an interpreter looks up by itself is not known.
func CheckProgram(dir, path, searchPath string) error {
	var done []string
	for todo := []string{path}; len(todo) > 0 && len(done) < maxPrograms; todo = todo[1:] {
		path, err := lookUp(todo[0], dir, searchPath)
		if err != nil {
			return err
		}
		if path == "" || slices.Contains(done, path) {
			continue
		}
		done = append(done, path)
		if err := checkAbsent(path); err != nil {
			return fmt.Errorf("program %q: %w", path, err)
		}
		interpreter, words, err := shebang(path)
		if err != nil {
			return err
		}
		if interpreter == "" {
			continue
		}
		todo = append(todo, absolute(dir, interpreter))
		todo = append(todo, filesOf(dir, words)...)
		if name := envProgram(interpreter, words); name != "" {
			todo = append(todo, name)
		}
		for _, word := range words {
			if found, _ := lookUp(word, dir, searchPath); found != "" && !strings.Contains(word, "/") {
				todo = append(todo, word)
			}
		}
	}
	return nil
}

// Named are the files that the "#!" line of the program at path names after the interpreter, where it is started in dir.
func Named(dir, path string) []string {
	_, words, err := shebang(path)
	if err != nil {
		return nil // it cannot be run, either
	}
	return filesOf(dir, words)
}

// CheckArgument is CheckProgram for an executable file that an argument of a program names, if it names one.
func CheckArgument(dir, argument, searchPath string) error {
	for _, path := range filesOf(dir, []string{argument}) {
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			if err := CheckProgram(dir, path, searchPath); err != nil {
				return err
			}
		}
	}
	return nil
}

func filesOf(dir string, words []string) (files []string) {
	for _, word := range words {
		for _, form := range Forms(word) {
			path := absolute(dir, form)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				files = append(files, path)
			}
		}
	}
	return files
}

// shebang reads the "#!" line of a file: the interpreter, "" where there is none, and what it is given, as a whole and word by
// word.
func shebang(path string) (interpreter string, words []string, err error) {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return "", nil, nil
	}
	line, err := firstLine(path)
	interpreter, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	for _, word := range append(strings.Fields(rest), rest) {
		words = append(words, strings.Trim(word, `"'`))
	}
	return interpreter, words, err
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
func envProgram(interpreter string, words []string) string {
	if filepath.Base(interpreter) != "env" {
		return ""
	}
	i := slices.IndexFunc(words, func(w string) bool { return w != "" && !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") })
	if i < 0 {
		return ""
	}
	return words[i]
}

// lookUp finds a program as execvp does, "" where there is none. The error says that somebody else can put one into the folders
// where it looks first.
func lookUp(name, dir, searchPath string) (path string, err error) {
	if strings.Contains(name, "/") {
		return absolute(dir, name), nil
	}
	for _, folder := range filepath.SplitList(cmp.Or(searchPath, "/bin:/usr/bin")) {
		folder = absolute(dir, folder)
		if bad := checkAbsent(folder); bad != nil && err == nil {
			err = fmt.Errorf("folder %q of PATH, in which %q is looked up: %w", folder, name, bad)
		}
		path := filepath.Join(folder, name)
		if info, statErr := os.Stat(path); statErr == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, err
		}
	}
	return "", err
}

// checkAbsent is Check for a path that need not be there: nobody else may be able to make it.
func checkAbsent(path string) error {
	err := Check(path)
	for up := path; errors.Is(err, fs.ErrNotExist); {
		up = filepath.Dir(up)
		if err = Check(up); err != nil {
			continue
		}
		info, err := os.Stat(up)
		if err != nil {
			return err
		}
		if info.Mode()&0o002 != 0 && !ReadOnly(up) {
			return fmt.Errorf("%w: it is not there, and every user can make it, as %q can be written by all: do not name it",
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
