package state

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// SpareName is the name of the storage that stands in for the one without a name while that is damaged.
const SpareName = "spare"

// Owner is a component with a storage, and what it does with it.
type Owner struct {
	Kind component.Kind
	ID   component.ID
	// Restore reads what the storage holds; found says that it has been used before. Where the storage is damaged it may
	// panic half-way, and is called again with the spare one.
	Restore func(ctx context.Context, client storage.Client) (found bool, err error)
	// Forget has the storage hold nothing.
	Forget func(ctx context.Context, client storage.Client) error
}

// Find returns the storage extension of this id.
func Find(host component.Host, id component.ID) (storage.Extension, error) {
	ext, found := host.GetExtensions()[id]
	storages, ok := ext.(storage.Extension)
	switch {
	case !found:
		return nil, fmt.Errorf("storage: extension %q is not among the extensions of the service", id)
	case !ok:
		return nil, fmt.Errorf("storage: extension %q is no storage", id)
	}
	return storages, nil
}

// OpenStorage opens the storage of a component and restores what it holds. One that is damaged is left as it is, and damage says
// why; client is then the spare one, until somebody has removed the other. Trouble that may pass is an error: a storage
// that opens again would be out of date.
func OpenStorage(ctx context.Context, storages storage.Extension, o Owner) (client storage.Client, damage, err error) {
	client, found, err := o.open(ctx, storages, "")
	switch {
	case errors.Is(err, errDamaged):
		damage = err
		client, _, err = o.open(ctx, storages, SpareName)
	case err == nil && !found:
		// A new storage, perhaps in the place of a damaged one: what the spare one has is out of date from now on.
		if err = o.emptySpare(ctx, storages); err != nil {
			err = errors.Join(err, client.Close(ctx))
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return client, damage, nil
}

// errDamaged is wrapped by errors of a storage that will not open before somebody has removed it.
var errDamaged = errors.New("damaged")

// open opens one storage. Storage libraries panic over damaged files, and read files through the memory, where one that
// was cut off is a fault.
func (o Owner) open(ctx context.Context, storages storage.Extension, name string) (client storage.Client, found bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			// The client is not closed: it might panic again.
			client, err = nil, fmt.Errorf("%w: panic: %v", errDamaged, v)
		}
	}()
	if client, err = storages.GetClient(ctx, o.Kind, o.ID, name); err != nil {
		return nil, false, o.explain(storages, err)
	}
	if found, err = o.Restore(ctx, client); err != nil {
		return nil, false, errors.Join(err, client.Close(ctx))
	}
	return client, found, nil
}

// explain tells damage from what may pass. The texts are those of bbolt, the library of file_storage.
func (o Owner) explain(storages storage.Extension, err error) error {
	for _, text := range []string{"invalid database", "version mismatch", "checksum error", "file size too small"} {
		if strings.Contains(err.Error(), text) {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	if strings.Contains(err.Error(), "timeout") {
		return fmt.Errorf("%w: another Collector uses it%s, or another pipeline has a %s of this name: give each its own, as %s/a",
			err, inFolder(storages), strings.ToLower(o.Kind.String()), o.ID.Type())
	}
	return whose(directoryOf(storages), err)
}

// inFolder names the folder of a file_storage.
func inFolder(storages storage.Extension) string {
	if dir := directoryOf(storages); dir != "" {
		return fmt.Sprintf(" in the folder %q", dir)
	}
	return ""
}

// InUse says more of an error that file_storage has for a file that another process has open, or that belongs to another user.
// It returns other errors as they are.
func InUse(host component.Host, id *component.ID, err error) error {
	if id == nil || err == nil {
		return err
	}
	storages, e := Find(host, *id)
	if e != nil {
		return err
	}
	if err.Error() != "timeout" { // bbolt's
		return whose(directoryOf(storages), err)
	}
	return fmt.Errorf("storage %q: %w: another process has the file of this queue open%s: stop it, or give each Collector a folder of its own",
		id, err, inFolder(storages))
}

// emptySpare forgets what the spare storage holds.
func (o Owner) emptySpare(ctx context.Context, storages storage.Extension) error {
	client, err := storages.GetClient(ctx, o.Kind, o.ID, SpareName)
	if err != nil {
		return o.explain(storages, err)
	}
	return errors.Join(o.Forget(ctx, client), client.Close(ctx))
}
