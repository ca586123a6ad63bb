package mcpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	domain "github.com/steward-mcp/steward/internal/domain/session"
	"github.com/steward-mcp/steward/internal/presentation/feed"
	"github.com/steward-mcp/steward/internal/presentation/refusal"
)

// streamLife is how long a stream is open that only waits. Then its client begins another one, as whoever it is by then.
const streamLife = time.Hour

// push is what goes to clients that ask for nothing at the moment.
type push struct {
	subscribe  cqrs.Governed[toolapp.Subscribe, struct{}]
	recordings *feed.Recordings
	streams    feed.Open
	audience   feed.Audience
	mirroring  map[string]*mcp.Tool // those whose arguments are repeated in headers, by their published names
}

func (s *Server) pushes(p Parts) {
	s.subscribe, s.recordings = p.Subscribe, feed.NewRecordings(feed.LimitsFor(p.MaxResult), p.Now)
	s.sessions, s.mirroring = newSessions(p.Now, s.forget), make(map[string]*mcp.Tool)
	if p.Changes != nil {
		p.Changes.Listen(s.audience.Tell, func() bool { return s.audience.Size() > 0 })
	}
}

// offer is what clients can be told of.
func (s *Server) offer() feed.Offer { return feed.Offer{Tools: s.sees, Library: s.library} }

// HangUp ends all streams that only wait, and opens no more, so that a stop does not have to wait for them.
func (s *Server) HangUp() { s.streams.Stop() }

// listen is subscriptions/listen: it tells of changes until its client, its credential, its session or the server ends it.
// mcp-go reads the request and makes the result; it would wait too, and then tell nobody of resources.
func (s *Server) listen(ctx context.Context, x *exchange) reply {
	over, end := context.WithCancel(ctx)
	end()
	r := s.dispatch(over, x)
	if r.code != 0 || x.rejected != nil {
		return r
	}
	var asked struct {
		Notifications mcp.SubscriptionFilter `json:"notifications"`
	}
	_ = json.Unmarshal(x.message.Params, &asked) // mcp-go has read it
	want := asked.Notifications
	client := feed.NewSubscriber(s.offer(), x.request.Actor(), feed.Lists{
		Tools: want.ToolsListChanged, Prompts: want.PromptsListChanged, Resources: want.ResourcesListChanged,
	}, x.message.ID)
	uris := client.SubscribeTo(ctx, want.ResourceSubscriptions)
	ctx, leave := s.holdOpen(ctx, x, "")
	if x.rejected != nil {
		return reply{}
	}
	defer leave()
	if x.rejected = fault.From(x.request.Begin(ctx)); x.rejected != nil {
		return reply{}
	}
	s.audience.Join(client.Mailbox)
	defer s.audience.Leave(client.Mailbox)
	if x.tell(client.Acknowledgement(uris)) != nil || len(uris) == 0 && client.Lists() == (feed.Lists{}) {
		return r
	}
	feed.VisitOf(ctx).Yield()
	limited, cancel := context.WithTimeout(ctx, streamLife)
	defer cancel()
	_ = client.Follow(limited, x.request.Actor(), x.tell, x.beat) // who takes nothing any more has left
	return x.ended(ctx, r)
}

// holdOpen takes a place among the streams that only wait, or leaves in x that there is none. See feed.Open.
func (s *Server) holdOpen(ctx context.Context, x *exchange, sid string) (_ context.Context, leave func()) {
	ctx, leave, err := s.streams.Enter(ctx, x.request.ActorID(), sid)
	if x.rejected = fault.From(err); errors.Is(err, feed.ErrStreams) {
		x.deniedBy = audit.ByLimit
	}
	return ctx, leave
}

// ended is the end of a stream on record: with a reason if it was the credential or an operator.
func (x *exchange) ended(ctx context.Context, r reply) reply {
	f := fault.From(context.Cause(ctx))
	if f == nil || f.Kind == fault.Canceled || f.Kind == fault.Timeout || f.Is(feed.ErrStopped) {
		return r
	}
	switch x.rejected = f; {
	case f.Is(domain.ErrClosed):
		x.deniedBy = audit.BySession
	case f.Kind == fault.Unauthenticated:
		x.deniedBy = audit.ByAuthentication
	}
	return reply{}
}

// get opens a stream of the session: the rest of one that the client has lost, or what there is to tell without being asked.
func (s *Server) get(w http.ResponseWriter, r *http.Request, x *exchange) {
	if mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion)) {
		w.Header().Set("Allow", "POST")
		s.reject(w, r, x, http.StatusMethodNotAllowed, mcp.INVALID_REQUEST, refusal.ErrMethod.Saying("Use POST; subscriptions/listen opens a stream in this revision."))
		return
	}
	if !feed.Accepted(r.Header) {
		s.reject(w, r, x, http.StatusNotAcceptable, mcp.INVALID_REQUEST, refusal.ErrAccept)
		return
	}
	if !s.inSession(w, r, x) {
		return
	}
	x.request.Speaks("", x.revision(), x.client())
	ctx, leave := s.enter(r.Context(), x)
	defer leave()
	if x.rejected == nil && s.affords(ctx, x) {
		s.stream(ctx, w, r, x)
		return
	}
	s.turnAway(w, r, x)
}

