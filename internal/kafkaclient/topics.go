package kafkaclient

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ListTopics asks a broker for topics, all where names is nil. kadm's function answers from what the client knows, and
// franz-go's requests do not end with their context while a broker hangs; this one does.
func ListTopics(ctx context.Context, client *kgo.Client, names []string) (kadm.TopicDetails, error) {
	request := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = new(name)
		request.Topics = append(request.Topics, topic)
	}
	type answer struct {
		response *kmsg.MetadataResponse
		err      error
	}
	answers := make(chan answer, 1)
	go func() { // ends with the connection at the latest
		response, err := request.RequestWith(ctx, client)
		answers <- answer{response, err}
	}()
	select {
	case a := <-answers:
		if a.err != nil {
			return nil, a.err
		}
		return detailsOf(a.response), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("no broker answers: %w", ctx.Err())
	}
}

func detailsOf(response *kmsg.MetadataResponse) kadm.TopicDetails {
	details := kadm.TopicDetails{}
	for _, t := range response.Topics {
		if t.Topic == nil {
			continue
		}
		d := kadm.TopicDetail{
			Topic: *t.Topic, ID: t.TopicID, IsInternal: t.IsInternal, Err: kerr.ErrorForCode(t.ErrorCode), Partitions: kadm.PartitionDetails{},
		}
		for _, p := range t.Partitions {
			d.Partitions[p.Partition] = kadm.PartitionDetail{
				Topic: *t.Topic, Partition: p.Partition, Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, Replicas: p.Replicas, ISR: p.ISR,
				OfflineReplicas: p.OfflineReplicas, Err: kerr.ErrorForCode(p.ErrorCode),
			}
		}
		details[*t.Topic] = d
	}
	return details
}
