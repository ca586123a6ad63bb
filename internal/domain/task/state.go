package task

// State is where a task stands in its life. The words are those of the protocol.
type State string

// The states. What has completed, failed or was cancelled never changes again.
const (
	Working       State = "working"
	InputRequired State = "input_required"
	Completed     State = "completed"
	Failed        State = "failed"
	Cancelled     State = "cancelled"
)

// Event is what can happen to a task.
type Event string

// The events.
const (
	Asks      Event = "asks"      // the call cannot go on without answers
	Resumes   Event = "resumes"   // all answers are there
	Completes Event = "completes" // the call has a result, which may say that the tool failed
	Fails     Event = "fails"     // the call has none
	Cancels   Event = "cancels"   // its owner does not want it any more
)

// transitions is closed: what is not here cannot happen.
var transitions = map[State]map[Event]State{
	Working:       {Asks: InputRequired, Completes: Completed, Fails: Failed, Cancels: Cancelled},
	InputRequired: {Resumes: Working, Fails: Failed, Cancels: Cancelled},
	Completed:     {},
	Failed:        {},
	Cancelled:     {},
}

func (s State) known() bool {
	_, ok := transitions[s]
	return ok
}

// Ended reports whether nothing can happen any more.
func (s State) Ended() bool { return len(transitions[s]) == 0 }
