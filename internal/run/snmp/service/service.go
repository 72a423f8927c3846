package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/devices"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
)

// Codes of errors (docs/plugin-protocol.md, "SNMP").
const (
	codeFailed      = -32020
	codeUnreachable = -32021
	codeTimeout     = -32022
)

// Service is the service of SNMP.
type Service struct {
	devices *devices.Devices
	ahead   readAhead
}

// New returns a Service that asks devices.
func New(d *devices.Devices) *Service { return &Service{devices: d} }

// Methods implements hostapi.Service.
func (s *Service) Methods() map[string]hostapi.Method {
	return map[string]hostapi.Method{
		"snmp.open":      s.method("snmp.open", s.open),
		"snmp.get":       s.method("snmp.get", s.get),
		"snmp.get_bulk":  s.method("snmp.get_bulk", s.getBulk),
		"snmp.bulk_walk": s.method("snmp.bulk_walk", s.walk),
	}
}

// call is one call of a plugin.
type call struct {
	by     hostapi.Caller
	params *params
	target engine.Target
	wish   devices.Wish
}

// method makes a method of what answers a call.
func (s *Service) method(name string, answer func(context.Context, *call) (any, error)) hostapi.Method {
	return func(ctx context.Context, by hostapi.Caller, raw json.RawMessage) (any, error) {
		c := call{by: by}
		var err error
		if c.params, err = readParams(name, raw); err != nil {
			return nil, &rpc.Error{Code: rpc.CodeInvalidParams, Message: fmt.Sprintf("parameters of %s: %v", name, err)}
		}
		if c.params.Target.Transport != "" {
			return nil, protocolError(fmt.Errorf("%s: SNMP over %s is not supported: use version 3 with users (docs/snmp.md)",
				c.params.Target.Host, c.params.Target.Transport))
		}
		c.wish = c.params.wish()
		if c.target, err = s.devices.Target(ctx, by.Resource, c.wish); err != nil {
			return nil, protocolError(err)
		}
		result, err := answer(ctx, &c)
		if err != nil {
			s.failed(&c)
			return nil, protocolError(err)
		}
		return result, nil
	}
}

// protocolError is an error as the protocol has it.
func protocolError(err error) error {
	code := codeFailed
	switch {
	case errors.Is(err, engine.ErrTimeout):
		code = codeTimeout
	case errors.Is(err, engine.ErrUnreachable):
		code = codeUnreachable
	}
	return &rpc.Error{Code: code, Message: err.Error()}
}

// open answers with the version of SNMP, without asking the device.
func (s *Service) open(ctx context.Context, c *call) (any, error) {
	if err := s.devices.Resolve(ctx, &c.target); err != nil {
		return nil, err
	}
	return map[string]string{"version": c.target.Credentials.Version.String()}, nil
}

// get answers with a variable for each object.
func (s *Service) get(ctx context.Context, c *call) (any, error) {
	var found []engine.Variable
	if len(c.params.OIDs) == 1 {
		if one, ok := s.expected(ctx, c, ask{oid: c.params.OIDs[0]}); ok {
			found = []engine.Variable{*one.variable}
		}
	}
	if found == nil {
		found = s.devices.Do(ctx, &c.target, &engine.Request{Get: c.params.OIDs}).Variables
	}
	for i := range found {
		if err := found[i].Err; err != nil {
			return nil, err
		}
	}
	return variables(found, false), nil
}

// getBulk answers with what one GETBULK brings.
func (s *Service) getBulk(ctx context.Context, c *call) (any, error) {
	p := c.params
	result := s.devices.Do(ctx, &c.target, &engine.Request{Bulk: &engine.Bulk{
		NonRepeaters: p.NonRepeaters, MaxRepetitions: p.MaxRepetitions, OIDs: []ber.OID{p.OID},
	}})
	if result.Err != nil {
		return nil, result.Err
	}
	return variables(result.Variables, true), nil
}

// walk answers with all rows below an object.
func (s *Service) walk(ctx context.Context, c *call) (any, error) {
	one, ok := s.expected(ctx, c, ask{walk: true, oid: c.params.OID})
	rows := one.rows
	if !ok {
		result := s.devices.Do(ctx, &c.target, &engine.Request{Columns: []engine.Column{{
			Base: c.params.OID, Repetitions: min(c.params.MaxRepetitions, math.MaxUint16),
		}}})
		rows = &result.Columns[0]
	}
	if rows.Err != nil {
		if n := rows.Len(); n > 0 {
			return nil, fmt.Errorf("%w (after %d rows)", rows.Err, n)
		}
		return nil, rows.Err
	}
	return table(rows), nil
}
