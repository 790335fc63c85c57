// A user's program: asks the real service once through the Anthropic SDK of npm, for one token.
// The first argument is the folder in which the SDK is installed, and what it needs for a proxy.
// The model is the first that the service lists, as names of models come and go. Nothing is retried, and
// no redirect is followed: by itself, the SDK follows 20 of them with the key.
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.argv[2], "program.js"));
const { default: Anthropic } = require("@anthropic-ai/sdk");
const { HttpsProxyAgent } = require("https-proxy-agent");
const { ProxyAgent, setGlobalDispatcher } = require("undici");

let answer = null;
let error = null;
let requests = 0;
try {
  const options = {
    maxRetries: 0,
    fetch: (url, init) => fetch(url, { ...init, redirect: "manual" }),
  };
  const proxy = process.env.HTTPS_PROXY; // none: a gateway on this machine
  if (proxy) {
    // The dispatcher is for versions that use fetch, the agent for those before.
    setGlobalDispatcher(new ProxyAgent(proxy));
    options.httpAgent = new HttpsProxyAgent(proxy);
  }
  const client = new Anthropic(options);
  requests = 1;
  const model = (await client.models.list({ limit: 1 })).data[0].id;
  requests = 2;
  const message = await client.messages.create({
    model,
    max_tokens: 1,
    messages: [{ role: "user", content: "ping" }],
  });
  answer = message.content.map((block) => block.text ?? "").join("");
} catch (raised) {
  const body = raised?.error;
  error = {
    type: raised?.constructor?.name ?? "Error",
    message: String(raised?.message ?? raised),
    status: raised?.status ?? raised?.statusCode ?? null,
    body: body && typeof body === "object" ? body : null,
  };
}
console.log(JSON.stringify({ answer, error, requests }));
process.exitCode = error ? 1 : 0;
