package migratecmd

import (
	"fmt"
	"path/filepath"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/configobj"
)

// outcome is what became of a key.
type outcome int

const (
	// carried: its value is in the new configuration.
	carried outcome = iota
	// same: what it says holds here anyway.
	same
	// none: there is no counterpart.
	none
	// unknown: the specification of panoptes.ini does not have it.
	unknown
	// wrong: its value cannot be.
	wrong
)

// note is what became of one key.
type note struct {
	outcome outcome
	// at is the key's place, as "panoptes.ini:12", and key its name after its sections.
	at, key string
	// section is the key's.
	section *configobj.Section
	// text is where its value went, for none the reason (which many keys share), for wrong the mistake.
	text string
}

// mistake is the note of a key whose value cannot be.
func mistake(err error) note { return note{outcome: wrong, text: err.Error()} }

// source is a key in a file.
type source struct {
	file    string
	section *configobj.Section
	entry   *configobj.Entry
}

func (s source) at() string { return fmt.Sprintf("%s:%d", filepath.Base(s.file), s.entry.Line) }

func (s source) key() string {
	if section := s.section.String(); section != "" {
		return section + " " + s.entry.Key
	}
	return s.entry.Key
}

// String tells a reader of the new configuration where a value came from.
func (s source) String() string { return s.at() + " " + s.key() }

// scalar is the value of a key that is no list; a list of one counts as well.
func (s source) scalar() (string, error) {
	if len(s.entry.Values) != 1 {
		return "", fmt.Errorf("must be one value, is a list of %d", len(s.entry.Values))
	}
	return s.entry.Values[0], nil
}
