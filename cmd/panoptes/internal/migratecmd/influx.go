package migratecmd

import (
	"net"
	"net/url"
	"strconv"
	"time"
)

const (
	influxExporter = "exporters::panoptes_influx::"
	influxPoints   = influxExporter + "request::max_points"
	influxWait     = influxExporter + "sending_queue::batch::flush_timeout"
)

// influxRules are those of Panoptes' InfluxDB consumer (docs/panoptes/formats.md, section 7). Its own keys are looked for in
// sections whose names have "influx", of one file with the rest or of a file of its own, which may have how it reads Kafka
// in [kafka] and [consumer] as well.
func influxRules() []rule {
	var r []rule
	for _, section := range [][]string{{"*influx*", "**"}, {"kafka"}, {"consumer"}} {
		for _, key := range []string{"*group", "group_id", "queue", "*poll_timeout", "*session_timeout", "*max_poll_records"} {
			r = append(r, rule{section, key, noCounterpart(whyConsumer)})
		}
	}
	in := within("*influx*")
	return append(r,
		rule{in, "host", carryInfluxHost},
		rule{in, "port", carryInfluxPort},
		rule{in, "database", carryText(influxExporter + "database")},
		rule{in, "write_api_batch_size", carryInt(influxPoints, 1, 1_000_000)},
		rule{in, "write_api_max_emit_interval", carry(influxWait, func(text string) (any, error) {
			n, err := whole(text, 1, 3600)
			return (time.Duration(n) * time.Second).String(), err
		})},
		rule{in, "write_api_*", noCounterpart(whyInflux)},
		rule{in, "*connect*", noCounterpart(whyInflux)},
		rule{in, "*pool*", noCounterpart(whyInflux)},
		rule{in, "user*", noCounterpart(whyInfluxUser)},
		rule{in, "password", noCounterpart(whyInfluxUser)},
	)
}

const influxEndpoint = influxExporter + "endpoint"

func carryInfluxHost(t *translation, s source) note {
	text, err := s.scalar()
	if err != nil {
		return mistake(err)
	}
	port := 8086
	if e := s.section.Entry("port"); e != nil && len(e.Values) == 1 {
		if n, err := whole(e.Values[0], 1, 65535); err == nil {
			port = n
		}
	}
	return t.set(influxEndpoint, influxURL(text, port), s)
}

func carryInfluxPort(t *translation, s source) note {
	text, err := s.scalar()
	if err != nil {
		return mistake(err)
	}
	port, err := whole(text, 1, 65535)
	if err != nil {
		return mistake(err)
	}
	if s.section.Entry("host") != nil {
		return note{outcome: carried, text: influxEndpoint}
	}
	return t.set(influxEndpoint, influxURL("127.0.0.1", port), s)
}

func influxURL(host string, port int) string {
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.Itoa(port))}
	return u.String()
}
