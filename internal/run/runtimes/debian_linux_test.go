package runtimes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// debianPackages have the checks; whenSet makes it a failure if they are not to be had.
const (
	debianPackages = "monitoring-plugins-basic,monitoring-plugins-standard,monitoring-plugins-common,monitoring-plugins-contrib"
	whenSet        = "PANOPTES_REQUIRE_CHECKS"
)

// debianCheck is a check of Debian's packages, as [main] args would call it. CLOSED is a port that nobody listens on; SMTP
// and so on are ports of servers that say no more than hello.
type debianCheck struct {
	command, args string
	// exact says that the values are always the same: they are in the golden file, too.
	exact bool
}

var debianChecks = []debianCheck{
	{"check_dummy", "0 fine", true},
	{"check_dummy", "1", true},
	{"check_dummy", "2 'array md0 degraded'", true},
	{"check_dummy", "3", true},
	{"check_cluster", "-s -d 0,0,1 -l web", true},
	{"check_load", "-w 9000,9000,9000 -c 9999,9999,9999", false},
	{"check_disk", "-w 0% -c 0% -p /", false},
	{"check_procs", "-w 1:99999 -c 1:99999", false},
	{"check_procs", "-m VSZ -w 1:", false},
	{"check_users", "-w 1000 -c 2000", false},
	{"check_uptime", "", false},
	{"check_file_age", "-w 999999999 -c 999999999 -f /etc/hostname", false},
	{"check_tcp", "-H 127.0.0.1 -p CLOSED", true},
	{"check_tcp", "-H 127.0.0.1 -p SMTP -e 220 -w 5 -c 9", false},
	{"check_udp", "-H 127.0.0.1 -p CLOSED -s a -e b", true},
	{"check_ssh", "-p SSH 127.0.0.1", false},
	{"check_ssh", "-p CLOSED 127.0.0.1", true},
	{"check_http", "-I 127.0.0.1 -p HTTP", false},
	{"check_http", "-I 127.0.0.1 -p CLOSED", true},
	{"check_smtp", "-H 127.0.0.1 -p SMTP", false},
	{"check_ftp", "-H 127.0.0.1 -p FTP", false},
	{"check_imap", "-H 127.0.0.1 -p IMAP", false},
	{"check_pop", "-H 127.0.0.1 -p POP", false},
	{"check_nntp", "-H 127.0.0.1 -p NNTP", false},
	{"check_clamd", "-H 127.0.0.1 -p CLAMD", false},
	{"check_jabber", "-H 127.0.0.1 -p CLOSED", true},
	{"check_nt", "-H 127.0.0.1 -p CLOSED -v UPTIME", true},
	{"check_time", "-H 127.0.0.1 -p CLOSED", true},
	{"check_time", "-H 127.0.0.1 -p TIME -w 999999999 -c 999999999", false},
	{"check_ups", "-H 127.0.0.1 -p CLOSED -u a", true},
	{"check_real", "-H 127.0.0.1 -p CLOSED", true},
	{"check_overcr", "-H 127.0.0.1 -p CLOSED -v LOAD", true},
	{"check_mrtg", "", true},
	{"check_game", "", true},
	{"check_nagios", "", true},
	{"check_ssl_cert", "", true},
	{"check_checksums", "", true},
	{"check_drbd", "", true},
	{"check_cpu", "", false},
	{"check_iowait", "", false},
	{"check_memory", "", false},
	{"check_madrisan_swap", "", false},
	{"check_madrisan_load", "", false},
	{"check_madrisan_users", "", false},
	{"check_madrisan_uptime", "", false},
	{"check_cswch", "", false},
	{"check_tcpcount", "", false},
	{"check_network", "-i ^lo$", false},
	{"check_network_errors", "-i ^lo$", false},
	{"check_fc", "", true},
	{"pmp-check-unix-memory", "", false},
	{"pmp-check-lvm-snapshots", "", true},
}

