package task

import "github.com/steward-mcp/steward/internal/domain/fault"

// The faults of tasks.
var (
	// ErrUnknown is the answer to a task that does not exist, that has expired, that is another principal's, and whose tool its
	// owner may not call any more: all in the same words.
	ErrUnknown = fault.New(fault.NotFound, "task.unknown", "There is no such task of yours; tasks are forgotten when their ttlMs is over.")
	// ErrExists is the answer to adding an identifier twice.
	ErrExists = fault.New(fault.Conflict, "task.exists", "A task with this identifier exists already.")
	// ErrTransition is the answer to an event that the state does not allow.
	ErrTransition = fault.New(fault.Precondition, "task.transition", "The task's state does not allow that.")
	// ErrTooMany is the answer to a task beyond those that an owner, or all owners together, may hold.
	ErrTooMany = fault.New(fault.Exhausted, "task.too_many", "There are as many tasks as this server keeps for you; wait until one is forgotten, or cancel what you do not need.")
	// ErrBusy is the answer to a call that must become a task while as many run as may.
	ErrBusy = fault.New(fault.Exhausted, "task.busy", "As many tasks are running as may; wait until one has ended, or cancel one.")
	// ErrElsewhere is the answer to answers for a task that another process runs.
	ErrElsewhere = fault.New(fault.Precondition, "task.elsewhere", "Another process runs this task; answer it there.")
	// ErrNoRoom is the answer to a result beyond the bytes that an owner's tasks, or all tasks together, may hold.
	ErrNoRoom = fault.New(fault.Exhausted, "task.no_room", "The result finds no room among the tasks that are kept; ask for less, or wait until one is forgotten.")
	// ErrInterrupted is why a task failed whose call did not live to its end.
	ErrInterrupted = fault.New(fault.Unavailable, "task.interrupted", "The server stopped before the call had ended; make it again.")
	// ErrCredential is why a task failed whose owner's credential or session ended.
	ErrCredential = fault.New(fault.Denied, "task.credential", "The credential or the session under which the call was made has ended.")
	// ErrExpired is why a task failed whose time was over before the call was.
	ErrExpired = fault.New(fault.Timeout, "task.expired", "The task was not finished before its ttlMs was over.")
)
