// Package schemacmd is the command panoptes schema.
package schemacmd

import (
	"bufio"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/group/schema"
)

// NewCheck returns the command schema check.
func NewCheck() *cobra.Command {
	var resources bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say which messages on stdin keep to the schema",
		Long: `Reads one message (JSON) a line and writes "valid" or "invalid: reason" for each, in order. Where one is invalid
the exit code is 1.`,
		Example: `  panoptes tail --brokers kafka1:9092 --topic dc1-processed --count 100 --json | panoptes schema check`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			validate := schema.Validate
			if resources {
				validate = schema.ValidateResources
			}
			return check(cmd.InOrStdin(), cmd.OutOrStdout(), validate)
		},
	}
	cmd.Flags().BoolVar(&resources, "resources", false, "the messages are sets of resources, not metrics groups")
	return cmd
}

func check(stdin io.Reader, stdout io.Writer, validate func([]byte) error) error {
	var invalid error
	err := input.EachLine(stdin, stdout, func(out *bufio.Writer, _ int, line []byte, err error) error {
		if err == nil {
			err = validate(line)
		}
		if err != nil {
			invalid = exit.ErrReported
			_, err = fmt.Fprintf(out, "invalid: %s\n", term.Message(err.Error()))
			return err
		}
		_, err = fmt.Fprintln(out, "valid")
		return err
	})
	if err != nil {
		return err
	}
	return invalid
}
