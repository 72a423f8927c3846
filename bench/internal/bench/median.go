package bench

import (
	"cmp"
	"slices"
)

// Median returns the one in the middle of some values, which it leaves in their order. There must be one.
func Median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
