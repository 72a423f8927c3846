// Package influxcmd is the command panoptes influx.
package influxcmd

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/group/influx"
)

// New returns the command.
func New() *cobra.Command {
	return &cobra.Command{
		Use:   "influx",
		Short: "Turn metrics groups on stdin into InfluxDB's line protocol",
		Long: `Reads one metrics group (JSON) a line and writes it in InfluxDB's line protocol, as Panoptes' own InfluxDB consumer
does: the group's type is the measurement, its dimensions and the resource's class, subclass, type, endpoint and site
are tags, each gauge and counter is a field, and the time is in seconds (precision=s).

A line that is no metrics group, or would be no valid line for InfluxDB, is reported on stderr and left out, and the
exit code is 1 in the end.`,
		Example: `  panoptes tail --brokers kafka1:9092 --topic dc1-processed -n 1000 --json | panoptes influx > points.txt
  panoptes influx < groups.jsonl | curl --data-binary @- 'http://localhost:8086/write?db=Panoptes&precision=s'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
}

func run(stdin io.Reader, stdout, stderr io.Writer) error {
	var failed error
	var buf []byte
	err := input.EachLine(stdin, stdout, func(out *bufio.Writer, number int, line []byte, err error) error {
		if err == nil && len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
		if err == nil {
			buf, err = influx.AppendLine(buf[:0], line)
		}
		if err != nil {
			failed = exit.ErrReported
			fmt.Fprintf(stderr, "panoptes: line %d: %s\n", number, term.Message(err.Error()))
			return nil
		}
		_, err = out.Write(append(buf, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	return failed
}
