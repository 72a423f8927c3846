package state

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// disk is a storage extension that has what clients forget and close.
type disk struct {
	component.StartFunc
	component.ShutdownFunc

	refuse map[string]error
	opened []string
	done   []string
}

func (d *disk) GetClient(_ context.Context, _ component.Kind, _ component.ID, name string) (storage.Client, error) {
	if err := d.refuse[name]; err != nil {
		return nil, err
	}
	d.opened = append(d.opened, name)
	return &client{Client: storage.NewNopClient(), disk: d, name: name}, nil
}

type client struct {
	storage.Client
	disk *disk
	name string
}

func (c *client) note(what string) {
	c.disk.done = append(c.disk.done, what+" "+c.name)
}

func (c *client) Close(context.Context) error {
	c.note("close")
	return nil
}

func TestOpenStorage(t *testing.T) {
	t.Parallel()
	damaged := map[string]error{"": errors.New("file size too small 5")}
	for _, c := range []struct {
		name    string
		refuse  map[string]error
		restore func(name string) (bool, error)
		client  string
		damage  string
		err     string
		done    []string
	}{
		{name: "in use", restore: found, client: ""},
		{name: "new", restore: func(string) (bool, error) { return false, nil }, client: "", done: []string{"forget spare", "close spare"}},
		{name: "damaged", refuse: damaged, restore: found, client: SpareName, damage: "damaged: file size too small 5"},
		{name: "panics", restore: func(name string) (bool, error) {
			if name == "" {
				panic("freed twice")
			}
			return true, nil
		}, client: SpareName, damage: "damaged: panic: freed twice"},
		{name: "both damaged", refuse: map[string]error{"": damaged[""], SpareName: errors.New("invalid database")}, restore: found, err: "damaged: invalid database"},
		{
			name: "locked", refuse: map[string]error{"": errors.New("timeout")}, restore: found,
			err: "timeout: another Collector uses it, or another pipeline has a receiver of this name: give each its own, as panoptes/a",
		},
		{name: "passing trouble", refuse: map[string]error{"": errors.New("permission denied")}, restore: found, err: "permission denied"},
		{name: "unreadable", restore: func(string) (bool, error) { return false, errors.New("no key") }, err: "no key", done: []string{"close "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := &disk{refuse: c.refuse}
			got, damage, err := OpenStorage(t.Context(), d, Owner{
				Kind: component.KindReceiver, ID: component.MustNewID("panoptes"),
				Restore: func(_ context.Context, s storage.Client) (bool, error) { return c.restore(s.(*client).name) },
				Forget: func(_ context.Context, s storage.Client) error {
					s.(*client).note("forget")
					return nil
				},
			})
			assert.Equal(t, c.done, d.done)
			if c.err != "" {
				require.EqualError(t, err, c.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.client, got.(*client).name)
			if c.damage != "" {
				require.EqualError(t, damage, c.damage)
			} else {
				require.NoError(t, damage)
			}
		})
	}
}

func found(string) (bool, error) { return true, nil }

func TestFind(t *testing.T) {
	t.Parallel()
	_, err := Find(componenttest.NewNopHost(), component.MustNewID("file_storage"))
	require.EqualError(t, err, `storage: extension "file_storage" is not among the extensions of the service`)
}
