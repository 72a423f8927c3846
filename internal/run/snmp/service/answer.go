package service

import (
	"encoding/json"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
)

// table is the answer with the rows of a column.
func table(rows *engine.Rows) json.RawMessage {
	n := rows.Len()
	b := append(make([]byte, 0, 64+40*n), `{"indexes":[`...)
	for row := range n {
		b = append(rows.Index(row).AppendText(append(b, '"')), '"', ',')
	}
	b = closed(b)
	b = append(b, `,"types":`...)
	b = types(b, n, func(i int) ber.Type { return rows.Value(i).Type() })
	b = append(b, `,"values":[`...)
	for row := range n {
		b = append(text(b, rows.Value(row)), ',')
	}
	return append(closed(b), '}')
}

// variables is the answer with some variables, with their names if they are not those that were asked for.
func variables(all []engine.Variable, named bool) json.RawMessage {
	b := append(make([]byte, 0, 64+64*len(all)), '{')
	if named {
		b = append(b, `"oids":[`...)
		for i := range all {
			b = append(all[i].Name.AppendText(append(b, '"', '.')), '"', ',')
		}
		b = append(closed(b), ',')
	}
	b = append(b, `"types":`...)
	b = types(b, len(all), func(i int) ber.Type { return all[i].Value.Type() })
	b = append(b, `,"values":[`...)
	for i := range all {
		b = append(text(b, all[i].Value), ',')
	}
	return append(closed(b), '}')
}

// closed ends a list, whose entries have a comma behind them.
func closed(b []byte) []byte {
	if last := len(b) - 1; b[last] == ',' {
		b = b[:last]
	}
	return append(b, ']')
}

// types appends the type of each value, or one for all.
func types(b []byte, n int, of func(int) ber.Type) []byte {
	same := n > 0
	for i := 1; i < n && same; i++ {
		same = of(i).Panoptes() == of(0).Panoptes()
	}
	if same {
		return append(append(append(b, '"'), of(0).Panoptes()...), '"')
	}
	b = append(b, '[')
	for i := range n {
		b = append(append(append(b, '"'), of(i).Panoptes()...), '"', ',')
	}
	return closed(b)
}

// text appends the text of a value as a string of JSON.
func text(b []byte, v ber.Value) []byte {
	begin := len(b) + 1
	b = v.AppendText(append(b, '"'))
	for _, c := range b[begin:] {
		if c < ' ' || c == '"' || c == '\\' {
			raw := string(b[begin:])
			return append(escaped(b[:begin], raw), '"')
		}
	}
	return append(b, '"')
}

// escaped appends a text with the escapes that JSON needs.
func escaped(b []byte, raw string) []byte {
	const hex = "0123456789abcdef"
	for i := range len(raw) {
		switch c := raw[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return b
}
