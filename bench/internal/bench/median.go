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

// MedianOf is Median of something that each of a list has.
func MedianOf[E any, T cmp.Ordered](list []E, of func(E) T) T {
	values := make([]T, len(list))
	for i, e := range list {
		values[i] = of(e)
	}
	return Median(values)
}
