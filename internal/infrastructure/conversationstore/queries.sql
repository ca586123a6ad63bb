-- name: InsertConversation :exec
INSERT INTO conversations (
  id, owner, state, title, model, system_prompt, max_tokens, input_tokens, output_tokens,
  reservations, pending_text, pending_at_us, pending_until_us, started_at_us, used_at_us
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: UpdateConversation :exec
UPDATE conversations
SET state = ?, title = ?, model = ?, system_prompt = ?, max_tokens = ?, input_tokens = ?, output_tokens = ?,
    reservations = ?, pending_text = ?, pending_at_us = ?, pending_until_us = ?, used_at_us = ?
WHERE id = ?;

-- name: GetConversation :one
SELECT id, owner, state, title, model, system_prompt, max_tokens, input_tokens, output_tokens,
       reservations, pending_text, pending_at_us, pending_until_us, started_at_us, used_at_us
FROM conversations
WHERE id = ? AND owner = ?;

-- name: ListHeld :many
SELECT c.id, c.state, c.pending_until_us, c.used_at_us,
       (SELECT count(*) FROM conversation_turns t WHERE t.conversation_id = c.id) AS turns
FROM conversations c
WHERE c.owner = ?;

-- name: DeleteConversation :exec
DELETE FROM conversations WHERE id = ?;

-- name: InsertTurn :exec
INSERT INTO conversation_turns (conversation_id, position, role, text, at_us) VALUES (?, ?, ?, ?, ?);

-- name: ListTurns :many
SELECT role, text, at_us FROM conversation_turns WHERE conversation_id = ? ORDER BY position;

-- name: IsTaken :one
SELECT CAST(EXISTS (SELECT 1 FROM conversations WHERE id = ?) AS BOOLEAN) AS taken;

-- name: TokensSpent :one
SELECT tokens FROM token_use WHERE owner = ? AND day = ?;

-- name: AddTokens :exec
INSERT INTO token_use (owner, day, tokens) VALUES (?, ?, ?)
ON CONFLICT (owner, day) DO UPDATE SET tokens = max(0, tokens + excluded.tokens);

-- name: SettleTokens :exec
UPDATE token_use SET tokens = max(0, tokens + ?) WHERE owner = ? AND day = ?;

-- name: ForgetTokens :exec
DELETE FROM token_use WHERE day < ?;
