-- +goose Up
ALTER TABLE api_keys ADD COLUMN issued_us INTEGER;         -- begin of the term; null for created_us
ALTER TABLE api_keys ADD COLUMN scope TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(scope));       -- array of rules
ALTER TABLE api_keys ADD COLUMN networks TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(networks)); -- array of prefixes
ALTER TABLE api_keys ADD COLUMN previous_digest BLOB CHECK (previous_digest IS NULL OR length(previous_digest) = 32);
ALTER TABLE api_keys ADD COLUMN previous_until_us INTEGER;
ALTER TABLE api_keys ADD COLUMN used_us INTEGER;
ALTER TABLE api_keys ADD COLUMN used_from TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE api_keys DROP COLUMN issued_us;
ALTER TABLE api_keys DROP COLUMN scope;
ALTER TABLE api_keys DROP COLUMN networks;
ALTER TABLE api_keys DROP COLUMN previous_digest;
ALTER TABLE api_keys DROP COLUMN previous_until_us;
ALTER TABLE api_keys DROP COLUMN used_us;
ALTER TABLE api_keys DROP COLUMN used_from;
