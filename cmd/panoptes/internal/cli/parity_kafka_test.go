//go:build kafka

package cli

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestKafkaParity compares topics of a real Apache Kafka, with a transaction at the end of a partition; scripts/test-kafka
// starts it and sets the variables.
func TestKafkaParity(t *testing.T) {
	seeds := os.Getenv("KAFKA_BOOTSTRAP")
	require.NotEmpty(t, seeds, "KAFKA_BOOTSTRAP is not set: run this test with scripts/test-kafka")
	a, b := fmt.Sprintf("parity-a-%d", time.Now().UnixNano()), fmt.Sprintf("parity-b-%d", time.Now().UnixNano())
	producer, err := kgo.NewClient(kgo.SeedBrokers(seeds), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(producer.Close)
	_, err = kadm.NewClient(producer).CreateTopics(t.Context(), 3, 1, nil, a, b)
	require.NoError(t, err)
	twoTopics(t, producer, a, b)

	// The mark of a transaction is the last offset of its partition, and no message.
	transactional, err := kgo.NewClient(kgo.SeedBrokers(seeds), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID(a))
	require.NoError(t, err)
	t.Cleanup(transactional.Close)
	require.NoError(t, transactional.BeginTransaction())
	produce(t, transactional, a, 2, "nonsense")
	require.NoError(t, transactional.EndTransaction(t.Context(), kgo.TryCommit))

	code, stdout, stderr := run(t, "", "parity", "--brokers", seeds, "--topic", a, "--topic", b, "--from", "1h")
	require.Zero(t, code, stdout+stderr)
	assert.Contains(t, stdout, "groups: 40 pairs, 40 of them agree; 0 only in A, 0 only in B\n")
	assert.Contains(t, stderr, "A: left out what is no metrics group: 2\n")
	code, stdout, stderr = run(t, "", "parity", "--brokers", seeds, "--brokers", seeds, "--topic", b, "--from", "start")
	require.Zero(t, code, stdout+stderr)
	assert.Contains(t, stdout, "40 of them agree")
}
