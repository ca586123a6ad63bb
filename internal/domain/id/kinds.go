package id

// The kinds of identifier, as type arguments to New and Parse.
type (
	RequestKind      struct{}
	ConversationKind struct{}
	SessionKind      struct{}
	TaskKind         struct{}

	ProtocolSessionKind struct{}
)

func (RequestKind) prefix() string      { return "req" }
func (ConversationKind) prefix() string { return "cnv" }
func (SessionKind) prefix() string      { return "ses" }
func (TaskKind) prefix() string         { return "tsk" }

func (ProtocolSessionKind) prefix() string { return "mcp" }

// The identifiers in use.
type (
	Request      = ID[RequestKind]      // one request, from its arrival to its closed record
	Conversation = ID[ConversationKind] // one conversation with a model
	Session      = ID[SessionKind]      // who speaks, with what client, revision and transport
	Task         = ID[TaskKind]         // one call that outlives the request that brought it

	ProtocolSession = ID[ProtocolSessionKind] // one session of a protocol revision that has them
)
