package panoptesreceiver

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Bounds of what is shown of a resource.
const (
	keptItems = 100
	keptBytes = 16 << 10 // of one value
	keptFor   = 10 * time.Second
)

// Kept finds the enrichment of a resource, and the keys of plugins that name it. It goes through the keys of the store.
func (s statusReceiver) Kept(ctx context.Context, resourceID string) (status.Kept, error) {
	ctx, cancel := context.WithTimeout(ctx, keptFor)
	defer cancel()
	kept := status.Kept{ResourceID: logs.OneLine(resourceID), Items: []status.KeptItem{}}
	namespaces, err := s.r.enrichment.NamespacesOf(ctx, resourceID)
	if err != nil {
		return kept, err
	}
	keys, err := s.r.enrichment.KeysNaming(ctx, resourceID)
	if err != nil {
		return kept, err
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return !hasWord(key, resourceID) })
	slices.Sort(namespaces)
	slices.Sort(keys)
	for _, namespace := range namespaces {
		s.keep(&kept, status.KeptEnrichment, namespace, func() (value string, made time.Time, ttl time.Duration, err error) {
			text, err := s.r.enrichment.Find(ctx, resourceID, namespace)
			if err == nil {
				value, made = enrichmentData(text)
				ttl, err = s.r.enrichment.TTL(ctx, resourceID, namespace)
			}
			return value, made, ttl, err
		})
	}
	for _, key := range keys {
		s.keep(&kept, status.KeptKeys, key, func() (value string, made time.Time, ttl time.Duration, err error) {
			if value, err = s.r.enrichment.Store.Get(ctx, key); err == nil {
				ttl, err = s.r.enrichment.Store.TTL(ctx, key)
			}
			return value, made, ttl, err
		})
	}
	return kept, nil
}

// keep adds an item, unless there are enough or it has gone meanwhile.
func (s statusReceiver) keep(kept *status.Kept, store, name string, read func() (value string, made time.Time, ttl time.Duration, err error)) {
	if len(kept.Items) == keptItems {
		kept.Left++
		return
	}
	item := status.KeptItem{Store: store, Name: s.shown(name)}
	value, made, ttl, err := read()
	switch {
	case errors.Is(err, pluginsdk.ErrNotFound):
		return
	case err != nil:
		item.Error = s.shown(err.Error())
	default:
		item.Value, item.Bytes, item.Made = s.shown(value), len(value), made
		if ttl >= 0 {
			item.Expires = time.Now().Add(ttl)
		}
	}
	kept.Items = append(kept.Items, item)
}

// shown is the beginning of a text, without secrets and control characters. Secrets go before it is cut, so that no part of one stays.
func (s statusReceiver) shown(text string) string {
	text = s.r.runners.Clean(start(text, 2*keptBytes))
	return logs.OneLine(start(text, keptBytes))
}

// start is the beginning of a text, in whole characters.
func start(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// enrichmentData returns the data of enrichment as it is stored, and when it was made.
func enrichmentData(text json.RawMessage) (data string, made time.Time) {
	var stored struct {
		Data     json.RawMessage `json:"data"`
		Metadata struct {
			Made float64 `json:"_enrichment_group_creation_timestamp"`
		} `json:"metadata"`
	}
	if json.Unmarshal(text, &stored) != nil || stored.Data == nil {
		return string(text), made
	}
	if at := stored.Metadata.Made; at > 0 && at < 1e11 {
		made = time.UnixMilli(int64(at * 1000))
	}
	return string(stored.Data), made
}

// hasWord says whether a word is in a text, and not as a part of a longer one.
func hasWord(text, word string) bool {
	partOf := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	for at := 0; word != ""; at++ {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return false
		}
		at += i
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(word):])
		if !partOf(before) && !partOf(after) {
			return true
		}
	}
	return false
}
