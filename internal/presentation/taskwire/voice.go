package taskwire

import "sync"

// Voice is the way to the client of a call, which is closed when the call goes on as a task. Safe for concurrent use.
type Voice struct {
	say    func(line []byte) error
	mu     sync.Mutex
	hushed bool
}

// NewVoice makes one that speaks by say, which is nil where there is no way.
func NewVoice(say func(line []byte) error) *Voice { return &Voice{say: say} }

// Tell gives what speaks, or nil. What is said after Hush goes nowhere, and is no error.
func (v *Voice) Tell() func(line []byte) error {
	if v.say == nil {
		return nil
	}
	return func(line []byte) error {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.hushed {
			return nil
		}
		return v.say(line)
	}
}

// Hush closes the way. Nothing is on it any more when Hush returns.
func (v *Voice) Hush() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hushed = true
}
