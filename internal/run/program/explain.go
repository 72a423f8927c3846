package program

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

// maxFirstLine is how much of a "#!" line systems read.
const maxFirstLine = 256

// explained says what is wrong with a program that the system refused to run: it only says that there is no such file of
// one that is there, where it means what the file needs.
func explained(path string, err error) error {
	if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) && !errors.Is(err, syscall.ENOEXEC) {
		return err
	}
	if why := whyNot(path); why != "" {
		return fmt.Errorf("%q cannot be run: %s", path, why)
	}
	if errors.Is(err, syscall.ENOEXEC) {
		return fmt.Errorf(`%w: a script must begin with a line such as "#!/bin/sh", a program must be one for this system`, err)
	}
	return err
}

// whyNot says what a program needs that is not there, or "".
func whyNot(path string) string {
	f, err := safefile.Open(context.Background(), path, math.MaxInt64)
	if err != nil {
		return ""
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, maxFirstLine))
	if err != nil {
		return ""
	}
	switch line, isScript := bytes.CutPrefix(head, []byte("#!")); {
	case isScript:
		return whyNotScript(line)
	case bytes.HasPrefix(head, []byte("\uFEFF#!")):
		return "a byte order mark stands before the #! of its first line: save it as UTF-8 without one"
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		return whyNotELF(f)
	}
	return ""
}

// whyNotScript looks at what stands behind the "#!" of a first line.
func whyNotScript(text []byte) string {
	line, _, ended := strings.Cut(string(text), "\n")
	if !ended && len(text) >= maxFirstLine-len("#!") {
		return fmt.Sprintf("its first line is longer than %d bytes", maxFirstLine-1)
	}
	windows := ""
	if strings.HasSuffix(line, "\r") {
		windows = `: the line ends as on Windows, so the \r belongs to the name; turn CRLF into LF in the file, as dos2unix does`
	}
	line = strings.Trim(line, " \t")
	interpreter, rest, _ := strings.Cut(line, " ")
	if interpreter == "" {
		return "its first line names no interpreter after the #!"
	}
	info, err := os.Stat(interpreter)
	switch {
	case err != nil:
		return fmt.Sprintf("the interpreter %q of its first line does not exist%s", interpreter, windows)
	case info.Mode()&0o111 == 0:
		return fmt.Sprintf("the interpreter %q of its first line is not executable", interpreter)
	case filepath.Base(interpreter) != "env":
		return ""
	}
	for word := range strings.SplitSeq(rest, " ") {
		switch {
		case word == "" || strings.HasPrefix(word, "-") || strings.Contains(word, "="):
			continue
		case strings.ContainsRune(word, filepath.Separator):
			_, err = os.Stat(word)
		default:
			_, err = exec.LookPath(word)
		}
		if err != nil {
			return fmt.Sprintf("env does not find the interpreter %q of its first line in PATH%s", word, windows)
		}
		break
	}
	return ""
}

// whyNotELF looks for the loader of a program.
func whyNotELF(f io.ReaderAt) string {
	file, err := elf.NewFile(f)
	if err != nil {
		return "it is no program for this system: " + err.Error()
	}
	for _, p := range file.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz > maxFirstLine {
			continue
		}
		name := make([]byte, p.Filesz)
		if _, err := p.ReadAt(name, 0); err != nil {
			return ""
		}
		loader := string(bytes.TrimRight(name, "\x00"))
		if _, err := os.Stat(loader); err != nil {
			return fmt.Sprintf("its loader %q does not exist: it was built for another system or C library", loader)
		}
	}
	return ""
}

// exitMeaning is what an exit status says by convention of shells, or "".
func exitMeaning(path string, code int) string {
	meaning := ""
	switch code {
	case 126:
		meaning = "as shells say of a command that cannot be executed"
	case 127:
		meaning = "as shells and env say of a command that is not found"
	default:
		return ""
	}
	if why := whyNot(path); why != "" {
		meaning = why
	}
	return " (" + meaning + ")"
}
