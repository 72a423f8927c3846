package logs

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// told are the lines of a Digest.
type told struct {
	mu    sync.Mutex
	lines []string
}

func (l *told) note(d *Digest, cause string, n int) {
	d.Note(cause, func(held int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, fmt.Sprintf("%s %d +%d", cause, n, held))
	})
}

// since returns the lines from one on.
func (l *told) since(n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines[n:])
}

func TestDigest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := NewDigest()
		var lines told
		for n := range 5000 {
			lines.note(d, "a", n)
		}
		<-time.After(10 * time.Second)
		lines.note(d, "b", 0)
		lines.note(d, "b", 1)
		assert.Equal(t, []string{"a 0 +0", "b 0 +0"}, lines.since(0), "the first of each at once")
		<-time.After(49 * time.Second)
		synctest.Wait()
		assert.Len(t, lines.since(0), 2)
		<-time.After(2 * time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"a 4999 +4998"}, lines.since(2), "the rest in one line")
		<-time.After(time.Hour)
		synctest.Wait()
		assert.Equal(t, []string{"b 1 +0"}, lines.since(3), "and nothing while nothing happens")
		lines.note(d, "a", 7)
		lines.note(d, "a", 8)
		assert.Equal(t, []string{"a 7 +0"}, lines.since(4))
		d.Stop()
		d.Stop()
		lines.note(d, "a", 9)
		assert.Equal(t, []string{"a 8 +0"}, lines.since(5), "what is held back at the end is told")
	})
}

// TestNoDigest: without one everything is told.
func TestNoDigest(t *testing.T) {
	t.Parallel()
	var d *Digest
	var lines told
	lines.note(d, "a", 1)
	lines.note(d, "a", 2)
	d.Stop()
	assert.Equal(t, []string{"a 1 +0", "a 2 +0"}, lines.since(0))
}

// TestDigestIsBounded: causes may come from data.
func TestDigestIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := NewDigest()
		defer d.Stop()
		var lines told
		for n := range 10_000 {
			lines.note(d, fmt.Sprint("cause ", n), n)
		}
		assert.Len(t, lines.since(0), digestCauses+1)
		assert.LessOrEqual(t, len(d.causes), digestCauses+1)
		<-time.After(2 * digestEvery)
		synctest.Wait()
		assert.Equal(t, []string{fmt.Sprintf("cause 9999 9999 +%d", 10_000-digestCauses-2)}, lines.since(digestCauses+1))
		lines.note(d, "another", 0)
		assert.Equal(t, []string{"another 0 +0"}, lines.since(digestCauses+2), "there is room again")
	})
}

func TestLoggerHasNoStack(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	logger := zap.New(core, zap.AddStacktrace(zap.ErrorLevel))
	logger.Error("with")
	WithoutStacks(logger).Error("without")
	assert.NotEmpty(t, logs.All()[0].Stack)
	assert.Empty(t, logs.All()[1].Stack)
}
