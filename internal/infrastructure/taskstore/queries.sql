-- name: InsertTask :execrows
INSERT INTO tasks (
  id, owner, tool, request, arguments, demands, obliged, runner, state, created_us, updated_us, ttl_us, poll_us, pending, result, size, code, message
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING;

-- name: UpdateTask :exec
UPDATE tasks
SET state = ?, updated_us = ?, pending = ?, result = ?, size = ?, code = ?, message = ?
WHERE id = ?;

-- name: GetTask :one
SELECT id, owner, tool, request, arguments, demands, obliged, runner, state, created_us, updated_us, ttl_us, poll_us, pending, result, size, code, message
FROM tasks
WHERE id = ? AND owner = ?;

-- name: DeleteExpired :execrows
DELETE FROM tasks WHERE created_us + ttl_us <= CAST(sqlc.arg(now_us) AS INTEGER);

-- name: ListUnfinished :many
SELECT id, owner FROM tasks WHERE runner = ? AND state IN ('working', 'input_required');

-- name: SumOwned :one
SELECT count(*) AS tasks, CAST(coalesce(sum(size), 0) AS INTEGER) AS bytes FROM tasks WHERE owner = ?;

-- name: SumAll :one
SELECT count(*) AS tasks, CAST(coalesce(sum(size), 0) AS INTEGER) AS bytes FROM tasks;
