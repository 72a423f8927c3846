package migratecmd

import (
	"cmp"
	"fmt"
	"net"
	"strings"
)

const kafkaPort = "9092"

// carryBrokers reads "brokers = host:port, host:port".
func carryBrokers(t *translation, s source) note {
	var addresses []string
	for _, v := range s.entry.Values {
		address, err := brokerAddress(v, "")
		if err != nil {
			return mistake(err)
		}
		addresses = append(addresses, address)
	}
	for _, a := range addresses {
		t.addBroker(a, s)
	}
	return note{outcome: carried, text: brokersPath}
}

// carryBrokerKey reads the keys of [kafka] [[brokers]]: a broker in a section of its own, with host and port, or in a key.
func carryBrokerKey(t *translation, s source) note {
	text, err := s.scalar()
	if err != nil {
		return mistake(err)
	}
	var broker string
	switch key := strings.ToLower(s.entry.Key); {
	case key == "port" && s.section.Entry("host") != nil:
		// It is read with its host.
		host := s.section.Entry("host").Values
		if len(host) != 1 {
			return note{outcome: wrong, text: "its host is not one"}
		}
		if _, err := brokerAddress(host[0], text); err != nil {
			return mistake(err)
		}
		return note{outcome: carried, text: brokersPath}
	case key == "port":
		return note{outcome: wrong, text: "has no host beside it"}
	case key == "host":
		port := ""
		if e := s.section.Entry("port"); e != nil && len(e.Values) == 1 {
			port = e.Values[0]
		}
		broker, err = brokerAddress(text, port)
	default:
		broker, err = brokerAddress(text, "")
	}
	if err != nil {
		return mistake(err)
	}
	t.addBroker(broker, s)
	return note{outcome: carried, text: brokersPath}
}

// brokerAddress puts a broker's address together. port may be "", and the text may have one.
func brokerAddress(text, port string) (string, error) {
	if h, p, err := net.SplitHostPort(text); err == nil && port == "" {
		text, port = h, p
	}
	return address(text, cmp.Or(port, kafkaPort), "a broker")
}

// address puts the address of a server together.
func address(host, port, server string) (string, error) {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "" || strings.ContainsAny(host, " /@") {
		return "", fmt.Errorf("must be the host of %s, is %q", server, host)
	}
	if _, err := whole(port, 1, 65535); err != nil {
		return "", fmt.Errorf("port of %s, %q: %w", server, host, err)
	}
	return net.JoinHostPort(host, port), nil
}
