package configobj

import (
	"strings"
)

// Section is a section of a file; the root stands for the file as a whole.
type Section struct {
	// Name is the section's name, "" for the root.
	Name string
	// Line is where it begins, 0 for the root.
	Line int
	// Entries are its own keys, in the order of the file.
	Entries []*Entry
	// Sections are the sections in it, in the order of the file.
	Sections []*Section

	parent   *Section
	depth    int
	entries  map[string]*Entry
	sections map[string]*Section
}

// Entry is a key with its value.
type Entry struct {
	// Key is the key's name.
	Key string
	// Values are the value after interpolation: one where List is false.
	Values []string
	// List says that the value was written as a list, which one without elements, or with one, can be as well.
	List bool
	// Line is where it stands.
	Line int
	// Used says that other values refer to it.
	Used bool
}

// Path is the section's name after those of the sections around it; none for the root.
func (s *Section) Path() []string {
	if s.parent == nil {
		return nil
	}
	return append(s.parent.Path(), s.Name)
}

// String is the section as it is written after those around it: "[kafka] [[brokers]]".
func (s *Section) String() string {
	var parts []string
	for i, name := range s.Path() {
		parts = append(parts, strings.Repeat("[", i+1)+name+strings.Repeat("]", i+1))
	}
	return strings.Join(parts, " ")
}

// Entry returns the entry of a key, or nil.
func (s *Section) Entry(key string) *Entry { return s.entries[key] }

// Section returns a section in this one, or nil.
func (s *Section) Section(name string) *Section { return s.sections[name] }

func (s *Section) add(e *Entry) {
	s.Entries = append(s.Entries, e)
	if s.entries == nil {
		s.entries = map[string]*Entry{}
	}
	s.entries[e.Key] = e
}

func (s *Section) addSection(name string, line int) *Section {
	sub := &Section{Name: name, Line: line, parent: s, depth: s.depth + 1}
	s.Sections = append(s.Sections, sub)
	if s.sections == nil {
		s.sections = map[string]*Section{}
	}
	s.sections[name] = sub
	return sub
}

// Walk calls visit for each section, the root first, in the order of the file.
func (s *Section) Walk(visit func(*Section)) {
	visit(s)
	for _, sub := range s.Sections {
		sub.Walk(visit)
	}
}
