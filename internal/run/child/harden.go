package child

import (
	"fmt"
	"runtime"
	"sync"
)

// Limits bound what a child may take. Each is a limit of the system for one process (RLIMIT_*), inherited by what the
// process starts; 0 leaves a limit as ours is.
type Limits struct {
	// Memory is the most bytes of private memory that a process may write to (RLIMIT_DATA): heap, stacks and private
	// mappings, but not memory that is shared or only reserved, of which some runtimes take gigabytes.
	Memory uint64
	// CPUSeconds is the processor time, over the life of a process. The system ends it at the limit.
	CPUSeconds uint64
	// OpenFiles is the most file descriptors of a process.
	OpenFiles uint64
	// Processes is the most processes and threads of the child's user, of all its children together. It does not bind
	// root.
	Processes uint64
}

func (l Limits) any() bool { return l != Limits{} }

// User is whom a child runs as.
type User struct {
	UID, GID uint32
	// Groups are the supplementary groups; none are kept of ours.
	Groups []uint32
}

// Hardening is what is taken from a child beyond its environment. The zero value takes nothing.
type Hardening struct {
	Limits Limits
	// NoNewPrivileges keeps set-user-ID bits and file capabilities from having an effect, in the child and in all that
	// it starts (PR_SET_NO_NEW_PRIVS).
	NoNewPrivileges bool
	// User is whom the child runs as; nil is ourselves. It takes root, or CAP_SETUID and CAP_SETGID.
	User *User
}

// Supported says what of h the system does not have.
func (h Hardening) Supported() error {
	switch {
	case h.Limits.any() && !canLimit:
		return fmt.Errorf("limits of processes are not supported on %s", system)
	case h.NoNewPrivileges && !canLimit:
		return fmt.Errorf("no_new_privs is not supported on %s", system)
	case h.User != nil && !canSwitchUser:
		return fmt.Errorf("another user is not supported on %s", system)
	}
	return nil
}

// spareThreads are those that ReserveThreads makes.
const spareThreads = 64

var reserveOnce sync.Once

// ReserveThreads has this process make threads now, which Go keeps and uses later: a child that takes all processes and
// threads of our user would end us, as Go cannot go on where it cannot have a thread.
func ReserveThreads() {
	reserveOnce.Do(func() {
		var ready, all sync.WaitGroup
		release := make(chan struct{})
		for range spareThreads {
			ready.Add(1)
			all.Go(func() {
				runtime.LockOSThread() // so that each has one of its own
				defer runtime.UnlockOSThread()
				ready.Done()
				<-release
			})
		}
		ready.Wait()
		close(release)
		all.Wait()
	})
}

// onThread calls f in a goroutine that keeps its thread for as long as f runs. taint says that f changes the thread for
// good: the thread ends with f. The first thread of a process cannot end, so it is not used for that.
func onThread(taint bool, f func()) {
	go func() {
		runtime.LockOSThread()
		if !taint {
			defer runtime.UnlockOSThread()
			f()
			return
		}
		if !firstThread() {
			f()
			return
		}
		defer runtime.UnlockOSThread()
		locked := make(chan struct{})
		go func() {
			runtime.LockOSThread() // another one, since the first is taken
			close(locked)
			f()
		}()
		<-locked
	}()
}
