package roster

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/steward-mcp/steward/internal/domain/id"
)

// Member is a protocol session that belongs to a session of the domain.
type Member interface {
	Session
	BelongsTo(member id.Session) bool
}

// Members shows and ends the protocol sessions that belong to one of the domain.
type Members[S Member] struct{ *Roster[S] }

// digestShown is how many digits of a protocol session's digest are shown: enough to tell two apart.
const digestShown = 12

// Of gives the beginnings of the digests of those that belong to member, since whoever has the identifier may use it.
func (m Members[S]) Of(member id.Session) (digests []string) {
	for _, sid := range m.of(member) {
		digest := sha256.Sum256([]byte(sid))
		digests = append(digests, hex.EncodeToString(digest[:])[:digestShown])
	}
	slices.Sort(digests)
	return digests
}

// End ends those that belong to member.
func (m Members[S]) End(member id.Session) { m.Remove(m.of(member)...) }

func (m Members[S]) of(member id.Session) []string {
	return m.Those(func(held S) bool { return held.BelongsTo(member) })
}
