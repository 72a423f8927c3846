package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// schemaVersion is that of Grafana 9.0; later versions bring a dashboard up to date when they load it.
const schemaVersion = 36

const panelHeight = 8

// object is a JSON object. encoding/json sorts the keys, so that equal dashboards are equal files.
type object map[string]any

// JSON is the dashboard as Grafana imports it.
func (d *Dashboard) JSON() ([]byte, error) {
	variables := []object{{
		"name": "datasource", "label": "Data source", "type": "datasource", "query": string(d.Source),
		"hide": 0, "refresh": 1, "regex": "", "multi": false, "includeAll": false, "options": []any{},
	}}
	for _, v := range d.variables {
		variables = append(variables, d.variable(v))
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(object{
		"id": nil, "uid": d.UID(), "title": d.Title, "description": d.Description,
		"tags": []string{"panoptes", string(d.Source)}, "schemaVersion": schemaVersion, "version": 1, "editable": true, "graphTooltip": 1,
		"time": object{"from": "now-3h", "to": "now"}, "refresh": "1m", "timezone": "", "annotations": object{"list": []any{}},
		"templating": object{"list": variables}, "panels": d.panels(),
		"links": []object{{
			"title": "Panoptes", "type": "dashboards", "tags": []string{"panoptes", string(d.Source)}, "asDropdown": true,
			"includeVars": false, "keepTime": true, "icon": "external link", "targetBlank": false, "tooltip": "", "url": "",
		}},
	})
	return buf.Bytes(), err
}

func (d *Dashboard) datasource() object {
	return object{"type": string(d.Source), "uid": "${datasource}"}
}

func (d *Dashboard) variable(v variable) object {
	o := object{
		"name": v.name, "label": v.label, "type": "query", "datasource": d.datasource(), "query": any(v.query),
		"refresh": 2, "sort": 1, "hide": 0, "regex": "", "multi": v.many, "includeAll": v.many, "options": []any{},
	}
	if d.Source == Prometheus {
		o["query"] = object{"query": v.query, "refId": "PrometheusVariableQueryEditor-VariableQuery"}
	}
	if v.many {
		o["allValue"] = ".*"
		o["current"] = object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}}
	}
	return o
}

// panels puts the rows' panels one after the other, left to right and top to bottom.
func (d *Dashboard) panels() []object {
	var all []object
	y, id := 0, 0
	add := func(o object, x, width, height int) {
		id++
		o["id"], o["gridPos"] = id, object{"x": x, "y": y, "w": width, "h": height}
		all = append(all, o)
	}
	for _, r := range d.rows {
		add(object{"type": "row", "title": r.title, "collapsed": false, "panels": []any{}}, 0, 24, 1)
		y++
		x, height := 0, 0
		for _, p := range r.panels {
			if x+p.width > 24 {
				x, y = 0, y+height
			}
			height = panelHeight
			if p.kind == stat {
				height = panelHeight / 2
			}
			add(d.panel(p), x, p.width, height)
			x += p.width
		}
		y += height
	}
	return all
}

func (d *Dashboard) panel(p panel) object {
	steps, judged := []object{{"color": "green", "value": nil}}, p.warn != 0 || p.bad != 0
	if judged {
		steps = append(steps, object{"color": "yellow", "value": p.warn}, object{"color": "red", "value": p.bad})
	}
	color := "palette-classic"
	if p.kind == stat || p.kind == table && judged {
		color = "thresholds"
	}
	mappings := []object{}
	if p.states {
		mappings = stateMappings()
	}
	defaults := object{
		"unit": p.unit, "color": object{"mode": color}, "mappings": mappings, "thresholds": object{"mode": "absolute", "steps": steps},
	}
	o := object{
		"type": string(p.kind), "title": p.title, "description": p.description, "datasource": d.datasource(),
		"fieldConfig": object{"defaults": defaults, "overrides": d.overrides(p)}, "targets": d.targets(p),
	}
	switch p.kind {
	case stat:
		o["options"] = object{
			"colorMode": "value", "graphMode": "area", "justifyMode": "auto", "orientation": "auto", "textMode": "auto",
			"reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
		}
	case timeseries:
		o["options"] = object{
			"legend":  object{"displayMode": "table", "placement": "right", "showLegend": true, "calcs": []string{"mean", "max"}},
			"tooltip": object{"mode": "multi", "sort": "desc"},
		}
		defaults["custom"] = timeseriesStyle(p.stacked, judged)
	case table:
		o["options"] = object{"showHeader": true, "sortBy": []any{}}
		style := object{"filterable": true}
		if judged {
			style["displayMode"] = "color-text"
		}
		defaults["custom"] = style
		hide := object{}
		for _, column := range p.hide {
			hide[column] = true
		}
		o["transformations"] = []object{{"id": "organize", "options": object{"excludeByName": hide, "indexByName": object{}, "renameByName": object{}}}}
	}
	return o
}

// stateMappings name the values of Panoptes' polling status (PanoptesPollingStatus).
func stateMappings() []object {
	options := object{}
	for i, name := range []string{
		"ok", "authentication failed", "network failed", "timed out", "part was dropped", "failed", "all was dropped", "ping failed",
		"enrichment failed",
	} {
		color := "red"
		switch i {
		case 0:
			color = "green"
		case 4:
			color = "yellow"
		}
		options[strconv.Itoa(i)] = object{"text": name, "color": color, "index": i}
	}
	return []object{{"type": "value", "options": options}}
}

func timeseriesStyle(stacked, thresholds bool) object {
	style := object{
		"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": false,
		"stacking": object{"mode": "none", "group": "A"}, "thresholdsStyle": object{"mode": "off"},
	}
	if stacked {
		style["stacking"], style["fillOpacity"] = object{"mode": "normal", "group": "A"}, 40
	}
	if thresholds {
		style["thresholdsStyle"] = object{"mode": "line"}
	}
	return style
}

// overrides make links of columns.
func (d *Dashboard) overrides(p panel) []object {
	overrides := []object{}
	for _, l := range p.links {
		var url strings.Builder
		fmt.Fprintf(&url, "/d/%s?${__url_time_range}&${datasource:queryparam}", uid(d.Source, l.dashboard))
		for _, v := range l.variables {
			name, column, _ := strings.Cut(v, "=")
			fmt.Fprintf(&url, "&var-%s=${__data.fields[%q]:percentencode}", name, column)
		}
		overrides = append(overrides, object{
			"matcher":    object{"id": "byName", "options": l.column},
			"properties": []object{{"id": "links", "value": []object{{"title": "Show this one", "url": url.String()}}}},
		})
	}
	return overrides
}

func (d *Dashboard) targets(p panel) []object {
	targets := make([]object, 0, len(p.targets))
	for i, t := range p.targets {
		o := object{"refId": string(rune('A' + i)), "datasource": d.datasource()}
		format := "time_series"
		if p.kind == table {
			format = "table"
		}
		switch d.Source {
		case Prometheus:
			o["expr"], o["legendFormat"], o["format"], o["editorMode"] = t.expr, t.legend, format, "code"
			o["instant"], o["range"] = t.once, !t.once
		case InfluxDB:
			o["query"], o["alias"], o["resultFormat"], o["rawQuery"] = t.expr, t.legend, format, true
		}
		targets = append(targets, o)
	}
	return targets
}
