package httpapi

import (
	"sync"
	"time"
)

// deadlineStep is how much too early a deadline may be: one that is nearly right is left as it is.
const deadlineStep = time.Second

// deadline is one of a connection's, for reading or for writing. To set one costs the runtime's timers more than most requests
// take to read, and net/http sets six for each request of a connection; it matters only while somebody waits, so that
// is when it is set. Safe for concurrent use.
type deadline struct {
	mu        sync.Mutex
	set       func(time.Time) error
	want, has time.Time
	waiting   int
}

// Set is net.Conn's: who waits already heeds it, and whoever waits from now on.
func (d *deadline) Set(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.want = t; d.waiting == 0 {
		return nil
	}
	return d.apply()
}

// begin is called before something that the deadline ends, and end after it.
func (d *deadline) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.apply() // fails on a closed connection, which what is about to begin tells by itself
	d.waiting++
}

func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting--
}

func (d *deadline) apply() error {
	if early := d.want.Sub(d.has); d.want.IsZero() == d.has.IsZero() && early >= 0 && early < deadlineStep {
		return nil
	}
	d.has = d.want
	return d.set(d.want)
}
