package conversation

import (
	"strings"
	"unicode/utf8"
)

// Limits bounds one conversation and what one owner may hold. Texts are counted in characters (code points).
type Limits struct {
	Messages          int   // turns that a conversation can hold, replies included
	PerOwner          int   // conversations that an owner can hold
	TokensPerDay      int64 // of an owner, what is read and what is written together; 0 for any number
	MessageChars      int   // one message of the user
	SystemChars       int   // the system prompt
	ConversationChars int   // all turns of a conversation together
}

func within(what, text string, limit int) error {
	if n := utf8.RuneCountInString(text); n > limit {
		return ErrTooLong.Saying("The %s has %d characters; at most %d are allowed.", what, n, limit)
	}
	return nil
}

const titleChars = 80

// title makes a title of a first message: its first line, cut.
func title(message string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(message), "\n")
	runes := []rune(strings.TrimSpace(line))
	if len(runes) > titleChars {
		return string(runes[:titleChars-1]) + "…"
	}
	return string(runes)
}
