//go:build !remove_all_sd || enable_kubernetes_sd

package discover

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// cluster is a Kubernetes API server with nodes, as its own client library asks it: lists, and watches that go on.
type cluster struct {
	mu      sync.Mutex
	denied  bool
	version int
	nodes   map[string]string // their JSON
	events  chan string
}

func node(name, address, version string) string {
	return fmt.Sprintf(`{"kind": "Node", "apiVersion": "v1", "metadata": {"name": %q, "uid": %q, "resourceVersion": %q,
		"labels": {"topology.kubernetes.io/zone": "dc1"}},
		"status": {"addresses": [{"type": "InternalIP", "address": %q}], "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}}}`,
		name, name, version, address)
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	denied, nodes := c.denied || r.Header.Get("Authorization") != "Bearer k8st0ken", c.nodes
	c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case denied:
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403, "message": "nodes is forbidden"}`)
	case r.URL.Path != "/api/v1/nodes":
		w.WriteHeader(http.StatusNotFound)
	case r.URL.Query().Get("sendInitialEvents") != "": // as a server that does not know streaming lists
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid", "code": 422, "message": "sendInitialEvents is forbidden"}`)
	case r.URL.Query().Get("watch") != "":
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		for {
			select {
			case event := <-c.events:
				fmt.Fprintln(w, event)
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	default:
		var list []json.RawMessage
		for _, text := range nodes {
			list = append(list, json.RawMessage(text))
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"kind": "NodeList", "apiVersion": "v1", "metadata": map[string]any{"resourceVersion": "10"}, "items": list,
		})
	}
}

const kubernetesBlock = `
kubernetes_sd_configs: [{role: node, api_server: "SERVER", authorization: {credentials: k8st0ken}}]
relabel_configs:
  - {source_labels: [__meta_kubernetes_node_label_topology_kubernetes_io_zone], target_label: resource_site}
  - {source_labels: [__address__], regex: '(.+):\d+', target_label: resource_endpoint}
`

func TestKubernetes(t *testing.T) {
	t.Parallel()
	c := &cluster{nodes: map[string]string{"n1": node("n1", "192.0.2.21", "5")}, events: make(chan string, 10)}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	s := start(t, strings.Replace(kubernetesBlock, "SERVER", server.URL, 1))
	s.targets("instance resource_site resource_endpoint", "n1 dc1 192.0.2.21")
	c.events <- fmt.Sprintf(`{"type": "ADDED", "object": %s}`, strings.ReplaceAll(node("n2", "192.0.2.22", "11"), "\n", " "))
	s.targets("instance resource_site resource_endpoint", "n1 dc1 192.0.2.21", "n2 dc1 192.0.2.22")
	assert.NoError(t, s.source.State().Err)

	c.mu.Lock()
	c.denied = true
	c.mu.Unlock()
	server.CloseClientConnections() // the watches end
	state := s.until("it fails", func(state *State) bool { return state.Err != nil })
	assert.ErrorContains(t, state.Err, "nodes is forbidden")
	assert.Len(t, state.Targets, 2, "the last good list stays")
	s.secret("k8st0ken")
}

// TestKubernetesFails: its client says why, to all that listen, and each source takes its own errors alone.
func TestKubernetesFails(t *testing.T) {
	t.Parallel()
	denied := httptest.NewServer(&cluster{denied: true})
	t.Cleanup(denied.Close)
	c := &cluster{nodes: map[string]string{"n1": node("n1", "192.0.2.21", "5")}}
	server := httptest.NewServer(c)
	address := server.Listener.Addr().String()
	one := start(t, strings.Replace(kubernetesBlock, "SERVER", server.URL, 1))
	one.targets("instance", "n1")
	other := start(t, strings.Replace(kubernetesBlock, "SERVER", denied.URL, 1))
	state := other.until("it fails", func(state *State) bool { return state.Err != nil })
	assert.ErrorContains(t, state.Err, "nodes is forbidden")
	assert.NoError(t, one.source.State().Err)

	server.CloseClientConnections()
	server.Close()
	state = one.until("it fails", func(state *State) bool { return state.Err != nil })
	assert.EqualError(t, state.Err, "the Kubernetes API at "+address+" cannot be reached")
	assert.Len(t, state.Targets, 1, "the last good list stays")
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	again := &httptest.Server{Listener: listener, Config: &http.Server{Handler: c}}
	again.Start()
	t.Cleanup(again.Close)
	one.until("it works again", func(state *State) bool { return state.Err == nil })
	assert.Equal(t, 1, one.logs.FilterMessage("Service discovery fails").Len())
}
