package kv

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func writeSecret(t *testing.T, dir, name, site, value string) {
	t.Helper()
	mustDo(t, os.MkdirAll(filepath.Join(dir, name), 0o700))
	mustDo(t, os.WriteFile(filepath.Join(dir, name, site), []byte(value), 0o600))
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeSecret(t, dir, "snmp_community_string", "dc1", "one\n")
	writeSecret(t, dir, "snmp_community_string", "default", "all\r\n")
	writeSecret(t, dir, "only_site", "dc1", "x y ")
	s := NewSecrets(dir)
	ctx := context.Background()
	for _, c := range []struct{ name, site, want string }{
		{"snmp_community_string", "dc1", "one"},
		{"snmp_community_string", "dc2", "all"},
		{"only_site", "dc1", "x y "},
	} {
		if got, err := s.Get(ctx, c.name, c.site); err != nil || got != c.want {
			t.Errorf("Get(%q, %q) = %q, %v; want %q", c.name, c.site, got, err, c.want)
		}
	}
	for _, c := range [][2]string{{"only_site", "dc2"}, {"none", "dc1"}} {
		if _, err := s.Get(ctx, c[0], c[1]); !errors.Is(err, pluginsdk.ErrNotFound) {
			t.Errorf("Get(%q): %v", c, err)
		}
	}
	if _, err := s.GetExact(ctx, "snmp_community_string", "dc2"); !errors.Is(err, pluginsdk.ErrNotFound) {
		t.Errorf("GetExact falls back: %v", err)
	}
	writeSecret(t, dir, "snmp_community_string", "dc1", "two\n")
	if got, _ := s.Get(ctx, "snmp_community_string", "dc1"); got != "two" {
		t.Errorf("a changed secret reads as %q", got)
	}
	if _, err := (NoSecrets{}).Get(ctx, "a", "b"); !errors.Is(err, pluginsdk.ErrNotFound) {
		t.Error(err)
	}
}

func TestSecretsStayInDirectory(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := filepath.Join(top, "secrets")
	writeSecret(t, dir, "a", "b", "inside")
	writeSecret(t, top, "other", "b", "outside")
	s := NewSecrets(dir)
	for _, c := range [][2]string{
		{"../other", "b"},
		{"..", "other"},
		{"a", "../../other/b"},
		{"a/../a", "b"},
		{"", "b"},
		{"a", ""},
		{".", "a"},
		{`a\b`, "b"},
		{"a", "b\x00"},
		{"a", ".hidden"},
		{"C:", "b"},
	} {
		value, err := s.Get(context.Background(), c[0], c[1])
		if err == nil || errors.Is(err, pluginsdk.ErrNotFound) || value != "" {
			t.Errorf("Get(%q) = %q, %v; want a refusal", c, value, err)
		}
	}
}

func TestSecretTooLarge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeSecret(t, dir, "a", "b", strings.Repeat("hush", MaxSecretBytes))
	_, err := NewSecrets(dir).Get(context.Background(), "a", "b")
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("error of a secret that is too large: %v", err)
	}
	if _, err := NewSecrets(dir).Get(context.Background(), "a", "b/../b"); err == nil {
		t.Error("no error")
	}
}
