"""Real failures of a published client, and what is said about them."""

from typing import Any

import pytest

from tests.support.command import results, run, write_scenario

SCENARIO = """
id: example
title: A stored login
why: Each case fails for its own reason.
sources: [https://example.org/1]
credentials:
  fresh: {token: login, via: credentials-file}
  expired: {token: login, state: expired, via: credentials-file}
  blanked: {token: login, state: blanked, via: credentials-file}
  key: {token: api-key, via: ANTHROPIC_API_KEY}
backends:
  default: {counts_as_claude_code: true}
matrix: {client: [claude-code@2.1.32], credential: [fresh, expired, blanked, key]}
limit: 180
expect:
  - when: {credential: fresh}
    then:
      outcome: accepted
      requests:
        - {path: /v1/oauth/token, credential: refresh-token}
        - {path: /v1/messages, status: 200, credential: access-token-2}
  - when: {credential: expired}
    then:
      outcome: accepted
      requests: [{host: console.anthropic.com, path: /v1/oauth/token, credential: refresh-token}]
      stored_login: stale
  - when: {credential: blanked}
    then: {outcome: rejected, exit_code: 0, requests: [{path: /v1/messages}]}
  - when: {credential: key}
    then:
      outcome: accepted
      requests: [{path: /v1/messages, credential: access-token, headers: {x-none: "1"}}]
"""
CLIENT = "claude-code 2.1.32"
EXPECTED = {
    "fresh": [f"{CLIENT} did not refresh its login (/v1/oauth/token, refresh-token), which the"],
    "expired": [
        f"{CLIENT} sent its refresh request to platform.claude.com/v1/oauth/token, not to "
        "console.anthropic.com/v1/oauth/token as the scenario expects.",
        f"{CLIENT} left its stored login usable, not stale as the scenario expects.",
    ],
    "blanked": [
        f"{CLIENT} sent no request, not even /v1/messages, which the scenario expects.",
        f"{CLIENT} exited with code 1, not 0 as the scenario expects.",
    ],
    "key": [
        f"{CLIENT} sent POST api.anthropic.com/v1/messages with api-key in x-api-key, not with "
        "access-token as the scenario expects.",
        f"{CLIENT} sent POST api.anthropic.com/v1/messages without the header x-none: 1, which",
    ],
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The cases of a run in which every one fails, by credential."""
    folder = tmp_path_factory.mktemp("why")
    write_scenario(folder, SCENARIO)
    run("run", "example.yaml", cwd=folder)
    cases = results(folder / "reports")["cases"]
    if any(case["observation"]["outcome"] == "unavailable" for case in cases):
        pytest.skip("NO PACKAGE REGISTRY: the real client could not be installed or tested")
    return {case["credential"]: case for case in cases}


@pytest.mark.parametrize("credential", EXPECTED)
def test_a_failure_says_what_a_maintainer_would(
    credential: str, cases: dict[str, dict[str, Any]]
) -> None:
    reasons = [reason["summary"] for reason in cases[credential]["reasons"]]
    assert len(reasons) == len(EXPECTED[credential]), reasons
    for reason, words in zip(reasons, EXPECTED[credential], strict=True):
        assert reason.startswith(words)


def test_no_failure_blames_what_the_scenario_arranged(cases: dict[str, dict[str, Any]]) -> None:
    assert [case["diagnosis"] for case in cases.values()] == [None] * len(cases)
