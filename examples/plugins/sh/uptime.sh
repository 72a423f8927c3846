#!/bin/sh
# An exec plugin: it is started for each run, and what it writes to stdout are metrics groups, one a line. The resource
# is in variables (and as JSON on stdin, which this plugin does not need). What goes to stderr comes out in the
# Collector's log; an exit status other than 0 fails the run.
set -eu

if [ -r /proc/loadavg ]; then
	read -r one five fifteen rest </proc/loadavg
	read -r seconds rest </proc/uptime
	echo "looking at $PANOPTES_RESOURCE_ID, $rest seconds idle" >&2
else # macOS, BSD
	set -- $(sysctl -n vm.loadavg | tr -d '{}')
	one=$1 five=$2 fifteen=$3
	seconds=$(($(date +%s) - $(sysctl -n kern.boottime | sed 's/.*sec = \([0-9]*\).*/\1/')))
fi

echo "{\"type\": \"load\", \"gauges\": {\"minutes_1\": $one, \"minutes_5\": $five, \"minutes_15\": $fifteen}}"
echo "{\"type\": \"uptime\", \"dimensions\": {\"of\": \"machine\"}, \"counters\": {\"seconds\": ${seconds%.*}}}"
