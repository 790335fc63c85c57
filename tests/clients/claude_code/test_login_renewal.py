"""Which commands of which versions renew a stored login: the real clients against `may_renew`."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest

from authprobe.clients.base import Laboratory
from authprobe.clients.claude_code.command import Command
from authprobe.clients.process.children import Children
from authprobe.core.login_renewal import LoginCommand, may_renew
from authprobe.emulator.config import Backend, TokenKind
from authprobe.plan.case import expand
from authprobe.scenario.model import Matrix
from tests.support.exhaustive import exhaustive_but
from tests.support.installed import laboratory_with
from tests.support.make import make_clients, make_scenario

NEWEST = "2.1.332"
VERSIONS = ("2.1.112", "2.1.118", "2.1.197", "2.1.240", NEWEST)
ARGUMENTS = {
    LoginCommand.VERSION: ("--version",),
    LoginCommand.HELP: ("--help",),
    LoginCommand.PROMPT: ("-p", "ping", "--output-format", "json"),
    LoginCommand.BARE_PROMPT: ("-p", "ping", "--bare", "--output-format", "json"),
    LoginCommand.AUTH_STATUS: ("auth", "status"),
    LoginCommand.DOCTOR: ("doctor",),
}
MINUTES = (480, 6, 4, -60)
ATTEMPTS = 6
"""Runs of `auth status`, which exits without waiting for the renewal that it begins."""
SECONDS = 12.0
"""Time for a command; `doctor` of these versions before 2.1.240 ends only at a key."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command did to the login."""

    asked: bool
    """True if the token endpoint got a request."""
    changed: bool
    """True if the tokens in the file are others."""


@pytest.fixture(scope="module", params=exhaustive_but(("2.1.118", NEWEST), VERSIONS))
def claude(
    request: pytest.FixtureRequest, children: Children, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Laboratory]]:
    folder = tmp_path_factory.mktemp("renewal")
    for laboratory in laboratory_with(children, folder, f"claude-code@{request.param}"):
        yield request.param, laboratory


def observe(
    laboratory: Laboratory, version: str, command: LoginCommand, minutes: float, variable: str = ""
) -> Outcome:
    """Run a command with a stored login that ends in so many minutes."""
    matrix = Matrix(client=make_clients(f"claude-code@{version}"))
    (case,) = expand(make_scenario(matrix=matrix, limit=30.0))
    case = replace(case, backend=Backend(counts_as_claude_code=True))
    with laboratory.sandbox(case) as sandbox:
        tokens = sandbox.backend.tokens
        record = {
            "accessToken": tokens.make(TokenKind.ACCESS_TOKEN).value,
            "refreshToken": tokens.make(TokenKind.REFRESH_TOKEN).value,
            "expiresAt": int((time.time() + minutes * 60) * 1000),
            "scopes": ["user:inference", "user:profile"],
            "subscriptionType": "max",
        }
        file = sandbox.config_folder / ".credentials.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"claudeAiOauth": record}))
        before = fingerprint(file.read_text())
        claude = Command.for_sandbox(sandbox)
        if variable:
            kind = TokenKind.API_KEY if variable.endswith("KEY") else TokenKind.SETUP_TOKEN
            claude.environment = {**claude.environment, variable: tokens.make(kind).value}
        claude.run(ARGUMENTS[command], limit=SECONDS)
        sandbox.finish()
        asked = any(exchange.path == "/v1/oauth/token" for exchange in sandbox.exchanges)
        return Outcome(asked=asked, changed=fingerprint(file.read_text()) != before)


def fingerprint(text: str) -> str:
    """Return a hash of the tokens and the expiry; `-p` adds fields that do not matter."""
    record = json.loads(text)["claudeAiOauth"]
    kept = [record[name] for name in ("accessToken", "refreshToken", "expiresAt")]
    return hashlib.sha256(json.dumps(kept).encode()).hexdigest()


@pytest.fixture(scope="module")
def outcomes_of_doctor(claude: tuple[str, Laboratory]) -> Mapping[float, Outcome]:
    """What `doctor` did by minutes left, all at once: before 2.1.240 each takes all its time."""
    version, laboratory = claude

    def outcome(minutes: float) -> Outcome:
        return observe(laboratory, version, LoginCommand.DOCTOR, minutes)

    with ThreadPoolExecutor(len(MINUTES)) as pool:
        return dict(zip(MINUTES, pool.map(outcome, MINUTES), strict=True))


@pytest.mark.parametrize("minutes", MINUTES)
def test_doctor_renews_a_login_as_the_table_says(
    claude: tuple[str, Laboratory], minutes: float, outcomes_of_doctor: Mapping[float, Outcome]
) -> None:
    version, _ = claude
    expected = may_renew(LoginCommand.DOCTOR, version, minutes_left=minutes, access_refused=False)
    assert outcomes_of_doctor[minutes] == Outcome(asked=expected, changed=expected)


@pytest.mark.parametrize("minutes", MINUTES)
@pytest.mark.parametrize("command", [LoginCommand.PROMPT, LoginCommand.AUTH_STATUS])
def test_a_login_is_renewed_as_the_table_says(
    claude: tuple[str, Laboratory], command: LoginCommand, minutes: float
) -> None:
    version, laboratory = claude
    expected = may_renew(command, version, minutes_left=minutes, access_refused=False)
    does_not_wait = command is LoginCommand.AUTH_STATUS and expected
    if does_not_wait and (version, minutes) != (NEWEST, -60):
        pytest.skip("chance decides whether it renews the login")
    for _ in range(ATTEMPTS if does_not_wait else 1):
        outcome = observe(laboratory, version, command, minutes)
        if outcome.asked:
            break
    assert outcome.asked is expected
    if not does_not_wait:
        assert outcome.changed is expected


@pytest.mark.parametrize("command", [LoginCommand.VERSION, LoginCommand.HELP])
def test_a_command_that_needs_no_login_leaves_it(
    claude: tuple[str, Laboratory], command: LoginCommand
) -> None:
    version, laboratory = claude
    assert not may_renew(command, version, minutes_left=-60)
    assert observe(laboratory, version, command, -60) == Outcome(asked=False, changed=False)


@pytest.mark.parametrize(
    ("command", "variable", "expected"),
    [
        (LoginCommand.PROMPT, "CLAUDE_CODE_OAUTH_TOKEN", False),
        (LoginCommand.PROMPT, "ANTHROPIC_API_KEY", True),
        (LoginCommand.BARE_PROMPT, "ANTHROPIC_API_KEY", False),
    ],
)
def test_a_credential_in_the_environment(
    claude: tuple[str, Laboratory], command: LoginCommand, variable: str, expected: bool
) -> None:
    version, laboratory = claude
    if version != NEWEST:
        pytest.skip("the table has the newest version only")
    stated = may_renew(
        command,
        version,
        minutes_left=-60,
        has_environment_token="TOKEN" in variable,
        has_api_key="KEY" in variable,
    )
    outcome = observe(laboratory, version, command, -60, variable)
    assert (outcome, stated) == (Outcome(asked=expected, changed=expected), expected)
