package httpapi

import (
	"net"
	"sync"
)

// maxConnections bounds the connections of a listener. Further ones wait in the operating system's queue: a process
// that has no file descriptor left could not even open the next file of its journal.
const maxConnections = 4096

// admission is a listener with room for so many connections at once.
type admission struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	once   sync.Once
}

func admit(listener net.Listener, most int) net.Listener {
	return &admission{Listener: listener, places: make(chan struct{}, most), closed: make(chan struct{})}
}

// Accept waits for a place, and then for a connection.
func (a *admission) Accept() (net.Conn, error) {
	select {
	case a.places <- struct{}{}:
	case <-a.closed:
		return nil, net.ErrClosed
	}
	connection, err := a.Listener.Accept()
	if err != nil {
		<-a.places
		return nil, err
	}
	return &admitted{Conn: connection, leave: sync.OnceFunc(func() { <-a.places })}, nil
}

// Close ends the listening, and whoever waits for a place.
func (a *admission) Close() error {
	a.once.Do(func() { close(a.closed) })
	return a.Listener.Close()
}

type admitted struct {
	net.Conn
	leave func()
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
