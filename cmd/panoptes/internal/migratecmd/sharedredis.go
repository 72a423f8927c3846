package migratecmd

import (
	"cmp"
	"slices"
	"strings"
)

const (
	redisExtension = "extensions::panoptes_redis::"
	redisPort      = "6379"
	whyRedisShards = "Redis, with shards: panoptes_redis takes one Redis, in which all keys are. Join the shards first, or move without it, as the " +
		"migration page says"
	whyRedisNamespace = "Redis, its namespace: Panoptes' own keys begin with \"panoptes:\" whatever it says, and so do those of panoptes_redis"
	redisUse          = "what old and new share while a site moves: name it in receivers::panoptes::redis and in service::extensions then, and not in a trial"
)

// variable is a value of the environment, by its name.
type variable string

// redisRules are those of the Redis that plugins use; there may be others for Celery.
func redisRules() []rule {
	shard := []string{"redis", "default", "shards", "*"}
	return []rule{
		{shard, "host", carryRedis},
		{shard, "port", carryRedis},
		{shard, "db", carryRedis},
		{shard, "password", carryRedis},
		{[]string{"redis", "default"}, "namespace", noCounterpart(whyRedisNamespace)},
	}
}

// carryRedis reads a key of a shard with those beside it.
func carryRedis(t *translation, s source) note {
	text, err := s.scalar()
	if err != nil {
		return mistake(err)
	}
	if !slices.Contains(t.shards, s.section) {
		t.shards = append(t.shards, s.section)
	}
	switch key := strings.ToLower(s.entry.Key); key {
	case "db":
		n, err := whole(text, 0, 1<<31-1)
		if err != nil {
			return mistake(err)
		}
		return t.set(redisExtension+"db", n, s)
	case "password":
		if text == "" {
			return note{outcome: same}
		}
		return t.set(redisExtension+"password", variable(passwordVariable), s)
	case "port":
		if _, err := whole(text, 1, 65535); err != nil {
			return mistake(err)
		}
		if s.section.Entry("host") == nil {
			return note{outcome: wrong, text: "has no host beside it"}
		}
		return note{outcome: carried, text: redisExtension + "endpoint"}
	}
	port := ""
	if e := s.section.Entry("port"); e != nil && len(e.Values) == 1 {
		port = e.Values[0]
	}
	endpoint, err := address(text, cmp.Or(port, redisPort), "a Redis")
	if err != nil {
		return mistake(err)
	}
	return t.set(redisExtension+"endpoint", endpoint, s)
}

// finishRedis takes back what several shards said.
func (t *translation) finishRedis() {
	endpoint, known := t.settings[redisExtension+"endpoint"]
	if len(t.shards) == 1 && known {
		endpoint.comment += "\n" + redisUse
		t.settings[redisExtension+"endpoint"] = endpoint
		return
	}
	for path := range t.settings {
		if strings.HasPrefix(path, redisExtension) {
			delete(t.settings, path)
		}
	}
	for i, n := range t.notes {
		if shard := n.section; shard != nil && slices.Contains(t.shards, shard) {
			t.notes[i].outcome, t.notes[i].text = none, whyRedisShards
		}
	}
}
