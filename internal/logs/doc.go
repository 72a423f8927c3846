// Package logs keeps the Collector's log short and free of secrets.
//
// An Hourly lets one line about one thing pass in an hour, a PerMinute a number of lines in a minute, and a Digest joins
// what happens often into one line a minute for each cause. A Scrubber takes secrets out of text. KeepStart and KeepEnd
// cut texts that others wrote.
package logs
