package snmpcmd

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/collectorconfig"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/devices"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// options say which device is asked, and how.
type options struct {
	configs   []string
	receiver  string
	resources []string
	secrets   string
	community string
	timeout   time.Duration
	retries   int
}

func (o *options) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.configs, "config", nil, "a Collector's configuration `FILE`, which says resources, credentials and secrets; may be repeated")
	flags.StringVar(&o.receiver, "receiver", "", "with --config: the `ID` of the receiver, where there are several")
	flags.StringArrayVar(&o.resources, "resources", nil, "a `FILE` of resources in the format of Panoptes' discovery; may be repeated")
	flags.StringVar(&o.secrets, "secrets", "", "the `DIRECTORY` of secrets: NAME/SITE and NAME/default")
	flags.StringVar(&o.community, "community", "", "ask with version 2c and this `COMMUNITY`, which others on this machine can see: better a configuration and secrets")
	flags.DurationVar(&o.timeout, "timeout", devices.DefaultTimeout, "how long an answer is waited for, as `5s`")
	flags.IntVar(&o.retries, "retries", devices.DefaultRetries, "how `OFTEN` a request is sent again")
}

// device is a device that is asked.
type device struct {
	engine *engine.Engine
	target engine.Target
}

// open finds a device: the resource with an ID, or a host.
func (o *options) open(ctx context.Context, named string, stderr io.Writer) (*device, error) {
	if o.timeout <= 0 || o.retries < 0 {
		return nil, exit.Misusef("--timeout must be more than 0, and --retries not negative")
	}
	settings, err := o.settings(ctx)
	if err != nil {
		return nil, err
	}
	all, _, err := input.Resources(ctx, o.resources, stderr)
	if err != nil {
		return nil, err
	}
	var secrets pluginsdk.SecretsStore = kv.NoSecrets{}
	if o.secrets != "" {
		secrets = kv.NewSecrets(o.secrets)
	}
	e, err := engine.New(engine.Options{})
	if err != nil {
		return nil, err
	}
	d := &device{engine: e}
	wish := devices.Wish{Host: named, Timeout: o.timeout, Retries: o.retries, Community: engine.Secret(o.community)}
	r := find(all, named)
	if r != nil {
		wish.Host = ""
	}
	if d.target, err = devices.New(settings, e, secrets).Target(ctx, r, wish); err != nil {
		if r == nil && o.community == "" {
			err = fmt.Errorf("%w: no resource has this ID, and a host needs --community", err)
		}
		return nil, fmt.Errorf("%s: %w", named, cmp.Or(e.Close(), err))
	}
	return d, nil
}

// settings reads the configuration, which says what no flag does.
func (o *options) settings(ctx context.Context) (devices.Settings, error) {
	if len(o.configs) == 0 {
		if o.receiver != "" {
			return devices.Settings{}, exit.Misusef("--receiver goes with --config")
		}
		return devices.Settings{CommunityKey: "snmp_community_string"}, nil
	}
	config, err := collectorconfig.Load(ctx, o.configs)
	if err != nil {
		return devices.Settings{}, exit.Misuse(err)
	}
	receiver, _, err := config.Receiver(o.receiver)
	if err != nil {
		return devices.Settings{}, exit.Misuse(err)
	}
	if len(o.resources) == 0 {
		o.resources = receiver.Resources.Files
	}
	o.secrets = cmp.Or(o.secrets, receiver.Secrets.Directory)
	return receiver.Context.SNMP.DeviceSettings(), nil
}

// find returns the resource with an ID, nil if there is none.
func find(all []*pluginsdk.Resource, id string) *pluginsdk.Resource {
	for _, r := range all {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// summary says what a request cost.
func summary(s *engine.Stats) string {
	text := fmt.Sprintf("%d packets sent, %d received (%d and %d bytes), %d sent again", s.Sent, s.Received, s.BytesSent, s.BytesReceived, s.Retries)
	if s.TooBig > 0 {
		text += fmt.Sprintf(", %d times tooBig", s.TooBig)
	}
	if s.MaxRTT > 0 {
		text += fmt.Sprintf("; answers took %s to %s", s.RTT.Round(time.Microsecond), s.MaxRTT.Round(time.Microsecond))
	}
	return text
}
