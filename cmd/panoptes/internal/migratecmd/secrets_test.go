package migratecmd

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
)

// take runs the command with the secrets of Redises, and returns what it printed of them and where they are.
func take(t *testing.T, dir string, urls ...string) (string, error) {
	t.Helper()
	args := []string{"testdata/small/panoptes.ini", "--output", filepath.Join(t.TempDir(), "collector.yaml"), "--secrets-dir", dir}
	for _, u := range urls {
		args = append(args, "--secrets-from", u)
	}
	stdout, stderr, err := execute(t, args...)
	assert.Empty(t, stderr)
	assert.NotContains(t, stdout, "hush")
	if err != nil {
		assert.NotContains(t, err.Error(), "hush")
	}
	_, told, _ := strings.Cut(stdout, "keys carried over\n")
	return told, err
}

// files reads all files below a directory, and checks that they are for their owner alone.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		if d.IsDir() {
			assert.Equal(t, os.FileMode(0o700), info.Mode().Perm(), path)
			return nil
		}
		assert.Equal(t, os.FileMode(0o600), info.Mode(), path)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		rel, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		all[rel] = string(text)
		return nil
	}))
	return all
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	shards := []*miniredis.Miniredis{miniredis.RunT(t), miniredis.RunT(t)}
	set := func(shard int, key, value string) { require.NoError(t, shards[shard].Set(key, value)) }
	set(0, "panoptes:secrets:snmp_community_string:dc1", "hush one")
	set(1, "panoptes:secrets:snmp_community_string:dc2", "hush ünïcode $x")
	set(0, "panoptes:secrets:snmp_community_string:default", "hush")
	set(0, "panoptes:metrics_kv:secrets:x:y", "no secret")
	set(0, "panoptes:plugins_kv:x:y", "no secret")
	dir := filepath.Join(t.TempDir(), "deep", "secrets")
	urls := []string{"redis://" + shards[0].Addr() + "/0", "redis://" + shards[1].Addr()}
	told, err := take(t, dir, urls...)
	require.NoError(t, err)
	assert.Equal(t, "plugins are not tried: plugins is not there: run panoptes migrate where it is\nwrote 3 secrets to "+dir+"\n", told)
	assert.Equal(t, map[string]string{
		"snmp_community_string/dc1": "hush one", "snmp_community_string/dc2": "hush ünïcode $x", "snmp_community_string/default": "hush",
	}, files(t, dir))

	// The receiver finds them, and a second time the new values take the place of the old ones.
	set(0, "panoptes:secrets:snmp_community_string:dc1", "hush two")
	_, err = take(t, dir, urls...)
	require.NoError(t, err)
	got, err := kv.NewSecrets(dir).Get(t.Context(), "snmp_community_string", "dc1")
	require.NoError(t, err)
	assert.Equal(t, "hush two", got)
	assert.Len(t, files(t, dir), 3)
}

// What cannot be a file, or not under its name, is told, and harms nothing else.
func TestSecretsThatAreNone(t *testing.T) {
	t.Parallel()
	r := miniredis.RunT(t)
	for key, value := range map[string]string{
		"panoptes:secrets:good:dc1":                             "hush",
		"panoptes:secrets:../../etc:passwd":                     "hush",
		"panoptes:secrets:.hidden:..":                           "hush",
		"panoptes:secrets:a:b:c":                                "hush",
		"panoptes:secrets:nameless":                             "hush",
		"panoptes:secrets::site":                                "hush",
		"panoptes:secrets:empty:dc1":                            "",
		"panoptes:secrets:line:dc1":                             "hush\n",
		"panoptes:secrets:long:dc1":                             strings.Repeat("hush", 20_000),
		"panoptes:secrets:\x1b[2J\xff:dc1":                      "hush",
		"panoptes:secrets:" + strings.Repeat("ä", 200) + ":dc1": "hush",
	} {
		require.NoError(t, r.Set(key, value))
	}
	_, err := r.Lpush("panoptes:secrets:list:dc1", "hush")
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "secrets")
	told, err := take(t, dir, "redis://"+r.Addr())
	require.ErrorIs(t, err, exit.ErrReported)
	assert.NotContains(t, told, "\x1b")
	for _, want := range []string{
		`secret "panoptes:secrets:../../etc:passwd" is in the file _._.._etc/passwd: the receiver looks for no name`,
		`secret "panoptes:secrets:.hidden:.." is in the file _hidden/_.: `,
		`secret "panoptes:secrets:a:b:c" is in the file a_b/c: `,
		`secret "panoptes:secrets:nameless" is left out: its key is not panoptes:secrets:NAME:SITE`,
		`secret "panoptes:secrets::site" is left out: its key is not `,
		`secret "panoptes:secrets:empty:dc1" is left out: it is empty`,
		`secret "panoptes:secrets:line:dc1" is left out: it ends with a new line`,
		`secret "panoptes:secrets:long:dc1" is left out: it has more than 65536 bytes`,
		`secret "panoptes:secrets:list:dc1" is left out: WRONGTYPE`,
		`secret "panoptes:secrets:\x1b[2J\xff:dc1" is in the file _[2J_/dc1: `,
		"wrote 6 secrets to " + dir,
	} {
		assert.Contains(t, told, want)
	}
	got := files(t, dir)
	assert.Len(t, got, 6)
	assert.Equal(t, "hush", got["good/dc1"])
}

func TestTwoSecretsOfOneFile(t *testing.T) {
	t.Parallel()
	f, err := openSecretFiles(filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	defer f.close()
	_, err = f.put("a_b:c", "hush one")
	require.NoError(t, err)
	_, err = f.put("a/b:c", "hush two")
	require.EqualError(t, err, `its file a_b/c is that of "a_b:c" already`)
}

// A link in the directory leads nowhere else.
func TestSecretsStayInTheirDirectory(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "name")))
	r := miniredis.RunT(t)
	require.NoError(t, r.Set("panoptes:secrets:name:dc1", "hush"))
	_, err := take(t, dir, "redis://"+r.Addr())
	require.ErrorContains(t, err, "cannot be written")
	left, err := os.ReadDir(outside)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestOpenDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755)) // that is the mistake
	_, err := take(t, dir, "redis://"+miniredis.RunT(t).Addr())
	require.EqualError(t, err, "--secrets-dir: "+dir+" has the mode 0755: others must not have access to secrets; chmod 700 it")
}

func TestRedisPassword(t *testing.T) {
	r := miniredis.RunT(t)
	r.RequireAuth("hush")
	require.NoError(t, r.Set("panoptes:secrets:a:b", "hush"))
	_, err := take(t, filepath.Join(t.TempDir(), "s"), "redis://"+r.Addr())
	require.ErrorContains(t, err, "take secrets from Redis "+r.Addr()+": NOAUTH")
	_, err = take(t, filepath.Join(t.TempDir(), "s"), "redis://:hush@"+r.Addr())
	require.NoError(t, err)
	t.Setenv(passwordVariable, "hush")
	_, err = take(t, filepath.Join(t.TempDir(), "s"), "redis://"+r.Addr())
	require.NoError(t, err)
	_, err = take(t, filepath.Join(t.TempDir(), "s"), "redis://:hush-not@"+r.Addr())
	require.Error(t, err)
}

func TestNoRedis(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	_, err = take(t, filepath.Join(t.TempDir(), "s"), "redis://"+address)
	require.ErrorContains(t, err, "take secrets from Redis "+address)
	require.Equal(t, exit.Failed, exit.Code(err))
}
