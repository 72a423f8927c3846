package devices

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// portKey is the metadata of a resource that says where its agent listens.
const portKey = "snmp_port"

// address is where a device is, with the port.
func (d *Devices) address(r *pluginsdk.Resource, w *Wish) (string, error) {
	host, port := w.Host, d.settings.Port
	if w.Port != 0 {
		port = w.Port
	}
	if r != nil && (host == "" || host == r.Endpoint) {
		host = r.Endpoint
		if text, found := r.Metadata.Get(portKey); found {
			n, err := strconv.ParseUint(text, 10, 16)
			if err != nil || n == 0 {
				return "", fmt.Errorf("resource %q: metadata %s is %q, which must be a number from 1 to 65535", r.ID, portKey, text)
			}
			port = int(n)
		}
	}
	return withPort(host, port), nil
}

// withPort adds a port to a host that has none. What is no address at all is the engine's to complain of.
func withPort(host string, port int) string {
	text := strconv.Itoa(port)
	if addr, err := netip.ParseAddr(host); err == nil {
		return net.JoinHostPort(addr.String(), text)
	}
	if strings.HasPrefix(host, "[") {
		if strings.HasSuffix(host, "]") {
			return host + ":" + text
		}
		return host
	}
	if host == "" || strings.Contains(host, ":") {
		return host
	}
	return host + ":" + text
}