// turnAway answers what asked for a stream with the reason why it gets none.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, x *exchange) {
	s.reject(w, r, x, refusal.Status(x.rejected.Kind), mcp.INVALID_REQUEST, x.rejected)
}

// stream is on record when it begins and when it ends.
func (s *Server) stream(ctx context.Context, w http.ResponseWriter, r *http.Request, x *exchange) {
	ctx, leave := s.holdOpen(ctx, x, x.session.id)
	if x.rejected != nil {
		s.turnAway(w, r, x)
		return
	}
	defer leave()
	out := feed.NewResponse(w)
	follow := func(ctx context.Context) error {
		client := s.hears(x.session, x.request.Actor())
		return client.Follow(ctx, x.request.Actor(), func(line []byte) error { return out.Send(feed.Event{Data: line}) }, out.Beat)
	}
	if last := r.Header.Get(mcp.HeaderLastEventID); last != "" {
		lost, err := s.recordings.Find(x.session.id, last)
		if err != nil {
			s.reject(w, r, x, http.StatusBadRequest, mcp.INVALID_REQUEST, refusal.ErrResume)
			return
		}
		follow = func(ctx context.Context) error {
			return feed.Pump(ctx, lost.Next, func(missed []feed.Event) error { return out.Send(missed...) }, out.Beat)
		}
	}
	if x.rejected = fault.From(x.request.Begin(ctx)); x.rejected != nil {
		s.turnAway(w, r, x)
		return
	}
	feed.VisitOf(ctx).Yield()
	limited, cancel := context.WithTimeout(ctx, streamLife)
	defer cancel()
	if out.Begin() == nil {
		_ = follow(limited) // who takes nothing any more has left
	}
	x.ended(ctx, reply{})
	s.closeStream(ctx, x)
}

func (s *Server) closeStream(ctx context.Context, x *exchange) {
	if err := x.request.Close(ctx, cqrs.Outcome{Fault: x.rejected, DeniedBy: x.deniedBy}); err != nil {
		s.log.Error("audit.lost", zap.String("request_id", x.request.ID()), observe.Error(err))
	}
}

// hears is whom the session is to its streams: what one of them has not told, the next one does. It hears of changes from then
// on, if it is one that will be forgotten; of others tells takes care.
func (s *Server) hears(of *session, who access.Principal) *feed.Subscriber {
	client := of.hears(func() *feed.Subscriber {
		return feed.NewSubscriber(s.offer(), who, feed.Lists{Tools: true, Prompts: true, Resources: true}, nil)
	})
	if s.sessions.Has(of.id) {
		s.audience.Join(client.Mailbox)
		if !s.sessions.Has(of.id) { // it has been forgotten meanwhile
			s.audience.Leave(client.Mailbox)
		}
	}
	return client
}

// tells tells the one peer of a connection, who has that session, of changes until ctx ends, or tell fails.
func (s *Server) tells(ctx context.Context, of *session, who access.Principal, tell func(line []byte) error, beat func() error) error {
	client := s.hears(of, who)
	s.audience.Join(client.Mailbox)
	defer s.audience.Leave(client.Mailbox)
	return client.Follow(ctx, who, func(line []byte) error {
		if !of.Initialized() {
			return nil // it has not asked anything that could be otherwise now
		}
		return tell(line)
	}, beat)
}

// subscribes is resources/subscribe, which mcp-go only acknowledges.
func (s *Server) subscribes(ctx context.Context, x *exchange) error {
	client := s.hears(x.session, x.request.Actor())
	if !client.Room(x.message.URI) {
		return refusal.ErrSubscriptions
	}
	if _, err := s.subscribe.Do(ctx, s.library.Subscribing(x.request.Actor(), x.message.URI)); err != nil {
		return err
	}
	client.Subscribe(x.message.URI)
	return nil
}

func (s *session) unsubscribes(uri string) {
	if client := s.hears(nil); client != nil {
		client.Unsubscribe(uri)
	}
}

// forget lets go of what a session held that has ended.
func (s *Server) forget(gone *session) {
	s.recordings.Forget(gone.id)
	s.streams.EndSession(gone.id)
	gone.calls.Abandon()
	if client := gone.hears(nil); client != nil {
		s.audience.Leave(client.Mailbox)
	}
}

// hears gives the session's subscriber, which begin makes when there is none yet.
func (s *session) hears(begin func() *feed.Subscriber) *feed.Subscriber {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subscriber == nil && begin != nil {
		s.subscriber = begin()
	}
	return s.subscriber
}
