package conversation

import (
	"context"
	"time"
	"unicode/utf8"
)

// Ledger keeps how many tokens each owner spends in a day, which is one of UTC: whatever conversations are begun,
// continued and forgotten, under whatever name of a client. Every method is safe for concurrent use.
type Ledger interface {
	// Reserve sets tokens of the day of now aside, so that others cannot have them, unless more than most would then be
	// spent or set aside: that is ErrBudget, which says what is left and when there is more.
	Reserve(ctx context.Context, owner string, tokens, most int64, now time.Time) error
	// Settle puts what was spent in the place of what Reserve, called with the same now, set aside.
	Settle(ctx context.Context, owner string, reserved, spent int64, now time.Time) error
	// Spent tells what is spent or set aside in the day of now.
	Spent(ctx context.Context, owner string, now time.Time) (int64, error)
}

// Day is the day of now, counted since 1970, UTC.
func Day(now time.Time) int64 {
	const seconds = 24 * 60 * 60
	return now.Unix() / seconds
}

// Refuse is the ErrBudget of an owner who has spent so much of most, and wants tokens more.
func Refuse(tokens, spent, most int64, now time.Time) error {
	tomorrow := time.Unix((Day(now)+1)*24*60*60, 0)
	return ErrBudget.After(tomorrow.Sub(now)).Saying(
		"Your %d tokens a day do not suffice: %d remain, and the answer may take %d. Ask for less with max_tokens, say less, or go on after midnight UTC.",
		most, max(0, most-spent), tokens)
}

// charsPerToken is how many characters of usual text make a token, at least.
const charsPerToken = 3

// Cost is what an answer to message may take, as far as it can be told before: the whole reply, and of what the model
// reads a cautious guess.
func (p Prompt) Cost(message string) int64 {
	chars := utf8.RuneCountInString(p.System) + utf8.RuneCountInString(message)
	for _, t := range p.Turns {
		chars += utf8.RuneCountInString(t.Text)
	}
	return int64(p.MaxTokens) + int64(chars/charsPerToken)
}
