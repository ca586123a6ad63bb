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
