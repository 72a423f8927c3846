package hostplugins

import (
	"context"
	"errors"
	"fmt"

	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/net"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Run reads memory, disks and network interfaces. What cannot be read is named in the error of the run; where at least
// one part can be read, its groups are returned and the rest is logged.
func Run(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
	set := pluginsdk.NewMetricsGroupSet()
	var errs []error
	for name, part := range map[string]func(context.Context, *pluginsdk.PluginContext, *pluginsdk.MetricsGroupSet) error{
		"memory": memory, "disks": disks, "network interfaces": interfaces,
	} {
		if err := part(ctx, pc, set); err != nil {
			pc.Logger.WarnContext(ctx, "Cannot read a part of this machine", "part", name, "error", err)
			errs = append(errs, fmt.Errorf("read %s: %w", name, err))
		}
	}
	if set.Len() == 0 {
		return nil, errors.Join(errs...)
	}
	return set, nil
}

func memory(ctx context.Context, pc *pluginsdk.PluginContext, set *pluginsdk.MetricsGroupSet) error {
	m, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return err
	}
	g, err := pc.NewMetricsGroup("host_memory")
	if err != nil {
		return err
	}
	err = errors.Join(
		g.AddGauge("total_bytes", float64(m.Total)),
		g.AddGauge("available_bytes", float64(m.Available)),
		g.AddGauge("used_percent", m.UsedPercent),
	)
	set.Add(g)
	return err
}

func disks(ctx context.Context, pc *pluginsdk.PluginContext, set *pluginsdk.MetricsGroupSet) error {
	counters, err := disk.IOCountersWithContext(ctx)
	if err != nil {
		return err
	}
	for name, c := range counters {
		g, err := pc.NewMetricsGroup("host_disk")
		if err != nil {
			return err
		}
		if err := errors.Join(
			g.AddDimension("device", name),
			g.AddCounter("read_bytes", c.ReadBytes),
			g.AddCounter("write_bytes", c.WriteBytes),
			g.AddCounter("io_milliseconds", c.IoTime),
		); err != nil {
			return err
		}
		set.Add(g)
	}
	return nil
}

func interfaces(ctx context.Context, pc *pluginsdk.PluginContext, set *pluginsdk.MetricsGroupSet) error {
	counters, err := net.IOCountersWithContext(ctx, true)
	if err != nil {
		return err
	}
	for _, c := range counters {
		g, err := pc.NewMetricsGroup("host_network")
		if err != nil {
			return err
		}
		if err := errors.Join(
			g.AddDimension("interface", c.Name),
			g.AddCounter("bytes_received", c.BytesRecv),
			g.AddCounter("bytes_sent", c.BytesSent),
			g.AddCounter("packets_received", c.PacketsRecv),
			g.AddCounter("packets_sent", c.PacketsSent),
			g.AddCounter("errors_received", c.Errin),
			g.AddCounter("errors_sent", c.Errout),
		); err != nil {
			return err
		}
		set.Add(g)
	}
	return nil
}
