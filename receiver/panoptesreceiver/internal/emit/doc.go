// Package emit joins finished runs into batches and hands them to the pipeline.
//
// A batch goes out when it is full or when its first run has waited long enough. While the pipeline is busy the next
// batch fills up, and then runs wait: nothing is thrown away to make room. What the pipeline refuses for now is offered
// again for a minute; what it refuses for good is dropped and counted.
package emit
