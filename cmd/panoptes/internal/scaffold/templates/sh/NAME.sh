#!/bin/sh
# Measures something of a resource. It runs once for each resource and interval: PANOPTES_RESOURCE_ID, _ENDPOINT, _SITE
# and so on say which, stdin has the whole resource as JSON. stdout takes metrics groups, a JSON object a line; stderr is
# the log.
set -eu

echo "looking at $PANOPTES_RESOURCE_ENDPOINT" >&2

# Seconds since the system was started, which only grow.
uptime=$(cut -d . -f 1 /proc/uptime 2>/dev/null || date +%s)
printf '{"type": "{{.Name}}", "dimensions": {"mount": "/"}, "gauges": {"used": 0.42}, "counters": {"uptime": %s}}\n' "$uptime"
