package engine

import (
	"sync"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

// mostUsers is how many users are kept.
const mostUsers = 4096

// users keeps what is made of passphrases, each made once.
type users struct {
	mu   sync.Mutex
	made map[Credentials]*madeUser
}

type madeUser struct {
	once sync.Once
	user *usm.User
	err  error
}

// get returns the user of some credentials. All calls for one user return the same.
func (u *users) get(c *Credentials) (*usm.User, error) {
	key := *c
	key.Context, key.Community = "", ""
	u.mu.Lock()
	m := u.made[key]
	if m == nil {
		if u.made == nil || len(u.made) >= mostUsers {
			u.made = map[Credentials]*madeUser{}
		}
		m = &madeUser{}
		u.made[key] = m
	}
	u.mu.Unlock()
	m.once.Do(func() {
		m.user, m.err = usm.NewUser(c.User, c.Auth, string(c.AuthPassphrase), c.Priv, string(c.PrivPassphrase))
	})
	return m.user, m.err
}
