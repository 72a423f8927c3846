package panoptesreceiver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// hungFolder is a folder of a file system that answers nothing, as NFS without its server. To mount one takes rights.
func hungFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	device, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == nil {
		t.Cleanup(func() {
			_ = unix.Close(device) // whoever waits gets an error
			_ = unix.Unmount(dir, unix.MNT_DETACH)
		})
		err = unix.Mount("hung", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d", device, os.Getuid(), os.Getgid()))
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		t.Skip("no file system can be mounted here: ", err)
	}
	require.NoError(t, err)
	return dir
}

// TestHungFileSystem: a file system that does not answer, under each setting that names files, costs itself alone, and each gets a line
// of the log; the shutdown does not wait for it.
func TestHungFileSystem(t *testing.T) {
	t.Parallel()
	hung := hungFolder(t)
	b := newBench(t)
	b.plugins["one"] = gauge(one)
	b.write("plugins/good.panoptes-plugin", conf("good", "go:one"))
	b.cfg.Plugins.Directories = append(b.cfg.Plugins.Directories, DirectoryConfig{Path: filepath.Join(hung, "plugins")})
	b.cfg.Plugins.ScanInterval, b.cfg.Resources.ScanInterval = minScanInterval, minScanInterval
	b.cfg.Resources.Files = append(b.cfg.Resources.Files, filepath.Join(hung, "resources.json"))
	b.cfg.Resources.FileSD = []FileSDConfig{{Files: []string{filepath.Join(hung, "*.json")}}}
	b.cfg.Secrets.Directory = filepath.Join(hung, "secrets")
	b.start()
	b.until("a run of the good one", func(p point) bool { return p.scope == "panoptes/good" })
	for _, path := range []string{"plugins", "resources.json", "*.json"} {
		b.line(filepath.Join(hung, path), "the file system does not answer")
	}
	b.write("resources/more.json", "["+resourceJSON("more")+"]")
	b.until("a run against what came later", func(p point) bool { return p.resource == "more" })
	began := time.Now()
	require.NoError(t, b.receiver.Shutdown(context.Background()))
	assert.Less(t, time.Since(began), shutdownGrace)
}
