package seldom

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// What the log says of names that come from data is bounded in number and in time.
func TestSeldom(t *testing.T) {
	t.Parallel()
	now := time.Unix(1600000000, 0)
	s := New()
	s.now = func() time.Time { return now }
	assert.True(t, s.First("a"))
	assert.False(t, s.First("a"))
	for i := range 2 * size {
		s.First(fmt.Sprint(i))
	}
	assert.Len(t, s.told, size)
	assert.False(t, s.First("b"))
	now = now.Add(again)
	assert.True(t, s.First("b"))
	assert.True(t, s.First("a"))
	assert.Len(t, s.told, 2)
}
