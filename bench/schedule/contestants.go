package main

import (
	"context"
	"runtime"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
)

// contestant is one way to start a million tasks. prepare makes them, and what it returns lets them run.
type contestant struct {
	name    string
	floor   bool
	prepare func(names []string) (start func())
}

var contestants = []contestant{
	{"ours", false, ours},
	{"goroutine with a ticker per task", false, tickers},
	{"time.AfterFunc per task", false, timers},
	{"bare timing wheel", true, wheel},
}

// target is what a task is about: two pointers, as in the receiver.
type target struct{ plugin, resource *string }

func ours(names []string) func() {
	s := schedule.New(schedule.Settings[target]{
		MaxConcurrent: 256, Classes: []schedule.Class{{Places: 256}},
		Breaker: schedule.Breaker{Failures: 3, Backoff: time.Minute, MaxBackoff: 10 * time.Minute},
		Run: func(_ context.Context, r schedule.Run[target]) schedule.Result {
			lateness.add(r.Lateness)
			return schedule.Result{Verdict: schedule.VerdictAlive}
		},
		Missed: func(target, int64) { panic("a slot was missed") },
	})
	var groups []schedule.GroupID
	for range perPlug {
		groups = append(groups, s.OpenGroup(4, 0))
	}
	var lane schedule.LaneID
	now := time.Now()
	for i := range names {
		if i%perPlug == 0 {
			lane = s.OpenLane(0, 0)
		}
		// As after a restart: each task ran once in the last minute.
		last := now.Add(-interval).Add(offset(names[i]))
		s.Add(lane, schedule.Spec{Hash: schedule.Hash([]byte(names[i])), Interval: interval, Last: last, Group: groups[i%perPlug]}, target{&names[i/perPlug], &names[i]})
	}
	return s.Start
}

// offset is where in the minute a task starts.
func offset(name string) time.Duration {
	return time.Duration(hashing.Murmur3([]byte(name))%60_000) * time.Millisecond
}

func tickers(names []string) func() {
	begin := make(chan struct{})
	var zero time.Time
	for i := range names {
		first := offset(names[i])
		go func() {
			<-begin
			due := zero.Add(first)
			ticker := time.NewTicker(max(time.Until(due), 1))
			<-ticker.C
			for ticker.Reset(interval); ; <-ticker.C {
				lateness.add(time.Since(due))
				due = due.Add(interval)
			}
		}()
	}
	// The tickers are part of what a task costs, so they are made before it is measured.
	zero = time.Now().Add(10 * time.Second)
	close(begin)
	time.Sleep(5 * time.Second)
	return func() {}
}

// alarm is one task with a timer.
type alarm struct {
	timer *time.Timer
	due   time.Time
}

func (a *alarm) fire() {
	lateness.add(time.Since(a.due))
	a.due = a.due.Add(interval)
	a.timer.Reset(time.Until(a.due))
}

func timers(names []string) func() {
	alarms := make([]alarm, len(names))
	zero := time.Now().Add(5 * time.Second)
	for i := range alarms {
		a := &alarms[i]
		a.due = zero.Add(offset(names[i]))
		a.timer = time.AfterFunc(time.Hour, a.fire) // it must not fire before it is stored
		a.timer.Reset(time.Until(a.due))
	}
	time.Sleep(time.Until(zero))
	return func() { runtime.KeepAlive(alarms) }
}

// wheel does no more than it must: one goroutine, a slot for each five milliseconds of the minute, no limits, no order,
// no way to take a task out, and runs in the goroutine itself.
func wheel(names []string) func() {
	const slot = 5 * time.Millisecond
	slots := make([][]int32, interval/slot)
	for i := range names {
		at := offset(names[i]) / slot
		slots[at] = append(slots[at], int32(i))
	}
	return func() {
		go func() {
			zero := time.Now()
			for n := 0; ; n++ {
				due := zero.Add(time.Duration(n) * slot)
				time.Sleep(time.Until(due))
				for range slots[n%len(slots)] {
					lateness.add(time.Since(due))
				}
			}
		}()
	}
}
