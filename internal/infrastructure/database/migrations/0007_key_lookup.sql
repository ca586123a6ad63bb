-- +goose Up
-- All that decides whether a key's secret holds, so that it is found without the row, which is as long as what the key grants.
CREATE INDEX api_keys_terms ON api_keys (id, environment, digest, expires_us, revoked_us, previous_digest, previous_until_us);

-- +goose Down
DROP INDEX api_keys_terms;
