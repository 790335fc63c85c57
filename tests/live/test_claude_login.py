"""The stored login of the user, in its place: no live flow renews, rotates or rewrites it."""

import dataclasses
import datetime
import hashlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.core.claude_api import API, PLATFORM
from authprobe.emulator.config import TokenState
from authprobe.errors import ClientError
from authprobe.live.claude_run import run_claude
from authprobe.observation.model import Observation, Outcome
from authprobe.settings import cache_folder
from tests.support.live_world import (
    EACH_VERSION,
    LOGIN,
    NEWEST,
    SETUP_TOKEN,
    VERSIONS,
    World,
    assert_no_login_was_asked_for,
    prepare,
    write_login,
)

INSTALLED = "claude-code@installed"
MINUTE = datetime.timedelta(minutes=1)
UNCHANGED = "the file of the stored login is unchanged"


def digest_tree(folder: Path) -> dict[str, str]:
    """Return a digest of each file of a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


class OwnClaude:
    """The user's own `claude` on PATH, at a version of the cache."""

    def __init__(self, world: World, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._world, self._folder, self._monkeypatch = world, folder, monkeypatch

    def use(self, version: str) -> None:
        """Put a version on PATH."""
        prepare(self._world.laboratory, version)
        packages = cache_folder() / "claude-code" / version / "node_modules"
        self._folder.mkdir()
        (self._folder / "claude").symlink_to(packages / ".bin" / "claude")
        self._monkeypatch.setenv("PATH", f"{self._folder}:{os.environ['PATH']}")
        prepare(self._world.laboratory, "installed")


@pytest.fixture
def own(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnClaude]:
    """The user's own program; what is installed is looked up anew in each test."""
    world.folder = tmp_path / "config"
    with Children() as installers, Cache(cache_folder(), installers) as cache:
        world.laboratory = dataclasses.replace(world.laboratory, cache=cache)
        yield OwnClaude(world, tmp_path / "bin", monkeypatch)


def ask(world: World, *, allow_renewal: bool = False) -> Observation:
    return world.ask(INSTALLED, LOGIN, allow_renewal=allow_renewal)


@pytest.mark.parametrize("version", EACH_VERSION)
def test_good_login_is_used_and_left_as_it_is(world: World, own: OwnClaude, version: str) -> None:
    own.use(version)
    write_login(world)
    before = digest_tree(world.folder)
    observation = ask(world)
    assert (observation.outcome, observation.detail) == (Outcome.ACCEPTED, UNCHANGED)
    assert observation.client_version == version
    assert digest_tree(world.folder) == before
    assert world.requests["/v1/messages"] == 1
    assert_no_login_was_asked_for(world)
    assert {exchange.credential for exchange in world.service.log.exchanges} <= {
        "access-token",
        None,
    }


@pytest.mark.parametrize("version", EACH_VERSION)
def test_client_that_wants_to_renew_a_rejected_login_cannot(
    world: World, own: OwnClaude, version: str
) -> None:
    """The service takes the token for revoked, hours before it expires."""
    own.use(version)
    write_login(world, state=TokenState.REVOKED)
    before = digest_tree(world.folder)
    observation = ask(world)
    assert (observation.outcome, observation.status) == (Outcome.REJECTED, 401)
    assert digest_tree(world.folder) == before
    assert world.requests["/v1/messages"] <= 2
    assert_no_login_was_asked_for(world)
    detail = observation.detail or ""
    assert detail.endswith(UNCHANGED)
    tried = PLATFORM in observation.egress_refused
    assert tried is ("tried to renew the stored login, which the gate refused" in detail)
    assert tried or version != NEWEST


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        (-60 * MINUTE, "the stored login has expired"),
        (1 * MINUTE, "the stored login expires in 1.0 minutes"),
        (4 * MINUTE, "the stored login expires in 4.0 minutes"),
        (9.9 * MINUTE, "the stored login expires in 9.9 minutes"),
    ],
)
def test_login_that_would_be_renewed_is_not_tried(
    world: World, own: OwnClaude, left: datetime.timedelta, reason: str
) -> None:
    own.use(NEWEST)
    write_login(world, left=left)
    before = digest_tree(world.folder)
    observation = ask(world)
    assert observation.outcome is Outcome.UNAVAILABLE
    assert (observation.detail or "").startswith(f"renewable, not tried: {reason}; start claude")
    assert world.requests.total() == 0
    assert digest_tree(world.folder) == before


