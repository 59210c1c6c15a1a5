package capture

import (
	"math"
	"math/bits"
)

// maxSeconds bounds times: to the year 2255, seven years short of what int64 holds, so that sums with timeouts cannot
// overflow.
const maxSeconds = 9_000_000_000

// clock turns the timestamps of a pcapng interface into ns since the Unix epoch.
type clock struct {
	mul, limit uint64 // ticks below limit are multiplied by mul
	resolution byte   // if_tsresol
	offset     int64  // if_tsoffset, s
}

func newClock(resolution byte, offset int64) clock {
	c := clock{resolution: resolution, offset: offset}
	if resolution <= 9 && offset == 0 {
		c.mul = pow10(9 - resolution)
		c.limit = maxSeconds * pow10(resolution)
	}
	return c
}

func (c *clock) time(ticks uint64) int64 {
	if ticks < c.limit {
		return int64(ticks * c.mul)
	}
	return c.exact(ticks)
}

// exact is time for every resolution and offset; times before 1970 and after maxSeconds become those limits.
func (c *clock) exact(ticks uint64) int64 {
	sec, nsec := c.split(ticks)
	s := int64(min(sec, math.MaxInt64))
	if c.offset > 0 {
		// Neither alone may go beyond the limit, so the sum cannot overflow.
		s = min(s, maxSeconds) + min(c.offset, maxSeconds)
	} else {
		s += c.offset
	}
	switch {
	case s < 0:
		return 0
	case s >= maxSeconds:
		return maxSeconds * 1e9
	}
	return s*1e9 + int64(nsec)
}

// split divides ticks into seconds and nanoseconds.
func (c *clock) split(ticks uint64) (sec, nsec uint64) {
	exp := c.resolution & 0x7f
	var perSecond uint64
	switch binary := c.resolution&0x80 != 0; {
	case binary && exp >= 64: // all ticks together are less than a second
		ns, _ := bits.Mul64(ticks, 1e9)
		return 0, ns >> (exp - 64)
	case binary:
		perSecond = 1 << exp
	case exp >= 29:
		return 0, 0
	case exp >= 20:
		return 0, ticks / pow10(exp-9)
	default:
		perSecond = pow10(exp)
	}
	hi, lo := bits.Mul64(ticks%perSecond, 1e9)
	nsec, _ = bits.Div64(hi, lo, perSecond)
	return ticks / perSecond, nsec
}

// pow10 returns 10^n for n <= 19.
func pow10(n byte) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}
