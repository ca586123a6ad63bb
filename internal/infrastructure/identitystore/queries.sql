-- name: InsertKey :execrows
INSERT INTO api_keys (id, name, environment, personas, attributes, digest, created_us, expires_us, revoked_us,
  issued_us, scope, networks, previous_digest, previous_until_us, used_us, used_from)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING;

-- name: GetKey :one
SELECT id, name, environment, personas, attributes, digest, created_us, expires_us, revoked_us,
  issued_us, scope, networks, previous_digest, previous_until_us, used_us, used_from
FROM api_keys
WHERE id = ?;

-- name: GetTerms :one
-- One row of the same form whether there is such a key or not, from the index alone. Where a column holds nothing stands what is as
-- long as what it could hold; a moment that is none is -1, which the driver needs as much memory for as for any other.
SELECT
  k.id IS NOT NULL AS known,
  coalesce(k.environment, 'none') AS environment,
  coalesce(k.digest, x'0000000000000000000000000000000000000000000000000000000000000000') AS digest,
  coalesce(k.expires_us, -1) AS expires_us,
  CAST(coalesce(k.revoked_us, -1) AS INTEGER) AS revoked_us,
  coalesce(k.previous_digest, x'0000000000000000000000000000000000000000000000000000000000000000') AS previous_digest,
  CAST(coalesce(k.previous_until_us, -1) AS INTEGER) AS previous_until_us
FROM (SELECT 1) AS one
LEFT JOIN api_keys AS k INDEXED BY api_keys_terms ON k.id = ?;

-- name: ListKeys :many
SELECT id, name, environment, personas, attributes, digest, created_us, expires_us, revoked_us,
  issued_us, scope, networks, previous_digest, previous_until_us, used_us, used_from
FROM api_keys
ORDER BY created_us, id;

-- name: UpdateKey :exec
UPDATE api_keys
SET name = ?, environment = ?, personas = ?, attributes = ?, digest = ?, expires_us = ?, revoked_us = ?,
  issued_us = ?, scope = ?, networks = ?, previous_digest = ?, previous_until_us = ?
WHERE id = ?;

-- name: TouchKey :exec
UPDATE api_keys
SET used_us = ?, used_from = ?
WHERE id = ? AND (used_us IS NULL OR used_us <= ?);
