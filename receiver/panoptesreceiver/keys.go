package panoptesreceiver

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"github.com/panoptes-otel/panoptes-otel/internal/spelling"
)

// Unmarshal reads the configuration. Unknown keys are errors that name the nearest valid key.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	if err := checkKeys(conf); err != nil {
		return err
	}
	return conf.Unmarshal(c)
}

// checkKeys names every key that Config does not have. Values are left to confmap, which knows their types.
func checkKeys(conf *confmap.Conf) error {
	return errors.Join(unknownKeys(conf.ToStringMap(), reflect.TypeFor[Config](), "")...)
}

func unknownKeys(got map[string]any, want reflect.Type, path string) []error {
	fields := fieldsByKey(want)
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(got)) {
		field, ok := fields[key]
		switch {
		case ok:
			errs = append(errs, unknownKeysIn(got[key], field, path+key)...)
		default:
			errs = append(errs, fmt.Errorf("%s: unknown key, %s", path+key, suggest(key, slices.Sorted(maps.Keys(fields)))))
		}
	}
	return errs
}

// unknownKeysIn looks into blocks, and into lists of blocks.
func unknownKeysIn(value any, want reflect.Type, path string) []error {
	switch v := value.(type) {
	case map[string]any:
		for want.Kind() == reflect.Pointer {
			want = want.Elem()
		}
		if want.Kind() == reflect.Struct && want.PkgPath() == ownPackage { // confmap knows the keys of others
			return unknownKeys(v, want, path+".")
		}
	case []any:
		if want.Kind() != reflect.Slice {
			return nil
		}
		var errs []error
		for i, item := range v {
			errs = append(errs, unknownKeysIn(item, want.Elem(), path+"["+strconv.Itoa(i)+"]")...)
		}
		return errs
	}
	return nil
}

var ownPackage = reflect.TypeFor[Config]().PkgPath()

// fieldsByKey are the fields of a block, with those of blocks that are part of it.
func fieldsByKey(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		key, option, _ := strings.Cut(f.Tag.Get("mapstructure"), ",")
		switch {
		case option == "squash":
			maps.Copy(fields, fieldsByKey(f.Type))
		case key != "":
			fields[key] = f.Type
		}
	}
	return fields
}

// suggest names the nearest key where there is a near one, else all of them.
func suggest(key string, valid []string) string {
	if best := nearest(key, valid); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return fmt.Sprintf("expected one of %q", valid)
}

// nearest is the valid word that a word is likely meant to be, or "".
func nearest(word string, valid []string) string {
	word = strings.ToLower(word)
	best, distance := "", len(word)/2+1
	for _, v := range valid {
		lower := strings.ToLower(v)
		d := spelling.Distance(word, lower)
		if len(word) > 2 && strings.Contains(lower, word) {
			d = min(d, 2) // a part of it, as "delay" for max_delay
		}
		if d < distance {
			best, distance = v, d
		}
	}
	return best
}
