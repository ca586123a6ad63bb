// A certified OpenID provider on a port of its own, and clients that get access tokens from it as real ones do. It prints
// its issuer; then each line of its input names a flow, and is answered by one line of JSON.
import { createServer } from "node:http";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";

const resource = process.env.RESOURCE;
const secret = "a secret of the tests, which guards nothing";
const callback = "http://127.0.0.1/callback";

const server = createServer();
server.listen(0, "127.0.0.1");
await once(server, "listening");
const issuer = `http://127.0.0.1:${server.address().port}`;

const signing = { es256: { alg: "ES256", kty: "EC" }, rs256: { alg: "RS256", kty: "RSA" }, ps256: { alg: "PS256", kty: "RSA" } };
async function generate(name, { alg }) {
  const parameters = alg === "ES256" ? { name: "ECDSA", namedCurve: "P-256" }
    : { name: alg === "PS256" ? "RSA-PSS" : "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
  const pair = await crypto.subtle.generateKey(parameters, true, ["sign", "verify"]);
  const jwk = await crypto.subtle.exportKey("jwk", pair.privateKey);
  return { ...jwk, key_ops: undefined, ext: undefined, alg, use: "sig", kid: name };
}
const ed = await crypto.subtle.exportKey("jwk", (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])).privateKey);

// Which algorithm signs access tokens is the flow's choice.
let algorithm = "ES256";

const provider = new Provider(issuer, {
  jwks: {
    keys: [
      ...(await Promise.all(Object.entries(signing).map(([name, s]) => generate(name, s)))),
      { kty: ed.kty, crv: ed.crv, x: ed.x, d: ed.d, alg: "EdDSA", use: "sig", kid: "eddsa" },
    ],
  },
  clients: [
    { client_id: "machine", client_secret: secret, grant_types: ["client_credentials"], redirect_uris: [], response_types: [] },
    {
      client_id: "person", token_endpoint_auth_method: "none", application_type: "native", redirect_uris: [callback],
      grant_types: ["authorization_code", "refresh_token"], response_types: ["code"],
    },
  ],
  scopes: ["openid", "offline_access", "metrics:read", "metrics:other"],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, indicator) => ({
        scope: "metrics:read metrics:other", audience: indicator, accessTokenFormat: "jwt", accessTokenTTL: 600, jwt: { sign: { alg: algorithm } },
      }),
    },
  },
  enabledJWA: { clientAuthSigningAlgValues: ["RS256"], idTokenSigningAlgValues: ["RS256", "ES256"] },
  extraTokenClaims: (_ctx, token) => (token.kind === "AccessToken" ? { groups: ["data-analysts"], claims: { regions: ["north"] } } : undefined),
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  pkce: { required: () => true },
  cookies: { keys: ["a key of the tests"] },
});
server.on("request", provider.callback());

const fetching = { [oauth.allowInsecureRequests]: true };

// machine signs in by client_credentials with oauth4webapi.
async function machine(signedWith, scope, audience = resource) {
  algorithm = signedWith;
  const url = new URL(issuer);
  const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, fetching));
  const client = { client_id: "machine" };
  const response = await oauth.clientCredentialsGrantRequest(
    as, client, oauth.ClientSecretBasic(secret), new URLSearchParams({ scope, resource: audience }), fetching,
  );
  return { access: (await oauth.processClientCredentialsResponse(as, client, response)).access_token };
}

// browse signs a person in as a browser would: it follows redirects, keeps cookies and sends the forms of login and
// consent, until it is sent to the callback.
async function browse(url, login) {
  const jar = new Map();
  for (let step = 0, form; step < 20; step++) {
    const response = await fetch(url, {
      method: form ? "POST" : "GET", body: form, redirect: "manual",
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      jar.set(name, value);
    }
    form = undefined;
    if (response.status >= 300 && response.status < 400) {
      url = new URL(response.headers.get("location"), url);
      if (url.pathname === "/callback") return url;
      continue;
    }
    const page = await response.text();
    const action = /action="([^"]+)"/.exec(page), prompt = /name="prompt" value="([^"]+)"/.exec(page);
    if (!response.ok || !action || !prompt) throw new Error(`HTTP ${response.status} at ${url}: ${page.slice(0, 500)}`);
    form = new URLSearchParams({ prompt: prompt[1], login, password: "any" });
    url = new URL(action[1], url);
  }
  throw new Error("the browser is sent in circles");
}

// person signs in by authorization_code with PKCE, and then renews the token, with openid-client.
async function person() {
  algorithm = "RS256";
  const config = await openid.discovery(new URL(issuer), "person", undefined, openid.None(), { execute: [openid.allowInsecureRequests] });
  const verifier = openid.randomPKCECodeVerifier(), state = openid.randomState(), nonce = openid.randomNonce();
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: callback, scope: "openid offline_access metrics:read", resource, state, nonce, prompt: "consent",
    code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  const answer = await browse(url, "ada");
  const tokens = await openid.authorizationCodeGrant(config, answer, {
    pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
  });
  algorithm = "PS256";
  const renewed = await openid.refreshTokenGrant(config, tokens.refresh_token, { resource });
  return { access: tokens.access_token, id: tokens.id_token, refresh: tokens.refresh_token, renewed: renewed.access_token };
}

// mcp is an MCP client that knows nothing but the address of the server.
async function mcp() {
  algorithm = "EdDSA";
  const seen = {};
  const auth = {
    get redirectUrl() { return callback; },
    get clientMetadata() { return { redirect_uris: [callback], client_name: "tests" }; },
    clientInformation: () => ({ client_id: "person" }),
    tokens: () => seen.tokens,
    saveTokens: (tokens) => { seen.tokens = tokens; },
    codeVerifier: () => seen.verifier,
    saveCodeVerifier: (verifier) => { seen.verifier = verifier; },
    redirectToAuthorization: (url) => { seen.url = url; },
  };
  const connect = async () => {
    const client = new Client({ name: "tests", version: "1" });
    const transport = new StreamableHTTPClientTransport(new URL(resource), { authProvider: auth });
    try {
      await client.connect(transport);
      return { client };
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      return { transport };
    }
  };
  const first = await connect();
  if (first.client) throw new Error("the client was let in without signing in");
  const answer = await browse(seen.url, "grace");
  await first.transport.finishAuth(answer.searchParams.get("code"));
  const { client } = await connect();
  const result = await client.callTool({ name: "whoami", arguments: {} });
  await client.close();
  return {
    whoami: result.structuredContent, scope: seen.url.searchParams.get("scope"), asked: seen.url.searchParams.get("resource"),
    origin: seen.url.origin, access: seen.tokens.access_token,
  };
}

const flows = {
  machine: ([signedWith, scope, audience]) => machine(signedWith, scope, audience), person, mcp,
};

console.log(JSON.stringify({ issuer }));
for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...args] = line.split(" ");
  try {
    console.log(JSON.stringify(await flows[name](args)));
  } catch (error) {
    console.log(JSON.stringify({ error: `${error?.stack ?? error}${error?.cause ? `: ${JSON.stringify(error.cause)}` : ""}` }));
  }
}
server.closeAllConnections();
server.close();
