// Compiles each Vega-Lite specification on standard input and draws it as SVG, as any client would, without loading
// anything. Prints a list of {svg, complaints}.
import { text } from "node:stream/consumers";
import * as vega from "vega";
import * as vegaLite from "vega-lite";

const refuse = { load: async (uri) => { throw new Error(`loads ${uri}`); }, sanitize: async (uri) => { throw new Error(`links ${uri}`); } };

async function draw(spec) {
  const complaints = [];
  const complain = (...words) => { complaints.push(words.join(" ")); return logger; };
  const logger = { level: () => logger, warn: complain, error: complain, info: () => logger, debug: () => logger };
  try {
    const compiled = vegaLite.compile(spec, { logger }).spec;
    const view = new vega.View(vega.parse(compiled), { renderer: "none", logger, loader: refuse });
    return { svg: await view.toSVG(), complaints };
  } catch (error) {
    return { svg: "", complaints: [...complaints, String(error)] };
  }
}

const drawn = [];
for (const spec of JSON.parse(await text(process.stdin))) drawn.push(await draw(spec));
process.stdout.write(JSON.stringify(drawn));
