package pluginfile

import (
	"crypto/md5"
	"encoding/hex"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// NormalizeName makes a plugin's name fit for keys: _ is doubled, then every character but ASCII letters, digits and _
// becomes _.
func NormalizeName(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r == '_':
			b.WriteString("__")
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}

// Means says whether somebody who wrote asked means the plugin of a name in the file at path: its name, its path or the end of that from a
// folder on, with or without the file's ending, or with that of a Python module beside it.
func Means(asked, name, path string) bool {
	if asked == "" || asked == name {
		return asked != "" // "" is the name of a file that could not be read
	}
	asked = filepath.Clean(asked)
	stem := strings.TrimSuffix(path, Extension)
	for _, p := range [...]string{path, stem, stem + ".py"} {
		if asked == p || strings.HasSuffix(p, string(filepath.Separator)+asked) {
			return true
		}
	}
	return false
}

// Signature tells the runs of a plugin against several resources apart: lower-case hex MD5 of the normalized name and
// the resource's key (pluginsdk.Resource.Key). The plugin's configuration is no part of it.
func Signature(normalizedName, resourceKey string) string {
	sum := md5.Sum([]byte(normalizedName + resourceKey))
	return hex.EncodeToString(sum[:])
}

// SignatureOfPlugin is the signature of a plugin that runs against no resource, such as one for discovery.
func SignatureOfPlugin(normalizedName string) string { return Signature(normalizedName, "None") }

// TaskName names one plugin's runs against one resource, or against none where r is nil. The place of the runs in time
// hangs on it.
func TaskName(f *File, r *pluginsdk.Resource) string {
	if r == nil {
		return f.NormalizedName + ":" + SignatureOfPlugin(f.NormalizedName)
	}
	return string(AppendTaskName(nil, f, r))
}

// AppendTaskName appends the name of a plugin's runs against a resource to b, which need not be empty.
func AppendTaskName(b []byte, f *File, r *pluginsdk.Resource) []byte {
	n := len(b)
	b = append(b, f.NormalizedName...)
	return appendTaskName(r.AppendKey(b), n, f, r)
}

// AppendTaskNameByKey is AppendTaskName where the resource's key is known.
func AppendTaskNameByKey(b []byte, f *File, r *pluginsdk.Resource, key []byte) []byte {
	n := len(b)
	b = append(b, f.NormalizedName...)
	return appendTaskName(append(b, key...), n, f, r)
}

// appendTaskName replaces what is signed, the end of b from n on.
func appendTaskName(b []byte, n int, f *File, r *pluginsdk.Resource) []byte {
	sum := md5.Sum(b[n:])
	b = append(b[:n], f.NormalizedName...)
	b = append(b, ':')
	b = hex.AppendEncode(b, sum[:])
	b = append(b, ':')
	return append(b, r.ID...)
}

// strictVersion is what Panoptes takes for a version.
var strictVersion = regexp.MustCompile(`^(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?([ab]\d{1,9})?$`)

// printVersion returns a version as Panoptes prints it, and whether Panoptes would take it at all.
func printVersion(text string) (string, bool) {
	m := strictVersion.FindStringSubmatch(text)
	if m == nil {
		return text, false
	}
	out := number(m[1]) + "." + number(m[2])
	if third := number(m[3]); third != "0" {
		out += "." + third
	}
	if m[4] != "" {
		out += m[4][:1] + number(m[4][1:])
	}
	return out, true
}

// number drops leading zeros; no digits are 0.
func number(digits string) string {
	n, _ := strconv.Atoi(digits)
	return strconv.Itoa(n)
}
