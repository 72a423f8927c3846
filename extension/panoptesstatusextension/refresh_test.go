package panoptesstatusextension

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A page is loaded again where its address says so, and has the link that turns that on or off.
func TestRefresh(t *testing.T) {
	t.Parallel()
	s := newSite(t, ActionsConfig{}, newFake("", 10))
	for path, on := range map[string]string{
		"/": ".?refresh=30", "/tasks?state=failing": "tasks?refresh=30&amp;state=failing", "/plugins": "plugins?refresh=30",
		"/matrix": "matrix?refresh=30", "/resources": "resources?refresh=30",
	} {
		page := s.page(path)
		assert.NotContains(t, page, "http-equiv", path)
		assert.Contains(t, page, `<a href="`+on+`">Refresh every 30 s</a>`, path)
	}
	page := s.page("/tasks?state=failing&refresh=10")
	assert.Contains(t, page, `<meta http-equiv="refresh" content="10">`)
	assert.Contains(t, page, `<a href="tasks?state=failing">Stop refreshing, every 10 s</a>`)
	assert.Contains(t, page, `<input type="hidden" name="refresh" value="10">`)
	page = s.page("/?refresh=1")
	assert.Contains(t, page, `<meta http-equiv="refresh" content="5">`, "not more often")
	assert.Contains(t, page, `<a href=".">Stop refreshing, every 5 s</a>`)
	assert.NotContains(t, s.page("/members"), "Refresh every", "a page that is no list")
	code, text := s.get("/?refresh=never")
	assert.Equal(t, http.StatusBadRequest, code)
	assert.Contains(t, text, "is no number from 1 on")
}
