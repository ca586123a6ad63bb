-- +goose Up
-- The tokens that each owner of conversations has spent, or reserved, in a day.
CREATE TABLE token_use (
  owner  TEXT    NOT NULL,
  day    INTEGER NOT NULL, -- since 1970, UTC
  tokens INTEGER NOT NULL CHECK (tokens >= 0),
  PRIMARY KEY (owner, day)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE token_use;