def test_version_that_was_not_measured_does_not_get_the_login(
    world: World, own: OwnClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It might renew a login with hours left, by a host that the gate lets it to."""
    monkeypatch.setattr("authprobe.core.login_renewal.MEASURED_UNTIL", "2.1.331")
    own.use(NEWEST)
    write_login(world)
    observation = ask(world)
    assert observation.outcome is Outcome.UNAVAILABLE
    assert "might renew the stored login; use a newer authprobe" in (observation.detail or "")
    assert world.requests.total() == 0


def test_login_without_a_date_is_not_tried(world: World, own: OwnClaude) -> None:
    own.use(NEWEST)
    write_login(world, expiresAt=None)
    assert "does not say when it expires" in (ask(world).detail or "")
    assert world.requests.total() == 0


def test_login_that_is_being_renewed_is_not_tried(world: World, own: OwnClaude) -> None:
    own.use(NEWEST)
    write_login(world)
    lock = world.folder / ".oauth_refresh.lock"
    lock.mkdir()
    observation = ask(world)
    assert (observation.outcome, observation.detail) == (
        Outcome.UNAVAILABLE,
        "another claude is renewing the stored login; ask again in a minute",
    )
    assert world.requests.total() == 0
    stale = time.time() - 120
    os.utime(lock, (stale, stale))
    assert ask(world).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("version", [VERSIONS[0], NEWEST])
def test_expired_login_without_a_refresh_token_is_tried(
    world: World, own: OwnClaude, version: str
) -> None:
    """Nothing can be renewed, and clients ignore the expiry in the file."""
    own.use(version)
    write_login(world, left=-60 * MINUTE, refreshToken=None)
    before = digest_tree(world.folder)
    observation = ask(world)
    assert observation.outcome is Outcome.ACCEPTED
    assert digest_tree(world.folder) == before
    assert_no_login_was_asked_for(world)


def test_expired_login_is_renewed_in_its_place_if_that_was_allowed(
    world: World, own: OwnClaude
) -> None:
    own.use(NEWEST)
    before = write_login(world, left=-60 * MINUTE, state=TokenState.EXPIRED)
    observation = ask(world, allow_renewal=True)
    assert observation.outcome is Outcome.ACCEPTED
    assert observation.detail == "the file of the stored login has changed meanwhile"
    assert world.requests["/v1/oauth/token"] == 1
    assert (world.folder / ".credentials.json").read_text() != before
    count = next(each for each in observation.gate if each.host == PLATFORM)
    assert count.connections >= 1


def test_two_at_once_leave_the_login_as_it_is(world: World, own: OwnClaude) -> None:
    own.use(NEWEST)
    write_login(world)
    before = digest_tree(world.folder)
    with ThreadPoolExecutor(2) as pool:
        observations = list(pool.map(lambda _: ask(world), range(2)))
    assert {observation.outcome for observation in observations} == {Outcome.ACCEPTED}
    assert digest_tree(world.folder) == before
    assert_no_login_was_asked_for(world)


def test_a_login_that_another_claude_renews_meanwhile_is_told(
    world: World, own: OwnClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.use(NEWEST)
    write_login(world)

    def renew_meanwhile(*arguments: object, **options: object) -> object:
        write_login(world)
        return run_claude(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("authprobe.live.claude.run_claude", renew_meanwhile)
    observation = ask(world)
    assert observation.detail == "the file of the stored login has changed meanwhile"


def test_only_the_users_own_program_gets_the_login(world: World, own: OwnClaude) -> None:
    client = prepare(world.laboratory, NEWEST)
    write_login(world)
    with pytest.raises(ClientError, match="the stored login is for claude-code@installed only"):
        world.ask(client, LOGIN)
    assert world.requests.total() == 0


def test_missing_login_is_told(world: World, own: OwnClaude) -> None:
    own.use(NEWEST)
    with pytest.raises(ClientError, match=r"the stored login: there is no \.credentials\.json"):
        ask(world)


@pytest.mark.parametrize("version", EACH_VERSION)
def test_other_credentials_leave_a_stored_login_alone(
    world: World, own: OwnClaude, version: str
) -> None:
    """An expired login beside an unknown setup-token is neither seen nor renewed."""
    client = prepare(world.laboratory, version)
    write_login(world, left=-60 * MINUTE, state=TokenState.EXPIRED)
    before = digest_tree(world.folder)
    observation = world.ask(client, SETUP_TOKEN, "sk-ant-oat01-" + "u" * 64)
    assert observation.outcome is Outcome.REJECTED
    assert digest_tree(world.folder) == before
    assert_no_login_was_asked_for(world)
    assert {exchange.host for exchange in world.service.log.exchanges} == {API}
