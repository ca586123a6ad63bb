-- +goose Up
CREATE TABLE conversations (
  id               TEXT    NOT NULL PRIMARY KEY,
  owner            TEXT    NOT NULL,
  state            TEXT    NOT NULL CHECK (state IN ('active', 'paused', 'closed', 'archived')),
  title            TEXT    NOT NULL,
  model            TEXT    NOT NULL,
  system_prompt    TEXT    NOT NULL,
  max_tokens       INTEGER NOT NULL CHECK (max_tokens > 0),
  input_tokens     INTEGER NOT NULL CHECK (input_tokens >= 0),
  output_tokens    INTEGER NOT NULL CHECK (output_tokens >= 0),
  reservations     INTEGER NOT NULL CHECK (reservations >= 0),
  pending_text     TEXT,
  pending_at_us    INTEGER,
  pending_until_us INTEGER,
  started_at_us    INTEGER NOT NULL,
  used_at_us       INTEGER NOT NULL,
  CHECK ((pending_text IS NULL) = (pending_at_us IS NULL) AND (pending_text IS NULL) = (pending_until_us IS NULL))
) STRICT;

CREATE INDEX conversations_by_owner ON conversations (owner, used_at_us);

CREATE TABLE conversation_turns (
  conversation_id TEXT    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  position        INTEGER NOT NULL CHECK (position >= 0),
  role            TEXT    NOT NULL CHECK (role IN ('user', 'assistant')),
  text            TEXT    NOT NULL,
  at_us           INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, position)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE conversation_turns;
DROP TABLE conversations;
