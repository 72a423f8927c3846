package migratecmd

import (
	"path"
	"slices"
	"strings"
)

// rule says what becomes of keys. The first rule that matches counts.
type rule struct {
	// section is the path of sections, of which each part is a pattern; a last part "**" stands for any sections, or none.
	section []string
	// key is a pattern of names.
	key string
	// do returns what became of the key. It may leave its value in the translation.
	do func(*translation, source) note
}

func (r *rule) matches(s source) bool {
	at := s.section.Path()
	want := r.section
	if n := len(want); n > 0 && want[n-1] == "**" {
		want = want[:n-1]
		at = at[:min(len(at), len(want))]
	}
	return slices.EqualFunc(want, at, matchFold) && matchFold(r.key, s.entry.Key)
}

// matchFold matches without case: ConfigObj tells cases apart, but nobody gains by a key that is unknown for its case.
func matchFold(pattern, name string) bool {
	ok, _ := path.Match(strings.ToLower(pattern), strings.ToLower(name))
	return ok
}

// Paths in the new configuration.
const (
	receiver     = "receivers::panoptes::"
	jsonExporter = "exporters::panoptes_json::"
	directories  = receiver + "plugins::directories"
	scanInterval = receiver + "plugins::scan_interval"
	brokersPath  = jsonExporter + "brokers"
	topicsPath   = jsonExporter + "topics::"
)

// Why there is no counterpart, and what to do.
const (
	whyRedis = "Redis, other groups and keys: all keys of plugins lie in one Redis, that of the group default, or in the extension file_storage. " +
		"Secrets are taken over by --secrets-from and --secrets-dir"
	whyExtension = "extension of plugin files: they are called NAME.panoptes-plugin here, whatever this says. Rename them"
	whyLocks     = "ZooKeeper: one process schedules and runs, so that there is nothing to lock. Give no two Collectors the same " +
		"resources: divide them with resources::filter"
	whyCelery = "Celery: runs need no workers of their own. max_concurrent_runs, limits and python::max_workers bound them"
	whyLog    = "logging: the Collector writes its own structured log. Set service::telemetry::logs (level, encoding, output_paths)"
	whySkew   = "skew: a task keeps its place in its interval, so there is nothing to allow for; results_cache_age allows for Panoptes' " +
		"second. Nothing to do"
	whySubtype   = "subtypes: one receiver schedules all types of plugins. For a process of its own start a Collector with that directory alone"
	whyDelimiter = "delimiters: Panoptes writes topics with \"-\" and message keys with \":\" whatever these say, and so does the exporter. " +
		"Consumers that use another one never saw these messages"
	whySuffixes = "suffixes of topics: Panoptes writes to the suffix processed, and those of a plugin's [topics], whatever these say. " +
		"For others set topics::suffixes of panoptes_json"
	whyConsume  = "check of consumers: Panoptes uses it to check its own configuration alone. Nothing to do"
	whyConsumer = "InfluxDB consumer, its reading of Kafka: points are written from the pipeline, without Kafka between. Nothing to do; " +
		"stop the consumer when its site is switched"
	whyInflux = "InfluxDB consumer, its pool and retries: panoptes_influx tries again without end, bounded by retry_on_failure, timeout and " +
		"sending_queue. Nothing to do"
	whyInfluxUser = "InfluxDB consumer, its login: set auth::authenticator of panoptes_influx to an extension basicauth whose client_auth has the " +
		"user, and the password from a variable (${env:INFLUXDB_PASSWORD})"
)

// within is the path of a section and all that are in it.
func within(section string) []string { return []string{section, "**"} }

// rules are those of panoptes.ini (docs/panoptes: runtime.md sections 1, 4 to 8, formats.md sections 5 and 7), and of the
// InfluxDB consumer.
func rules() []rule {
	r := []rule{
		{[]string{"main"}, "sites", carryList(receiver + "context::sites")},
		{[]string{"main"}, "plugins_skew", noCounterpart(whySkew)},
		{[]string{"main"}, "plugins_extension", sameOr("panoptes-plugin", whyExtension)},
		{within("zookeeper"), "*", noCounterpart(whyLocks)},
		{within("log"), "*", noCounterpart(whyLog)},
		{within("logging"), "*", noCounterpart(whyLog)},
		{within("celery"), "*", noCounterpart(whyCelery)},
	}
	r = append(append(r, redisRules()...), rule{within("redis"), "*", noCounterpart(whyRedis)})
	for _, kind := range []string{"discovery", "polling", "enrichment"} {
		r = append(r,
			rule{[]string{kind}, "plugins_paths", carryDirectories},
			rule{[]string{kind}, "plugins_subtype", noCounterpart(whySubtype)},
			rule{within(kind), "celery*", noCounterpart(whyCelery)},
			rule{within(kind), "log_config*", noCounterpart(whyLog)},
		)
	}
	for _, section := range []string{"main", "discovery", "polling", "enrichment"} {
		r = append(r, rule{[]string{section}, "plugin_scan_interval", carryScanInterval})
	}
	return slices.Concat(r, kafkaRules(), snmpRules(), influxRules())
}

func kafkaRules() []rule {
	k := within("kafka")
	return []rule{
		{[]string{"kafka"}, "brokers", carryBrokers},
		{[]string{"kafka"}, "bootstrap_servers", carryBrokers},
		{[]string{"kafka", "brokers"}, "*", carryBrokerKey},
		{[]string{"kafka", "brokers", "*"}, "host", carryBrokerKey},
		{[]string{"kafka", "brokers", "*"}, "port", carryBrokerKey},
		{k, "publish_to_site_topic", carryBool(topicsPath + "site")},
		{k, "publish_to_global_topic", carryBool(topicsPath + "global")},
		{k, "global_topic_name", carryText(topicsPath + "global_name")},
		{k, "consume_from_site_topic", noCounterpart(whyConsume)},
		{k, "topic_name_delimiter", sameOr("-", whyDelimiter)},
		{k, "topic_key_delimiter", sameOr(":", whyDelimiter)},
		{[]string{"kafka", "topics", "**"}, "*", noCounterpart(whySuffixes)},
	}
}

func snmpRules() []rule {
	snmp, x509 := receiver+"context::snmp::", receiver+"context::x509::"
	r := []rule{
		{[]string{"snmp"}, "connection_factory_module", carryText(snmp + "connection_factory_module")},
		{[]string{"snmp"}, "connection_factory_class", carryText(snmp + "connection_factory_class")},
		{[]string{"snmp"}, "community", carryText(snmp + "community")},
		{[]string{"snmp"}, "community_string_key", carryText(snmp + "community_string_key")},
		{[]string{"snmp"}, "timeout", carryInt(snmp+"timeout", 1, 120)},
		{[]string{"snmp"}, "retries", carryInt(snmp+"retries", 1, 10)},
		{[]string{"snmp"}, "non_repeaters", carryInt(snmp+"non_repeaters", 0, 1<<31-1)},
		{[]string{"snmp"}, "max_repetitions", carryInt(snmp+"max_repetitions", 1, 1<<31-1)},
		{[]string{"snmp"}, "port", carryInt(snmp+"port", 1, 65535)},
		{[]string{"snmp"}, "proxy_port", carryInt(snmp+"proxy_port", 1, 65535)},
		{[]string{"x509"}, "x509_secured_requests", carryInt(x509+"x509_secured_requests", 0, 2)},
	}
	for _, key := range []string{"x509_cert_location", "x509_cert_filename", "x509_key_location", "x509_key_filename"} {
		r = append(r, rule{[]string{"x509"}, key, carryText(x509 + key)})
	}
	return r
}
