package reference

// Choices enumerates, depth first, all sequences of choices that a function can
// ask for: call it, then Next, until that returns false.
type Choices struct {
	taken, among []uint8
	at           int
	fixed        int // so many at the beginning never change
}

// Fixed returns the choices that begin with those of c up to now.
func (c *Choices) Fixed() *Choices {
	return &Choices{
		taken: append([]uint8(nil), c.taken[:c.at]...), among: append([]uint8(nil), c.among[:c.at]...), fixed: c.at,
	}
}

// Pick returns a number below n.
func (c *Choices) Pick(n int) int {
	if c.at == len(c.taken) {
		c.taken, c.among = append(c.taken, 0), append(c.among, uint8(n))
	}
	c.at++
	return int(c.taken[c.at-1])
}

// Next goes on to the sequence that was not played yet.
func (c *Choices) Next() bool {
	for i := c.at - 1; i >= c.fixed; i-- {
		if c.taken[i]+1 < c.among[i] {
			c.taken[i]++
			c.taken, c.among, c.at = c.taken[:i+1], c.among[:i+1], 0
			return true
		}
	}
	return false
}

// Rewind plays the same sequence again.
func (c *Choices) Rewind() { c.at = 0 }
