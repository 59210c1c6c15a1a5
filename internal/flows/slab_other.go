//go:build !linux

package flows

func newSlab[R any](_ *Table, n int) []R { return make([]R, n) }
