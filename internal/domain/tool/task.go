package tool

// TaskSupport says whether a call of a tool can go on after the request that brought it has been answered: as a task, which
// its caller asks about later.
type TaskSupport string

// How a tool is called. TaskOptional suits what is usually quick: the call is answered directly when it ends soon, and when its
// caller does not know tasks. TaskRequired suits what never is: the call becomes a task as soon as it runs, and whoever does not
// know tasks cannot make it. What Bind asks the client is asked before there is a task, what Run asks is asked by the task.
const (
	TaskNone     TaskSupport = ""
	TaskOptional TaskSupport = "optional"
	TaskRequired TaskSupport = "required"
)
