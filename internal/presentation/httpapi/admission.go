package httpapi

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// maxConnections bounds the connections of a listener unless it is told otherwise. Further ones wait in the operating
// system's queue: a process that has no file descriptor left could not even open the next file of its journal.
const maxConnections = 4096

// Room is how many connections a listener has at a time.
type Room struct {
	Most int // altogether; further ones wait
	Each int // of one subscriber; further ones are closed at once. 0 for any number
	// Of tells whom an address belongs to, and whether Each is meant for them. Each needs it.
	Of func(netip.Addr) (subscriber netip.Prefix, bounded bool)
}

// admission is a listener with room for so many connections at once.
type admission struct {
	net.Listener
	room    Room
	refused func(netip.Addr)
	places  chan struct{}
	closed  chan struct{}
	once    sync.Once

	mu sync.Mutex
	by map[netip.Prefix]int // only subscribers that have any
}

func admit(listener net.Listener, room Room, refused func(netip.Addr)) net.Listener {
	return &admission{
		Listener: listener, room: room, refused: refused, by: make(map[netip.Prefix]int),
		places: make(chan struct{}, room.Most), closed: make(chan struct{}),
	}
}

// Accept waits for a place, and then for a connection of somebody who has not too many.
func (a *admission) Accept() (net.Conn, error) {
	select {
	case a.places <- struct{}{}:
	case <-a.closed:
		return nil, net.ErrClosed
	}
	for {
		connection, err := a.Listener.Accept()
		if err != nil {
			<-a.places
			return nil, err
		}
		leave, ok := a.enter(addressOf(connection.RemoteAddr().String()))
		if !ok {
			_ = connection.Close() // whom nothing is owed
			continue
		}
		return newAdmitted(connection, sync.OnceFunc(func() { leave(); <-a.places })), nil
	}
}

// enter counts a connection of an address, if it may have one more.
func (a *admission) enter(from netip.Addr) (leave func(), ok bool) {
	if a.room.Each == 0 {
		return func() {}, true
	}
	subscriber, bounded := a.room.Of(from)
	if !bounded {
		return func() {}, true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by[subscriber] >= a.room.Each {
		a.refused(from)
		return nil, false
	}
	a.by[subscriber]++
	return func() { a.leave(subscriber) }, true
}

func (a *admission) leave(subscriber netip.Prefix) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by[subscriber]--; a.by[subscriber] == 0 {
		delete(a.by, subscriber)
	}
}

// Close ends the listening, and whoever waits for a place.
func (a *admission) Close() error {
	a.once.Do(func() { close(a.closed) })
	return a.Listener.Close()
}

type admitted struct {
	net.Conn
	leave            func()
	written          atomic.Int64
	visit            visit
	reading, writing deadline
}

func newAdmitted(c net.Conn, leave func()) *admitted {
	return &admitted{Conn: c, leave: leave, reading: deadline{set: c.SetReadDeadline}, writing: deadline{set: c.SetWriteDeadline}}
}

// Read heeds the deadline for reading.
func (a *admitted) Read(into []byte) (int, error) {
	a.reading.begin()
	defer a.reading.end()
	return a.Conn.Read(into)
}

// Write heeds the deadline for writing, and counts what net/http says.
func (a *admitted) Write(data []byte) (int, error) {
	a.writing.begin()
	defer a.writing.end()
	n, err := a.Conn.Write(data)
	a.written.Add(int64(n))
	return n, err
}

// SetReadDeadline is good until another one is set. It may come up to a second too early.
func (a *admitted) SetReadDeadline(t time.Time) error { return a.reading.Set(t) }

// SetWriteDeadline is as SetReadDeadline.
func (a *admitted) SetWriteDeadline(t time.Time) error { return a.writing.Set(t) }

// SetDeadline sets both.
func (a *admitted) SetDeadline(t time.Time) error {
	return errors.Join(a.reading.Set(t), a.writing.Set(t))
}

// Close gives the place to the next connection.
func (a *admitted) Close() error {
	defer a.leave()
	return a.Conn.Close()
}

// CloseWrite is how net/http ends the upload of somebody whom it has refused, so that they can read the refusal.
func (a *admitted) CloseWrite() error {
	if half, ok := a.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
