// Package snmpcmd is the commands panoptes snmp get, walk and record: a device is asked as a Collector asks it.
package snmpcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/plugincmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
)

const about = `
The device is the ID of a resource, or a host with or without a port. With --config it is asked as the Collector of that
configuration asks it: the rules for credentials, the secrets and the resources are from there. What it cost is said on stderr.`

// NewGet returns the command snmp get.
func NewGet() *cobra.Command {
	return command("get DEVICE OID...", "Get variables of a device", `Gets variables, each by its whole name.
`+about, `  panoptes snmp get switch1 sysUpTime.0 .1.3.6.1.2.1.1.5.0 --config collector.yaml`, 2,
		func(oids []ber.OID) *engine.Request { return &engine.Request{Get: oids} }, show)
}

// NewWalk returns the command snmp walk.
func NewWalk() *cobra.Command {
	return command("walk DEVICE OID...", "Walk columns or subtrees of a device", `Walks one or more subtrees together, packed into as few packets as the device can answer. A subtree that ends early
is printed as far as it came, its error is said, and the exit code is 1.
`+about, `  panoptes snmp walk switch1 ifName ifHCInOctets ifHCOutOctets --config collector.yaml
  panoptes snmp walk 127.0.0.1:1161 .1.3.6.1.2.1.1 --community public`, 2, walk, show)
}

// NewRecord returns the command snmp record.
func NewRecord(host plugincmd.Host) *cobra.Command {
	var plugin, enrichment string
	cmd, o := newCommand("record DEVICE [OID...]", "Record a device, to play it back", `Walks a device, or some subtrees of it, or what a plugin asks it for (--plugin), and prints a recording as snmpsim has
them: OID|TAG|VALUE. panoptes plugin run --snmprec plays it back. A recording has all that the device says, its serial numbers
and names too; credentials are not in it.
`+about, `  panoptes snmp record switch1 --config collector.yaml >switch1.snmprec
  panoptes snmp record switch1 --plugin uptime.panoptes-plugin --config collector.yaml >uptime.snmprec`, 1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if plugin == "" {
			return o.ask(cmd, args, func(oids []ber.OID) *engine.Request {
				if len(oids) == 0 {
					oids = []ber.OID{ber.MustOID("1.3.6.1.2.1"), ber.MustOID("1.3.6.1.4.1")}
				}
				return walk(oids)
			}, record)
		}
		if len(args) > 1 {
			return exit.Misusef("--plugin goes without OIDs: the plugin says what is asked")
		}
		all, err := host.AskedBySNMP(cmd.Context(), plugincmd.Asking{
			Plugin: plugin, Device: args[0], Configs: o.configs, Resources: o.resources, Receiver: o.receiver, Secrets: o.secrets,
			Enrichment: enrichment, Community: o.community,
		}, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return fmt.Errorf("the plugin got nothing from %s by SNMP", args[0])
		}
		return write(cmd.OutOrStdout(), all)
	}
	cmd.Flags().StringVar(&plugin, "plugin", "", "record what the plugin of this `FILE` asks in one run, and no more")
	cmd.Flags().StringVar(&enrichment, "enrichment", "", "with --plugin: a `FILE` of what the plugin finds as enrichment")
	return cmd
}

func walk(oids []ber.OID) *engine.Request {
	r := &engine.Request{}
	for _, oid := range oids {
		r.Columns = append(r.Columns, engine.Column{Base: oid})
	}
	return r
}

// command returns a command that asks a device for what its arguments say, and shows what came.
func command(use, short, long, example string, least int, request func([]ber.OID) *engine.Request, print func(io.Writer, *engine.Result) error) *cobra.Command {
	cmd, o := newCommand(use, short, long, example, least)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.ask(cmd, args, request, print) }
	return cmd
}

// newCommand returns a command that does nothing yet, and its options.
func newCommand(use, short, long, example string, least int) (*cobra.Command, *options) {
	o := &options{}
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: cobra.MinimumNArgs(least)}
	o.add(cmd.Flags())
	return cmd, o
}

