-- name: InsertKey :execrows
INSERT INTO api_keys (id, name, environment, personas, attributes, digest, created_us, expires_us, revoked_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING;

-- name: GetKey :one
SELECT id, name, environment, personas, attributes, digest, created_us, expires_us, revoked_us
FROM api_keys
WHERE id = ?;

-- name: ListKeys :many
SELECT id, name, environment, personas, attributes, digest, created_us, expires_us, revoked_us
FROM api_keys
ORDER BY created_us, id;

-- name: UpdateKey :exec
UPDATE api_keys
SET name = ?, environment = ?, personas = ?, attributes = ?, digest = ?, expires_us = ?, revoked_us = ?
WHERE id = ?;
