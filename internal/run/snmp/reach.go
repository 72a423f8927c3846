package snmp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// How a device is pinged that SNMP does not reach, as Panoptes does: packets, and seconds that they may take together.
const (
	pingCount   = 10
	pingSeconds = 10
	// mostPings are under way at once. Who finds no place in the time of a ping does without.
	mostPings = 64
)

var (
	packetLoss = regexp.MustCompile(`([0-9.]+)% packet loss`)
	errLoss    = errors.New("no packet came back")
)

// ping says why a device does not answer a ping.
func (r *Runtime) ping(ctx context.Context, res *pluginsdk.Resource) error {
	place := time.NewTimer(pingSeconds * time.Second)
	defer place.Stop()
	select {
	case r.pings <- struct{}{}:
		defer func() { <-r.pings }()
	case <-place.C:
		return nil
	case <-ctx.Done():
		return nil
	}
	return r.Ping(ctx, res.Endpoint)
}

// systemPing pings with the system's program.
func systemPing(ctx context.Context, host string) error {
	if strings.HasPrefix(host, "-") {
		return fmt.Errorf("host %q would be an option of ping", host)
	}
	cmd := exec.CommandContext(ctx, "/bin/ping", "-c", strconv.Itoa(pingCount), "-w", strconv.Itoa(pingSeconds), host)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	if loss := packetLoss.FindSubmatch(out); loss != nil {
		if lost, err := strconv.ParseFloat(string(loss[1]), 64); err == nil && lost == 100 {
			return errLoss
		}
	}
	return nil
}

// x509 checks that the files are there which [x509] asks for; a plugin file's section comes before the receiver's.
func (r *Runtime) x509(section map[string]string) error {
	option := func(name string) string {
		if text, there := section[name]; there {
			return text
		}
		if v := r.X509[name]; v != nil {
			return fmt.Sprint(v)
		}
		return ""
	}
	secured := option("x509_secured_requests")
	if secured == "" {
		return nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(secured))
	if err != nil || n < 0 || n > 2 {
		return fmt.Errorf("x509_secured_requests must be an integer between 0 and 2 (inclusive), is %q", secured)
	}
	for _, kind := range []string{"key", "cert"} {
		file := filepath.Join(option("x509_"+kind+"_location"), option("x509_"+kind+"_filename"))
		if n > 0 && !exists(file) {
			return fmt.Errorf("x509 %s file %q is not readable", kind, file)
		}
	}
	return nil
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}
