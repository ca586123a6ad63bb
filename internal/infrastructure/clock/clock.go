// Package clock is the wall clock, and the only place outside the command line that reads it. Whoever needs the
// time takes a func() time.Time, so that tests can say what time it is.
package clock

import "time"

// Now is the present moment. It carries the monotonic reading, so the difference of two of them is right even
// when the wall clock is set in between; whoever stores or prints it converts it to UTC, which drops that reading.
func Now() time.Time { return time.Now() }
