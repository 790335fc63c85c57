"""The unmodified `claude`, by version, asked live of an emulator that plays the service.

It has the real host names, a certificate of its own authority, and counts every request.
"""

import dataclasses
import secrets
from pathlib import Path

import pytest

from authprobe.clients.base import Laboratory
from authprobe.core.claude_api import API
from authprobe.emulator.config import AccountState, Backend, Fault, TokenState
from authprobe.errors import ClientError
from authprobe.observation.model import EvidenceSource, Outcome
from tests.support.live_world import (
    API_KEY,
    EACH_VERSION,
    NEWEST,
    SETUP_TOKEN,
    VERSIONS,
    World,
    assert_no_login_was_asked_for,
    open_world,
    prepare,
)

ASKED_ONCE = frozenset(VERSIONS) - {NEWEST}
"""Versions that do not ask again after a 401."""


@pytest.mark.parametrize("version", EACH_VERSION)
def test_setup_token_is_accepted_with_one_small_request(world: World, version: str) -> None:
    client = prepare(world.laboratory, version)
    observation = world.ask(client, SETUP_TOKEN, world.token(SETUP_TOKEN))
    assert (observation.outcome, observation.message) == (Outcome.ACCEPTED, "pong")
    assert world.requests["/v1/messages"] == 1
    assert_no_login_was_asked_for(world)
    assert observation.client_version == version
    assert observation.exchanges == ()
    assert observation.leaks == ()
    assert EvidenceSource.OTEL in observation.evidence
    assert observation.cost is not None
    assert observation.cost.requests == 1
    assert observation.cost.estimated_usd is not None
    counts = {count.host: count for count in observation.gate}
    assert counts[API].sent < 16_000
    assert counts[API].received > 1000
    assert observation.detail is None


@pytest.mark.parametrize("version", EACH_VERSION)
@pytest.mark.parametrize("state", [TokenState.REVOKED, TokenState.EXPIRED, None])
def test_setup_token_is_rejected_with_two_requests_at_most(
    world: World, version: str, state: TokenState | None
) -> None:
    client = prepare(world.laboratory, version)
    unknown = f"sk-ant-oat01-{secrets.token_urlsafe(48)}"
    value = world.token(SETUP_TOKEN, state) if state else unknown
    observation = world.ask(client, SETUP_TOKEN, value)
    assert (observation.outcome, observation.status) == (Outcome.REJECTED, 401)
    count = 1 if version in ASKED_ONCE else 2
    assert world.requests["/v1/messages"] == count
    assert observation.cost is not None
    assert observation.cost.requests in (None, count)
    assert_no_login_was_asked_for(world)


@pytest.mark.parametrize("version", EACH_VERSION)
@pytest.mark.parametrize(
    ("setup", "outcome", "status"),
    [
        (Backend(standing=AccountState.OAUTH_NOT_ALLOWED), Outcome.REJECTED, 403),
        (Backend(faults=(Fault(name="A27"),)), Outcome.THROTTLED, 429),
        (Backend(faults=(Fault(name="A30"),)), Outcome.OVERLOADED, 529),
        (Backend(faults=(Fault(name="A31"),)), Outcome.SERVER_ERROR, 503),
    ],
    ids=["403", "429", "529", "503"],
)
def test_refusals_are_asked_for_twice_at_most(
    laboratory: Laboratory,
    tmp_path: Path,
    version: str,
    setup: Backend,
    outcome: Outcome,
    status: int,
) -> None:
    client = prepare(laboratory, version)
    setup = dataclasses.replace(setup, counts_as_claude_code=True)
    with open_world(laboratory, tmp_path, setup) as world:
        observation = world.ask(client, SETUP_TOKEN, world.token(SETUP_TOKEN))
        assert (observation.outcome, observation.status) == (outcome, status)
        # The newest version asks once more after a 503, whatever CLAUDE_CODE_MAX_RETRIES says.
        count = 2 if (version, status) == (NEWEST, 503) else 1
        assert world.requests["/v1/messages"] == count
        assert_no_login_was_asked_for(world)


@pytest.mark.parametrize("version", EACH_VERSION)
@pytest.mark.parametrize(
    ("state", "outcome", "status"),
    [  # the answer to a revoked key is that to an unknown one
        (TokenState.VALID, Outcome.ACCEPTED, 200),
        (None, Outcome.REJECTED, 401),
    ],
    ids=["valid", "unknown"],
)
def test_api_key_is_asked_once(
    world: World, version: str, state: TokenState | None, outcome: Outcome, status: int
) -> None:
    client = prepare(world.laboratory, version)
    unknown = f"sk-ant-api03-{secrets.token_urlsafe(48)}"
    value = world.token(API_KEY, state) if state else unknown
    observation = world.ask(client, API_KEY, value)
    assert (observation.outcome, observation.status) == (outcome, status)
    assert world.requests["/v1/messages"] == 1
    assert {exchange.credential_header for exchange in world.service.log.exchanges} <= {
        "x-api-key",
        None,
    }
    assert_no_login_was_asked_for(world)


@pytest.mark.parametrize("version", ["1.0.128", "2.0.76", "2.1.47"])
def test_version_that_asks_more_than_twice_is_not_asked(world: World, version: str) -> None:
    client = prepare(world.laboratory, version)
    with pytest.raises(ClientError, match="asks a model up to 7 times"):
        world.ask(client, SETUP_TOKEN, world.token(SETUP_TOKEN))
    assert world.requests.total() == 0
