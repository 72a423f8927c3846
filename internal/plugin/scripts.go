package plugin

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/safepath"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

var (
	// codeName are the names of files that are code by their ending, whatever runs them.
	codeName = regexp.MustCompile(`(?i)\.(?:awk|bash|bat|class|cmd|dll|exe|exp|jar|jl|js|cjs|mjs|lua|mk|php|phar|pl|pm|ps1|py|pyc|pyz|r|rb|sed|sh|so[0-9.]*|sql|tcl|ts|zsh)$`)
	// codeVariable assigns a variable of the environment that says where an interpreter takes code from.
	codeVariable = regexp.MustCompile(`^(?:[A-Z0-9_]*(?:PATH|LIB|PRELOAD|ENV|STARTUP)|PYTHONHOME)=`)
	// punctuation parts the commands in the code of a shell.
	punctuation = ";&|<>()`\r\n"
)

const (
	// maxNesting is how often an argument is split again: env may split one for a shell, which splits one for another program.
	maxNesting = 8
	// maxWords is how many words the arguments may have after that.
	maxWords = 2000
	// maxFolders is how many folders of the arguments are searched for relative paths.
	maxFolders = 16
)

// findScripts finds what is run besides the program, by its arguments and "#!" lines. Nobody else may be able to replace it,
// and files of it are part of the plugin's version. It knows no program that starts others, such as env or timeout: each word
// of an argument may be a command. The error says why what is run cannot be known.
func (g *program) findScripts(module string) error {
	dir := filepath.Dir(module)
	in := interpreterOf(module)
	if in != nil {
		if err := g.addScripts(in, []string{dir}, g.args, surely); err != nil {
			return unknownScript(module, err)
		}
	}
	var words []argument
	for _, a := range g.args {
		if words = splitArgument(words, dir, a, maxNesting); len(words) > maxWords {
			return fmt.Errorf("[main] args: there are more than %d words: write them into a script", maxWords)
		}
	}
	// A program of the system that is given the name of an interpreter runs it; a check may look for its processes.
	_, err := exec.LookPath(filepath.Base(module))
	starts := in == nil && err == nil
	folders := foldersOf(dir, words)
	for i, word := range words {
		if text := word.String(); (text == "." || text == "source") && i+1 < len(words) { // in the code of a shell
			g.scripts = append(g.scripts, regular(folders, words[i+1].String())...)
		}
		name := g.addWord(folders, word)
		if name == "" {
			continue
		}
		how := perhaps
		if starts && (i == 0 || words[i-1].String() == "--" || !strings.HasPrefix(words[i-1].String(), "-")) {
			how = probably
		}
		if err := g.addScripts(interpreterOf(name), folders, words[i+1:], how); err != nil && starts {
			return unknownScript(name, err)
		}
	}
	for _, path := range append(slices.Clip(g.scripts), module) {
		g.scripts = append(g.scripts, safepath.Named(dir, path)...)
	}
	slices.Sort(g.scripts)
	slices.Sort(g.others)
	g.scripts, g.others = slices.Compact(g.scripts), slices.Compact(g.others)
	return nil
}

// certainty is whether words are what an interpreter is given: an error of perhaps may be none.
type certainty int

const (
	perhaps  certainty = iota // the name of the interpreter may be the value of an option
	probably                  // a program starts the interpreter, maybe elsewhere, as ssh does
	surely                    // it is the plugin's program
)

func unknownScript(interpreter string, err error) error {
	return fmt.Errorf("[main] args: what %s runs must be known, so that nobody else can replace it: %w", filepath.Base(interpreter), err)
}

