package logs

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// What the log says of names that come from data is bounded in number and in time.
func TestHourly(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	s := NewHourly()
	s.limit.now = func() time.Time { return now }
	told := 0
	for range 3 {
		for i := range 200 {
			if s.First("scope", fmt.Sprint(i)) {
				told++
			}
		}
	}
	assert.Equal(t, perMinute, told)
	assert.False(t, s.First("scope", "199"), "not this minute")
	now = now.Add(time.Minute)
	assert.True(t, s.First("scope", "199"))
	assert.False(t, s.First("scope", "199"))
	assert.True(t, s.First("scope1", "99"), "where a text ends matters")
	for i := range 2 * size {
		now = now.Add(time.Second)
		s.First("scope", fmt.Sprint(i))
	}
	assert.Len(t, s.told, size)
	assert.False(t, s.First("b"))
	now = now.Add(again)
	assert.True(t, s.First("b"))
	assert.True(t, s.First("scope", "199"), "after an hour again")
	assert.Len(t, s.told, 2)
}
