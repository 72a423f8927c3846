package migratecmd

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

type action = func(*translation, source) note

func noCounterpart(why string) action {
	return func(_ *translation, s source) note { return note{outcome: none, text: why} }
}

// sameOr is for what is fixed here: a value other than that has no counterpart.
func sameOr(value, why string) action {
	return func(_ *translation, s source) note {
		if got, err := s.scalar(); err == nil && got == value {
			return note{outcome: same}
		}
		return note{outcome: none, text: why}
	}
}

// carry makes an action of a conversion.
func carry(path string, convert func(string) (any, error)) action {
	return func(t *translation, s source) note {
		text, err := s.scalar()
		if err != nil {
			return mistake(err)
		}
		value, err := convert(text)
		if err != nil {
			return mistake(err)
		}
		return t.set(path, value, s)
	}
}

func carryText(path string) action {
	return carry(path, func(text string) (any, error) {
		if text == "" {
			return nil, fmt.Errorf("must not be empty")
		}
		return text, nil
	})
}

func carryInt(path string, least, most int) action {
	return carry(path, func(text string) (any, error) { return whole(text, least, most) })
}

func whole(text string, least, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("must be a whole number from %d to %d, is %q", least, most, text)
	}
	return n, nil
}

// carryBool takes what ConfigObj takes for true and false.
func carryBool(path string) action {
	return carry(path, func(text string) (any, error) {
		switch strings.ToLower(text) {
		case "true", "on", "yes", "1":
			return true, nil
		case "false", "off", "no", "0":
			return false, nil
		}
		return nil, fmt.Errorf("must be true or false, is %q", text)
	})
}

// carryList carries a list without what comes twice. Panoptes wants a trailing comma after a single value; here it may lack.
func carryList(path string) action {
	return func(t *translation, s source) note {
		var list []string
		seen := map[string]bool{}
		for _, v := range s.entry.Values {
			if v == "" {
				return note{outcome: wrong, text: "must not have an empty part"}
			}
			if !seen[v] {
				list = append(list, v)
			}
			seen[v] = true
		}
		return t.set(path, list, s)
	}
}

func carryDirectories(t *translation, s source) note {
	if slices.Contains(s.entry.Values, "") {
		return note{outcome: wrong, text: "must not have an empty part"}
	}
	for _, v := range s.entry.Values {
		t.directories = append(t.directories, directory{filepath.Clean(v), s})
	}
	return note{outcome: carried, text: directories}
}

// carryScanInterval keeps the shortest: Panoptes has one for each type of plugins.
func carryScanInterval(t *translation, s source) note {
	text, err := s.scalar()
	if err != nil {
		return mistake(err)
	}
	n, err := whole(text, 60, 86400)
	if err != nil {
		return mistake(err)
	}
	interval := time.Duration(n) * time.Second
	if t.scanInterval == 0 || interval < t.scanInterval {
		t.scanInterval = interval
	}
	t.scanSources = append(t.scanSources, s)
	return note{outcome: carried, text: scanInterval}
}