// ask asks a device for what the arguments say, and shows what came.
func (o *options) ask(cmd *cobra.Command, args []string, request func([]ber.OID) *engine.Request, print func(io.Writer, *engine.Result) error) error {
	oids, err := parse(args[1:])
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	stderr := cmd.ErrOrStderr()
	d, err := o.open(ctx, args[0], stderr)
	if err != nil {
		return err
	}
	defer func() { _ = d.engine.Close() }() // of sockets that nobody waits for
	result := d.engine.Do(ctx, &d.target, request(oids))
	if err := print(cmd.OutOrStdout(), result); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "panoptes: %s: %s\n", args[0], summary(&result.Stats))
	if result.Err == nil && !some(result) {
		fmt.Fprintf(stderr, "panoptes: %s: %v\n", args[0], errNothing)
	}
	return complain(stderr, result)
}

var errNothing = errors.New("nothing is below what was asked for; a whole name, such as sysUpTime.0, is for snmp get")

// some says whether anything came.
func some(result *engine.Result) (found bool) {
	result.Each(func(ber.OID, ber.Value) { found = true })
	return found
}

// complain says each error once. A partial column says how many rows it has.
func complain(stderr io.Writer, result *engine.Result) error {
	if result.Err == nil {
		return nil
	}
	said := map[string]bool{}
	say := func(text string) {
		if !said[text] {
			said[text] = true
			fmt.Fprintf(stderr, "panoptes: %s\n", term.Message(text))
		}
	}
	for i := range result.Variables {
		if err := result.Variables[i].Err; err != nil {
			say(err.Error())
		}
	}
	for i := range result.Columns {
		if c := &result.Columns[i]; c.Partial() {
			say(fmt.Sprintf("%v (partial: %d rows came before)", c.Err, c.Len()))
		}
	}
	if len(said) == 0 {
		return result.Err
	}
	return exit.ErrReported
}

// parse reads object identifiers, or names of the table in names.go.
func parse(texts []string) (oids []ber.OID, err error) {
	for _, text := range texts {
		oid, err := ber.ParseOID(numeric(text))
		if err != nil {
			return nil, exit.Misusef("%q is no object identifier, such as .1.3.6.1.2.1.1.3.0 or sysUpTime.0: %w", text, err)
		}
		oids = append(oids, oid)
	}
	return oids, nil
}

// show prints a variable a line: its name, its type and its value.
func show(out io.Writer, result *engine.Result) error {
	var rows [][]string
	result.Each(func(name ber.OID, value ber.Value) {
		rows = append(rows, []string{"." + name.String(), spoken(name), value.Type().String(), readable(value)})
	})
	if len(rows) == 0 {
		return nil
	}
	return term.StyleOf(out).Table(out, []string{"OID", "NAME", "TYPE", "VALUE"}, rows)
}

// record prints a recording of a result.
func record(out io.Writer, result *engine.Result) error {
	var all []ber.Variable
	result.Each(func(name ber.OID, value ber.Value) { all = append(all, ber.Variable{Name: name, Value: value}) })
	if len(all) == 0 && result.Err == nil {
		return errNothing
	}
	return write(out, all)
}

// write prints a recording of variables. Those that came twice, since one subtree lies within another, are there once.
func write(out io.Writer, all []ber.Variable) error {
	recording, err := snmprec.New(all)
	if err != nil {
		return err
	}
	return recording.Write(out)
}

// readable is a value for people: octets that are no text are hexadecimal.
func readable(v ber.Value) string {
	if v.Type() != ber.OctetString && v.Type() != ber.Opaque {
		return term.Cell(v.Text())
	}
	octets := v.Bytes()
	printable := utf8.ValidString(octets) && strings.IndexFunc(octets, func(c rune) bool {
		return !unicode.IsPrint(c) && !strings.ContainsRune("\r\n\t", c)
	}) < 0
	if printable {
		return term.Cell(octets)
	}
	return fmt.Sprintf("0x%x", octets)
}
