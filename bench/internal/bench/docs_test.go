package bench

import "testing"

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
