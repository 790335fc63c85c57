"""Real failures, each with a deliberately wrong expectation or a missing rule, and what is said."""

from pathlib import Path

import pytest

from tests.support.command import results, run, write_scenario

SCENARIO = """
id: example
title: Wrong expectations
why: Each case fails for its own reason.
sources: [https://example.org/1]
endpoints:
  messages: {url: "https://api.anthropic.com/v1/messages"}
  chat: {url: "https://api.anthropic.com/v1/chat"}
  gateway: {url: "https://gateway.example.com/v1/messages"}
  plain-gateway: {url: "http://gateway.example.com:8080/v1/messages"}
  address: {url: "https://10.1.2.3/v1/messages"}
  console: {url: "https://console.anthropic.com/v1/oauth/token", request: refresh}
credentials:
  key: {token: api-key, via: x-api-key}
  unknown-key: {token: api-key, state: unknown, via: x-api-key}
  expired-token: {token: access-token, state: expired, via: bearer}
  token: {token: access-token, via: bearer}
  refresh-token: {token: refresh-token, via: body}
headers:
  flag: {anthropic-beta: oauth-2025-04-20}
backends:
  overloaded: {faults: [A30]}
  retired: {date: 2026-11-01}
matrix: {client: [raw-http], endpoint: [messages], credential: [key]}
include:
  - {endpoint: chat}
  - {endpoint: gateway}
  - {endpoint: plain-gateway}
  - {endpoint: address}
  - {endpoint: console, credential: refresh-token, backend: retired}
  - {credential: unknown-key}
  - {credential: expired-token, headers: flag}
  - {credential: token}
  - {backend: overloaded}
expect:
  - when: {endpoint: messages, credential: key, backend: default}
    then:
      outcome: accepted
      requests: [{path: /v1/messages, credential_header: authorization, betas: [a-flag]}]
  - when: {endpoint: console}
    then: {outcome: accepted, requests: [{host: platform.claude.com, path: /v1/oauth/token}]}
  - when: {credential: unknown-key}
    then: {outcome: rejected, status: 403, error_type: permission_error}
  - then: {outcome: accepted, requests: [{path: /v1/messages, status: 200}]}
"""
NO_HOST = ("host-not-emulated", "which the emulator does not have.")
EXPECTED = {
    "messages/key": ("credential-header", "in x-api-key, not in authorization as the scenario"),
    "chat/key": (
        "no-rule",
        "POST api.anthropic.com/v1/chat with api-key in x-api-key, answered 404",
    ),
    "gateway/key": NO_HOST,
    "plain-gateway/key": NO_HOST,
    "address/key": NO_HOST,
    "console/refresh-token/retired": (
        "refresh-elsewhere",
        "to console.anthropic.com/v1/oauth/token, not to platform.claude.com/v1/oauth/token as",
    ),
    "messages/unknown-key": (
        "other-refusal",
        "ended with 401 authentication_error, not 403 permission_error as the scenario expects.",
    ),
    "messages/expired-token/flag": (
        "refused",
        "ended as rejected 401 authentication_error (POST api.anthropic.com/v1/messages with "
        "access-token in authorization, answered 401), not accepted as the scenario expects.",
    ),
    "messages/token": ("refused", "answered 401), not accepted as the scenario expects."),
    "messages/key/overloaded": ("refused", "ended as overloaded 529 overloaded_error"),
}
"""The first reason of each case."""
CAUSES = {
    "gateway/key": "host-not-emulated",
    "plain-gateway/key": "host-not-emulated",
    "address/key": "host-not-emulated",
    "console/refresh-token/retired": "endpoint-retired",
    "messages/token": "oauth-beta-missing",
}
"""Causes of refusals that the scenario did not arrange: not the token's expiry, nor the fault."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in which every case fails."""
    folder = tmp_path_factory.mktemp("why")
    write_scenario(folder, SCENARIO)
    assert run("run", "example.yaml", cwd=folder).code == 1
    return folder


def test_each_failure_says_first_what_a_maintainer_would(folder: Path) -> None:
    cases = results(folder / "reports")["cases"]
    first = {case["id"].removeprefix("example/raw-http/"): case["reasons"][0] for case in cases}
    assert {id: reason["id"] for id, reason in first.items()} == {
        id: kind for id, (kind, _) in EXPECTED.items()
    }
    assert [s for id, (_, s) in EXPECTED.items() if s not in first[id]["summary"]] == []


def test_a_failure_has_only_a_cause_that_its_scenario_did_not_arrange(folder: Path) -> None:
    cases = results(folder / "reports")["cases"]
    causes = {
        case["id"].removeprefix("example/raw-http/"): case["diagnosis"]["id"]
        for case in cases
        if case["diagnosis"]
    }
    assert causes == CAUSES


def test_a_request_without_a_rule_is_the_first_reason(tmp_path: Path) -> None:
    chosen = ("--case", "api-key/raw-http/messages/none", "--break-rule", "A01")
    assert run("run", *chosen, cwd=tmp_path).code == 1
    (case,) = results(tmp_path / "reports")["cases"]
    assert [reason["id"] for reason in case["reasons"]][:2] == ["no-rule", "other-refusal"]
