package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/devices"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
)

// params are the parameters of all methods.
type params struct {
	OID            ber.OID   `json:"oid"`
	OIDs           []ber.OID `json:"oids"`
	NonRepeaters   int       `json:"non_repeaters"`
	MaxRepetitions int       `json:"max_repetitions"`
	Target         target    `json:"target"`
}

// target says where a device is and how to speak to it.
type target struct {
	Host    string  `json:"host"`
	Port    int     `json:"port"`
	Timeout float64 `json:"timeout"`
	Retries int     `json:"retries"`

	Community string `json:"community"`

	Site            string `json:"site"`
	CommunityKey    string `json:"community_key"`
	CommunitySuffix string `json:"community_suffix"`

	Transport string `json:"transport"`
}

// mostTimeout bounds the time-out of a try; the deadline of the run ends a call anyway.
const mostTimeout = 3600

// mostOIDs is how many objects one call may get.
const mostOIDs = 4096

// readParams reads the parameters of a method and checks those that it needs.
func readParams(method string, raw json.RawMessage) (*params, error) {
	p := &params{}
	if err := json.Unmarshal(raw, p); err != nil {
		return nil, err
	}
	t := &p.Target
	switch {
	case t.Host == "":
		return nil, errors.New("target.host must be a non-empty string")
	case t.Port < 0 || t.Port > math.MaxUint16:
		return nil, fmt.Errorf("target.port must be between 1 and 65535, is %d", t.Port)
	case !(t.Timeout >= 0 && t.Timeout <= mostTimeout):
		return nil, fmt.Errorf("target.timeout must be between 0 and %d seconds, is %v", mostTimeout, t.Timeout)
	case t.Retries < 0:
		return nil, fmt.Errorf("target.retries must not be negative, is %d", t.Retries)
	case p.NonRepeaters < 0 || p.MaxRepetitions < 0:
		return nil, errors.New("non_repeaters and max_repetitions must not be negative")
	case method == "snmp.get" && (len(p.OIDs) == 0 || len(p.OIDs) > mostOIDs):
		return nil, fmt.Errorf("oids must have between 1 and %d object identifiers, has %d", mostOIDs, len(p.OIDs))
	case (method == "snmp.get_bulk" || method == "snmp.bulk_walk") && p.OID.IsZero():
		return nil, errors.New("oid must be an object identifier")
	}
	return p, nil
}

func (p *params) wish() devices.Wish {
	t := &p.Target
	return devices.Wish{
		Host: t.Host, Port: t.Port, Timeout: time.Duration(t.Timeout * float64(time.Second)), Retries: t.Retries,
		Community: engine.Secret(t.Community), Site: t.Site, CommunityKey: t.CommunityKey, Suffix: t.CommunitySuffix,
	}
}
