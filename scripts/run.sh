#!/usr/bin/env bash
# Provisions the demo and serves it in the foreground: `make run`. Needs bin/steward.
#
# The key of whoever looks after the server lies beside the connection file, in operator.key.
#
# STEWARD_… variables reach the server as they are, so that another address or state can be tried out. BINARY names
# another steward, CONNECTION another place for the file that scripts read; both absolute.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$(pwd)
config=configs/demo/steward.yaml
demo=var/demo
binary=${BINARY:-$here/bin/steward}
connection=${CONNECTION:-$here/$demo/connection.json}
operator=$(dirname "$connection")/operator.key

# Without Python the metrics can still be looked at: their manifest comes ready parsed.
without_engine() {
  echo "run: going on without the metrics engine; \`query\` will say what is missing" >&2
  mkdir -p "$demo/project/target"
  [ -f "$demo/project/target/semantic_manifest.json" ] ||
    cp configs/demo/semantic_manifest.json "$demo/project/target/semantic_manifest.json"
}
status=0
scripts/engine.sh || status=$?
if [ "$status" = 0 ]; then scripts/demo.sh || status=$?; fi
case $status in
  0) ;;
  3) without_engine ;;
  *) exit "$status" ;;
esac

# The keys are made once and kept for their owner alone; a key that no longer holds is made anew with the state.
umask 077
read_key() { sed -n "s/.*\"$1\": \"\(stw_[^\"]*\)\".*/\1/p" "$connection" 2>/dev/null || true; }
analyst=$(read_key analyst)
regional=$(read_key regional)
if ! listed=$("$binary" keys list -c $config); then
  echo "run: is the demo running already? It can serve once at a time" >&2
  exit 1
fi
known=$(printf '%s\n' "$listed" | sed -En 's/.*"id":"([^"]*)".*"state":"(active|expiring)".*/\1/p')
holds() { [ -n "$1" ] && printf '%s\n' "$known" | grep -qx "$(printf '%s' "$1" | cut -d_ -f3)"; }
holds "$analyst" || analyst=$("$binary" keys create -q -c $config --name "Demo analyst" --persona analyst)
holds "$regional" || regional=$("$binary" keys create -q -c $config --name "Demo regional manager, North" --persona regional --attribute region=North)
holds "$(cat "$operator" 2>/dev/null)" || "$binary" keys create -q -c $config --name "Demo operator" --persona operator > "$operator"

listen=$(sed -n 's/^  listen: //p' $config)
url="http://${STEWARD_SERVER__LISTEN:-$listen}/mcp"
cat > "$connection.new" <<JSON
{
  "url": "$url",
  "keys": {
    "analyst": "$analyst",
    "regional": "$regional"
  },
  "config": "$here/$config"
}
JSON
mv "$connection.new" "$connection"

cat <<TEXT

Steward serves the demo shop at  $url
  analyst key           $analyst
  regional manager key  $regional

Claude Code:
  claude mcp add --transport http steward $url --header "Authorization: Bearer $analyst"

Claude Desktop (claude_desktop_config.json, over stdio; the user is then the analyst, without a key):
  {"mcpServers": {"steward": {"command": "$binary", "args": ["stdio", "--config", "$here/$config"]}}}

Cursor (.cursor/mcp.json):
  {"mcpServers": {"steward": {"url": "$url", "headers": {"Authorization": "Bearer $analyst"}}}}

MCP Inspector:
  npx @modelcontextprotocol/inspector --cli $url --transport http --header "Authorization: Bearer $analyst" --method tools/list

curl:
  curl -s $url -H "Authorization: Bearer $analyst" -H "Content-Type: application/json" \\
    -H "Accept: application/json, text/event-stream" -H "Mcp-Protocol-Version: 2026-07-28" \\
    -H "Mcp-Method: tools/call" -H "Mcp-Name: query" \\
    -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query","arguments":{"metrics":["revenue"],"group_by":["metric_time__month","region__name"],"start_time":"2025-10-01","end_time":"2025-12-31"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}'

Look after it, from another terminal:
  $binary sessions list --table -c $here/$config --admin-key $operator

Ask it: "What was revenue by month and region in the last quarter of 2025?"   Stop it with Ctrl-C.

TEXT
exec "$binary" serve --config $config
