package collectorconfig

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// Receiver returns the receiver of ours with an ID, or the only one if that is "".
func (c *Config) Receiver(id string) (*panoptesreceiver.Config, component.ID, error) {
	found, err := c.receiver(id)
	if err != nil {
		return nil, component.ID{}, err
	}
	decoded, err := c.Decode(Receivers, found)
	if err != nil {
		return nil, component.ID{}, fmt.Errorf("receivers::%s: %w", found, err)
	}
	return decoded.(*panoptesreceiver.Config), found, nil
}

func (c *Config) receiver(wanted string) (component.ID, error) {
	var ids []component.ID
	var names []string
	for _, id := range c.IDs(Receivers) {
		if id.Type() != ReceiverType || wanted != "" && id.String() != wanted {
			continue
		}
		ids, names = append(ids, id), append(names, id.String())
	}
	switch {
	case len(ids) == 1:
		return ids[0], nil
	case len(ids) > 1:
		return component.ID{}, fmt.Errorf("the configuration has several receivers, %s: name one with --receiver", strings.Join(names, ", "))
	case wanted != "":
		return component.ID{}, fmt.Errorf("the configuration has no receiver %q", wanted)
	}
	return component.ID{}, fmt.Errorf("the configuration has no receiver %q", ReceiverType)
}
