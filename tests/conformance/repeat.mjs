// Runs the conformance suite several times in one process: repeat.mjs TIMES ARGUMENT...
// The suite is a command that ends its process; here that ends one run of it. {run} in an argument becomes the number of
// the run.
const [times, ...args] = process.argv.slice(2);
const exit = process.exit;
const suite = new URL('node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url);

let worst = 0;
for (let run = 1; run <= Number(times); run++) {
  const ended = new Promise((resolve) => {
    process.exit = (code) => {
      resolve(code ?? 0);
      return new Promise(() => {}); // nothing after it runs
    };
  });
  process.argv.splice(1, Infinity, suite.pathname, ...args.map((a) => a.replace('{run}', run)));
  await import(`${suite.href}?run=${run}`);
  worst = Math.max(worst, await ended);
}
exit(worst);
