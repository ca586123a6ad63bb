// A host of MCP Apps with a real browser: shows the page from standard input in a sandboxed frame under the policy
// that the specification sets when a resource declares nothing, hands it one answer after another, does what a case
// says, and prints what was to be seen. Standard input is {html, cases, shots}, see view_test.go.
import { text } from "node:stream/consumers";
import puppeteer from "puppeteer-core";

const input = JSON.parse(await text(process.stdin));
const policy = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src 'self' data:; connect-src 'none'";

async function browser() {
  const plain = { headless: true, args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"] };
  if (process.env.CHROME) return puppeteer.launch({ ...plain, executablePath: process.env.CHROME });
  const { default: chromium } = await import("@sparticuz/chromium");
  chromium.setGraphicsMode = false;
  return puppeteer.launch({ headless: "shell", args: [...chromium.args, ...plain.args], executablePath: await chromium.executablePath() });
}

// The host itself: answers what a host answers, and keeps all it is told.
function host() {
  window.told = [];
  const frame = document.querySelector("iframe");
  window.say = (message) => frame.contentWindow.postMessage({ jsonrpc: "2.0", ...message }, "*");
  window.addEventListener("message", (event) => {
    if (event.source !== frame.contentWindow) return;
    window.told.push(event.data);
    const m = event.data;
    if (m.method === "ui/initialize") window.say({ id: m.id, result: { protocolVersion: "2026-01-26", hostInfo: { name: "test", version: "1" }, hostCapabilities: {}, hostContext: window.context } });
    if (m.method === "ui/notifications/size-changed") frame.style.height = `${m.params.height}px`;
  });
}

// What a person can see in the frame.
function seen() {
  const shown = (e) => e && !e.closest("[hidden]") && e.getClientRects().length > 0;
  const box = (e) => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
  const svg = document.querySelector("svg");
  const texts = svg ? [...svg.querySelectorAll("text")] : [];
  const edge = svg ? box(svg) : [0, 0, 0, 0];
  const overlaps = [];
  texts.forEach((a, i) => texts.slice(i + 1).forEach((b) => {
    const [p, q] = [box(a), box(b)];
    if (Math.min(p[2], q[2]) - Math.max(p[0], q[0]) > 1 && Math.min(p[3], q[3]) - Math.max(p[1], q[1]) > 4) overlaps.push(`${a.textContent} | ${b.textContent}`);
  }));
  return {
    title: document.querySelector("h1").textContent,
    texts: texts.map((t) => t.textContent),
    overlaps, cutOff: texts.filter((t) => { const b = box(t); return b[0] < -1 || b[2] > window.innerWidth + 1 || b[1] < edge[1] - 2; }).map((t) => t.textContent),
    paths: svg ? svg.querySelectorAll("path").length : 0, dots: svg ? svg.querySelectorAll("circle").length : 0,
    bars: svg ? [...svg.querySelectorAll("rect")].filter((r) => r.style.fill).length : 0,
    legend: [...document.querySelectorAll("#legend button")].map((b) => b.textContent),
    cards: [...document.querySelectorAll("#cards b")].map((b) => b.textContent),
    notes: [...document.querySelectorAll("#notes li")].map((n) => n.textContent),
    tip: shown(document.querySelector("#tip")) ? document.querySelector("#tip").innerText : "",
    said: document.querySelector("#said").textContent,
    cells: shown(document.querySelector("table")) ? [...document.querySelectorAll("td")].map((c) => c.textContent) : [],
    pre: document.querySelector("pre")?.textContent ?? "",
    ground: getComputedStyle(document.body).backgroundColor,
    foreign: document.querySelectorAll("img, iframe, object, embed, link, a, script[src]").length,
    attacked: window.attacked === true, wide: document.documentElement.scrollWidth > window.innerWidth,
  };
}

const steps = {
  key: async (page, frame, key) => { await frame.$eval("svg", (e) => e.focus()); await page.keyboard.press(key); },
  hover: async (page, frame, [x, y]) => { const b = await (await frame.$("svg")).boundingBox(); await page.mouse.move(b.x + x * b.width, b.y + y * b.height); },
  click: async (page, frame, selector) => { await (await frame.$(selector)).click(); },
  say: (page, _, message) => page.evaluate((m) => window.say(m), message),
  // A message that does not come from the host: the page's own window, and a frame inside it, are not its parent.
  forge: (_, frame, message) => frame.evaluate((m) => { window.postMessage({ jsonrpc: "2.0", ...m }, "*"); }, message),
};

async function run(chrome, c) {
  const page = await chrome.newPage();
  const trouble = [], asked = [];
  page.on("console", (m) => { if (m.type() === "error" || m.type() === "warn") trouble.push(m.text()); });
  page.on("pageerror", (e) => trouble.push(String(e)));
  page.on("request", (r) => { if (!/^(about|data):/.test(r.url())) asked.push(r.url()); });
  page.on("dialog", (d) => { trouble.push(`dialog ${d.message()}`); d.dismiss(); });
  await page.setViewport({ width: (c.width ?? 760) + 20, height: 900, deviceScaleFactor: 1 });
  await page.setContent(`<!doctype html><meta http-equiv="Content-Security-Policy" content="${policy}"><style>body{margin:10px}iframe{border:0;width:${c.width ?? 760}px;height:200px}</style><iframe sandbox="allow-scripts"></iframe>`);
  await page.evaluate((context) => { window.context = context; }, { theme: c.theme ?? "light", locale: "en", ...c.context });
  await page.evaluate(host);
  await page.evaluate((html) => { document.querySelector("iframe").srcdoc = html; }, input.html);
  const told = (method) => page.waitForFunction((m) => window.told.some((t) => t.method === m), { timeout: 30000, polling: 20 }, method);
  await told("ui/notifications/initialized");
  const frame = await (await page.$("iframe")).contentFrame();
  const quiet = () => frame.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0)))));
  await page.evaluate((m) => { window.say({ method: "ui/notifications/tool-input", params: { arguments: {} } }); window.say(m); }, { method: "ui/notifications/tool-result", params: c.result });
  await quiet();
  const views = [await frame.evaluate(seen)];
  for (const [step, argument] of c.steps ?? []) {
    await steps[step](page, frame, argument);
    await quiet();
    views.push(await frame.evaluate(seen));
  }
  await quiet();
  if (input.shots) await page.screenshot({ path: `${input.shots}/${c.name}.png`, clip: { x: 0, y: 0, width: (c.width ?? 760) + 20, height: 20 + await page.$eval("iframe", (f) => f.offsetHeight) } });
  const messages = await page.evaluate(() => window.told);
  await page.close();
  return { name: c.name, views, messages, trouble, asked };
}

const chrome = await browser();
try {
  const reports = [];
  for (const c of input.cases) reports.push(await run(chrome, c));
  process.stdout.write(JSON.stringify(reports));
} finally {
  await chrome.close();
}
