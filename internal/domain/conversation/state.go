package conversation

import "slices"

// State is where a conversation stands in its life.
type State string

// The states. Only an active conversation takes messages; an archived one never changes again.
const (
	Active   State = "active"
	Paused   State = "paused"
	Closed   State = "closed"
	Archived State = "archived"
)

// transitions is closed: what is not here cannot happen.
var transitions = map[State][]State{
	Active:   {Paused, Closed},
	Paused:   {Active, Closed},
	Closed:   {Archived},
	Archived: {},
}

func (s State) known() bool {
	_, ok := transitions[s]
	return ok
}

func (s State) leadsTo(next State) bool { return slices.Contains(transitions[s], next) }
