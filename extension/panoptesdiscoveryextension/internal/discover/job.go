package discover

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/model/relabel"
	"go.yaml.in/yaml/v2"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// Job is a block of scrape_configs.
type Job struct {
	// Name is its job_name.
	Name string
	// Ignored are its keys about scraping, which have no effect.
	Ignored []string

	entries []entry
	rules   []*relabel.Config
	secrets *logs.Scrubber
}

// entry is one of a *_sd_configs.
type entry struct {
	key      string // such as dns_sd_configs::0
	config   discovery.Config
	interval time.Duration // its refresh_interval, 0 where it has none
	paths    []path        // of files that its client opens
	atHome   bool          // it must keep to its server's host
	files    bool          // it is file_sd's

	// server is the API server of a kubernetes one, "" for that of the cluster that this runs in.
	kubernetes bool
	server     string
}

// path is a setting that names a file.
type path struct{ key, path string }

const (
	staticConfigs  = "static_configs"
	relabelConfigs = "relabel_configs"
	sdSuffix       = "_sd_configs"
)

// scraping are the keys of a block that say how Prometheus scrapes; a block is to be copied as it is.
var scraping = []string{
	"scrape_interval", "scrape_timeout", "scrape_protocols", "scrape_fallback_protocol", "scrape_failure_log_file", "scrape_native_histograms",
	"scrape_classic_histograms", "always_scrape_classic_histograms", "convert_classic_histograms_to_nhcb", "extra_scrape_metrics",
	"metrics_path", "scheme", "params", "honor_labels", "honor_timestamps", "track_timestamps_staleness", "metric_relabel_configs",
	"basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file", "tls_config", "follow_redirects", "enable_http2",
	"http_headers", "enable_compression", "proxy_url", "no_proxy", "proxy_from_environment", "proxy_connect_header",
	"sample_limit", "label_limit", "label_name_length_limit", "label_value_length_limit", "target_limit", "keep_dropped_targets",
	"body_size_limit", "native_histogram_bucket_limit", "native_histogram_min_bucket_factor", "metric_name_validation_scheme",
	"metric_name_escaping_scheme",
}

