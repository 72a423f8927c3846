package cli

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/parity"
)

// polled are the groups of two devices that a counter grows on, as looked at at a time of each minute.
func polled(offset float64) []string {
	var all []string
	for i := range 20 {
		at := float64(1_600_000_000+60*i) + offset
		for _, id := range []string{"sw1", "sw2"} {
			all = append(all, strings.Replace(line("x", at, counter(int(at)), gauge), `"id"`, `"`+id+`"`, 1))
		}
	}
	return all
}

// twoTopics fills the topics a and b, in which the second one is looked at ten seconds later. It leaves partitions empty.
func twoTopics(t *testing.T, producer *kgo.Client, a, b string) {
	t.Helper()
	produce(t, producer, a, 1, polled(0)...)
	produce(t, producer, a, 0, "nonsense")
	produce(t, producer, b, 1, polled(10)...)
}

func TestParity(t *testing.T) {
	t.Parallel()
	seeds, producer := kafka(t, "a-processed", "a-trial", "b-trial", "empty")
	twoTopics(t, producer, "a-processed", "a-trial")
	wrong := polled(10)
	wrong[20] = strings.Replace(wrong[20], "0.5", "0.7", 1)
	produce(t, producer, "b-trial", 0, wrong[:20]...) // of the wrong partition
	produce(t, producer, "b-trial", 1, wrong[20:]...)
	base := []string{"parity", "--brokers", seeds, "--topic", "a-processed", "--from", "start"}

	t.Run("agree", func(t *testing.T) {
		t.Parallel()
		code, stdout, stderr := run(t, "", append(base, "--topic", "a-trial")...)
		require.Zero(t, code, stdout)
		assert.Equal(t, "A: a-processed on "+seeds+": 40 groups of 2 series\nB: a-trial on "+seeds+`: 40 groups of 2 series
resources: 2 in both, 0 only in A, 0 only in B
groups: 40 pairs, 40 of them agree; 0 only in A, 0 only in B
agrees: 1.0000 of the groups agree, 1 must
`, stdout)
		assert.Equal(t, "panoptes: A: left out what is no metrics group: 1\n", stderr)
	})
	t.Run("differ", func(t *testing.T) {
		t.Parallel()
		code, stdout, _ := run(t, "", append(base, "--topic", "b-trial", "--differences", "2")...)
		require.Equal(t, 1, code)
		assert.Contains(t, stdout, `groups: 40 pairs, 19 of them agree; 0 only in A, 0 only in B
first differences:
  2020-09-13T12:26:50.000Z  s c sc t sw1 x {d=1}  partition: A 1, B 0
  2020-09-13T12:26:50.000Z  s c sc t sw2 x {d=1}  partition: A 1, B 0
differs: 0.4750 of the groups agree, 1 must
`)
		code, stdout, _ = run(t, "", append(base, "--topic", "b-trial", "--min-share", "0.47", "--json")...)
		require.Zero(t, code)
		var r parity.Result
		require.NoError(t, json.Unmarshal([]byte(stdout), &r))
		assert.InDelta(t, 0.475, r.Share, 1e-9)
		assert.Len(t, r.Differences, 3)
		assert.Equal(t, "gauge g", r.Differences[2].What)
		code, _, _ = run(t, "", append(base, "--topic", "b-trial", "--gauge-absolute", "0.2", "--min-share", "0.5")...)
		assert.Zero(t, code)
	})
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		code, stdout, _ := run(t, "", append(base, "--topic", "empty", "--min-share", "0")...)
		assert.Equal(t, 1, code)
		assert.Contains(t, stdout, "differs: there is nothing to compare\n")
		code, stdout, _ = run(t, "", append(base, "--topic", "empty", "--json")...)
		assert.Equal(t, 1, code)
		assert.Contains(t, stdout, `"differences":[]`)
	})
	t.Run("since a time", func(t *testing.T) {
		t.Parallel()
		code, stdout, _ := run(t, "", append(base[:5:5], "--from", "2100-01-01T00:00:00Z", "--topic", "a-trial")...)
		assert.Equal(t, 1, code)
		assert.Contains(t, stdout, ": 0 groups of 0 series")
	})
}

// TestParityOfTwoClusters also has patterns, and topics with different numbers of partitions.
func TestParityOfTwoClusters(t *testing.T) {
	t.Parallel()
	seedsA, producerA := kafka(t, "dc1-processed", "dc2-processed")
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "dc1-processed", "dc2-processed"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	producerB, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(producerB.Close)
	for i, text := range polled(0) {
		produce(t, producerA, fmt.Sprintf("dc%d-processed", i%2+1), 0, text)
		produce(t, producerB, fmt.Sprintf("dc%d-processed", i%2+1), 2, text)
	}
	code, stdout, stderr := run(t, "", "parity", "--brokers", seedsA, "--brokers", cluster.ListenAddrs()[0], "--topic", "dc*-processed", "--from", "1h")
	require.Zero(t, code, stdout)
	assert.Contains(t, stdout, "A: dc1-processed, dc2-processed on "+seedsA+": 40 groups")
	assert.Contains(t, stdout, "40 of them agree")
	assert.Equal(t, "panoptes: partitions are not compared: the topics have different numbers of them (A 2, B 3)\n", stderr)
}

func TestParityIsMisused(t *testing.T) {
	t.Parallel()
	seeds, _ := kafka(t, "a")
	two := []string{"--brokers", seeds, "--topic", "a", "--topic", "a"}
	for want, args := range map[string][]string{
		"give --brokers or --topic a second time": {"--brokers", seeds, "--topic", "a"},
		"twice at most":                                   append(two, "--topic", "c"),
		`there is no topic "b"`:                           {"--brokers", seeds, "--topic", "a", "--topic", "b"},
		"--min-share must be from 0 to 1, is 2":           append(two, "--min-share", "2"),
		"--min-share must be from 0 to 1, is NaN":         append(two, "--min-share", "NaN"),
		"--max-series must be from 1":                     append(two, "--max-series", "0"),
		"--differences must be from 0":                    append(two, "--differences", "-1"),
		"--gauge-relative must not be negative, is -1":    append(two, "--gauge-relative", "-1"),
		"--counter-absolute must not be negative, is NaN": append(two, "--counter-absolute", "nan"),
		`unknown --from "-10"`:                            append(two, "--from", "-10"),
		`required flag(s) "topic" not set`:                {"--brokers", seeds},
		"--brokers must not have empty parts":             {"--brokers", "", "--topic", "a", "--topic", "b"},
	} {
		code, stdout, stderr := run(t, "", append([]string{"parity"}, args...)...)
		assert.Equal(t, 2, code, "%s: %s", want, stderr)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, want)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	code, _, stderr := run(t, "", "parity", "--brokers", seeds, "--brokers", address, "--topic", "a")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "B: no broker of "+address+" answers")
}
