package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// damagedMark is in the name of a file that was put aside.
const damagedMark = ".damaged-"

// youngFile is how old an empty file must be to be damaged: a Collector may be about to fill a younger one.
const youngFile = 100 * time.Millisecond

// Heal puts aside the damaged files of a file_storage, which would end the process when they are opened, and what is no file
// in the place of one: it goes on without what they held. It is to be called before the storage is used; what is in use
// already is left alone. Each error says what was put aside, where, and why, or that it could not be.
func Heal(storages storage.Extension) []error {
	return healAll(filesOf(storages, isStorageFile))
}

// HealOthers is Heal for the files of all storages that components of others have, such as queues of stock exporters: those
// look at nothing before they open them, and do not say whose a file is that they may not open. An extension that calls it
// when it starts is before all of them.
func HealOthers(host component.Host, logger *zap.Logger) {
	for id, extension := range host.GetExtensions() {
		storages, ok := extension.(storage.Extension)
		if !ok {
			continue
		}
		paths := filesOf(storages, func(name string) bool {
			_, component, _ := strings.Cut(name, "_")
			return isStorageFile(name) && !strings.HasPrefix(component, "panoptes")
		})
		tell(logger, id, healAll(paths), "what the component of that name kept, such as batches that waited in its queue")
		for _, path := range paths {
			f, err := openAsStorage(path)
			if err == nil {
				err = f.Close()
			}
			if errors.Is(err, fs.ErrPermission) {
				logger.Warn("The component that this storage file is named after cannot start", zap.Stringer("storage", id), zap.Error(whose(filepath.Dir(path), err)))
			}
		}
	}
}

// filesOf are the paths in the folder of a file_storage that have a wanted name, whatever is there.
func filesOf(storages storage.Extension, wanted func(name string) bool) (paths []string) {
	dir := directoryOf(storages)
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // who opens it says why
	}
	for _, e := range entries {
		if wanted(e.Name()) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}

func healAll(paths []string) (damage []error) {
	for _, path := range paths {
		damage = append(damage, heal(path))
	}
	return slices.DeleteFunc(damage, func(err error) bool { return err == nil })
}

// HealFor is Heal for the storage of a component, which logs what was put aside and returns how many files that were. lost
// says what was lost with them. A storage that is not there is for others to complain of.
func HealFor(host component.Host, id *component.ID, logger *zap.Logger, lost string) int {
	if id == nil {
		return 0
	}
	storages, err := Find(host, *id)
	if err != nil {
		return 0
	}
	damage := Heal(storages)
	tell(logger, *id, damage, lost)
	return len(damage)
}

func tell(logger *zap.Logger, id component.ID, damage []error, lost string) {
	for _, err := range damage {
		logger.Error("Storage is damaged; the Collector goes on without what it held", zap.Stringer("storage", id),
			zap.Error(err), zap.String("lost", lost),
			zap.String("next", "look for a failing disk, or who else writes there; then remove the file that was put aside"))
	}
}

// directoryOf is where a file_storage keeps its files, "" for another storage. The extension does not say; it has its
// configuration in the field cfg.
func directoryOf(storages storage.Extension) string {
	v := reflect.ValueOf(storages)
	if v.Kind() != reflect.Pointer || !strings.HasSuffix(v.Elem().Type().PkgPath(), "/extension/storage/filestorage") {
		return ""
	}
	cfg := v.Elem().FieldByName("cfg")
	if cfg.Kind() != reflect.Pointer || cfg.IsNil() {
		return ""
	}
	dir := cfg.Elem().FieldByName("Directory")
	if dir.Kind() != reflect.String {
		return ""
	}
	return dir.String()
}

// isStorageFile says whether a file is one that a component's storage has: file_storage names them so.
func isStorageFile(name string) bool {
	kind, id, _ := strings.Cut(name, "_")
	if !strings.Contains(id, "_") || strings.Contains(name, damagedMark) {
		return false
	}
	switch kind {
	case "receiver", "processor", "exporter", "extension", "connector":
		return true
	}
	return false
}

// heal puts aside what is at path if it is damaged, or no regular file. Nothing else is opened: a pipe or a device would have
// what is written to it.
func heal(path string) error {
	info, err := os.Stat(path) // over links: a file may be kept elsewhere
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ELOOP): // a link that leads nowhere
		return putAside(path, err)
	case err != nil:
		return nil // a disk may fail for a moment, and who opens it says why
	case !info.Mode().IsRegular():
		return putAside(path, fmt.Errorf("%w (%s)", safefile.ErrNotRegular, info.Mode()))
	}
	f, err := openAsStorage(path)
	if err != nil {
		return nil // as above
	}
	defer f.Close()
	if !safefile.Lock(f) {
		return nil // a Collector uses it
	}
	info, err = f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 && time.Since(info.ModTime()) < youngFile {
		return nil
	}
	if bad := checkBolt(f, info.Size()); bad != nil {
		return putAside(path, bad)
	}
	return nil
}

// openAsStorage opens a file as file_storage does, without waiting for the other end of a pipe.
func openAsStorage(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
}

func putAside(path string, bad error) error {
	aside := path + damagedMark + time.Now().UTC().Format("20060102T150405.000Z")
	switch err := os.Rename(path, aside); { // a link itself, not what it leads to
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("the storage file %q is damaged (%w) and cannot be put aside: %w; remove it by hand", path, bad, err)
	}
	return fmt.Errorf("the storage file %q is damaged, so it is put aside as %q: %w", path, aside, bad)
}
