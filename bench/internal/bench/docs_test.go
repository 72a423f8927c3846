package bench

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWithTable(t *testing.T) {
	const page = "# B\n\n## A\n\n```text\nold a\n```\n\n## Rates\n\nOf it.\n\n```text\nold\ntable\n```\n\nMore.\n\n## C\n\n```text\nold c\n```\n"
	const want = "# B\n\n## A\n\n```text\nold a\n```\n\n## Rates\n\nOf it.\n\n```text\nnew\n\ntable\n```\n\nMore.\n\n## C\n\n```text\nold c\n```\n"
	got, err := withTable(page, "## Rates", "new  \n\ntable \n")
	if err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	for _, heading := range []string{"## D", "# B"} {
		if _, err := withTable("# B\n\nNo block.\n\n## A\n\n```text\nx\n```\n", heading, "new"); err == nil {
			t.Errorf("no error under %q", heading)
		}
	}
}

func TestReplaceLine(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte("a\nBeside it: old\n\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ReplaceLine(page, "Beside it", "Beside it: new"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(page); err != nil || string(got) != "a\nBeside it: new\n\nb\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if ReplaceLine(page, "Beside nothing", "") == nil {
		t.Error("no error without such a line")
	}
}
