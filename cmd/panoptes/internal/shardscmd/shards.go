// Package shardscmd is the command panoptes shards: who owns what in a group of Collectors, read from Kafka alone.
package shardscmd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/collectorconfig"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/stream"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

type options struct {
	connection   stream.Connection
	group, topic string
	resource     string
	wait         time.Duration
	all, json    bool
}

// New returns the command.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "shards --brokers HOST:PORT",
		Short: "Show which Collector owns which shards of a fleet",
		Long: `Shows the members of a group of Collectors (extension panoptes_shards) and how many shards each owns, from what they
leave in Kafka: no Collector is asked. A shard is owned when the group has assigned it and its member has taken it over.

The exit code is 1 where a shard has no owner. A group that is just sharing anew is waited for (--wait); if it still does then,
the owners are not known, and the exit code is 1: a check should wait for longer than the group's rebalance_timeout. The shards of a
member that crashed have no other owner until its session ends; until then Kafka, and so this command, shows it as their owner.

With --resource it shows the shard of a resource and its owner; the exit code is 1 where it has none.

The password for SASL comes from a file, or from the environment variable ` + stream.PasswordVariable + `.`,
		Example: `  panoptes shards --config collector.yaml
  panoptes shards --brokers kafka1:9092
  panoptes shards --brokers kafka1:9092 --group panoptes-dc1 --topic panoptes-dc1-shards --all
  panoptes shards --brokers kafka1:9092 --resource router7.example.com
  panoptes shards --brokers kafka1:9092 --json | jq '.members[] | {instance, owned}'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("resource") && o.resource == "" {
				return exit.Misusef("--resource must not be empty: give the id of a resource")
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			o.connection.Find = func(all *collectorconfig.Config) (where string, client *configkafka.ClientConfig, err error) {
				return o.find(all, cmd.Flags().Changed)
			}
			return o.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false // what is asked for most comes first
	o.connection.AddFlags(flags)
	flags.Lookup("config").Usage = "`FILE` of a Collector's configuration, may be repeated: connect as its extension panoptes_shards does, to its group"
	flags.StringVar(&o.group, "group", shardgroup.DefaultGroup, "the `NAME` of the group")
	flags.StringVar(&o.topic, "topic", shardgroup.DefaultTopic, "the `NAME` of its topic")
	flags.StringVar(&o.resource, "resource", "", "show the owner of the resource of this `ID`")
	flags.BoolVar(&o.all, "all", false, "show every shard")
	flags.DurationVar(&o.wait, "wait", 5*time.Second, "how `LONG` to wait while the group shares anew")
	flags.BoolVar(&o.json, "json", false, "print one JSON object with all of it")
	cmd.MarkFlagsOneRequired("brokers", "config")
	cmd.MarkFlagsMutuallyExclusive("resource", "all")
	return cmd
}

// find finds the group of a configuration, and how to connect to it. Flags that are given go before.
func (o *options) find(all *collectorconfig.Config, given func(flag string) bool) (where string, client *configkafka.ClientConfig, err error) {
	ids := slices.DeleteFunc(slices.Clone(all.Extensions), func(id component.ID) bool { return id.Type() != collectorconfig.ShardsType })
	if len(ids) != 1 {
		return "", nil, fmt.Errorf("it has %d extensions panoptes_shards under service::extensions, expected one", len(ids))
	}
	where = fmt.Sprintf("extensions::%s", ids[0])
	decoded, err := all.Decode(collectorconfig.Extensions, ids[0])
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", where, err)
	}
	cfg := decoded.(*panoptesshardsextension.Config)
	if !cfg.Group.HasValue() {
		return "", nil, fmt.Errorf("%s has a fixed share: no Collector knows of the others", where)
	}
	group := cfg.Group.Get()
	if !given("group") {
		o.group = group.Name
	}
	if !given("topic") {
		o.topic = group.Topic.Name
	}
	return where, &group.Client, nil
}

func (o *options) run(ctx context.Context, stdout, stderr io.Writer) error {
	client, err := o.connection.Connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	limited, cancel := context.WithTimeout(ctx, o.wait+10*time.Second)
	defer cancel()
	deadline := time.Now().Add(o.wait)
	var v *shardgroup.View
	for {
		if v, err = shardgroup.Describe(limited, client, o.group, o.topic); err != nil {
			if errors.Is(err, shardgroup.ErrNoTopic) {
				return fmt.Errorf("%w: name the group's --topic; no Collector of it has ever started", err)
			}
			return err
		}
		if settled(v) || time.Now().After(deadline) || !sleep(ctx, 200*time.Millisecond) {
			break
		}
	}
	if o.json {
		err = o.printJSON(stdout, v)
	} else {
		err = o.print(stdout, term.StyleOf(stdout), v)
	}
	if err != nil {
		return err
	}
	return o.verdict(stderr, v)
}

// settled says whether the group may stay as it is: Kafka tells nothing of members while they share anew.
func settled(v *shardgroup.View) bool {
	return v.State == "Empty" || v.State == "Dead" || v.State == "Stable" && v.Owned() == len(v.Shards)
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// verdict is the exit code, and why it is not 0.
func (o *options) verdict(stderr io.Writer, v *shardgroup.View) error {
	if v.Rebalances() {
		fmt.Fprintf(stderr, "panoptes: the owners of shards are not known: group %q shares anew (%s), and Kafka tells nothing of its members meanwhile; "+
			"try again, or give it more time with --wait\n", o.group, v.State)
		return exit.ErrReported
	}
	if o.resource != "" {
		if s := shard.Of(o.resource, len(v.Shards)); !v.Shards[s].Owned {
			fmt.Fprintf(stderr, "panoptes: shard %d of resource %q has no owner; %s\n", s, o.resource, o.state(v))
			return exit.ErrReported
		}
		return nil
	}
	if !v.SameResources() {
		fmt.Fprintln(stderr, "panoptes: warning: members know different resources, by number and hash; what its shard's owner does not know is not polled")
	}
	if owned := v.Owned(); owned < len(v.Shards) {
		fmt.Fprintf(stderr, "panoptes: %d of %d shards have no owner; %s\n", len(v.Shards)-owned, len(v.Shards), o.state(v))
		return exit.ErrReported
	}
	return nil
}

// state says how the group is, and where that looks like a wrong name, which flag has it.
func (o *options) state(v *shardgroup.View) string {
	assigned := func(m shardgroup.Member) bool { return m.Assigned > 0 }
	switch {
	case v.State == "Dead":
		return fmt.Sprintf("there is no group %q: name it with --group, or start its Collectors", o.group)
	case v.State == "Stable" && !slices.ContainsFunc(v.Members, assigned):
		return fmt.Sprintf("the members of group %q share nothing of topic %q: name their topic with --topic", o.group, o.topic)
	}
	return "the group is " + term.Cell(v.State)
}

func (o *options) print(out io.Writer, style term.Style, v *shardgroup.View) error {
	switch {
	case o.resource != "":
		n := shard.Of(o.resource, len(v.Shards))
		return style.Table(out, []string{"RESOURCE", "SHARD", "OWNER", "HOST", "SINCE"}, [][]string{append([]string{o.resource}, row(v, n)...)})
	case o.all:
		rows := make([][]string, len(v.Shards))
		for n := range v.Shards {
			rows[n] = row(v, n)
		}
		return style.Table(out, []string{"SHARD", "OWNER", "HOST", "SINCE"}, rows)
	}
	rows := make([][]string, 0, len(v.Members))
	for _, m := range v.Members {
		rows = append(rows, []string{cmp.Or(m.Instance, "-"), m.Host, strconv.Itoa(m.Owned), strconv.Itoa(m.Assigned), m.Resources})
	}
	if err := style.Table(out, []string{"MEMBER", "HOST", "OWNED", "ASSIGNED", "RESOURCES"}, rows); err != nil {
		return err
	}
	if style.Aligned && !v.Rebalances() {
		fmt.Fprintf(out, "\n%d of %d shards are owned; the group is %s.\n", v.Owned(), len(v.Shards), term.Cell(v.State))
	}
	return nil
}

// row tells of one shard: number, owner, its host, since when.
func row(v *shardgroup.View, n int) []string {
	s := &v.Shards[n]
	switch {
	case s.Owned:
		m := &v.Members[s.Member]
		return []string{strconv.Itoa(n), m.Instance, m.Host, s.Since().UTC().Format(time.RFC3339)}
	case s.Member >= 0:
		m := &v.Members[s.Member]
		return []string{strconv.Itoa(n), "- (" + m.Instance + " takes it)", m.Host, "-"}
	}
	return []string{strconv.Itoa(n), "-", "-", "-"}
}

// document is what --json prints.
type document struct {
	Group   string      `json:"group"`
	State   string      `json:"state"`
	Owned   int         `json:"owned"`
	Total   int         `json:"total"`
	Members []docMember `json:"members"`
	Shards  []docShard  `json:"shards"`
}

type docMember struct {
	Instance  string `json:"instance"`
	Host      string `json:"host"`
	ID        string `json:"id"`
	Owned     int    `json:"owned"`
	Assigned  int    `json:"assigned"`
	Resources string `json:"resources,omitempty"`
}

type docShard struct {
	Shard    int        `json:"shard"`
	Assigned string     `json:"assigned,omitempty"`
	Owned    bool       `json:"owned"`
	Since    *time.Time `json:"since,omitempty"`
}

func (o *options) printJSON(out io.Writer, v *shardgroup.View) error {
	d := document{Group: o.group, State: v.State, Owned: v.Owned(), Total: len(v.Shards), Members: []docMember{}, Shards: []docShard{}}
	for _, m := range v.Members {
		d.Members = append(d.Members, docMember{m.Instance, m.Host, m.ID, m.Owned, m.Assigned, m.Resources})
	}
	for n := range v.Shards {
		if o.resource != "" && n != shard.Of(o.resource, len(v.Shards)) {
			continue
		}
		s := docShard{Shard: n, Owned: v.Shards[n].Owned}
		if m := v.Shards[n].Member; m >= 0 {
			s.Assigned = v.Members[m].Instance
		}
		if since := v.Shards[n].Since().UTC(); s.Owned {
			s.Since = &since
		}
		d.Shards = append(d.Shards, s)
	}
	return json.NewEncoder(out).Encode(d)
}
