package run_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
)

// TestRoom has as many runs make groups at a time as there are places.
func TestRoom(t *testing.T) {
	room := run.NewRoom()
	var leaves []func()
	for range cap(room) {
		enter, leave := room.For()
		enter(context.Background())
		enter(context.Background()) // it is in already
		leaves = append(leaves, leave)
	}
	assert.Len(t, room, cap(room))

	given, cancel := context.WithCancel(context.Background())
	cancel()
	late, leaveLate := room.For()
	late(given) // a run that is over waits for nothing
	leaveLate()
	assert.Len(t, room, cap(room), "who has no place gives none back")

	entered := make(chan struct{})
	waiting, leaveWaiting := room.For()
	go func() {
		waiting(context.Background())
		close(entered)
	}()
	leaves[0]()
	leaves[0]()
	<-entered
	assert.Len(t, room, cap(room))
	leaveWaiting()
	for _, leave := range leaves {
		leave()
	}
	assert.Empty(t, room)
}
