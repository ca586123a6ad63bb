package identitystore

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
	"github.com/steward-mcp/steward/internal/infrastructure/identitystore/sqlcgen"
)

func toRow(s identity.Snapshot) (sqlcgen.ApiKey, error) {
	personas, err := json.Marshal(s.Personas)
	if err != nil {
		return sqlcgen.ApiKey{}, fmt.Errorf("write a key's personas: %w", err)
	}
	attributes, err := json.Marshal(s.Attributes)
	if err != nil {
		return sqlcgen.ApiKey{}, fmt.Errorf("write a key's attributes: %w", err)
	}
	scope, err := json.Marshal(scopeOf(s.Scope))
	if err != nil {
		return sqlcgen.ApiKey{}, fmt.Errorf("write a key's scope: %w", err)
	}
	networks, err := json.Marshal(append([]netip.Prefix{}, s.Networks...))
	if err != nil {
		return sqlcgen.ApiKey{}, fmt.Errorf("write a key's networks: %w", err)
	}
	row := sqlcgen.ApiKey{
		ID: s.ID.String(), Name: s.Name, Environment: s.Env, Personas: string(personas), Attributes: string(attributes),
		Digest: s.Digest[:], CreatedUs: s.Created.UnixMicro(), ExpiresUs: s.Expires.UnixMicro(),
		RevokedUs: database.Micros(s.Revoked), IssuedUs: database.Micros(s.Issued), Scope: string(scope), Networks: string(networks),
		PreviousUntilUs: database.Micros(s.PreviousUntil), UsedUs: database.Micros(s.Used), UsedFrom: s.UsedFrom,
	}
	if !s.PreviousUntil.IsZero() {
		row.PreviousDigest = s.Previous[:]
	}
	return row, nil
}

// keptRule is a rule of a scope as it is stored.
type keptRule struct {
	Actions []string `json:"actions"`
	Targets []string `json:"targets"`
}

func scopeOf(rules []access.Rule) []keptRule {
	kept := make([]keptRule, len(rules))
	for i, r := range rules {
		kept[i] = keptRule{Actions: r.Actions, Targets: r.Targets}
	}
	return kept
}

func toKey(row sqlcgen.ApiKey) (*identity.Key, error) {
	id, err := identity.ParseKeyID(row.ID)
	if err != nil {
		return nil, fmt.Errorf("read a key's id: %w", err)
	}
	s := identity.Snapshot{
		Terms: identity.Terms{
			ID: id, Env: row.Environment, Expires: database.Time(row.ExpiresUs), Revoked: database.TimeOrZero(row.RevokedUs),
			PreviousUntil: database.TimeOrZero(row.PreviousUntilUs),
		},
		Name: row.Name, Created: database.Time(row.CreatedUs), Issued: database.TimeOrZero(row.IssuedUs),
		Used: database.TimeOrZero(row.UsedUs), UsedFrom: row.UsedFrom,
	}
	if s.Issued.IsZero() {
		s.Issued = s.Created
	}
	if err := errors.Join(readDigests(&s.Terms, row.Digest, row.PreviousDigest), fill(&s, row)); err != nil {
		return nil, err
	}
	return identity.Restore(s), nil
}

func readDigests(t *identity.Terms, current, previous []byte) error {
	if copy(t.Digest[:], current) != len(t.Digest) {
		return errors.New("read a key: its digest is too short")
	}
	if !t.PreviousUntil.IsZero() && copy(t.Previous[:], previous) != len(t.Previous) {
		return errors.New("read a key: its previous digest is too short")
	}
	return nil
}

// toTerms does as much for a key that there is not as for one that there is.
func toTerms(id identity.KeyID, row sqlcgen.GetTermsRow) (identity.Terms, error) {
	t := identity.Terms{
		ID: id, Env: row.Environment, Expires: database.Time(row.ExpiresUs), Revoked: momentOf(row.RevokedUs), PreviousUntil: momentOf(row.PreviousUntilUs),
	}
	if err := readDigests(&t, row.Digest, row.PreviousDigest); err != nil {
		return identity.Terms{}, err
	}
	if !row.Known {
		return identity.Terms{}, nil
	}
	return t, nil
}

// momentOf is the moment that GetTerms tells, zero for what it tells of none.
func momentOf(us int64) time.Time {
	if us == -1 {
		return time.Time{}
	}
	return database.Time(us)
}

// none is how an empty list is stored. It is not parsed: most keys have no scope and no networks, and one is read for
// every holder.
const none = "[]"

func fill(s *identity.Snapshot, row sqlcgen.ApiKey) error {
	if err := json.Unmarshal([]byte(row.Personas), &s.Personas); err != nil {
		return fmt.Errorf("read a key's personas: %w", err)
	}
	if err := json.Unmarshal([]byte(row.Attributes), &s.Attributes); err != nil {
		return fmt.Errorf("read a key's attributes: %w", err)
	}
	if row.Networks != none {
		if err := json.Unmarshal([]byte(row.Networks), &s.Networks); err != nil {
			return fmt.Errorf("read a key's networks: %w", err)
		}
	}
	if row.Scope == none {
		return nil
	}
	var kept []keptRule
	if err := json.Unmarshal([]byte(row.Scope), &kept); err != nil {
		return fmt.Errorf("read a key's scope: %w", err)
	}
	for _, r := range kept {
		s.Scope = append(s.Scope, access.Rule{Actions: r.Actions, Targets: r.Targets})
	}
	return nil
}
