package devices_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/devices"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// secrets are by name and site, where the site "" is all.
type secrets map[string]string

func (s secrets) Get(_ context.Context, name, site string) (string, error) {
	for _, key := range []string{name + "/" + site, name + "/"} {
		if value, found := s[key]; found {
			if value == "unreadable" {
				return "", errors.New("permission denied")
			}
			return value, nil
		}
	}
	return "", pluginsdk.ErrNotFound
}

func resource(site, endpoint string, metadata ...string) *pluginsdk.Resource {
	r := &pluginsdk.Resource{Site: site, Class: "network", Subclass: "switch", Type: "t", ID: "r1", Endpoint: endpoint}
	for i := 0; i < len(metadata); i += 2 {
		r.Metadata = r.Metadata.Set(metadata[i], metadata[i+1])
	}
	return r
}

func must(t *testing.T, text string) *filter.Filter {
	f, err := filter.Parse(text)
	require.NoError(t, err)
	return f
}

func newDevices(t *testing.T, s devices.Settings, from secrets) *devices.Devices {
	e, err := engine.New(engine.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return devices.New(s, e, from)
}

func TestAddresses(t *testing.T) {
	d := newDevices(t, devices.Settings{Community: "c"}, nil)
	for _, c := range []struct {
		endpoint, metadata string
		wish               devices.Wish
		want, name         string
	}{
		{"sw1.example", "", devices.Wish{}, "sw1.example:161", "r1"},
		{"sw1.example", "", devices.Wish{Host: "sw1.example", Port: 1161}, "sw1.example:1161", "r1"},
		{"sw1.example", "2161", devices.Wish{Host: "sw1.example", Port: 1161}, "sw1.example:2161", "r1"},
		{"sw1.example", "2161", devices.Wish{Host: "other", Port: 1161}, "other:1161", "other"},
		{"sw1.example:3161", "2161", devices.Wish{Port: 1161}, "sw1.example:3161", "r1"},
		{"10.0.0.1", "", devices.Wish{}, "10.0.0.1:161", "r1"},
		{"10.0.0.1:1161", "", devices.Wish{}, "10.0.0.1:1161", "r1"},
		{"fd00::1", "2161", devices.Wish{}, "[fd00::1]:2161", "r1"},
		{"[fd00::1]", "", devices.Wish{}, "[fd00::1]:161", "r1"},
		{"[fd00::1]:1161", "2161", devices.Wish{}, "[fd00::1]:1161", "r1"},
		{"fe80::1%eth0", "", devices.Wish{}, "[fe80::1%eth0]:161", "r1"},
	} {
		r := resource("dc1", c.endpoint)
		if c.metadata != "" {
			r.Metadata = r.Metadata.Set("snmp_port", c.metadata)
		}
		target, err := d.Target(context.Background(), r, c.wish)
		require.NoError(t, err)
		assert.Equal(t, [2]string{c.want, c.name}, [2]string{target.Address, target.Name}, "%+v", c)
	}
	for _, port := range []string{"0", "x", "65536", "-1", ""} {
		_, err := d.Target(context.Background(), resource("dc1", "h", "snmp_port", port), devices.Wish{})
		assert.EqualError(t, err, fmt.Sprintf(`resource "r1": metadata snmp_port is %q, which must be a number from 1 to 65535`, port))
	}
}

func TestCredentials(t *testing.T) {
	d := newDevices(t, devices.Settings{
		Rules: []devices.Rule{
			{Resources: must(t, `resource_site = "v3"`), Version: engine.V3, User: "panoptes", Auth: usm.SHA256, AuthSecret: "auth", Priv: usm.AES128, PrivSecret: "priv", Context: "ctx"},
			{Resources: must(t, `resource_site = "v3" OR resource_site = "v1"`), Version: engine.V1, Community: "old"},
			{Resources: must(t, `resource_site = "empty"`), Community: "nothing"},
			{Resources: must(t, `resource_site = "closed"`), Community: "closed"},
			{Resources: must(t, `resource_site = "missing"`), Community: "missing"},
		},
		CommunityKey: "snmp_community_string", AnySource: must(t, `resource_metadata.nat = "yes"`),
	}, secrets{
		"auth/v3": "auth of v3", "auth/": "auth of all", "priv/": "priv of all", "old/v1": "old one", "nothing/": "", "closed/": "unreadable",
		"snmp_community_string/dc1": "of dc1", "mine/": "of mine", "snmp_community_string/broken": "unreadable",
	})
	for _, c := range []struct {
		site string
		wish devices.Wish
		want engine.Credentials
		err  string
	}{
		{"v3", devices.Wish{}, engine.Credentials{
			Version: engine.V3, User: "panoptes", Auth: usm.SHA256, AuthPassphrase: "auth of v3", Priv: usm.AES128, PrivPassphrase: "priv of all", Context: "ctx",
		}, ""},
		{"v3", devices.Wish{Suffix: "7"}, engine.Credentials{
			Version: engine.V3, User: "panoptes", Auth: usm.SHA256, AuthPassphrase: "auth of v3", Priv: usm.AES128, PrivPassphrase: "priv of all", Context: "vlan-7",
		}, ""},
		{"v3", devices.Wish{Community: "own"}, engine.Credentials{Community: "own"}, ""},
		{"v1", devices.Wish{CommunityKey: "mine"}, engine.Credentials{Version: engine.V1, Community: "old one"}, ""},
		{"dc1", devices.Wish{}, engine.Credentials{Community: "of dc1"}, ""},
		{"dc1", devices.Wish{Suffix: "7"}, engine.Credentials{Community: "of dc1@7"}, ""},
		{"dc2", devices.Wish{CommunityKey: "mine"}, engine.Credentials{Community: "of mine"}, ""},
		{"dc2", devices.Wish{Site: "dc1"}, engine.Credentials{Community: "of dc1"}, ""},
		{"dc2", devices.Wish{}, engine.Credentials{}, `SNMP community string is empty for site "dc2" (used key "snmp_community_string"); no rule of context::snmp::credentials fits the resource`},
		{"broken", devices.Wish{}, engine.Credentials{}, `Could not fetch SNMP community string using key "snmp_community_string" for site "broken": permission denied`},
		{"empty", devices.Wish{}, engine.Credentials{}, `SNMP credentials, rule 3: the secret "nothing" for site "empty" is empty`},
		{"closed", devices.Wish{}, engine.Credentials{}, `SNMP credentials, rule 4: permission denied`},
		{"missing", devices.Wish{}, engine.Credentials{}, `SNMP credentials, rule 5: there is no secret "missing" for site "missing", and none for all sites`},
	} {
		for range 2 { // the second time from what is kept
			target, err := d.Target(context.Background(), resource(c.site, "h"), c.wish)
			if c.err != "" {
				assert.EqualError(t, err, c.err)
				continue
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, target.Credentials)
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v", target, target, target), " of ", "no secret is printed")
		}
	}
	target, err := d.Target(context.Background(), nil, devices.Wish{Host: "10.0.0.9", Site: "dc1"})
	require.NoError(t, err)
	assert.Equal(t, engine.Credentials{Community: "of dc1"}, target.Credentials)
	assert.False(t, target.AnySource)
	target, err = d.Target(context.Background(), resource("dc1", "h", "nat", "yes"), devices.Wish{})
	require.NoError(t, err)
	assert.True(t, target.AnySource)
}

func TestLimits(t *testing.T) {
	d := newDevices(t, devices.Settings{Community: "fallback", InFlight: 3, PacketsPerSecond: 7, Timeout: time.Second, Retries: 4}, secrets{})
	target, err := d.Target(context.Background(), resource("dc1", "h"), devices.Wish{})
	require.NoError(t, err)
	want := engine.Target{
		Name: "r1", Address: "h:161", Credentials: engine.Credentials{Community: "fallback"}, Timeout: time.Second, Retries: 4, InFlight: 3, PacketsPerSecond: 7,
	}
	assert.Equal(t, want, target)
	target, err = d.Target(context.Background(), resource("dc1", "h"), devices.Wish{Timeout: 2 * time.Second})
	require.NoError(t, err)
	want.Timeout, want.Retries = 2*time.Second, 0
	assert.Equal(t, want, target)
	target, err = newDevices(t, devices.Settings{Community: "c"}, nil).Target(context.Background(), resource("dc1", "h"), devices.Wish{})
	require.NoError(t, err)
	assert.Equal(t, [2]any{5 * time.Second, 1}, [2]any{target.Timeout, target.Retries})
}

func TestRulesAreChecked(t *testing.T) {
	for _, c := range []struct {
		rule devices.Rule
		want string
	}{
		{devices.Rule{}, "community must name a secret: it is for version 1 or 2c"},
		{devices.Rule{Community: "c", User: "u"}, "user, auth, priv and context are for version 3: set version to 3"},
		{devices.Rule{Version: engine.V3}, "user must not be empty with version 3"},
		{devices.Rule{Version: engine.V3, User: "u", Community: "c"}, "community has no meaning: remove it, or set what it is for (it is for version 1 or 2c)"},
		{devices.Rule{Version: engine.V3, User: "u", Priv: usm.DES, PrivSecret: "p"}, "priv needs auth: messages are not encrypted without being authenticated"},
		{devices.Rule{Version: engine.V3, User: "u", Auth: usm.MD5}, "auth_secret must name a secret: it is for auth"},
		{devices.Rule{Version: engine.V3, User: "u", PrivSecret: "p"}, "priv_secret has no meaning: remove it, or set what it is for (it is for priv)"},
		{devices.Rule{Version: engine.V1, Community: "c"}, ""},
		{devices.Rule{Version: engine.V3, User: "u", Auth: usm.MD5, AuthSecret: "a", Context: "x"}, ""},
	} {
		if err := c.rule.Validate(); c.want == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, c.want)
		}
	}
}
