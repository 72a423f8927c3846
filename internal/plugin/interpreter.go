package plugin

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/safepath"
)

// interpreter says by which of its arguments an interpreter is told what to run. Options are letters, of which several may
// stand in a word.
type interpreter struct {
	name *regexp.Regexp
	// code has the options whose value is what is run, file those whose value is the file that is run, and module those
	// whose value is looked up by the interpreter.
	code, file, module string
	// value has options with another value, in the word or in the next one, and attached those with one in the word at most.
	value, attached string
	// inline says that the first word that is no option is what is run itself.
	inline bool
}

var interpreters = []interpreter{
	{name: regexp.MustCompile(`^(?:python|pypy)[0-9.]*$`), code: "c", module: "m", value: "WX"},
	{name: regexp.MustCompile(`^(?:ba|da|a|k|mk|pdk|z|c|tc|fi)?sh[0-9.]*$`), code: "c", value: "oO"},
	{name: regexp.MustCompile(`^perl[0-9.]*$`), code: "eE", module: "mM", value: "I", attached: "CDdFx"},
	{name: regexp.MustCompile(`^ruby[0-9.]*$`), code: "e", module: "r", value: "CEI", attached: "FKWix"},
	{name: regexp.MustCompile(`^node(?:js)?[0-9.]*$`), code: "ep", module: "r", value: "C"},
	{name: regexp.MustCompile(`^php[0-9.]*$`), code: "rBRE", file: "f", value: "cdz"},
	{name: regexp.MustCompile(`^lua(?:jit)?[0-9.]*$`), code: "e", module: "l"},
	{name: regexp.MustCompile(`^(?:tclsh|expect)[0-9.]*$`), code: "c", file: "f"},
	{name: regexp.MustCompile(`^[gmn]?awk$`), file: "f", value: "vF", inline: true},
}

// wrappers run the program that their arguments name.
var wrappers = regexp.MustCompile(`^(?:busybox|chronic|chrt|doas|env|flock|ionice|nice|nohup|setsid|stdbuf|sudo|taskset|timeout|unshare)$`)

func interpreterOf(path string) *interpreter {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	for _, name := range []string{path, real} { // sh is a link to dash, python to python3.11
		name = strings.TrimSuffix(filepath.Base(name), ".exe")
		for i := range interpreters {
			if interpreters[i].name.MatchString(name) {
				return &interpreters[i]
			}
		}
	}
	return nil
}

// findScripts finds the files that are run besides the program, by its arguments: the script of an interpreter, and
// executable files by their absolute paths, such as what timeout runs. Nobody else may be able to replace them, and they are
// part of the plugin's version. The error says why that cannot be made sure.
func (g *program) findScripts(module string) error {
	words := g.args
	if wrappers.MatchString(filepath.Base(module)) {
		for i, word := range words {
			if text := word.String(); !word.fields() && !strings.HasPrefix(text, "-") && interpreterOf(text) != nil {
				module, words = text, words[i+1:]
				break
			}
		}
	}
	if in := interpreterOf(module); in != nil {
		script, err := in.script(words)
		if err == nil && script != nil {
			err = g.addScript(module, script)
		}
		if err != nil {
			return fmt.Errorf("[main] args: what %s runs must be known, so that nobody else can replace it: %w", filepath.Base(module), err)
		}
	}
	for _, word := range g.args {
		text := word.String()
		if info, err := os.Stat(text); err == nil && filepath.IsAbs(text) && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			g.scripts = append(g.scripts, text)
		}
	}
	return nil
}

// script is the word that names the file that is run, nil where there is none.
func (in *interpreter) script(words []argument) (argument, error) {
	for i := 0; i < len(words); i++ {
		text := words[i].String()
		switch {
		case text == "-":
			return nil, nil // it reads its stdin, which is the resource
		case text == "--":
			if i+1 < len(words) && !in.inline {
				return words[i+1], nil
			}
			return nil, nil
		case strings.HasPrefix(text, "--"):
			if !strings.Contains(text, "=") && !knownFlag.MatchString(text) {
				return nil, fmt.Errorf("write the option %q with its value in one word, after a =", text)
			}
			continue
		case len(text) < 2 || text[0] != '-' && text[0] != '+':
			if in.inline {
				return nil, nil
			}
			return words[i], nil
		}
		letter, value := in.option(text[1:])
		switch {
		case letter == 0:
		case strings.ContainsRune(in.code, letter):
			return nil, nil
		case strings.ContainsRune(in.module, letter):
			return nil, fmt.Errorf("%q is looked up elsewhere: name the file", text)
		case value == "" && i+1 == len(words):
			return nil, nil
		case strings.ContainsRune(in.file, letter) && value != "":
			return argument{{text: value}}, nil
		case strings.ContainsRune(in.file, letter):
			return words[i+1], nil
		case value == "":
			i++
		}
	}
	return nil, nil
}

// knownFlag are long options without a value.
var knownFlag = regexp.MustCompile(`^--(?:no.*|login|posix|restricted|trace-.*|verbose)$`)

// option reads a word of options up to the first one that has a value, and the value as far as it is in the word; the letter
// is 0 where none has one.
func (in *interpreter) option(text string) (letter rune, value string) {
	for i, letter := range text {
		switch {
		case strings.ContainsRune(in.attached, letter):
			return 0, ""
		case strings.ContainsRune(in.code+in.file+in.module+in.value, letter):
			return letter, text[i+len(string(letter)):]
		}
	}
	return 0, ""
}

// addScript notes the script by the word that names it.
func (g *program) addScript(module string, word argument) error {
	text := word.String()
	if word.fields() {
		return fmt.Errorf("%q has a field of the resource, and no resource may name what is run", text)
	}
	path := text
	if !filepath.IsAbs(path) {
		at, err := exec.LookPath(module)
		if err != nil {
			return err
		}
		path = filepath.Join(filepath.Dir(at), path) // where the program is run
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("write the absolute path of %q: %w", text, err)
	}
	if info.Mode().IsRegular() {
		g.scripts = append(g.scripts, path)
		return nil
	}
	return fmt.Errorf("%q is no regular file", path)
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
