-- name: KeepSession :exec
INSERT INTO closed_sessions (id, principal, client, revision, transport, address, requests, refused,
  opened_us, used_us, closed_us, closed_by, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE
SET principal = excluded.principal, client = excluded.client, revision = excluded.revision,
  transport = excluded.transport, address = excluded.address, requests = excluded.requests,
  refused = excluded.refused, opened_us = excluded.opened_us, used_us = excluded.used_us,
  closed_us = excluded.closed_us, closed_by = excluded.closed_by, reason = excluded.reason;

-- name: ListSessions :many
SELECT id, principal, client, revision, transport, address, requests, refused,
  opened_us, used_us, closed_us, closed_by, reason
FROM closed_sessions
ORDER BY id;

-- name: TouchSession :exec
UPDATE closed_sessions
SET principal = ?, client = ?, revision = ?, transport = ?, address = ?, requests = ?, refused = ?, used_us = ?
WHERE id = ? AND (used_us IS NULL OR used_us <= ?);

-- name: ForgetSessions :exec
DELETE FROM closed_sessions
WHERE max(closed_us, coalesce(used_us, closed_us)) < ?;
