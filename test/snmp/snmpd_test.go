package snmp

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

// combination is a way of version 3 that snmpd of Debian speaks.
type combination struct {
	user      string
	auth      usm.Auth
	priv      usm.Priv
	level     string // as snmpd calls it
	authNamed string
	privNamed string
}

var combinations = []combination{
	{"none", usm.NoAuth, usm.NoPriv, "noauth", "", ""},
	{"md5", usm.MD5, usm.NoPriv, "auth", "MD5", ""},
	{"shades", usm.SHA1, usm.DES, "priv", "SHA", "DES"},
	{"shaaes", usm.SHA1, usm.AES128, "priv", "SHA", "AES"},
	{"sha512aes", usm.SHA512, usm.AES128, "priv", "SHA-512", "AES"},
	{"sha256aes256", usm.SHA256, usm.AES256, "priv", "SHA-256", "AES-256"},
}

const (
	authPass = "Kw3pL9xTvB8nQ2mD"
	privPass = "Rz5cH7jYsG4fU6kM"
)

// snmpd starts the agent of Net-SNMP and returns its port, on 127.0.0.1 and ::1.
func snmpd(t *testing.T) string {
	t.Helper()
	program := "/usr/sbin/snmpd"
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("PANOPTES_REQUIRE_SNMPD") != "" {
			t.Fatal("PANOPTES_REQUIRE_SNMPD is set, and there is no " + program)
		}
		t.Skip("there is no " + program + " (Debian's package snmpd)")
	}
	free, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(free.LocalAddr().(*net.UDPAddr).Port)
	_ = free.Close()
	dir := t.TempDir()
	var conf strings.Builder
	fmt.Fprintf(&conf, "agentAddress udp:127.0.0.1:%s,udp6:[::1]:%s\nrocommunity public\nrocommunity6 public\nsysName agent\n", port, port)
	for _, c := range combinations {
		fmt.Fprintf(&conf, "createUser %s", c.user)
		if c.authNamed != "" {
			fmt.Fprintf(&conf, " %s %s", c.authNamed, authPass)
		}
		if c.privNamed != "" {
			fmt.Fprintf(&conf, " %s %s", c.privNamed, privPass)
		}
		fmt.Fprintf(&conf, "\nrouser %s %s\n", c.user, c.level)
	}
	file := filepath.Join(dir, "snmpd.conf")
	if err := os.WriteFile(file, []byte(conf.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-f", "-C", "-c", file, "-Lf", filepath.Join(dir, "log"), "-p", filepath.Join(dir, "pid"))
	cmd.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+dir, "MIBS=")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if log, _ := os.ReadFile(filepath.Join(dir, "log")); t.Failed() {
			t.Logf("snmpd: %s", log)
		}
	})
	return port
}

// ask asks until snmpd is up, for a minute at most.
func ask(t *testing.T, e *engine.Engine, target *engine.Target, r *engine.Request) *engine.Result {
	t.Helper()
	for begin := time.Now(); ; {
		result := e.Do(context.Background(), target, r)
		if result.Err == nil || time.Since(begin) > time.Minute {
			return result
		}
	}
}

// TestSNMPD asks a real agent with all versions, over IPv4 and IPv6: the system group, the table of ORs, and a variable.
func TestSNMPD(t *testing.T) {
	port := snmpd(t)
	e, err := engine.New(engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	cases := map[string]engine.Credentials{
		"1": {Version: engine.V1, Community: "public"}, "2c": {Community: "public"},
	}
	for _, c := range combinations {
		one := engine.Credentials{Version: engine.V3, User: c.user, Auth: c.auth, Priv: c.priv}
		if c.auth != usm.NoAuth {
			one.AuthPassphrase = authPass
		}
		if c.priv != usm.NoPriv {
			one.PrivPassphrase = privPass
		}
		cases["3 "+c.user] = one
	}
	request := &engine.Request{
		Get:     []ber.OID{ber.MustOID("1.3.6.1.2.1.1.5.0"), ber.MustOID("1.3.6.1.2.1.1.99.0")},
		Columns: []engine.Column{{Base: ber.MustOID("1.3.6.1.2.1.1")}, {Base: ber.MustOID("1.3.6.1.2.1.2.2.1.2")}},
	}
	rows := 0
	for _, host := range []string{"127.0.0.1", "::1"} {
		for name, credentials := range cases {
			target := &engine.Target{Address: net.JoinHostPort(host, port), Credentials: credentials, Timeout: time.Second, Retries: 1}
			result := ask(t, e, target, request)
			if result.Err != nil {
				t.Fatalf("version %s over %s: %v", name, host, result.Err)
			}
			if got := result.Variables[0].Value.Text(); got != "agent" {
				t.Errorf("version %s over %s: sysName is %q", name, host, got)
			}
			if missing := result.Variables[1].Value.Type(); !missing.Exception() {
				t.Errorf("version %s over %s: what is not there has the type %s", name, host, missing)
			}
			n, interfaces := result.Columns[0].Len(), result.Columns[1].Len()
			if rows == 0 {
				rows = n
			}
			if n < 10 || n != rows || interfaces == 0 {
				t.Errorf("version %s over %s: %d variables of the system group and %d interfaces", name, host, n, interfaces)
			}
		}
	}
	wrong := cases["3 shaaes"]
	wrong.AuthPassphrase = "another passphrase"
	refused := e.Do(context.Background(), &engine.Target{Address: "127.0.0.1:" + port, Credentials: wrong, Timeout: time.Second}, request)
	if refused.Err == nil || strings.Contains(refused.Err.Error(), "passphrase") && strings.Contains(refused.Err.Error(), "another") {
		t.Errorf("a wrong passphrase: %v", refused.Err)
	}
	t.Logf("a wrong passphrase: %v", refused.Err)
}
