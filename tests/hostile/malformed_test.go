package hostile_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/tests/harness"
)

// input is something that nobody should send, or hardly anybody.
type input struct {
	raw     string // KEY and SESSION are put in
	status  int
	outcome string // of its one closed record; empty when there is none
	method  string // of the request, where the answer depends on it
}

// unread are inputs that net/http refuses before they are a request. Each leaves a record that says no more than that.
var unread = map[string]input{
	"the hello of TLS":            {raw: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", status: 400},
	"half a request line":         {raw: "GET\r\n\r\n", status: 400},
	"a version of the future":     {raw: "POST /mcp HTTP/9.9\r\nHost: localhost\r\n\r\n", status: 505},
	"no host":                     {raw: "POST /mcp HTTP/1.1\r\n\r\n", status: 400},
	"two hosts":                   {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", status: 400},
	"a host with a user":          {raw: "POST /mcp HTTP/1.1\r\nHost: localhost@evil.example\r\n\r\n", status: 400},
	"a host with a space":         {raw: "POST /mcp HTTP/1.1\r\nHost: local host\r\n\r\n", status: 400},
	"a header name with a space":  {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nBad Header: x\r\n\r\n", status: 400},
	"a header with a NUL":         {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-A: a\x00b\r\n\r\n", status: 400},
	"a header with a bare CR":     {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-A: a\rb\r\n\r\n", status: 400},
	"a folded header":             {raw: "POST /mcp HTTP/1.1\r\n Host: localhost\r\n\r\n", status: 400},
	"a negative length":           {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", status: 400},
	"a length with a sign":        {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\nabcde", status: 400},
	"two lengths":                 {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde", status: 400},
	"a length beyond all numbers": {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n", status: 400},
	"a transfer coding":           {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", status: 501},
	"two transfer codings":        {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", status: 501},
	"an unknown expectation":      {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nExpect: wonders\r\n\r\n", status: 417},
	"headers without end":         {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-A: " + strings.Repeat("a", 80<<10) + "\r\n\r\n", status: 431},
}

// unfit are requests that something of Steward's refuses, or answers as it should although they look odd.
var unfit = map[string]input{
	// The route.
	"all of the server":        {raw: "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 404, outcome: "http.not_found"},
	"the preface of HTTP/2":    {raw: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", status: 404, outcome: "http.not_found"},
	"a tunnel":                 {raw: "CONNECT localhost:22 HTTP/1.1\r\nHost: localhost:22\r\n\r\n", status: 404, outcome: "http.not_found"},
	"a path with two slashes":  {raw: "POST //mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 404, outcome: "http.not_found"},
	"a path that climbs":       {raw: "POST /mcp/../mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 404, outcome: "http.not_found"},
	"a path that climbs out":   {raw: "GET /../../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 404, outcome: "http.not_found"},
	"a path in capitals":       {raw: "POST /MCP HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 404, outcome: "http.not_found"},
	"a path with a parameter":  {raw: "POST /mcp;x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 404, outcome: "http.not_found"},
	"a path with a line break": {raw: "POST /mcp%0d%0aX-A:%20b HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 404, outcome: "http.not_found"},
	"a post to /health":        {raw: "POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}", status: 404, outcome: "http.not_found"},
	"a page about Go":          {raw: "GET /debug/pprof/ HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 404, outcome: "http.not_found"},
	// Whose host, which page.
	"another host":              {raw: "POST /mcp HTTP/1.1\r\nHost: evil.example\r\n\r\n", status: 403, outcome: "http.host"},
	"another host in the line":  {raw: "POST http://evil.example/mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 403, outcome: "http.host"},
	"no host in HTTP/1.0":       {raw: "POST /mcp HTTP/1.0\r\n\r\n", status: 403, outcome: "http.host"},
	"a host that only begins":   {raw: "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n", status: 403, outcome: "http.host"},
	"another origin":            {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n", status: 403, outcome: "http.origin"},
	"the origin of a file":      {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n", status: 403, outcome: "http.origin"},
	"another origin behind one": {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nOrigin: http://evil.example\r\n\r\n", status: 403, outcome: "http.origin"},
	"a key in the URL":          {raw: "POST /mcp?ACCESS_TOKEN=KEY HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 400, outcome: "http.credential_in_url"},
	// Who asks.
	"no key":           {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 401, outcome: "identity.unauthenticated"},
	"two keys":         {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer KEY\r\nAuthorization: Bearer KEY\r\n\r\n", status: 401, outcome: "identity.unauthenticated"},
	"a key and more":   {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer KEY x\r\n\r\n", status: 401, outcome: "identity.unauthenticated"},
	"a key in quotes":  {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \"KEY\"\r\n\r\n", status: 401, outcome: "identity.unauthenticated"},
	"a very long key":  {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + strings.Repeat("stw_dev_", 7000) + "\r\n\r\n", status: 401, outcome: "identity.unauthenticated"},
	"a key by Basic":   {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic KEY\r\n\r\n", status: 401, outcome: "identity.unauthenticated"},
	"a key elsewhere":  {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: KEY\r\n\r\n", status: 401, outcome: "identity.unauthenticated"},
	"a preflight":      {raw: "OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nAccess-Control-Request-Method: POST\r\n\r\n", status: 401, outcome: "identity.unauthenticated"},
	"a body unwatched": {raw: "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n", status: 401, outcome: "identity.unauthenticated"},
	// How it is asked.
	"GET":                        {raw: bare("GET", ""), status: 406, outcome: "http.accept"},
	"HEAD":                       {raw: bare("HEAD", ""), status: 405, outcome: "http.method", method: "HEAD"},
	"PUT":                        {raw: bare("PUT", "{}"), status: 405, outcome: "http.method"},
	"PATCH":                      {raw: bare("PATCH", "{}"), status: 405, outcome: "http.method"},
	"TRACE":                      {raw: bare("TRACE", ""), status: 405, outcome: "http.method"},
	"OPTIONS":                    {raw: bare("OPTIONS", ""), status: 405, outcome: "http.method"},
	"a method of its own":        {raw: bare("FROBNICATE", ""), status: 405, outcome: "http.method"},
	"DELETE without a session":   {raw: bare("DELETE", ""), status: 404, outcome: "mcp.session"},
	"DELETE where none can be":   {raw: bare("DELETE", "", "Mcp-Protocol-Version: 2026-07-28"), status: 405, outcome: "http.method"},
	"no media type":              {raw: bare("POST", ping), status: 415, outcome: "http.media_type"},
	"another media type":         {raw: post(ping, "Content-Type: text/plain"), status: 415, outcome: "http.media_type"},
	"a form":                     {raw: post("a=b", "Content-Type: application/x-www-form-urlencoded"), status: 415, outcome: "http.media_type"},
	"a broken media type":        {raw: post(ping, "Content-Type: application/json; charset"), status: 415, outcome: "http.media_type"},
	"two media types":            {raw: post(ping, "Content-Type: application/json", "Content-Type: text/plain"), status: 400, outcome: "mcp.headers"},
	"a compressed body":          {raw: post("\x1f\x8b\x08\x00", "Content-Type: application/json", "Content-Encoding: gzip"), status: 415, outcome: "http.media_type"},
	"two sessions":               {raw: legacy(ping, "Mcp-Session-Id: SESSION"), status: 400, outcome: "mcp.headers"},
	"two revisions":              {raw: modern(ping, "Mcp-Protocol-Version: 2025-11-25"), status: 400, outcome: "mcp.headers"},
	"a session that is none":     {raw: post(ping, jsonType, "Mcp-Session-Id: ses_0000"), status: 404, outcome: "mcp.session"},
	"a session of 60 KB":         {raw: post(ping, jsonType, "Mcp-Session-Id: "+strings.Repeat("s", 60<<10)), status: 404, outcome: "mcp.session"},
	"no session":                 {raw: post(ping, jsonType), status: 400, outcome: "mcp.session_required"},
	"a revision that is none":    {raw: legacy(list, "Mcp-Protocol-Version: 1999-01-01"), status: 400, outcome: "mcp.revision"},
	"a revision of the future":   {raw: post(strings.ReplaceAll(modernList, "2026-07-28", "2099-01-01"), jsonType, "Mcp-Protocol-Version: 2099-01-01"), status: 400, outcome: "mcp.revision"},
	"a revision in one place":    {raw: post(modernList, jsonType), status: 400, outcome: "mcp.headers"},
	"a revision in the other":    {raw: modern(list), status: 400, outcome: "mcp.headers"},
	"a stream to resume":         {raw: modern(modernList, "Mcp-Method: tools/list", "Last-Event-ID: 7"), status: 400, outcome: "mcp.headers"},
	"a header that disagrees":    {raw: modern(modernList, "Mcp-Method: tools/call"), status: 400, outcome: "mcp.headers"},
	"a name that is no base64":   {raw: modern(modernCall(`"echo"`, `{"text":"x"}`), "Mcp-Method: tools/call", "Mcp-Name: =?base64?!!!?="), status: 400, outcome: "mcp.headers"},
	"a body that is too large":   {raw: post(strings.Repeat(" ", 5<<20), jsonType), status: 413, outcome: "http.body_too_large"},
	"chunks that are too many":   {raw: chunked(strings.Repeat(" ", 5<<20)), status: 413, outcome: "http.body_too_large"},
	"a chunk that is none":       {raw: bare("POST", "", jsonType, "Transfer-Encoding: chunked") + "ZZ\r\n", status: 400, outcome: "http.body_unread"},
	"a chunk of all the numbers": {raw: bare("POST", "", jsonType, "Transfer-Encoding: chunked") + "ffffffffffffffff0\r\n", status: 400, outcome: "http.body_unread"},
	// What JSON it is.
	"nothing":                   {raw: legacy(""), status: 400, outcome: "mcp.message"},
	"half an object":            {raw: legacy("{"), status: 400, outcome: "mcp.message"},
	"a byte order mark":         {raw: legacy("\ufeff" + list), status: 400, outcome: "mcp.message"},
	"UTF-16":                    {raw: legacy("\x00{\x00}"), status: 400, outcome: "mcp.message"},
	"a NUL":                     {raw: legacy(list + "\x00"), status: 400, outcome: "mcp.message"},
	"bytes that are no text":    {raw: legacy("{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"tools/list\"}"), status: 400, outcome: "mcp.message"},
	"half a character":          {raw: legacy(`{"jsonrpc":"2.0","id":"\ud800","method":"tools/list"}`), status: 400, outcome: "mcp.message"},
	"NaN":                       {raw: legacy(`{"jsonrpc":"2.0","id":NaN,"method":"tools/list"}`), status: 400, outcome: "mcp.message"},
	"a comment":                 {raw: legacy(`{/*x*/"jsonrpc":"2.0","id":1,"method":"tools/list"}`), status: 400, outcome: "mcp.message"},
	"two messages":              {raw: legacy(list + "\n" + list), status: 400, outcome: "mcp.message"},
	"a batch":                   {raw: legacy("[" + list + "," + list + "]"), status: 400, outcome: "mcp.message"},
	"an empty batch":            {raw: legacy("[]"), status: 400, outcome: "mcp.message"},
	"null":                      {raw: legacy("null"), status: 400, outcome: "mcp.message"},
	"a number":                  {raw: legacy("17"), status: 400, outcome: "mcp.message"},
	"depth":                     {raw: legacy(strings.Repeat(`{"params":`, 100_000)), status: 400, outcome: "mcp.message"},
	"one member twice":          {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"ping"}`), status: 400, outcome: "mcp.message"},
	"one member spelled twice":  {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/list","\u006dethod":"ping"}`), status: 400, outcome: "mcp.message"},
	"a member in capitals":      {raw: legacy(`{"jsonrpc":"2.0","ID":1,"method":"tools/list"}`), status: 400, outcome: "mcp.message"},
	"a member with a long s":    {raw: legacy("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"},\"param\u017f\":{\"name\":\"whoami\"}}"), status: 400, outcome: "mcp.message"},
	"too many members":          {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{` + many(2000) + `}}}`), status: 400, outcome: "mcp.message"},
	"no version":                {raw: legacy(`{"id":1,"method":"tools/list"}`), status: 400, outcome: "mcp.message"},
	"version 1.0":               {raw: legacy(`{"jsonrpc":"1.0","id":1,"method":"tools/list"}`), status: 400, outcome: "mcp.message"},
	"version 2":                 {raw: legacy(`{"jsonrpc":2.0,"id":1,"method":"tools/list"}`), status: 400, outcome: "mcp.message"},
	"an id of null":             {raw: legacy(`{"jsonrpc":"2.0","id":null,"method":"tools/list"}`), status: 400, outcome: "mcp.message"},
	"an id of true":             {raw: legacy(`{"jsonrpc":"2.0","id":true,"method":"tools/list"}`), status: 400, outcome: "mcp.message"},
	"an id that is an object":   {raw: legacy(`{"jsonrpc":"2.0","id":{},"method":"tools/list"}`), status: 400, outcome: "mcp.message"},
	"an id beyond all numbers":  {raw: legacy(`{"jsonrpc":"2.0","id":1e400,"method":"tools/list"}`), status: 200, outcome: "mcp.request"},
	"an id of many digits":      {raw: legacy(`{"jsonrpc":"2.0","id":` + strings.Repeat("7", 1000) + `,"method":"tools/list"}`), status: 200, outcome: "mcp.request"},
	"an id of minus nothing":    {raw: legacy(`{"jsonrpc":"2.0","id":-0,"method":"tools/list"}`), status: 200, outcome: audit.OK},
	"an id with a point":        {raw: legacy(`{"jsonrpc":"2.0","id":1.5e0,"method":"tools/list"}`), status: 200, outcome: audit.OK},
	"an id of 100 KB":           {raw: legacy(`{"jsonrpc":"2.0","id":"` + strings.Repeat("i", 100<<10) + `","method":"tools/list"}`), status: 200, outcome: audit.OK},
	"an id of line breaks":      {raw: legacy(`{"jsonrpc":"2.0","id":"\r\n\u001b[2J\u2028","method":"tools/list"}`), status: 200, outcome: audit.OK},
	"a method of a number":      {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":7}`), status: 400, outcome: "mcp.message"},
	"no method":                 {raw: legacy(`{"jsonrpc":"2.0","id":1}`), status: 400, outcome: "mcp.message"},
	"an empty method":           {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":""}`), status: 400, outcome: "mcp.message"},
	"a method of line breaks":   {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"a\r\n{\"phase\":\"closed\"}\u001b[2J\u0000\u202e"}`), status: 200, outcome: "mcp.request"},
	"a method of 100 KB":        {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("m", 100<<10) + `"}`), status: 200, outcome: "mcp.request"},
	"a method and a result":     {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}`), status: 400, outcome: "mcp.message"},
	"parameters of null":        {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":null}`), status: 200, outcome: audit.OK},
	"parameters by position":    {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}`), status: 400, outcome: "mcp.message"},
	"parameters of text":        {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":"x"}`), status: 400, outcome: "mcp.message"},
	"_meta of null":             {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":null}}`), status: 200, outcome: audit.OK},
	"_meta of text":             {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":"x"}}`), status: 200, outcome: "mcp.request"},
	"_meta of a nest":           {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"traceparent":{"a":[1]},"progressToken":{}}}}`), status: 200, outcome: audit.OK},
	"no capabilities":           {raw: modern(strings.Replace(modernList, `"io.modelcontextprotocol/clientCapabilities":{}`, `"a":1`, 1), "Mcp-Method: tools/list"), status: 400, outcome: "mcp.request"},
	"capabilities of a number":  {raw: modern(strings.Replace(modernList, `Capabilities":{}`, `Capabilities":7`, 1), "Mcp-Method: tools/list"), status: 400, outcome: "mcp.request"},
	"a client that is a number": {raw: modern(strings.Replace(modernList, `{"name":"t","version":"1"}`, `7`, 1), "Mcp-Method: tools/list"), status: 200, outcome: audit.OK},
	"a cursor that is none":     {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"!!!"}}`), status: 200, outcome: "mcp.cursor"},
	"a cursor of a number":      {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":7}}`), status: 200, outcome: "mcp.request"},
	"a response":                {raw: modern(`{"jsonrpc":"2.0","id":1,"result":{}}`), status: 400, outcome: "mcp.headers"},
	"a method of the past":      {raw: modern(strings.Replace(modernList, "tools/list", "initialize", 1), "Mcp-Method: initialize"), status: 404, outcome: "mcp.request"},
	"a method of the future":    {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"server/discover"}`), status: 200, outcome: "mcp.request"},
	"prompts":                   {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"prompts/list"}`), status: 200, outcome: "mcp.request"},
	"resources":                 {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///etc/passwd"}}`), status: 200, outcome: "mcp.request"},
	"logging":                   {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}`), status: 200, outcome: "ok"},
	"tasks":                     {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"tasks/list"}`), status: 200, outcome: "mcp.request"},
	"a broken initialize":       {raw: post(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":7}}`, jsonType), status: 200, outcome: "mcp.request"},
	// Which tool, with which arguments.
	"no tool":               {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}`), status: 200, outcome: "tool.unknown"},
	"a tool of null":        {raw: legacy(call(`null`, `{}`)), status: 200, outcome: "tool.unknown"},
	"a tool of a number":    {raw: legacy(call(`7`, `{}`)), status: 200, outcome: "tool.unknown"},
	"an unknown tool":       {raw: legacy(call(`"rm"`, `{}`)), status: 200, outcome: "tool.unknown"},
	"a tool with a NUL":     {raw: legacy(call(`"echo\u0000"`, `{}`)), status: 200, outcome: "tool.unknown"},
	"a tool in capitals":    {raw: legacy(call(`"ECHO"`, `{}`)), status: 200, outcome: "tool.unknown"},
	"a tool of 100 KB":      {raw: legacy(call(`"`+strings.Repeat("t", 100<<10)+`"`, `{}`)), status: 200, outcome: "tool.unknown"},
	"arguments of null":     {raw: legacy(call(`"echo"`, `null`)), status: 200, outcome: "tool.arguments"},
	"arguments by position": {raw: legacy(call(`"echo"`, `["x"]`)), status: 200, outcome: "tool.arguments"},
	"arguments of text":     {raw: legacy(call(`"echo"`, `"x"`)), status: 200, outcome: "tool.arguments"},
	"an argument missing":   {raw: legacy(call(`"echo"`, `{}`)), status: 200, outcome: "tool.arguments"},
	"an argument too many":  {raw: legacy(call(`"echo"`, `{"text":"x","more":1}`)), status: 200, outcome: "tool.arguments"},
	"another argument":      {raw: legacy(call(`"echo"`, `{"Text":"x"}`)), status: 200, outcome: "tool.arguments"},
	"an argument of null":   {raw: legacy(call(`"echo"`, `{"text":null}`)), status: 200, outcome: "tool.arguments"},
	"arguments in depth":    {raw: legacy(call(`"echo"`, strings.Repeat(`{"a":`, 61)+`1`+strings.Repeat(`}`, 61))), status: 200, outcome: "tool.arguments"},
	"a task":                {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"},"task":{"ttl":1}}}`), status: 200, outcome: audit.OK},
	"a ping with a number":  {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"ping","params":7}`), status: 400, outcome: "mcp.message"},
	"a ping with no meta":   {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":7}}`), status: 200, outcome: "mcp.request"},
	"a ping that is none":   {raw: modern(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{`+modernMeta+`}}`, "Mcp-Method: ping"), status: 404, outcome: "mcp.request"},
	"a ping out of range":   {raw: legacy(`{"jsonrpc":"2.0","id":1e400,"method":"ping"}`), status: 200, outcome: "mcp.request"},
	// What is as it should be, and what is on no record.
	"a good call":            {raw: legacy(call(`"echo"`, `{"text":"x"}`)), status: 200, outcome: audit.OK},
	"a good call in chunks":  {raw: chunked(call(`"echo"`, `{"text":"x"}`), "Mcp-Session-Id: SESSION"), status: 200, outcome: audit.OK},
	"a good call, encoded":   {raw: strings.Replace(legacy(list), "/mcp", "/%6d%63p", 1), status: 200, outcome: audit.OK},
	"a good call, announced": {raw: legacy(list, "Expect: 100-continue"), status: 200, outcome: audit.OK},
	"a good call of old":     {raw: strings.Replace(legacy(list), "HTTP/1.1", "HTTP/1.0", 1), status: 200, outcome: audit.OK},
	"a ping":                 {raw: legacy(ping), status: 200},
	"a ping with nothing":    {raw: legacy(`{"jsonrpc":"2.0","id":1,"method":"ping","params":null}`), status: 200},
	"a notification":         {raw: legacy(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`), status: 202},
	"an unknown one":         {raw: legacy(`{"jsonrpc":"2.0","method":"notifications/\r\n"}`), status: 202},
	"a call as notification": {raw: legacy(`{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo","arguments":{"text":"x"}}}`), status: 202},
	"a start as one":         {raw: post(`{"jsonrpc":"2.0","method":"initialize","params":{}}`, jsonType), status: 202},
	"an answer":              {raw: legacy(`{"jsonrpc":"2.0","id":1,"result":{}}`), status: 202},
	"the server's health":    {raw: "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 200},
}

const (
	jsonType   = "Content-Type: application/json"
	ping       = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	list       = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`
	modernList = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + modernMeta + `}}`
)

func call(name, arguments string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":` + name + `,"arguments":` + arguments + `}}`
}

func modernCall(name, arguments string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":` + name + `,"arguments":` + arguments + `,` + modernMeta + `}}`
}

func many(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `,"m%d":0`, i)
	}
	return text.String()[1:]
}

// bare is a request of somebody known, with nothing but the given headers.
func bare(method, body string, headers ...string) string {
	var text strings.Builder
	text.WriteString(method + " /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer KEY\r\n")
	for _, h := range headers {
		text.WriteString(h + "\r\n")
	}
	if body != "" || method == "POST" && !strings.Contains(text.String(), "chunked") {
		text.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	return text.String() + "\r\n" + body
}

func post(body string, headers ...string) string { return bare("POST", body, headers...) }

func legacy(body string, headers ...string) string {
	return post(body, append([]string{jsonType, "Mcp-Session-Id: SESSION"}, headers...)...)
}

func modern(body string, headers ...string) string {
	return post(body, append([]string{jsonType, "Mcp-Protocol-Version: 2026-07-28"}, headers...)...)
}

func chunked(body string, headers ...string) string {
	return bare("POST", "", append([]string{jsonType, "Transfer-Encoding: chunked"}, headers...)...) +
		strconv.FormatInt(int64(len(body)), 16) + "\r\n" + body + "\r\n0\r\n\r\n"
}

// answer is what came back.
type answer struct {
	status  int
	request string // X-Request-Id
	body    string
}

// say sends bytes as they are, and reads the answer.
func (s *server) say(t *testing.T, from, raw, method string) (answer, error) {
	t.Helper()
	c := s.dial(t, from)
	defer c.Close()
	// What is refused unread may break the writing; the answer decides.
	go func() { _, _ = io.WriteString(c, raw) }()
	return hear(bufio.NewReader(c), method)
}

func hear(from *bufio.Reader, method string) (answer, error) {
	for {
		response, err := http.ReadResponse(from, &http.Request{Method: method})
		if err != nil {
			return answer{}, err
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusContinue {
			return answer{response.StatusCode, response.Header.Get("X-Request-Id"), string(body)}, err
		}
	}
}

// begin initializes a session of the older revisions and gives its id.
func (s *server) begin(t *testing.T, key string) string {
	t.Helper()
	c := harness.NewClient(s.URL, key, harness.Legacy)
	defer c.Close()
	_, _, header, err := c.Post(t.Context(), []byte(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",`+
		`"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`), nil)
	if err != nil || header.Get("Mcp-Session-Id") == "" {
		t.Fatalf("initialize: %v, headers %v", err, header)
	}
	return header.Get("Mcp-Session-Id")
}

// Whatever comes in, the answer has the status that it should have and betrays nothing, and the journal has exactly
// one closed record of each request, which does not repeat what the caller wrote as if it were ours.
func TestMalformed_IsAnsweredAndOnRecordOnce(t *testing.T) {
	t.Parallel()
	at := newSite(t, built.race)
	key := at.key(t, "attacker")
	s := at.start(t)
	session := s.begin(t, key)
	before := len(closed(s.records(t)))
	put := strings.NewReplacer("KEY", key, "SESSION", session)
	requests, recorded := map[string]string{}, 0
	for name, in := range unread {
		a, err := s.say(t, "127.0.0.2", in.raw, "POST")
		if err != nil || a.status != in.status {
			t.Errorf("%s: HTTP %d, %v, want %d: %.200s", name, a.status, err, in.status, a.body)
		}
		neutral(t, name, a.body)
	}
	for name, in := range unfit {
		a, err := s.say(t, "127.0.0.3", put.Replace(in.raw), in.method)
		if err != nil || a.status != in.status {
			t.Errorf("%s: HTTP %d, %v, want %d: %.300s", name, a.status, err, in.status, a.body)
		}
		if a.body != "" && !json.Valid([]byte(a.body)) {
			t.Errorf("%s: the answer is no JSON: %.200q", name, a.body)
		}
		if in.outcome != audit.OK {
			neutral(t, name, a.body)
		}
		if requests[name] = a.request; in.outcome != "" {
			recorded++
		}
	}
	s.alive(t, key)
	s.wait(t, "http.malformed", "127.0.0.2", len(unread))
	by := closed(s.records(t))
	for name, in := range unfit {
		of := by[requests[name]]
		switch {
		case in.outcome == "" && len(of) != 0:
			t.Errorf("%s: is on record: %+v", name, of)
		case in.outcome != "" && (len(of) != 1 || of[0].Outcome != in.outcome):
			t.Errorf("%s: records %+v, want one of %s", name, of, in.outcome)
		}
	}
	if got := len(by) - before; got != recorded+1+len(unread) {
		t.Errorf("%d requests are on record, want %d", got, recorded+1+len(unread))
	}
	if len(unread)+len(unfit) < 100 {
		t.Errorf("only %d inputs", len(unread)+len(unfit))
	}
}

// Requests that come in one go are answered in their order, each with a record of its own.
func TestMalformed_RequestsInOneGoStayApart(t *testing.T) {
	t.Parallel()
	at := newSite(t, built.race)
	key := at.key(t, "attacker")
	s := at.start(t)
	before := len(closed(s.records(t)))
	c := s.dial(t, "127.0.0.2")
	good := func(text string) string {
		return modern(modernCall(`"echo"`, `{"text":"`+text+`"}`), "Mcp-Method: tools/call", "Mcp-Name: echo")
	}
	all := good("one") + modern("{") + "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n" + good("two")
	if _, err := io.WriteString(c, strings.ReplaceAll(all, "KEY", key)); err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(c)
	by := map[string]bool{}
	for i, want := range []struct {
		status int
		says   string
	}{{200, `"text":"one"`}, {400, "mcp.message"}, {404, "http.not_found"}, {200, `"text":"two"`}} {
		a, err := hear(from, "")
		if err != nil || a.status != want.status || !strings.Contains(a.body, want.says) {
			t.Fatalf("answer %d: HTTP %d, %v: %s", i, a.status, err, a.body)
		}
		by[a.request] = true
	}
	if records := len(closed(s.records(t))) - before; len(by) != 4 || records != 4 {
		t.Errorf("%d answers have ids of their own, %d requests are on record", len(by), records)
	}
}
