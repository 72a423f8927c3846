package panoptesreceiver

import (
	"errors"
	"fmt"
	"path/filepath"

	"go.opentelemetry.io/collector/confmap"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/targets"
)

// FileSDConfig are files of target groups, as Prometheus' file_sd has them.
type FileSDConfig struct {
	// Files are paths, with * ? and [...]; .yaml and .yml files are YAML, all others JSON. At least one is needed.
	Files []string `mapstructure:"files"`
	// Labels name labels that give fields of resources, before those that do anyway.
	Labels targets.Labels `mapstructure:"labels"`
	// Defaults are what no label gives; what is not set here is as in the defaults of all.
	Defaults DefaultsConfig `mapstructure:"defaults"`
}

// HTTPSDConfig is a server that lists target groups, as Prometheus' http_sd has them.
type HTTPSDConfig struct {
	// Server has the keys of a server under http.
	Server HTTPConfig `mapstructure:",squash"`
	// Labels name labels that give fields of resources, before those that do anyway.
	Labels targets.Labels `mapstructure:"labels"`
}

var _ confmap.Unmarshaler = (*HTTPSDConfig)(nil)

// Unmarshal gives what is not set its default.
func (c *HTTPSDConfig) Unmarshal(conf *confmap.Conf) error {
	*c = HTTPSDConfig{Server: defaultHTTPConfig()}
	labels, err := conf.Sub("labels")
	if err != nil {
		return err
	}
	// Server unmarshals itself, and would refuse a key that it does not know.
	server := conf.ToStringMap()
	delete(server, "labels")
	return errors.Join(confmap.NewFromStringMap(server).Unmarshal(&c.Server), labels.Unmarshal(&c.Labels))
}

// FileReader reads the files of entry i of file_sd.
func (c *ResourcesConfig) FileReader(i int) *targets.Reader {
	cfg := &c.FileSD[i]
	return &targets.Reader{Labels: cfg.Labels, Defaults: cfg.Defaults.over(c.Defaults.Resource())}
}

// Validate checks one set of files.
func (c *FileSDConfig) Validate() error {
	if len(c.Files) == 0 {
		return errors.New("files must name at least one file")
	}
	return errors.Join(patterns(c.Files)...)
}

// patterns says which patterns of a list named files are bad.
func patterns(files []string) (errs []error) {
	for _, glob := range files {
		if glob == "" {
			errs = append(errs, errors.New("files must not have an empty path"))
		} else if _, err := filepath.Match(glob, ""); err != nil {
			errs = append(errs, fmt.Errorf("files has a bad pattern %q: %w", glob, err))
		}
	}
	return errs
}
