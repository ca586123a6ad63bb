-- +goose Up
CREATE TABLE api_keys (
  id          TEXT    NOT NULL PRIMARY KEY,
  name        TEXT    NOT NULL,
  environment TEXT    NOT NULL,
  personas    TEXT    NOT NULL CHECK (json_valid(personas)),   -- array of names
  attributes  TEXT    NOT NULL CHECK (json_valid(attributes)), -- object of arrays of strings
  digest      BLOB    NOT NULL CHECK (length(digest) = 32),
  created_us  INTEGER NOT NULL,
  expires_us  INTEGER NOT NULL CHECK (expires_us > created_us),
  revoked_us  INTEGER
) STRICT;

-- +goose Down
DROP TABLE api_keys;
