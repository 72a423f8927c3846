package engine

import (
	"context"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
)

// Agent answers requests in the process that asks, such as from a recording. It may be called from several goroutines.
type Agent interface {
	// Answer returns the response to a request, which is the agent's until it returns. It appends the variables of the
	// response to room, which is empty (ber.AppendVarBind). Type and ID of what it returns are not looked at. Requests come
	// as GetRequest, GetNextRequest and, except for version 1, GetBulkRequest.
	Answer(request *message.PDU, room []byte) message.PDU
}

// askAgent does a job with an Agent. The end of ctx ends it.
func askAgent(ctx context.Context, j *job) {
	var names ber.Builder
	var room []byte
	for x := (&exchange{job: j}); j.next(x); x.reset() {
		if err := ctx.Err(); err != nil {
			j.under--
			j.release(x)
			j.abort(err)
			return
		}
		names.Reset()
		x.writeVariables(&names, x.shape)
		request := x.pdu(x.shape)
		request.Variables, _, _ = ber.Expect(ber.TagSequence, names.Bytes())
		answer := j.target.Agent.Answer(&request, room[:0])
		room = answer.Variables
		j.stats.Sent++
		j.stats.Received++
		j.stats.BytesSent += names.Len()
		j.stats.BytesReceived += len(answer.Variables)
		j.answer(x, x.shape, &answer)
	}
}
