// Driver of the official npm SDK, as a client of the emulator. Reads a JSON list of trials from stdin
// and writes one line of JSON per trial. The first argument is the folder with the installed SDK.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const entry = `${process.argv[2]}/node_modules/@anthropic-ai/sdk/index.mjs`;
const { default: Anthropic } = await import(pathToFileURL(entry));

async function call(trial) {
  const client = new Anthropic({
    baseURL: trial.base_url,
    apiKey: trial.api_key,
    authToken: trial.auth_token,
    maxRetries: trial.retries,
    timeout: trial.timeout_milliseconds,
    logLevel: "off",
  });
  const body = {
    model: "claude-authprobe-1",
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

function describe(error) {
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

async function run(trial) {
  const start = performance.now();
  const result = (rest) => ({ name: trial.name, elapsed: (performance.now() - start) / 1000, ...rest });
  try {
    return result({ answer: (await call(trial)) ?? null });
  } catch (error) {
    return result({ error: describe(error) });
  }
}

const trials = JSON.parse(readFileSync(0, "utf8"));
// Sequentially: in parallel, the 32 MB body of one trial would use up the timeout of another.
for (const trial of trials) console.log(JSON.stringify(await run(trial)));
