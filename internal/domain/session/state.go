package session

import "github.com/steward-mcp/steward/internal/domain/fault"

// State is what a session does with the next request of its peer.
type State string

// The states.
const (
	Opened  State = "open"    // takes it
	Closed  State = "closed"  // refuses it: an operator has said so
	Expired State = "expired" // takes it, and begins anew
)

// event is what can happen to a session.
type event string

const (
	arrival event = "request"
	closure event = "close"
	lapse   event = "lapse" // it has been quiet for its lifetime
)

// transitions are all that there are. What is not here is ErrTransition.
var transitions = map[State]map[event]State{
	Opened:  {arrival: Opened, closure: Closed, lapse: Expired},
	Closed:  {arrival: Closed, closure: Closed, lapse: Expired},
	Expired: {arrival: Opened, closure: Closed},
}

// The faults of sessions.
var (
	// ErrClosed is the answer to whoever goes on in a session that an operator closed.
	ErrClosed = fault.New(fault.Denied, "session.closed", "An operator closed this session.")
	// ErrNotFound is the answer to an identifier that is nobody's.
	ErrNotFound = fault.New(fault.NotFound, "session.not_found", "No session that is known here has this id; it may have been forgotten since.")
	// ErrTransition is the answer to a change of state that is not in the table.
	ErrTransition = fault.New(fault.Precondition, "session.transition", "The session's state does not allow that.")
)

func (s *Session) move(e event) error {
	next, ok := transitions[s.state][e]
	if !ok {
		return ErrTransition.Saying("The session is %s, which does not go with %s.", s.state, e)
	}
	s.state = next
	return nil
}
