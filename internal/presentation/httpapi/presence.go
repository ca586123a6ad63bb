package httpapi

import (
	"context"
	"net/http"
	"sync"
)

// presence knows how many requests are being handled. net/http does not tell when the handlers of the connections
// that it has closed have returned.
type presence struct {
	mu    sync.Mutex
	count int
	empty chan struct{} // closed when count falls to 0; nil while nobody waits
}

// of counts the requests that next handles.
func (p *presence) of(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.enter()
		defer p.leave()
		next.ServeHTTP(w, r)
	})
}

func (p *presence) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
}

func (p *presence) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count--; p.count == 0 && p.empty != nil {
		close(p.empty)
		p.empty = nil
	}
}

// wait returns when no request is being handled, or with the error of ctx.
func (p *presence) wait(ctx context.Context) error {
	p.mu.Lock()
	if p.count == 0 {
		p.mu.Unlock()
		return nil
	}
	if p.empty == nil {
		p.empty = make(chan struct{})
	}
	empty := p.empty
	p.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
