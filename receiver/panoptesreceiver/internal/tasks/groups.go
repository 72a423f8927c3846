package tasks

import (
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// groupsAtOnce is how many groups are opened together, in advance.
const groupsAtOnce = 256

// setGroup gives a resource its group, and that of its endpoint as the parent.
func (t *Tasks) setGroup(slot int, old, res *pluginsdk.Resource) {
	switch {
	case old == nil:
		if len(t.opened) == 0 {
			t.opened = t.scheduler.OpenGroups(groupsAtOnce, t.settings.PerResource)
		}
		t.groups[slot], t.opened = t.opened[0], t.opened[1:]
		if t.settings.PerEndpoint > 0 {
			t.scheduler.MoveGroup(t.groups[slot], t.joinEndpoint(res.Endpoint))
		}
	case t.settings.PerEndpoint > 0 && old.Endpoint != res.Endpoint:
		t.scheduler.MoveGroup(t.groups[slot], t.joinEndpoint(res.Endpoint))
		t.leaveEndpoint(old.Endpoint)
	}
}

func (t *Tasks) joinEndpoint(name string) schedule.GroupID {
	e := t.endpoints[name]
	if e == nil {
		e = &endpoint{group: t.scheduler.OpenGroup(t.settings.PerEndpoint, 0)}
		t.endpoints[name] = e
	}
	e.resources++
	return e.group
}

func (t *Tasks) leaveEndpoint(name string) {
	e := t.endpoints[name]
	if e == nil {
		return
	}
	if e.resources--; e.resources == 0 {
		t.scheduler.CloseGroups(e.group)
		delete(t.endpoints, name)
	}
}
