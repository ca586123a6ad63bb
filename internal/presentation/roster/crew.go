package roster

import "sync"

// Crew does the work of one peer on goroutines that it keeps, so that each has grown its stack already. NewCrew makes one.
type Crew[W any] struct {
	do      func(W)
	waiting chan W
	hands   int
	most    int
	busy    sync.WaitGroup
}

// NewCrew makes one that does at most so many pieces of work at once.
func NewCrew[W any](most int, do func(W)) *Crew[W] {
	return &Crew[W]{do: do, waiting: make(chan W), most: most}
}

// Take has a piece of work done, and returns when somebody does it. It reports false when ended is closed before anybody is free.
// It is called by one goroutine at a time.
func (c *Crew[W]) Take(ended <-chan struct{}, w W) bool {
	select {
	case c.waiting <- w:
		return true
	default:
	}
	if c.hands < c.most {
		c.hands++
		c.busy.Go(func() {
			c.do(w)
			for w := range c.waiting {
				c.do(w)
			}
		})
		return true
	}
	select {
	case c.waiting <- w:
		return true
	case <-ended:
		return false
	}
}

// Dismiss returns when all that was taken is done. Nothing can be taken any more.
func (c *Crew[W]) Dismiss() {
	close(c.waiting)
	c.busy.Wait()
}