// splitArgument appends an argument and the words that a program in dir may split it into. What is a word of another is only
// there as a whole if it cannot be split, or is a file.
func splitArgument(words []argument, dir string, a argument, nesting int) []argument {
	text := a.String()
	pieces, err := splitWords(text)
	if err != nil {
		pieces = strings.Fields(text) // a quote in code
	}
	if len(pieces) == 1 && pieces[0] == text {
		pieces = strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(punctuation, r) })
	}
	atomic := nesting == 0 || len(pieces) == 1 && pieces[0] == text
	if atomic || nesting == maxNesting || regular([]string{dir}, text) != nil {
		words = append(words, a)
	}
	if atomic {
		return words
	}
	for _, piece := range pieces {
		words = splitArgument(words, dir, parseFields(piece), nesting-1)
	}
	return words
}

// addWord notes what a word of the arguments names, and returns the interpreter that it is, or "".
func (g *program) addWord(folders []string, word argument) (name string) {
	if word.fields() {
		return ""
	}
	text := word.String()
	if codeVariable.MatchString(text) {
		_, value, _ := strings.Cut(text, "=")
		g.others = append(g.others, slices.DeleteFunc(filepath.SplitList(value), func(s string) bool { return !filepath.IsAbs(s) })...)
	}
	for i, form := range safepath.Forms(text) {
		switch {
		case form == "":
			continue
		case strings.ContainsRune(form, filepath.Separator):
			g.scripts = append(g.scripts, slices.DeleteFunc(regular(folders, form), func(path string) bool { return !isCode(path) })...)
		case i == 0 || interpreterOf(form) != nil:
			path, err := exec.LookPath(form)
			if err != nil {
				break
			}
			g.others = append(g.others, form)
			if interpreterOf(path) != nil {
				return path
			}
		}
		if interpreterOf(form) != nil {
			return form
		}
	}
	return ""
}

// isCode says whether a regular file is run, whatever program it is given to: by its mode, its name, or how it begins.
func isCode(path string) bool {
	if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 || codeName.MatchString(path) {
		return true
	}
	f, err := safefile.Open(context.Background(), path, math.MaxInt64)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len("\x7fELF"))
	n, _ := f.Read(head)
	return bytes.HasPrefix(head[:n], []byte("#!")) || string(head[:n]) == "\x7fELF"
}

// foldersOf are the folders in which a relative path may be meant: where the program is run, and those that words name, such as
// after cd.
func foldersOf(dir string, words []argument) []string {
	folders := []string{dir}
	for _, word := range words {
		for _, form := range safepath.Forms(word.String()) {
			if info, err := os.Stat(form); filepath.IsAbs(form) && err == nil && info.IsDir() && len(folders) < maxFolders {
				folders = append(folders, form)
			}
		}
	}
	return folders
}

// regular are the regular files that a path may mean in one of these folders.
func regular(folders []string, path string) (files []string) {
	if filepath.IsAbs(path) {
		folders, path = []string{filepath.Dir(path)}, filepath.Base(path)
	}
	for _, folder := range folders {
		file := filepath.Join(folder, path)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			files = append(files, file)
		}
	}
	return files
}

// addScripts notes the files that an interpreter runs with these words. The error says why they cannot be known.
func (g *program) addScripts(of *interpreter, folders []string, words []argument, how certainty) error {
	scripts, err := of.scripts(words)
	if err != nil && how > perhaps {
		return err
	}
	for _, word := range scripts {
		text := word.String()
		if word.fields() {
			return fmt.Errorf("%q has a field of the resource, and no resource may name what is run", text)
		}
		files := regular(folders, text)
		g.scripts = append(g.scripts, files...)
		switch {
		case files != nil:
		case how < surely && filepath.IsAbs(text):
			g.others = append(g.others, text) // nobody else may make it
		case how == perhaps:
		default:
			return fmt.Errorf("%q is no regular file, or none with an absolute path", text)
		}
	}
	return nil
}

// addScripts adds scripts to a version, and makes sure that nobody else can replace them.
func (c *content) addScripts(scripts []string) error {
	for _, path := range scripts {
		if err := safepath.Check(path); err != nil {
			return fmt.Errorf("[main] args: %q is run, too: %w", path, err)
		}
		if err := c.addFile("script "+path, path); err != nil {
			return fmt.Errorf("[main] args: %w", err)
		}
	}
	return nil
}
