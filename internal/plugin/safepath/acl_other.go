//go:build unix && !linux

package safepath

// accessList is not read on this system.
func (u user) accessList(string, uint32) (what, fix string, listed bool, err error) {
	return "", "", false, nil
}
