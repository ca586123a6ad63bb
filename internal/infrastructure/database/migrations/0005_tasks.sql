-- +goose Up
CREATE TABLE tasks (
  id         TEXT    NOT NULL PRIMARY KEY,
  owner      TEXT    NOT NULL,
  tool       TEXT    NOT NULL,
  request    TEXT    NOT NULL,
  arguments  TEXT    NOT NULL,
  demands    TEXT    NOT NULL CHECK (json_valid(demands)), -- array
  obliged    TEXT    NOT NULL,
  runner     TEXT    NOT NULL,
  state      TEXT    NOT NULL CHECK (state IN ('working', 'input_required', 'completed', 'failed', 'cancelled')),
  created_us INTEGER NOT NULL,
  updated_us INTEGER NOT NULL,
  ttl_us     INTEGER NOT NULL,
  poll_us    INTEGER NOT NULL,
  pending    TEXT    NOT NULL CHECK (json_valid(pending)), -- object
  result     BLOB    NOT NULL,
  size       INTEGER NOT NULL,
  code       TEXT    NOT NULL,
  message    TEXT    NOT NULL
) STRICT;
CREATE INDEX tasks_by_owner ON tasks (owner, size);
CREATE INDEX tasks_by_runner ON tasks (runner, state);

-- +goose Down
DROP TABLE tasks;
