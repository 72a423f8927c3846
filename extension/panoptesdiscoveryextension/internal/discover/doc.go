// Package discover runs Prometheus' service discovery.
//
// A Job is one block of scrape_configs; each entry of its *_sd_configs is a Source. A Source has one goroutine, which owns the
// groups of targets; what others read of it is a State, which is made anew at each change and never changed, under one lock. Prometheus'
// discoverers say that they fail in their log alone, and kubernetes' leaves it to its client: the Source listens to both.
package discover
