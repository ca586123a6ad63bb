package id

// The kinds of identifier, as type arguments to New and Parse.
type (
	RequestKind      struct{}
	ConversationKind struct{}
	SessionKind      struct{}
)

func (RequestKind) prefix() string      { return "req" }
func (ConversationKind) prefix() string { return "cnv" }
func (SessionKind) prefix() string      { return "ses" }

// The identifiers in use.
type (
	Request      = ID[RequestKind]      // one request, from its arrival to its closed record
	Conversation = ID[ConversationKind] // one conversation with a model
	Session      = ID[SessionKind]      // one protocol session of a revision that has them
)
