// The official SDK of npm as a client of the emulator: a JSON list of trials comes in on stdin, one
// line of JSON for each goes out. The first argument is the folder in which the SDK is installed.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const entry = `${process.argv[2]}/node_modules/@anthropic-ai/sdk/index.mjs`;
const { default: Anthropic } = await import(pathToFileURL(entry));

async function ask(trial) {
  const client = new Anthropic({
    baseURL: trial.base_url,
    apiKey: trial.api_key,
    authToken: trial.auth_token,
    maxRetries: trial.retries,
    timeout: trial.timeout_milliseconds,
    logLevel: "off",
  });
  const body = {
    model: "authprobe",
    max_tokens: 10,
    messages: [{ role: "user", content: "x".repeat(trial.prompt_bytes) }],
    stream: trial.stream,
    ...trial.fields,
  };
  const answer = await client.messages.create(body, { headers: trial.headers });
  if (!trial.stream) return answer?.content?.[0]?.text ?? answer;
  const events = [];
  for await (const event of answer) events.push(event.type);
  return events;
}

function* classes(error) {
  for (let each = error; (each = Object.getPrototypeOf(each)) !== Object.prototype; )
    yield each.constructor.name;
}

function told(error) {
  return {
    raised: error.constructor.name,
    classes: [...classes(error)],
    status: error.status ?? null,
    message: error.message,
    api_message: error.apiMessage ?? null,
    request_id: error.requestID ?? null,
    type: error.type ?? null,
    cause: error.cause ? [error.cause.message, error.cause.cause?.code].join(" ") : null,
  };
}

async function line(trial) {
  const began = performance.now();
  const done = (rest) => ({ name: trial.name, elapsed: (performance.now() - began) / 1000, ...rest });
  try {
    return done({ answer: (await ask(trial)) ?? null });
  } catch (error) {
    return done({ error: told(error) });
  }
}

const trials = JSON.parse(readFileSync(0, "utf8"));
// One after another: side by side, 32 MB of one would use up the time limit of another.
for (const each of trials) console.log(JSON.stringify(await line(each)));