// TestDebianChecks runs checks of Debian as they are, against the machine and loopback. The golden file has what comes of
// them: the state, each series with its metrics, and what is left out.
func TestDebianChecks(t *testing.T) {
	t.Parallel()
	ports := hello(t)
	commands := map[string]string{}
	var names []string
	for _, c := range debianChecks {
		names = append(names, c.command)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	out, err := exec.Command("../../../scripts/debian-package", append([]string{debianPackages}, names...)...).Output()
	if err != nil {
		said := err.Error()
		if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
			said += ": " + string(ended.Stderr)
		}
		if os.Getenv(whenSet) != "" {
			t.Fatalf("%s is set, and the checks of Debian are not to be had: %s", whenSet, said)
		}
		t.Skip("the checks of Debian are not to be had: ", said)
	}
	for i, path := range strings.Fields(string(out)) {
		commands[names[i]] = path
	}
	r := newRunners(t, Settings{})
	got := make([]string, len(debianChecks))
	t.Run("all", func(t *testing.T) {
		for i, c := range debianChecks {
			t.Run(c.command, func(t *testing.T) {
				t.Parallel()
				args := c.args
				for name, port := range ports {
					args = strings.ReplaceAll(args, name, port)
				}
				file := filepath.Join(t.TempDir(), "x.panoptes-plugin")
				text := "[Core]\nName = check\nModule = " + commands[c.command] + pluginHead + "runtime = exec\noutput = nagios\n"
				if args != "" {
					text += "args = " + strings.ReplaceAll(args, "%", "%%") + "\n"
				}
				require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
				p, _, err := plugin.Open(file, plugin.OpenOptions{})
				require.NoError(t, err)
				got[i] = fmt.Sprintln(c.command, c.args) + seriesOf(runOnce(r, p, strconv.Itoa(i)), c.exact)
			})
		}
	})
	const golden = "testdata/debian_checks.golden"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(strings.Join(got, "")), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), strings.Join(got, ""))
}

var digits = regexp.MustCompile(`[0-9]+`)

// seriesOf shows a result: with its values if they are exact.
func seriesOf(result run.Result, exact bool) string {
	var b strings.Builder
	fmt.Fprintln(&b, "  outcome", result.Outcome)
	if result.Err != nil {
		fmt.Fprintln(&b, "  error", digits.ReplaceAllString(result.Err.Error(), "#"))
	}
	for _, g := range result.Groups {
		b.WriteString(" ")
		for _, d := range g.SortedDimensions() {
			fmt.Fprintf(&b, " %s=%s", d.Name, d.Value)
		}
		for _, m := range g.Metrics() {
			fmt.Fprintf(&b, " %s", m.Name)
			if m.Type == pluginsdk.Counter {
				b.WriteString("(counter)")
			}
			if exact || m.Name == "state" {
				fmt.Fprintf(&b, ":%v", m.Value)
			}
		}
		b.WriteString("\n")
	}
	for _, d := range result.Dropped {
		fmt.Fprintln(&b, "  left out", d.Metric, digits.ReplaceAllString(d.Err.Error(), "#"))
	}
	return b.String()
}

// hello starts servers that greet as those of some protocols do. It returns their ports as text.
func hello(t *testing.T) map[string]string {
	t.Helper()
	ports := map[string]string{}
	for name, greeting := range map[string]string{
		"SMTP": "220 mail ESMTP\r\n", "FTP": "220 files\r\n", "IMAP": "* OK ready\r\n", "POP": "+OK ready\r\n", "NNTP": "200 news\r\n",
		"SSH": "SSH-2.0-OpenSSH_9.2\r\n", "CLAMD": "PONG\n", "TIME": "\xe9\x00\x00\x00",
		"HTTP": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
	} {
		ports[name] = greet(t, greeting)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, ports["CLOSED"], _ = net.SplitHostPort(l.Addr().String())
	require.NoError(t, l.Close())
	return ports
}

// greet listens: who comes is greeted, and each line answered by the same.
func greet(t *testing.T, greeting string) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				_, _ = io.WriteString(c, greeting)
				if greeting == "PONG\n" || strings.HasPrefix(greeting, "HTTP") || greeting[0] >= 0x80 {
					_ = c.(*net.TCPConn).CloseWrite()
				}
				line := make([]byte, 512)
				for n, err := c.Read(line); err == nil && !bytes.Contains(bytes.ToUpper(line[:n]), []byte("QUIT")); n, err = c.Read(line) {
					_, _ = io.WriteString(c, greeting)
				}
			}()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}
