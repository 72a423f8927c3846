package snmp

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
)

// TestSnmpsim has snmpsim play the recordings of the examples, and walks them: what comes is what our own reader of recordings
// has.
func TestSnmpsim(t *testing.T) {
	const recordings = "../../examples/plugins/snmp/testdata"
	address := snmpsim(t, recordings)
	e, err := engine.New(engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	paths, err := filepath.Glob(recordings + "/*.snmprec")
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d recordings, %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".snmprec")
		recorded, err := snmprec.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		target := &engine.Target{Name: name, Address: address, Timeout: 2 * time.Second, Credentials: engine.Credentials{Community: engine.Secret(name)}}
		result := ask(t, e, target, &engine.Request{Columns: []engine.Column{
			{Base: ber.MustOID("1.3.6.1.2.1")}, {Base: ber.MustOID("1.3.6.1.4.1")},
		}})
		if result.Err != nil {
			t.Errorf("%s: %v", name, result.Err)
		}
		var came []ber.Variable
		result.Each(func(oid ber.OID, v ber.Value) { came = append(came, ber.Variable{Name: oid, Value: v}) })
		if want := recorded.Variables(); !slices.Equal(came, want) {
			t.Errorf("%s: snmpsim has %d variables, the recording %d:\n%v\n%v", name, len(came), len(want), came, want)
		}
	}
}

// snmpsim starts snmpsim with the recordings of a folder, and returns its address. Where it cannot be had the test is skipped, or
// fails if PANOPTES_REQUIRE_SNMPSIM is set.
func snmpsim(t *testing.T, recordings string) string {
	t.Helper()
	out, err := exec.Command("../../scripts/snmpsim").Output()
	if err != nil {
		said := "snmpsim is not to be had: " + err.Error()
		if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
			said += ": " + string(ended.Stderr)
		}
		if os.Getenv("PANOPTES_REQUIRE_SNMPSIM") != "" {
			t.Fatal("PANOPTES_REQUIRE_SNMPSIM is set, and " + said)
		}
		t.Skip(said)
	}
	library := strings.TrimSpace(string(out))
	free, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + strconv.Itoa(free.LocalAddr().(*net.UDPAddr).Port)
	_ = free.Close()
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(who.Gid)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "python3", filepath.Join(library, "bin/snmpsim-command-responder"),
		"--data-dir="+recordings, "--cache-dir="+t.TempDir(), "--agent-udpv4-endpoint="+address,
		"--process-user="+who.Username, "--process-group="+group.Name)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+library, "PYTHONDONTWRITEBYTECODE=1")
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if _ = cmd.Wait(); t.Failed() {
			t.Logf("snmpsim: %s", log.String())
		}
	})
	return address
}
