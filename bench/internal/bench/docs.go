package bench

import (
	"fmt"
	"os"
	"strings"
)

// Publish prints a report under some lines, writes it to a file, and puts both under a heading of a page, where one is named.
func (r *Report) Publish(head, out, page, heading string) error {
	var text strings.Builder
	text.WriteString(head)
	r.Print(&text)
	fmt.Print(text.String())
	if err := r.Write(out); err != nil || page == "" {
		return err
	}
	return Document(page, heading, text.String())
}

// Document puts a table in the place of the first block of text under a heading of a Markdown file.
func Document(path, heading, table string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	out, err := withTable(string(page), heading, table)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(out), 0o644)
}

// ReplaceLine puts a line in the place of the one of a file that begins with some text.
func ReplaceLine(path, begins, line string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := strings.Split(string(page), "\n")
	for i := range lines {
		if strings.HasPrefix(lines[i], begins) {
			lines[i] = line
			return os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644)
		}
	}
	return fmt.Errorf("%s: no line begins with %q", path, begins)
}

const (
	blockBegins = "```text\n"
	blockEnds   = "```\n"
)

func withTable(page, heading, table string) (string, error) {
	before, section, found := strings.Cut(page, heading+"\n")
	if !found {
		return "", fmt.Errorf("no heading %q", heading)
	}
	section, after, more := strings.Cut(section, "\n## ")
	if more {
		after = "\n## " + after
	}
	text, rest, found := strings.Cut(section, blockBegins)
	_, rest, closed := strings.Cut(rest, blockEnds)
	if !found || !closed {
		return "", fmt.Errorf("no block of text under %q", heading)
	}
	lines := strings.Split(strings.TrimRight(table, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return before + heading + "\n" + text + blockBegins + strings.Join(lines, "\n") + "\n" + blockEnds + rest + after, nil
}
