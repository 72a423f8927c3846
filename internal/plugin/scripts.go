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
	// lookers are programs for which the name of an interpreter is something to look for, or of another host.
	lookers = regexp.MustCompile(`^(?:[a-z]*grep|check_(?:disk|file_age|log|procs)|echo|pidof|pkill|printf|ps|rg|ssh)$`)
	// starters are words after which a command is run, where options without a value may be in front of that.
	starters = regexp.MustCompile(`(?i)^(?:busybox|bwrap|chpst|chroot|chrt|doas|env|firejail|flock|ionice|ld[-.].*|ltrace|nice|nohup|nsenter|` +
		`numactl|parallel|perf|pkexec|prlimit|runuser|script|setarch|setpriv|setsid|setuidgid|sg|softlimit|stdbuf|strace|su|sudo|systemd-run|` +
		`taskset|time|timeout|unbuffer|unshare|valgrind|watch|xargs|-exec(?:dir)?|-ok(?:dir)?|(?:proxy|local|knownhosts)command(?:=.*)?)$`)
	// checks are names of programs that look at files by their names; others may run them.
	checks = regexp.MustCompile(`^check_`)
	// codeOfShell is the option of shells after which code is.
	codeOfShell = regexp.MustCompile(`^-[a-z]*c$`)
)

const (
	// punctuation parts the words in the code of a shell, and ends the commands of it.
	ends        = ";&|()`"
	punctuation = ends + "<>"
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
// and files of it are part of the plugin's version. Each word of an argument may be a command, whatever the program is, except
// for those of few that are known to run none. The error says why what is run cannot be known.
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
	folders, by := foldersOf(dir, words), filepath.Base(module)
	for i, word := range words {
		by = startedBy(by, words, i)
		if text := word.String(); (text == "." || text == "source") && i+1 < len(words) && !lookers.MatchString(by) { // in the code of a shell
			g.scripts = append(g.scripts, regular(folders, words[i+1].String())...)
		}
		name := g.addWord(folders, word, by)
		how := certaintyOf(by, words[:i])
		if name == "" || how == unlikely {
			continue
		}
		if !starts {
			how = min(how, likely)
		}
		rest := words[i+1:]
		if end := slices.IndexFunc(rest, isEnd); end >= 0 {
			rest = rest[:end]
		}
		if err := g.addScripts(interpreterOf(name), folders, rest, how); err != nil && starts {
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

// certainty is whether words are what an interpreter is given: an error of those that are less than probably it may be none.
type certainty int

const (
	unlikely certainty = iota // the name of the interpreter is what a program looks for, or the value of an option
	likely
	probably // a program starts the interpreter, maybe elsewhere
	surely   // it is the plugin's program
)

// startedBy is the name of the program that may start a command at the word i, where by is that of the word before: the last
// one that is known, or the module's, if no other command has ended since; "" is the shell.
func startedBy(by string, words []argument, i int) string {
	if i > 0 {
		switch name := filepath.Base(words[i-1].String()); {
		case isEnd(words[i-1]):
			by = ""
		case !afterOption(words[:i-1]) && (lookers.MatchString(name) || checks.MatchString(name)):
			by = name
		}
	}
	for _, form := range safepath.Forms(words[i].String()) {
		for _, name := range []string{form, filepath.Base(form)} {
			if starters.MatchString(name) {
				return name
			}
		}
	}
	return by
}

// afterOption says whether the word after these may be the value of an option.
func afterOption(before []argument) bool {
	if len(before) == 0 {
		return false
	}
	last := before[len(before)-1].String()
	return strings.HasPrefix(last, "-") && last != "--"
}

// certaintyOf says whether an interpreter's name after these words is started by this program.
func certaintyOf(by string, before []argument) certainty {
	switch {
	case lookers.MatchString(by):
		return unlikely
	case !afterOption(before):
		return probably
	case starters.MatchString(by), codeOfShell.MatchString(before[len(before)-1].String()) && interpreterOf(by) != nil:
		return likely
	}
	return unlikely
}

// isEnd says whether a word stands for the end of a command.
func isEnd(word argument) bool { return word.String() == ends }

func unknownScript(interpreter string, err error) error {
	return fmt.Errorf("[main] args: what %s runs must be known, so that nobody else can replace it: %w", filepath.Base(interpreter), err)
}

// splitArgument appends an argument and the words that a program in dir may split it into. What is a word of another is only
// there as a whole if it cannot be split, or is a file.
func splitArgument(words []argument, dir string, a argument, nesting int) []argument {
	text := a.String()
	pieces, err := splitWords(lineEnds.Replace(text))
	if err != nil {
		pieces = strings.Fields(text) // a quote in code
	}
	if len(pieces) == 1 && pieces[0] == text {
		pieces = splitCommands(text)
	}
	atomic := nesting == 0 || len(pieces) == 1 && pieces[0] == text
	if atomic || nesting == maxNesting || regular([]string{dir}, text) != nil {
		words = append(words, a)
	}
	if atomic {
		return words
	}
	for _, piece := range pieces {
		if piece == ends {
			words = append(words, parseFields(ends))
			continue
		}
		words = splitArgument(words, dir, parseFields(piece), nesting-1)
	}
	return words
}

// lineEnds has commands end where lines do.
var lineEnds = strings.NewReplacer("\r", " ; ", "\n", " ; ")

// splitCommands splits a word at punctuation; ends stands for one that ends a command. It is
// also after the last piece then, except where a command begins there.
func splitCommands(text string) (pieces []string) {
	ended := false
	for text != "" {
		at := strings.IndexAny(text, punctuation)
		if at < 0 {
			at = len(text)
		}
		if at > 0 {
			pieces = append(pieces, text[:at])
		}
		if at < len(text) && strings.ContainsRune(ends, rune(text[at])) {
			pieces, ended = append(pieces, ends), !strings.ContainsRune("(`", rune(text[at]))
		}
		text = text[min(at+1, len(text)):]
	}
	if ended {
		pieces = append(pieces, ends)
	}
	return pieces
}

// addWord notes what a word of the arguments names that this program may run, and returns the interpreter that it is, or "".
func (g *program) addWord(folders []string, word argument, by string) (name string) {
	if word.fields() || isEnd(word) {
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
			g.scripts = append(g.scripts, slices.DeleteFunc(regular(folders, form), func(path string) bool { return !isCode(path, by) })...)
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

// isCode says whether a regular file that a program is given is run: by its mode, how it begins, or its name.
func isCode(path, by string) bool {
	named := codeName.MatchString(path) && !checks.MatchString(by) && !lookers.MatchString(by)
	if info, err := os.Stat(path); named || err == nil && info.Mode()&0o111 != 0 {
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
	if err != nil && how >= probably {
		return err
	}
	places, err := of.foldersOfCode(folders[0], words, scripts)
	if err != nil {
		return err
	}
	g.others = append(g.others, places...)
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
		case how == likely:
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
