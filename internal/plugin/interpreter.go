package plugin

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
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
	// inline says that words that are no options are not files to run: the first is what is run itself, or a target.
	inline bool
	// folders are the options that name folders or files that code is taken from. What they name is in the word, or is the next one.
	folders *regexp.Regexp
	// named are options of module that load a module as a script does, from the same folders.
	named *regexp.Regexp
}

var interpreters = []interpreter{
	{name: regexp.MustCompile(`^(?:python|pypy)[0-9.]*$`), code: "c", module: "m", value: "WX"},
	{name: regexp.MustCompile(`^(?:ba|da|a|k|mk|pdk|z|c|tc|fi)?sh[0-9.]*$`), code: "c", value: "oO"},
	{name: regexp.MustCompile(`^perl[0-9.]*$`), code: "eE", module: "mM", value: "I", attached: "CDdFx", folders: includeOption, named: perlModule},
	{name: regexp.MustCompile(`^ruby[0-9.]*$`), code: "e", module: "r", value: "CEI", attached: "FKWix", folders: includeOption},
	{name: regexp.MustCompile(`^node(?:js)?[0-9.]*$`), code: "ep", module: "r", value: "C", folders: regexp.MustCompile(`^--(?:require|import|(?:experimental-)?loader)=(.*)$`)},
	{name: regexp.MustCompile(`^php[0-9.]*$`), code: "rBRE", file: "f", value: "cdz", folders: regexp.MustCompile(`^(?:-d)?(?:include_path|auto_(?:ap|pre)pend_file|extension(?:_dir)?|zend_extension)=(.*)$`)},
	{name: regexp.MustCompile(`^lua(?:jit)?[0-9.]*$`), code: "e", module: "l"},
	{name: regexp.MustCompile(`^(?:tclsh|expect)[0-9.]*$`), code: "c", file: "f"},
	{name: regexp.MustCompile(`^[gmn]?awk$`), file: "f", value: "vF", inline: true},
	{name: regexp.MustCompile(`^g?sed$`), file: "f", value: "el", attached: "i", inline: true},
	{name: regexp.MustCompile(`^g?make$`), file: "f", module: "C", value: "EIWo", attached: "Ojl", inline: true, folders: regexp.MustCompile(`^(?:-I|--include-dir=?)(.*)$`)},
	{name: regexp.MustCompile(`^java[0-9.]*$`), inline: true, folders: regexp.MustCompile(
		`^(?:-cp|-classpath|--class-path=?|-p|--module-path=?|-(?:javaagent|agentpath|Xbootclasspath(?:/a)?):|-Djava\.library\.path=)(.*)$`)},
}

// includeOption is -I of perl and ruby, also after options without a value.
var includeOption = regexp.MustCompile(`^-[acnpstTuUvwW0-9]*I(.*)$`)

// perlModule is an option that has perl load or unload a module of that name, as the line "use NAME" of a script would.
var perlModule = regexp.MustCompile(`^-[acnpstTuUvwW0-9]*[mM]-?[A-Za-z_][A-Za-z0-9_:]*(?:=[A-Za-z0-9_:,$@%&!/-]*)?$`)

// foldersOfCode are where the options before the script say that code is taken from; relative ones are in dir.
func (in *interpreter) foldersOfCode(dir string, words, scripts []argument) (paths []string, err error) {
	for i, word := range words {
		text := word.String()
		if in.folders == nil || len(scripts) > 0 && !in.inline && text == scripts[len(scripts)-1].String() {
			break
		}
		found := in.folders.FindStringSubmatch(text)
		if found == nil {
			continue
		}
		value := found[1]
		if value == "" && i+1 < len(words) {
			value = words[i+1].String()
		}
		if parseFields(value).fields() {
			return nil, fmt.Errorf("%q has a field of the resource, and no resource may name where code is", value)
		}
		for _, path := range filepath.SplitList(value) {
			path, _, _ = strings.Cut(path, "=")   // the options of a Java agent
			path = strings.TrimSuffix(path, "/*") // all archives of a folder
			if path != "" && !filepath.IsAbs(path) {
				path = filepath.Join(dir, path)
			}
			if path != "" {
				paths = append(paths, path)
			}
		}
	}
	return paths, nil
}

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

// scripts are the words that name the files that are run.
func (in *interpreter) scripts(words []argument) (files []argument, err error) {
	for i := 0; i < len(words); i++ {
		text := words[i].String()
		long, value, assigned := strings.Cut(text, "=")
		switch {
		case text == "-" && !in.inline:
			return files, nil // it reads its stdin, which is the resource
		case text == "--" && !in.inline:
			if i+1 < len(words) {
				files = append(files, words[i+1])
			}
			return files, nil
		case in.file != "" && strings.HasPrefix(long, "--") && strings.HasSuffix(long, "file"):
			if assigned {
				files = append(files, parseFields(value))
			} else if i+1 < len(words) {
				i++
				files = append(files, words[i])
			}
			continue
		case strings.HasPrefix(text, "--"):
			if !assigned && !in.inline && !knownFlag.MatchString(text) {
				return nil, fmt.Errorf("write the option %q with its value in one word, after a =", text)
			}
			continue
		case len(text) < 2 || text[0] != '-' && text[0] != '+':
			if in.inline {
				continue // options may follow
			}
			return append(files, words[i]), nil
		}
		letter, value := in.option(text[1:])
		switch {
		case letter == 0:
		case strings.ContainsRune(in.code, letter):
			return files, nil
		case strings.ContainsRune(in.module, letter) && in.named != nil && in.named.MatchString(text):
		case strings.ContainsRune(in.module, letter):
			return nil, fmt.Errorf("%q is looked up elsewhere: name the file", text)
		case value == "" && i+1 == len(words):
			return files, nil
		case strings.ContainsRune(in.file, letter) && value != "":
			files = append(files, parseFields(value))
		case strings.ContainsRune(in.file, letter):
			i++
			files = append(files, words[i])
		case value == "":
			i++
		}
	}
	return files, nil
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
