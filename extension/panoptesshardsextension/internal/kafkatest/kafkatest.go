// Package kafkatest starts brokers in the process of a test that do what kfake does not: give records the broker's time.
package kafkatest

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Start starts a cluster of brokers, which ends with the test.
func Start(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(opts...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster
}

// StampRecords makes the cluster give all records the time at which they arrive, as message.timestamp.type=LogAppendTime
// makes a real one. kfake does not adjust the checksums of what it stamps: clients that read need Reader.
func StampRecords(cluster *kfake.Cluster) {
	cluster.ControlKey(int16(kmsg.Produce), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		req := kreq.(*kmsg.ProduceRequest)
		for i := range req.Topics {
			for j := range req.Topics[i].Partitions {
				stamp(req.Topics[i].Partitions[j].Records)
			}
		}
		return nil, nil, false
	})
}

// Reader is an option for clients that read what was stamped.
func Reader() kgo.Opt { return kgo.DisableFetchCRCValidation() }

// Where things are in a batch of records, version 2.
const (
	crcAt        = 17
	attributesAt = 21
)

// stamp sets the flag by which kfake puts its own time in.
func stamp(batch []byte) {
	if len(batch) < attributesAt+2 {
		return
	}
	batch[attributesAt+1] |= 0x08
	binary.BigEndian.PutUint32(batch[crcAt:], crc32.Checksum(batch[attributesAt:], crc32.MakeTable(crc32.Castagnoli)))
}
