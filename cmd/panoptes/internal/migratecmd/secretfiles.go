package migratecmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// secretFiles are the files of secrets, DIR/NAME/SITE.
type secretFiles struct {
	root    *os.Root
	written map[string]string // what each file was written from
}

// openSecretFiles makes the directory, for its owner alone. One that others may read is refused: it is not ours to change.
func openSecretFiles(dir string) (*secretFiles, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if open := info.Mode().Perm() & 0o077; open != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s has the mode %04o: others must not have access to secrets; chmod 700 it", dir, info.Mode().Perm())
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &secretFiles{root, map[string]string{}}, nil
}

func (f *secretFiles) close() { _ = f.root.Close() }

func (f *secretFiles) count() int { return len(f.written) }

// errWrite ends the work: a file cannot be written.
var errWrite = errors.New("cannot be written")

// put writes the secret of a key NAME:SITE. It returns the file where its name is another than that of the key, else "".
// No error has the value.
func (f *secretFiles) put(key, value string) (string, error) {
	at := strings.LastIndexByte(key, ':')
	if at < 0 || at == 0 || at == len(key)-1 {
		return "", errors.New("its key is not panoptes:secrets:NAME:SITE")
	}
	name, site := plainName(key[:at]), plainName(key[at+1:])
	file := name + "/" + site
	if first, taken := f.written[file]; taken && first != key {
		return "", fmt.Errorf("its file %s is that of %q already", file, first)
	}
	switch {
	case value == "":
		return "", errors.New("it is empty")
	case strings.TrimRight(value, "\r\n") != value:
		return "", errors.New("it ends with a new line, which the receiver takes off")
	}
	if err := f.write(name, site, value); err != nil {
		return "", fmt.Errorf("%w: %w", errWrite, err)
	}
	f.written[file] = key
	if name != key[:at] || site != key[at+1:] {
		return file, nil
	}
	return "", nil
}

// write replaces a file as a whole, so that a receiver reads the old secret or the new one.
func (f *secretFiles) write(name, site, value string) error {
	if err := f.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	fresh := name + "/." + site + ".new" // names with a leading dot are no secrets
	if err := f.root.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	w, err := f.root.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = w.WriteString(value)
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	return f.root.Rename(fresh, name+"/"+site)
}

// maxFileName is the most bytes a name may have, with what a file has in addition while it is written.
const maxFileName = 240

// plainName makes a file name of a secret's name or a site: what could lead out of the directory, or what the receiver
// does not look for, becomes "_".
func plainName(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`/\:`, r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	if strings.HasPrefix(plain, ".") {
		plain = "_" + plain[1:]
	}
	if len(plain) > maxFileName {
		plain = strings.ToValidUTF8(plain[:maxFileName], "")
	}
	return plain
}
