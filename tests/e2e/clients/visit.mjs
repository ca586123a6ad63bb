// visit.mjs connects with one of the TypeScript SDK's clients, does what a client does, and prints what it was given as
// one JSON object.
//
//   node visit.mjs SDK QUESTION http URL KEY
//   node visit.mjs SDK QUESTION stdio COMMAND [ARGUMENT]…
//
// SDK is v2-modern, v2-legacy, v2-auto, v1, or sse: a client of the time when there was no other way over HTTP.
const [sdk, question, transport, ...where] = process.argv.slice(2);
const info = { name: `visit-${sdk}`, version: "1" };

async function clientOf(name, options) {
  const { Client } = await import(name);
  return new Client(info, options);
}

async function open() {
  const headers = { Authorization: `Bearer ${where[1]}` };
  const process_ = { command: where[0], args: where.slice(1), stderr: "inherit" };
  switch (sdk) {
    case "v2-modern":
    case "v2-legacy":
    case "v2-auto": {
      const mode = { "v2-modern": { pin: "2026-07-28" }, "v2-legacy": "legacy", "v2-auto": "auto" }[sdk];
      const client = await clientOf("@modelcontextprotocol/client", { versionNegotiation: { mode } });
      const over = await import(`@modelcontextprotocol/client${transport === "stdio" ? "/stdio" : ""}`);
      await client.connect(transport === "stdio"
        ? new over.StdioClientTransport(process_)
        : new over.StreamableHTTPClientTransport(new URL(where[0]), { requestInit: { headers } }));
      return client;
    }
    case "v1": {
      const client = await clientOf("mcp-sdk-v1/client/index.js");
      if (transport === "stdio") {
        const { StdioClientTransport } = await import("mcp-sdk-v1/client/stdio.js");
        await client.connect(new StdioClientTransport(process_));
      } else {
        const { StreamableHTTPClientTransport } = await import("mcp-sdk-v1/client/streamableHttp.js");
        await client.connect(new StreamableHTTPClientTransport(new URL(where[0]), { requestInit: { headers } }));
      }
      return client;
    }
    case "sse": {
      const client = await clientOf("mcp-sdk-with-sse/client/index.js");
      const { SSEClientTransport } = await import("mcp-sdk-with-sse/client/sse.js");
      await client.connect(new SSEClientTransport(new URL(where[0]), {
        eventSourceInit: { fetch: (url, init) => fetch(url, { ...init, headers: { ...init?.headers, ...headers } }) },
        requestInit: { headers },
      }));
      return client;
    }
  }
  throw new Error(`there is no SDK ${sdk}`);
}

const client = await open();
const stages = [];
const { tools } = await client.listTools();
const called = await client.callTool({ name: "query", arguments: JSON.parse(question) }, ...(sdk.startsWith("v2")
  ? [{ onprogress: (p) => stages.push(p) }]
  : [undefined, { onprogress: (p) => stages.push(p) }]));
const echoes = await Promise.all(Array.from({ length: 20 }, (_, i) =>
  client.callTool({ name: "echo", arguments: { text: `echo ${i}` } })));
const read = await client.readResource({ uri: "metric://revenue" });
const prompt = await client.getPrompt({ name: "metric_analysis", arguments: { metric: "revenue" } });
const completed = await client.complete({
  ref: { type: "ref/prompt", name: "metric_analysis" }, argument: { name: "metric", value: "reve" },
});
let refused = "";
try {
  const answer = await client.callTool({ name: "no_such_tool", arguments: {} });
  refused = JSON.stringify(answer);
} catch (e) {
  refused = String(e.message);
}
console.log(JSON.stringify({
  revision: client.getNegotiatedProtocolVersion?.() ?? "",
  tools, structured: called.structuredContent, stages: stages.length,
  echoes: echoes.map((e) => e.content[0].text),
  resource: read.contents[0].text, prompt: prompt.messages[0].content.text,
  completions: completed.completion.values, refused,
}));
await client.close();