// Parse reads a block, without what names it: its *_sd_configs, static_configs and relabel_configs. The error names all keys that are
// wrong, and no secret.
func Parse(name string, block map[string]any) (*Job, error) {
	j := &Job{Name: name, secrets: &logs.Scrubber{}}
	var errs []error
	// each has a function read the entries of a list, and collects what is wrong with them.
	each := func(key string, f func(i int, v any) error) {
		list, ok := block[key].([]any)
		if !ok {
			errs = append(errs, fmt.Errorf("%s: it must be a list", key))
		}
		for i, v := range list {
			if err := f(i, v); err != nil {
				text := strings.TrimPrefix(strings.TrimPrefix(j.secrets.Clean(err.Error()), "yaml: "), "unmarshal errors:\n  ")
				errs = append(errs, fmt.Errorf("%s::%d: %s", key, i, strings.ReplaceAll(text, "\n", ";")))
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(block)) {
		switch {
		case key == relabelConfigs:
			each(key, j.addRule)
		case key == staticConfigs, slices.Contains(available(), key):
			each(key, func(i int, v any) error {
				hide(j.secrets, key, v)
				return j.addEntry(key, i, v)
			})
		case strings.HasSuffix(key, sdSuffix):
			errs = append(errs, fmt.Errorf("%s: this Collector is built without it; it has %s", key, strings.Join(available(), ", ")))
		case slices.Contains(scraping, key):
			j.Ignored = append(j.Ignored, key)
		default:
			errs = append(errs, fmt.Errorf("%s: unknown key", key))
		}
	}
	if len(errs) == 0 && len(j.entries) == 0 {
		errs = append(errs, fmt.Errorf("there are no targets: name at least one of %s, %s", staticConfigs, strings.Join(available(), ", ")))
	}
	return j, errors.Join(errs...)
}

// available are the *_sd_configs that this program has.
func available() (keys []string) {
	for _, name := range discovery.RegisteredConfigNames() {
		if name != "static" { // its key is another
			keys = append(keys, name+sdSuffix)
		}
	}
	return keys
}

func (j *Job) addEntry(key string, i int, v any) error {
	fields, _ := v.(map[string]any)
	_, told := fields["follow_redirects"]
	atHome := key == "http_sd_configs" && !told
	if atHome && (fields["proxy_url"] != nil || fields["proxy_from_environment"] != nil || fields["oauth2"] != nil) {
		fields = maps.Clone(fields) // what it connects to does not tell redirects from these
		v, fields["follow_redirects"], atHome = fields, false, false
	}
	text, err := yaml.Marshal(map[string]any{key: []any{v}})
	if err != nil {
		return err
	}
	var configs discovery.Configs
	if err := yaml.UnmarshalStrict(text, &configs); err != nil {
		return err
	}
	e := entry{
		key: fmt.Sprintf("%s::%d", key, i), config: configs[0], paths: paths(key, v), atHome: atHome,
		files: key == "file"+sdSuffix, kubernetes: key == "kubernetes"+sdSuffix,
	}
	if at, err := url.Parse(fmt.Sprint(fields["api_server"])); err == nil {
		e.server = at.Host
	}
	if interval, err := model.ParseDuration(fmt.Sprint(fields["refresh_interval"])); err == nil {
		e.interval = time.Duration(interval)
	}
	j.entries = append(j.entries, e)
	return nil
}

func (j *Job) addRule(_ int, v any) error {
	text, err := yaml.Marshal(v)
	if err != nil {
		return err
	}
	var rule relabel.Config
	if err := yaml.UnmarshalStrict(text, &rule); err != nil {
		return err
	}
	rule.NameValidationScheme = model.UTF8Validation
	if err := rule.Validate(model.UTF8Validation); err != nil {
		return err
	}
	j.rules = append(j.rules, &rule)
	return nil
}

// paths are the files that a configuration names.
func paths(key string, v any) (all []path) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			all = append(all, paths(k, v[k])...)
		}
	case []any:
		for _, inner := range v {
			all = append(all, paths(key, inner)...)
		}
	case string:
		if strings.HasSuffix(key, "_file") || key == "files" && v != "" {
			all = append(all, path{key, v})
		}
	}
	return all
}

// secretKeys are parts of the names of keys whose values nobody should read.
var secretKeys = []string{"password", "secret", "token", "credentials", "access_key", "application_key", "api_key", "private_key", "authorization", "http_headers"}

// hide notes what of the configuration nobody should read: the values of such keys, except names of files, and the passwords and the values of
// the queries of URLs.
func hide(secrets *logs.Scrubber, key string, v any) {
	switch v := v.(type) {
	case map[string]any:
		secret := isSecret(key) && key != "authorization"
		for k, inner := range v {
			if secret && !strings.HasSuffix(k, "files") {
				hide(secrets, "secret", inner)
			} else {
				hide(secrets, k, inner)
			}
		}
	case []any:
		for _, inner := range v {
			hide(secrets, key, inner)
		}
	case nil, bool:
	default:
		text := fmt.Sprint(v)
		if isSecret(key) {
			_ = secrets.Add(text) // at most a configuration's: there is room
			return
		}
		if at, err := url.Parse(text); err == nil && at.Host != "" {
			if password, ok := at.User.Password(); ok {
				_ = secrets.Add(password)
			}
			for _, values := range at.Query() {
				for _, value := range values {
					_ = secrets.Add(value)
				}
			}
		}
	}
}

func isSecret(key string) bool {
	return !strings.HasSuffix(key, "_file") && !strings.HasSuffix(key, "_url") &&
		slices.ContainsFunc(secretKeys, func(part string) bool { return strings.Contains(key, part) })
}
