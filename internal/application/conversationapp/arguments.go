package conversationapp

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/id"
)

// decode reads one JSON object strictly: an unknown key, a wrong type or anything after the object is ErrArguments.
func decode[T any](args json.RawMessage) (T, error) {
	var into T
	decoder := json.NewDecoder(bytes.NewReader(args))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&into); err != nil {
		return into, ErrArguments.Because(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return into, ErrArguments
	}
	return into, nil
}

// parseID reads the identifier of a conversation. A malformed one is told apart from an absent one: that a string
// cannot be an identifier is no secret.
func parseID(text string) (id.Conversation, error) {
	cid, err := id.Parse[id.ConversationKind](text)
	if err != nil {
		return id.Conversation{}, conversation.ErrNotFound.Saying("conversation_id is not one that Steward gave; leave it out to start a conversation.")
	}
	return cid, nil
}
