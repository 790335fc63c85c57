"""`authprobe run --target live` with the stored login of the user, as a user starts it."""

import datetime
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe.core.claude_api import PLATFORM
from authprobe.core.directions import Directions
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Backend, TokenKind, TokenState
from authprobe.emulator.server.network import Network
from authprobe.settings import cache_folder, search_path
from tests.live.test_requests import SOON
from tests.support.command import Ended, results
from tests.support.live_command import run_live
from tests.support.live_world import NEWEST
from tests.support.service import open_service

SCENARIO = f"""\
id: mine
title: My login by my claude
why: It must work today.
sources: [https://code.claude.com/docs/en/authentication]
live: {{hosts: [api.anthropic.com], ask: message, expires: {SOON}}}
credentials: {{me: {{token: login, from: stored}}}}
matrix: {{client: [claude-code@installed], credential: [me]}}
expect: {{outcome: accepted}}
"""


class Home:
    """The home of a user with a `claude` and a login, and a service that knows it."""

    def __init__(self, folder: Path, service: CaseBackend, directions: Directions) -> None:
        self.folder, self.service, self.directions = folder, service, directions
        self.file = folder / "home" / ".claude" / ".credentials.json"
        packages = cache_folder() / "claude-code" / NEWEST / "node_modules"
        if not packages.is_dir():
            pytest.skip(f"claude-code@{NEWEST} is not in the cache")
        (folder / "bin").mkdir()
        (folder / "bin" / "claude").symlink_to(packages / ".bin" / "claude")
        (folder / "mine.yaml").write_text(SCENARIO)
        self.tokens: list[str] = []

    def log_in(self, minutes: float) -> None:
        """Store a login whose access token has so many minutes left."""
        now = datetime.datetime.now(datetime.UTC)
        state = TokenState.VALID if minutes > 0 else TokenState.EXPIRED
        access = self.service.tokens.make(TokenKind.ACCESS_TOKEN, state).value
        refresh = self.service.tokens.make(TokenKind.REFRESH_TOKEN).value
        expires = now + datetime.timedelta(minutes=minutes)
        login = {
            "accessToken": access,
            "refreshToken": refresh,
            "expiresAt": int(expires.timestamp() * 1000),
            "scopes": ["user:inference", "user:profile"],
        }
        self.file.parent.mkdir(parents=True)
        self.file.write_text(json.dumps({"claudeAiOauth": login}))
        self.tokens = [access, refresh]

    def ask(self, *options: str) -> Ended:
        """Run the scenario live."""
        ended = run_live(
            *("run", "mine.yaml", "--out", "out", "--target", "live", "--yes", *options),
            directions=self.directions,
            cwd=self.folder,
            PATH=f"{self.folder / 'bin'}:{search_path()}",
        )
        for path in (self.folder / "out").rglob("*"):
            if path.is_file():
                assert not any(token[13:30].encode() in path.read_bytes() for token in self.tokens)
        return ended

    @property
    def state(self) -> dict[str, str]:
        """Digest of each file of the config folder."""
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.file.parent.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def user(tmp_path: Path) -> Iterator[Home]:
    setup = Backend(counts_as_claude_code=True)
    with Network() as network, open_service(network, setup) as (service, directions):
        yield Home(tmp_path, service, directions)


def token_calls(user: Home) -> int:
    return sum(exchange.path == "/v1/oauth/token" for exchange in user.service.log.exchanges)


def test_good_login_is_asked_and_its_folder_left_as_it_is(user: Home) -> None:
    user.log_in(480)
    before = user.state
    ended = user.ask()
    assert ended.code == 0, ended.err
    assert "The stored login is not renewed, and its file is not changed." in ended.err
    assert user.state == before
    assert token_calls(user) == 0
    (case,) = results(user.folder / "out")["cases"]
    assert case["observation"]["detail"] == "the file of the stored login is unchanged"


def test_login_that_would_be_renewed_is_no_verdict(user: Home) -> None:
    user.log_in(-60)
    before = user.state
    ended = user.ask()
    assert ended.code == 12, ended.err
    assert "renewable, not tried: the stored login has expired" in ended.out
    assert user.state == before
    assert user.service.log.request_count == 0


def test_renewal_that_was_allowed_is_in_the_plan_and_in_the_record(user: Home) -> None:
    user.log_in(-60)
    ended = user.ask("--allow-renewal")
    assert ended.code == 0, ended.err
    assert f"--allow-renewal): then claude asks {PLATFORM} for new tokens" in ended.err
    assert token_calls(user) == 1
    (case,) = results(user.folder / "out")["cases"]
    assert case["observation"]["detail"] == "the file of the stored login has changed meanwhile"
