package quote

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
)

var texts = []string{
	"/plain/path-1_2.py", "", "o o", "it's", `q $HOME #1`, "a, b", "${env:X}[a]*", "$$", `back\slash`, "-x", "yes", "1", "é", "new\nline", `"`, "a: b", "\x7f", "~",
}

func TestShell(t *testing.T) {
	t.Parallel()
	require.Equal(t, "/plain/path-1_2.py", Shell("/plain/path-1_2.py"))
	require.Equal(t, `'it'\''s'`, Shell("it's"))
	if runtime.GOOS == "windows" {
		return
	}
	for _, text := range texts {
		out, err := exec.Command("/bin/sh", "-c", "printf %s= "+Shell(text)).Output()
		require.NoError(t, err, text)
		require.Equal(t, text+"=", string(out))
	}
}

// A Collector reads what was written.
func TestYAML(t *testing.T) {
	t.Parallel()
	require.Equal(t, "/plain/path-1_2.py", YAML("/plain/path-1_2.py"))
	for _, text := range texts {
		resolver, err := confmap.NewResolver(confmap.ResolverSettings{
			URIs: []string{"yaml:files: [" + YAML(text) + "]"}, ProviderFactories: []confmap.ProviderFactory{yamlprovider.NewFactory()},
		})
		require.NoError(t, err)
		conf, err := resolver.Resolve(t.Context())
		require.NoError(t, err, text)
		require.Equal(t, []any{text}, conf.Get("files"))
	}
}

func TestGlob(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain", "[a]", "a]", "b-[c", "*", "?", `back\slash`} {
		if runtime.GOOS == "windows" && strings.ContainsAny(name, `*?\`) {
			continue
		}
		folder := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.Mkdir(folder, 0o755))
		require.NoError(t, os.Mkdir(filepath.Join(filepath.Dir(folder), "a"), 0o755))
		found, err := filepath.Glob(Glob(folder))
		require.NoError(t, err)
		require.Equal(t, []string{folder}, found)
	}
}
