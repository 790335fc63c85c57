// A user's program: asks one question through the Anthropic SDK of npm and prints what it got.
// The first argument is the folder in which the SDK is installed, and what it needs for a proxy.
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.argv[2], "program.js"));
const { default: Anthropic } = require("@anthropic-ai/sdk");
const { HttpsProxyAgent } = require("https-proxy-agent");
const { ProxyAgent, setGlobalDispatcher } = require("undici");

const QUESTION = {
  model: "claude-sonnet-5-5",
  max_tokens: 16,
  messages: [{ role: "user", content: "ping" }],
};
const proxy = process.env.HTTPS_PROXY;

let answer = null;
let error = null;
try {
  // The dispatcher is for versions that use fetch, the agent for those before.
  setGlobalDispatcher(new ProxyAgent(proxy));
  const client = new Anthropic({ httpAgent: new HttpsProxyAgent(proxy) });
  answer = (await client.messages.create(QUESTION)).content[0].text;
} catch (raised) {
  error = {
    type: raised?.constructor?.name ?? "Error",
    message: String(raised?.message ?? raised),
    status: raised?.status ?? raised?.statusCode ?? null,
    request_id: raised?.requestID ?? raised?.request_id ?? null,
    cause: raised?.cause ? String(raised.cause.cause ?? raised.cause) : null,
  };
}
console.log(JSON.stringify({ answer, error }));
process.exitCode = error ? 1 : 0;
