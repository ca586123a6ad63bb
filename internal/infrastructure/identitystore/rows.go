package identitystore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/identitystore/sqlcgen"
)

// Moments are stored as microseconds since 1970, UTC.

func toRow(s identity.Snapshot) (sqlcgen.ApiKey, error) {
	personas, err := json.Marshal(s.Personas)
	if err != nil {
		return sqlcgen.ApiKey{}, fmt.Errorf("write a key's personas: %w", err)
	}
	attributes, err := json.Marshal(s.Attributes)
	if err != nil {
		return sqlcgen.ApiKey{}, fmt.Errorf("write a key's attributes: %w", err)
	}
	row := sqlcgen.ApiKey{
		ID: s.ID.String(), Name: s.Name, Environment: s.Env, Personas: string(personas), Attributes: string(attributes),
		Digest: s.Digest[:], CreatedUs: s.Created.UnixMicro(), ExpiresUs: s.Expires.UnixMicro(),
	}
	if !s.Revoked.IsZero() {
		row.RevokedUs = sql.NullInt64{Int64: s.Revoked.UnixMicro(), Valid: true}
	}
	return row, nil
}

func toKey(row sqlcgen.ApiKey) (*identity.Key, error) {
	id, err := identity.ParseKeyID(row.ID)
	if err != nil {
		return nil, fmt.Errorf("read a key's id: %w", err)
	}
	s := identity.Snapshot{
		ID: id, Name: row.Name, Env: row.Environment,
		Created: time.UnixMicro(row.CreatedUs).UTC(), Expires: time.UnixMicro(row.ExpiresUs).UTC(),
	}
	if copy(s.Digest[:], row.Digest) != len(s.Digest) {
		return nil, errors.New("read a key: its digest is too short")
	}
	if row.RevokedUs.Valid {
		s.Revoked = time.UnixMicro(row.RevokedUs.Int64).UTC()
	}
	if err := json.Unmarshal([]byte(row.Personas), &s.Personas); err != nil {
		return nil, fmt.Errorf("read a key's personas: %w", err)
	}
	if err := json.Unmarshal([]byte(row.Attributes), &s.Attributes); err != nil {
		return nil, fmt.Errorf("read a key's attributes: %w", err)
	}
	return identity.Restore(s), nil
}
