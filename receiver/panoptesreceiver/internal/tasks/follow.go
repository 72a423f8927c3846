package tasks

import (
	"slices"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// SetResources takes all resources that there are.
func (t *Tasks) SetResources(all []*pluginsdk.Resource) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all = t.list(all)
	t.index = nil
	slots := t.find(all)
	t.close()
	changes := t.place(all, slots)
	t.order = slots
	t.follow(changes)
	t.settings.Logger.Debug("Tasks follow the resources", zap.Int("resources", len(t.slots)), zap.Int("tasks", t.scheduler.Len()))
}

// find looks up the slots of resources, -1 for those that come, and removes the resources that are not among them.
func (t *Tasks) find(all []*pluginsdk.Resource) (slots []int32) {
	slots = make([]int32, len(all))
	there := make([]bool, len(t.resources))
	known := 0
	for i, res := range all {
		slot, ok := t.expected(i, res)
		if !ok {
			slot, ok = t.slots[res.Identity()]
		}
		if slots[i] = int32(slot); !ok {
			slots[i] = -1
		} else if !there[slot] {
			there[slot] = true
			known++
		}
	}
	if known == len(t.slots) {
		return slots
	}
	for slot, res := range t.resources {
		if res != nil && !there[slot] {
			t.removeResource(res.Identity(), slot)
		}
	}
	return slots
}

// expected is the slot of a resource that is in the place of the list in which it was the last time, as most are: to
// compare is several times as fast as to look up.
func (t *Tasks) expected(i int, res *pluginsdk.Resource) (slot int, ok bool) {
	if i >= len(t.order) {
		return 0, false
	}
	slot = int(t.order[i])
	was := t.resources[slot]
	return slot, was == res || was != nil && was.Identity() == res.Identity()
}

// place gives resources their slots, and returns what changed.
func (t *Tasks) place(all []*pluginsdk.Resource, slots []int32) (changes []change) {
	for i, res := range all {
		slot, ok := int(slots[i]), slots[i] >= 0
		if !ok {
			slot, ok = t.slots[res.Identity()] // of one that is listed twice
		}
		switch {
		case ok && t.resources[slot] == res:
			slots[i] = int32(slot)
			continue
		case ok:
		case len(t.free) > 0:
			slot = t.free[len(t.free)-1]
			t.free = t.free[:len(t.free)-1]
		default:
			slot = len(t.resources)
			t.resources, t.groups = append(t.resources, nil), append(t.groups, 0)
		}
		old := t.resources[slot]
		t.setGroup(slot, old, res)
		if t.resources[slot] = res; old == nil {
			t.slots[res.Identity()] = slot
		}
		slots[i] = int32(slot)
		changes = append(changes, change{slot: slot, old: old, now: res})
	}
	return changes
}

// close makes the changes that were gathered, and closes the groups of resources that left.
func (t *Tasks) close() {
	t.apply()
	t.scheduler.CloseGroups(t.closing...)
	t.closing = t.closing[:0]
}

// follow brings the tasks of resources that changed in step with all plugins: some resources at a time, which then lie in
// the processor's cache while one plugin after the other looks at them.
func (t *Tasks) follow(changes []change) {
	changed := make([]*pluginsdk.Resource, 0, plansAtOnce)
	wanted := make([]*change, 0, plansAtOnce)
	for some := range slices.Chunk(changes, plansAtOnce) {
		changed = changed[:0]
		for _, c := range some {
			changed = append(changed, c.now)
		}
		index := filter.NewIndex(changed)
		for _, l := range t.plugins {
			wanted = wanted[:0]
			next := 0 // change that was not looked at yet
			for _, i := range index.Select(l.Current().layered.Filters()...) {
				t.removeTasks(l, some[next:i])
				wanted, next = append(wanted, &some[i]), i+1
			}
			t.removeTasks(l, some[next:])
			t.setTasks(l, wanted)
		}
	}
	t.apply()
}

// removeTasks removes the tasks of a plugin that there are against resources that it does not want any more.
func (t *Tasks) removeTasks(l *Plugin, changes []change) {
	if l.held == 0 {
		return
	}
	for _, c := range changes {
		if c.old != nil && c.slot < len(l.tasks) && l.tasks[c.slot] != 0 {
			t.removeTask(l, c.slot, c.old)
		}
	}
}

func (t *Tasks) removeResource(id pluginsdk.Identity, slot int) {
	for _, l := range t.plugins {
		if slot < len(l.tasks) && l.tasks[slot] != 0 {
			t.removeTask(l, slot, t.resources[slot])
		}
	}
	if t.settings.PerEndpoint > 0 {
		t.scheduler.MoveGroup(t.groups[slot], 0)
		t.leaveEndpoint(t.resources[slot].Endpoint)
	}
	t.closing = append(t.closing, t.groups[slot])
	t.resources[slot] = nil
	t.free = append(t.free, slot)
	delete(t.slots, id)
}
