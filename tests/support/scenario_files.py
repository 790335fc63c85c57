"""Scenario files for tests: valid texts, and the errors that the loader reports for others."""

from pathlib import Path

from authprobe.errors import ScenarioError
from authprobe.scenario.load import load_file
from authprobe.scenario.model import Scenario

SMALL = """\
id: small
title: A small scenario
why: It shows the shape.
sources: [https://example.org/issue/1]
endpoints: {api: {url: https://api.example.org}}
matrix: {client: [raw-http], endpoint: [api]}
expect: {outcome: rejected}
"""

FULL = """\
# Every key of a scenario.
id: full
title: A full scenario
why: It has every key.
sources:
  - https://example.org/issue/1
tags: [oauth, slow]
limit: 12.5
anchors:
  api: &api {url: https://api.example.org, stream: false}
endpoints:
  api: *api
  counting: {<<: *api, request: count-tokens}
credentials:
  expired:
    token: access-token
    state: expired
    via: bearer
  setup: {token: setup-token, via: CLAUDE_CODE_OAUTH_TOKEN}
headers:
  beta: {anthropic-beta: oauth-2025-04-20, anthropic-version: null}
backends:
  july:
    date: 2026-07-01
    counts_as_claude_code: true
    standing: oauth-not-allowed
    reuse_revokes: true
    faults: [A22, {name: delay, seconds: 0.5, times: 2, after: 1, host: claude.ai, path: /x}]
environments:
  debug: {DEBUG: "1"}
matrix:
  client: [raw-http]
  endpoint: [api, counting]
  credential: [none, expired]
  headers: [default, beta]
  backend: [default, july]
  environment: [default]
  flow: [prompt]
exclude:
  - {client: raw-http, endpoint: counting, credential: none, headers: beta, backend: july,
     environment: default}
include:
  - client: claude-code@2.1.31
    endpoint: default
    credential: setup
    headers: default
    backend: july
    environment: debug
    flow: stdio
expect:
  - when:
      client: claude-code@2.1.31
      endpoint: [default]
      credential: setup
      headers: default
      backend: july
      environment: debug
      flow: [stdio]
    then:
      outcome: rejected
      status: 401
      error_type: authentication_error
      message: {contains: OAuth}
      exit_code: 1
      detail: {contains: it}
      stored_login: usable
      stored_expiry: ahead
      stored_subscription: max
      findings: [leaks-token]
      no_findings: [crashes]
      requests:
        - method: POST
          host: api.anthropic.com
          path: /v1/messages
          status: 401
          credential: setup
          credential_header: authorization
          betas: [oauth-2025-04-20]
          headers: {x-api-key: null}
          scopes: [user:inference]
      no_requests:
        - {path: /v1/oauth/token}
  - when: {credential: expired}
    then: {outcome: rejected, message: {matches: "has (expired|ended)"}}
  - then: {outcome: rejected, message: no credential}
"""


def load_text(folder: Path, text: str | bytes) -> Scenario:
    """Return the scenario in a file with this text."""
    path = folder / "it.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_file(path)


def error_messages(folder: Path, text: str | bytes) -> list[str]:
    """Return the errors in a file with this text, each as `line:column: message`."""
    try:
        load_text(folder, text)
    except ScenarioError as error:
        return [line.removeprefix(f"{folder / 'it.yaml'}:") for line in error.messages]
    return []


def changed(old: str, new: str, text: str = SMALL) -> str:
    """Return the text with its only occurrence of `old` replaced."""
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
    return text.replace(old, new)
