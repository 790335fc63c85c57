"""Two published programs at two versions each, from YAML alone, in one report with `claude`."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.command import run
from tests.support.registry import UNREACHABLE

SCENARIO = r"""
id: two-programs
title: two real programs beside claude
why: Each tells its user the same as the API.
sources: [https://llm.datasette.io/]
clients:
  simon-llm:
    install: {pip: llm, beside: [llm-anthropic]}
    run: ["{bin}/llm", "-m", "claude-sonnet-4.5", "{prompt}"]
    message: {from: stderr, matches: "Error: (.*)"}
    status: {from: stderr, matches: "Error code: ([0-9]{3})"}
  vercel-ai:
    install: {npm: ai, beside: ["@ai-sdk/anthropic"]}
    files:
      work/ask.mjs: |
        import { createRequire } from "node:module";
        const load = createRequire(process.argv[2] + "/");
        const { generateText } = load("ai");
        const { createAnthropic } = load("@ai-sdk/anthropic");
        const anthropic = createAnthropic({ apiKey: "{key}", baseURL: "{base_url}/v1" });
        try {
          const model = anthropic("claude-sonnet-5-5");
          const { text } = await generateText({ model, prompt: "{prompt}", maxRetries: 0 });
          console.log(text);
        } catch (error) {
          console.error("Error: " + (error.statusCode ?? "none") + " " + error.message);
          process.exitCode = 1;
        }
    run: [node, ask.mjs, "{bin}"]
    status: {from: stderr, matches: "Error: ([0-9]{3})"}
credentials:
  good: {token: api-key}
  unknown: {token: api-key, state: unknown}
matrix:
  client: [simon-llm@0.34, simon-llm@0.36, vercel-ai@6.0.1, vercel-ai@7.0.173,
    claude-code@2.1.31]
  credential: [good]
include:
  - {client: simon-llm@0.34, credential: unknown}
  - {client: vercel-ai@7.0.173, credential: unknown}
expect:
  - when: {credential: good}
    then: {outcome: accepted, message: pong}
  - then: {outcome: rejected, status: 401}
"""


def test_programs_of_both_registries_are_judged_right(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(SCENARIO)
    argv = [sys.executable, "-m", "authprobe", "run", "two.yaml", "--out", "report"]
    ended = run(cwd=tmp_path, argv=argv)
    text = ended.out + ended.err
    if UNREACHABLE in text:
        pytest.skip("NO PACKAGE REGISTRY: the programs could not be installed or tested")
    assert (ended.code, "7 cases: 7 passed" in text) == (0, True), text
    cases = json.loads((tmp_path / "report" / "results.json").read_text())["cases"]
    versions = {case["observation"]["client_version"] for case in cases}
    assert versions == {"0.34", "0.36", "6.0.1", "7.0.173", "2.1.31"}
