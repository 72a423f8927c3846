//go:build !remove_all_sd || enable_kubernetes_sd

package discover

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/tools/metrics"
)

// watching are the sources that run.
var watching struct {
	sync.Mutex
	sources map[*Source]struct{}
}

// Kubernetes' client tells its errors to functions that the whole program shares, and not whose they are. Its discoverer counts one more
// failure just before: the source takes an error for its own where the count has grown. A server that cannot be reached is asked again without
// a word, but the client counts its requests by server.
func init() {
	watching.sources = map[*Source]struct{}{}
	follow = func(s *Source, runs bool) {
		watching.Lock()
		defer watching.Unlock()
		if runs {
			watching.sources[s] = struct{}{}
		} else {
			delete(watching.sources, s)
		}
	}
	runtime.ErrorHandlers = append(runtime.ErrorHandlers, func(_ context.Context, err error, _ string, _ ...any) {
		each(func(s *Source) { s.suspect(err) })
	})
	metrics.Register(metrics.RegisterOpts{RequestResult: requests{}})
}

func each(tell func(*Source)) {
	watching.Lock()
	defer watching.Unlock()
	for s := range watching.sources {
		tell(s)
	}
}

// requests counts the client's requests.
type requests struct{}

// Increment implements metrics.ResultMetric.
func (requests) Increment(_ context.Context, code, _, host string) {
	each(func(s *Source) { s.reached(host, code != "<error>") })
}

// suspect takes an error for the source's where it has failed since it was looked at last. Any goroutine may call it.
func (s *Source) suspect(err error) {
	s.mu.Lock()
	n := s.failures()
	own := n > s.counts
	s.counts = n
	s.mu.Unlock()
	if own {
		s.fail(s.job.told(err.Error()), false)
	}
}

// reached notes whether a request of Kubernetes' client reached a server. Any goroutine may call it.
func (s *Source) reached(host string, ok bool) {
	if !s.entry.kubernetes || s.entry.server != "" && s.entry.server != host {
		return
	}
	if !ok {
		s.fail("the Kubernetes API at "+host+" cannot be reached", false)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok && s.away {
		s.recovered()
	}
	s.away = !ok
}
