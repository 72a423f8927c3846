//go:build kafka && unix

package group_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The tests of this file want a cluster of real Apache Kafka brokers (scripts/kafka-cluster start PORT DIR): KAFKA_BROKERS has
// their addresses, and for those that kill brokers KAFKA_CLUSTER_SCRIPT, KAFKA_CLUSTER_PORT and KAFKA_CLUSTER_DIR say how.
// They are not part of make test; docs/scale.md has the command.

// realOrders are those of a real fleet, except for a shorter session.
func realOrders(t *testing.T) (o orders, brokers []string) {
	t.Helper()
	list := os.Getenv("KAFKA_BROKERS")
	require.NotEmpty(t, list, "KAFKA_BROKERS is not set: docs/scale.md says how to run these tests")
	o = testOrders(t)
	name := fmt.Sprint("shards-", strconv.FormatInt(time.Now().UnixNano(), 36))
	o.Group, o.Topic, o.Stamped = name, name, false
	o.Session, o.Rebalance, o.Heartbeat = 6*time.Second, 6*time.Second, 200*time.Millisecond
	return o, strings.Split(list, ",")
}

func cluster(t *testing.T, args ...string) {
	t.Helper()
	script := os.Getenv("KAFKA_CLUSTER_SCRIPT")
	require.NotEmpty(t, script, "KAFKA_CLUSTER_SCRIPT is not set: docs/scale.md says how to run these tests")
	args = append([]string{args[0], os.Getenv("KAFKA_CLUSTER_PORT"), os.Getenv("KAFKA_CLUSTER_DIR")}, args[1:]...)
	out, err := exec.Command(script, args...).CombinedOutput()
	require.NoError(t, err, string(out))
}

func (f *fleet) fine(v *verdict) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var longest time.Duration
	for _, d := range f.unowned {
		longest = max(longest, d)
	}
	f.t.Log(v.String(), "refused:", f.refused, "longest handed over:", longest)
	assert.Empty(f.t, v.doubles)
	assert.Empty(f.t, v.wrong)
}

func TestKafkaMoves(t *testing.T) {
	o, brokers := realOrders(t)
	f := newFleet(t, o, brokers)
	a := f.start("a")
	f.balanced(1, 30*time.Second)
	f.start("b")
	f.balanced(2, 30*time.Second)
	c := f.start("c")
	f.balanced(3, 30*time.Second)
	a.stop()
	f.balanced(2, 30*time.Second)
	v := f.judge()
	f.fine(&v)
	assert.Zero(t, v.anew, "planned moves hand all over")
	assert.Empty(t, f.refused)
	assert.Less(t, v.longest, 2*time.Second)

	c.kill()
	f.balanced(1, 30*time.Second)
	v = f.judge()
	f.fine(&v)
	assert.Less(t, v.longest, o.Session+2*time.Second)
}

func TestKafkaViolence(t *testing.T) {
	o, brokers := realOrders(t)
	o.Session, o.Rebalance = 3*time.Second, 3*time.Second
	f := newFleet(t, o, brokers)
	violence(f, 5, 20*time.Second)
	f.balanced(5, 60*time.Second)
	v := f.judge()
	f.fine(&v)
}

// TestKafkaCoordinatorDies: another broker takes over within the session, and nobody loses anything.
func TestKafkaCoordinatorDies(t *testing.T) {
	o, brokers := realOrders(t)
	if len(brokers) < 3 {
		t.Skip("one broker has no other to take over")
	}
	o.Session, o.Rebalance = 15*time.Second, 15*time.Second
	f := newFleet(t, o, brokers)
	for _, name := range []string{"a", "b", "c"} {
		f.start(name)
	}
	f.balanced(3, 60*time.Second)
	lasts(time.Second)
	f.forget()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	defer client.Close()
	coordinators := kadm.NewClient(client).FindGroupCoordinators(t.Context(), o.Group)
	node := strconv.Itoa(int(coordinators[o.Group].NodeID))
	t.Log("killing node", node)
	cluster(t, "kill", node)
	lasts(14 * time.Second)
	f.balanced(3, 60*time.Second)
	cluster(t, "up", node)
	lasts(2 * time.Second)
	f.balanced(3, 60*time.Second)
	v := f.judge()
	f.fine(&v)
	assert.Zero(t, v.moves, "nobody lost anything")
	assert.Less(t, v.longest, 500*time.Millisecond)
}

// TestKafkaIsAway: all brokers go, and come back after more than a session.
func TestKafkaIsAway(t *testing.T) {
	o, brokers := realOrders(t)
	if len(brokers) < 3 {
		t.Skip("the cluster's own script is needed")
	}
	fleets := map[bool]*fleet{}
	for _, goOn := range []bool{false, true} {
		o, _ := realOrders(t)
		o.GoOn = goOn
		f := newFleet(t, o, brokers)
		f.start("a")
		f.start("b")
		f.balanced(2, 60*time.Second)
		f.forget()
		fleets[goOn] = f
	}
	for n := range brokers {
		cluster(t, "kill", strconv.Itoa(n+1))
	}
	lasts(2 * o.Session)
	quiet := time.Now()
	lasts(o.Session)
	for goOn, f := range fleets {
		assert.Equal(t, goOn, f.resultsSince(quiet) > 0, "results while all brokers are away")
	}
	cluster(t, "start") // none serves alone
	for goOn, f := range fleets {
		f.balanced(2, 60*time.Second)
		v := f.judge()
		f.fine(&v)
		if goOn {
			assert.Less(t, v.longest, time.Second)
		}
	}
}

// forget forgets all results so far.
func (f *fleet) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.results = nil
}

// resultsSince counts the results that came after a time.
func (f *fleet) resultsSince(at time.Time) (n int) {
	from := now() - int64(time.Since(at))
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.results {
		if r.end > from {
			n++
		}
	}
	return n
}
