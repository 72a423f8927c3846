package snmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// debianPackages are the agent and the libraries of Debian 12 that it needs and that may be missing.
const debianPackages = "snmpd,libsnmp40,libperl5.36,libsensors5,libpci3,libwrap0,libnsl2,libtirpc3,libgssapi-krb5-2,libkrb5-3," +
	"libk5crypto3,libkrb5support0,libkeyutils1,libcom-err2,libssl3,libudev1"

// agentProgram returns the agent of Net-SNMP that the system has, or else one that scripts/debian-package fetches, and the
// environment that it needs. Where there is none the test is skipped, or fails if PANOPTES_REQUIRE_SNMPD is set.
func agentProgram(t *testing.T) (program string, env []string) {
	t.Helper()
	const installed = "/usr/sbin/snmpd"
	if _, err := os.Stat(installed); err == nil {
		return installed, nil
	}
	out, err := exec.Command("../../scripts/debian-package", debianPackages, "snmpd").Output()
	program = strings.TrimSpace(string(out))
	if err == nil {
		root := filepath.Join(filepath.Dir(program), "../..")
		var libraries []string
		for _, pattern := range []string{"usr/lib/*-linux-gnu*", "lib/*-linux-gnu*"} {
			found, _ := filepath.Glob(filepath.Join(root, pattern)) // the pattern is right
			libraries = append(libraries, found...)
		}
		env = []string{"LD_LIBRARY_PATH=" + strings.Join(libraries, ":")}
		cmd := exec.Command(program, "-v")
		cmd.Env = append(os.Environ(), env...)
		out, err = cmd.CombinedOutput()
	}
	if err == nil {
		return program, env
	}
	said := fmt.Sprintf("there is no %s, and Debian's package snmpd is not to be had: %v: %s", installed, err, out)
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		said += string(ended.Stderr)
	}
	if os.Getenv("PANOPTES_REQUIRE_SNMPD") != "" {
		t.Fatal("PANOPTES_REQUIRE_SNMPD is set, and " + said)
	}
	t.Skip(said)
	return "", nil
}

// loopbacks are the addresses of this machine that it listens on: some machines have no IPv6.
func loopbacks() []string {
	probe, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		return []string{"127.0.0.1"}
	}
	_ = probe.Close()
	return []string{"127.0.0.1", "::1"}
}

// snmpd starts the agent of Net-SNMP and returns its port, which is the same on all hosts.
func snmpd(t *testing.T, hosts []string) string {
	t.Helper()
	program, env := agentProgram(t)
	free, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(free.LocalAddr().(*net.UDPAddr).Port)
	_ = free.Close()
	dir := t.TempDir()
	var conf strings.Builder
	conf.WriteString("rocommunity public\nsysName agent\nagentAddress udp:127.0.0.1:" + port)
	if slices.Contains(hosts, "::1") {
		conf.WriteString(",udp6:[::1]:" + port + "\nrocommunity6 public")
	}
	conf.WriteString("\n")
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
	cmd.Env = append(append(os.Environ(), "SNMP_PERSISTENT_DIR="+dir, "MIBS="), env...)
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

// TestSNMPD asks a real agent with all versions, over IPv4 and, where
// loopback has it, IPv6: the system group, the table of ORs, and a variable.
func TestSNMPD(t *testing.T) {
	hosts := loopbacks()
	port := snmpd(t, hosts)
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
	for _, host := range hosts {
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
