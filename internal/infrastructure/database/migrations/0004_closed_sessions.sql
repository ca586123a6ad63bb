-- +goose Up
-- Sessions that an operator closed. Who its peer is may be unknown: it can be closed by its identifier alone.
CREATE TABLE closed_sessions (
  id        TEXT    NOT NULL PRIMARY KEY,
  principal TEXT    NOT NULL,
  client    TEXT    NOT NULL,
  revision  TEXT    NOT NULL,
  transport TEXT    NOT NULL,
  address   TEXT    NOT NULL,
  requests  INTEGER NOT NULL CHECK (requests >= 0),
  refused   INTEGER NOT NULL CHECK (refused >= 0),
  opened_us INTEGER,
  used_us   INTEGER,
  closed_us INTEGER NOT NULL,
  closed_by TEXT    NOT NULL,
  reason    TEXT    NOT NULL
) STRICT;

-- +goose Down
DROP TABLE closed_sessions;
