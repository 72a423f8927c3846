package state

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// damagedMark is in the name of a file that was put aside.
const damagedMark = ".damaged-"

// Heal puts aside the damaged files of a file_storage, which would end the process when they are opened: it goes on without
// what they held. It is to be called before the storage is used; what is in use already is left alone. Each error says which
// file was put aside, where, and why, or that it could not be.
func Heal(storages storage.Extension) []error {
	return healThose(storages, isStorageFile)
}

// HealOthers is Heal for the files of all storages that components of others have, such as queues of stock exporters: those
// look at nothing before they open them. An extension that calls it when it starts is before all of them.
func HealOthers(host component.Host, logger *zap.Logger) {
	for id, extension := range host.GetExtensions() {
		storages, ok := extension.(storage.Extension)
		if !ok {
			continue
		}
		damage := healThose(storages, func(name string) bool {
			_, component, _ := strings.Cut(name, "_")
			return isStorageFile(name) && !strings.HasPrefix(component, "panoptes")
		})
		tell(logger, id, damage, "what the component of that name kept, such as batches that waited in its queue")
	}
}

func healThose(storages storage.Extension, wanted func(name string) bool) []error {
	dir := directoryOf(storages)
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // who opens it says why
	}
	var damage []error
	for _, e := range entries {
		if e.Type().IsRegular() && wanted(e.Name()) {
			damage = append(damage, heal(filepath.Join(dir, e.Name())))
		}
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
	kind, _, ok := strings.Cut(name, "_")
	if !ok || strings.Contains(name, damagedMark) {
		return false
	}
	switch kind {
	case "receiver", "processor", "exporter", "extension", "connector":
		return true
	}
	return false
}

// heal puts a file aside if it is damaged.
func heal(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil // as above
	}
	defer f.Close()
	if !safefile.Lock(f) {
		return nil // a Collector uses it
	}
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	bad := checkBolt(f, info.Size())
	if bad == nil {
		return nil
	}
	aside := path + damagedMark + time.Now().UTC().Format("20060102T150405.000Z")
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("the storage file %q is damaged (%w) and cannot be put aside: %w; remove it by hand", path, bad, err)
	}
	return fmt.Errorf("the storage file %q is damaged, so it is put aside as %q: %w", path, aside, bad)
}
