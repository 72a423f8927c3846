package generic

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/expr"
)

// The bounds of JSON.
const (
	maxDepth  = 64
	maxDigits = 4096
)

// readJSON reads a text with one value of JSON, as Python does: objects keep their order, of equal keys the last counts.
func readJSON(text []byte) (expr.Value, error) {
	s := pyjson.NewScanner(text)
	v, err := readValue(s, 0)
	if err == nil && !s.AtEnd() {
		err = errors.New("something follows the value")
	}
	if err != nil {
		return nil, s.Located(err)
	}
	return v, nil
}

func readValue(s *pyjson.Scanner, depth int) (expr.Value, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it is nested deeper than %d", maxDepth)
	}
	s.Blanks()
	switch pyjson.Kind(s.Data[s.At:]) {
	case "an object":
		d := expr.NewDict(0)
		err := s.Object(func(key string) error {
			v, err := readValue(s, depth+1)
			d.SetText(key, v)
			return err
		})
		return d, err
	case "a list":
		var items []expr.Value
		err := s.List(func(int) error {
			v, err := readValue(s, depth+1)
			items = append(items, v)
			return err
		})
		return expr.NewList(items...), err
	case "a string":
		return s.ReadString()
	}
	for text, v := range map[string]expr.Value{"null": nil, "true": true, "false": false} {
		if s.Literal(text) {
			return v, nil
		}
	}
	text, err := s.NumberText()
	if err != nil {
		return nil, err
	}
	return readNumber(text)
}

func readNumber(text string) (expr.Value, error) {
	switch text {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	if !pyjson.ValidNumber(text) || len(text) > maxDigits {
		return nil, fmt.Errorf("%.40q is no number", text)
	}
	if strings.ContainsAny(text, ".eE") {
		f, _ := strconv.ParseFloat(text, 64) // what is too large is infinite, as in Python
		return f, nil
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, nil
	}
	i, _ := new(big.Int).SetString(text, 10)
	return i, nil
}
