package pluginfile

import "strings"

const (
	// maxInterpolationDepth is Python's limit on references that refer on.
	maxInterpolationDepth = 10
	// maxExpansion bounds the text that a file may grow to through references and [DEFAULT], in bytes.
	maxExpansion = 4 << 20
)

// expander works out the values of one section.
type expander struct {
	file    *ini
	section *section
	budget  *int
}

// option is the raw option of that name: the section's own, or that of [DEFAULT].
func (x *expander) option(name string) *rawOption {
	if o := x.section.index[name]; o != nil {
		return o
	}
	return x.file.defaults.index[name]
}

func (x *expander) value(o *rawOption) (string, *Error) {
	var b strings.Builder
	if err := x.expand(&b, o, o, 1); err != nil {
		return "", err
	}
	return b.String(), nil
}

// expand appends the value of o, which top refers to. %% is %, %(name)s the value of another option, and a % before
// anything else stands for itself: Panoptes fails there, and plugins in the field have it.
func (x *expander) expand(b *strings.Builder, top, o *rawOption, depth int) *Error {
	if depth > maxInterpolationDepth {
		return fail(top.line, "%s refers to other options more than %d deep, perhaps to itself", x.where(top), maxInterpolationDepth)
	}
	rest := o.value
	for rest != "" {
		at := strings.IndexByte(rest, '%')
		if at < 0 {
			return x.spend(b, top, rest)
		}
		if err := x.spend(b, top, rest[:at]); err != nil {
			return err
		}
		rest = rest[at:]
		switch {
		case strings.HasPrefix(rest, "%%"):
			b.WriteByte('%')
			rest = rest[2:]
		case strings.HasPrefix(rest, "%("):
			target, length, err := x.reference(top, rest)
			if err != nil {
				return err
			}
			if err := x.expand(b, top, target, depth+1); err != nil {
				return err
			}
			rest = rest[length:]
		default:
			x.loneWarning(o)
			b.WriteByte('%')
			rest = rest[1:]
		}
	}
	return nil
}

// reference finds the option that the %(name)s at the start of rest means, and the length of that text.
func (x *expander) reference(top *rawOption, rest string) (*rawOption, int, *Error) {
	end := strings.IndexByte(rest, ')')
	if end < 3 || !strings.HasPrefix(rest[end:], ")s") {
		return nil, 0, fail(top.line, "%s has the bad reference %s: write %%(option)s, or %%%% for a percent sign", x.where(top), shown(rest))
	}
	name := strings.ToLower(rest[2:end])
	target := x.option(name)
	if target == nil {
		return nil, 0, fail(top.line, "%s refers to the option %s, which neither [%s] nor [%s] has: add it, or write %%%% for a percent sign",
			x.where(top), shown(name), x.section.name, defaultSection)
	}
	return target, end + 2, nil
}

// spend appends text while the file stays within its bound. Even nothing costs, so that references to empty options end.
func (x *expander) spend(b *strings.Builder, top *rawOption, text string) *Error {
	if *x.budget -= len(text) + 1; *x.budget < 0 {
		return fail(top.line, "%s makes the file grow beyond %d MiB through references and [%s]", x.where(top), maxExpansion>>20, defaultSection)
	}
	b.WriteString(text)
	return nil
}

func (x *expander) loneWarning(o *rawOption) {
	if !o.percentWarned {
		o.percentWarned = true
		x.file.warnings = append(x.file.warnings, atLine(o.line)+x.where(o)+
			" has a lone %, which stands for itself here; Panoptes fails on it: write %%")
	}
}

func (x *expander) where(o *rawOption) string { return "[" + x.section.name + "] " + o.name }
