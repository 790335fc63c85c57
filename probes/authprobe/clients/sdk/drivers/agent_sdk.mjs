// A user's program: asks one question through the Node Agent SDK and prints what it got.
// The first argument is the folder of the installed package.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const { exports = {}, main } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const entry = exports["."] ?? exports;
const file = typeof entry === "string" ? entry : (entry.import ?? entry.default ?? main);
const path = typeof file === "string" ? file : (file.default ?? main);
const { query } = await import(pathToFileURL(join(folder, path)));

let result = null;
let error = null;
try {
  for await (const message of query({ prompt: "ping" })) {
    if (message.type === "result") result = message;
  }
} catch (raised) {
  error = { type: raised?.constructor?.name ?? "Error", message: String(raised?.message ?? raised) };
}
console.log(JSON.stringify({ result, error }));
