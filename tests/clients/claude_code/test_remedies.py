"""Commands that remedies, questions and the doctor name: what the real client does with them."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from authprobe import diagnosis, doctor
from authprobe.clients import claude_code
from authprobe.clients.base import Laboratory
from authprobe.clients.claude_code.command import Command
from authprobe.clients.process.children import Children
from authprobe.core.client_kinds import Flow
from authprobe.diagnosis.causes import causes
from authprobe.diagnosis.incident.questions import questions
from authprobe.observation.model import Outcome
from authprobe.plan.case import Case, expand
from authprobe.scenario.model import Matrix
from tests.support.installed import laboratory_with
from tests.support.make import make_clients, make_scenario

CLIENT: Final = "claude-code@2.1.332"
TOKENS: Final[dict[str, Any]] = {
    "accessToken": "sk-ant-oat01-" + "made-up" * 8,
    "refreshToken": "sk-ant-ort01-" + "made-up" * 8,
    "expiresAt": int((time.time() + 3600) * 1000),
    "scopes": ["user:inference", "user:profile"],
    "subscriptionType": "max",
}
BLANKED: Final = TOKENS | {"accessToken": "", "refreshToken": "", "expiresAt": 0}
MALFORMED: Final = TOKENS | {"accessToken": 5, "expiresAt": "soon"}
TOOLS: Final = {
    "tools|0123456789abcdef": {
        "serverName": "tools",
        "serverUrl": "https://mcp.example/mcp",
        "accessToken": "made-up-login-of-a-server",
        "expiresAt": 4102444800000,
    }
}
"""A login to an MCP server, which is in the same file."""
CALL: Final = re.compile(r"\bclaude((?: (?:--?|/)?[a-z][a-z-]*(?![\w./]))+)")
QUOTED: Final = re.compile(r"`((?:[A-Z_]+=\w+ )?claude [^`\n]+)`")


def calls() -> set[tuple[str, ...]]:
    """Return the words after `claude` in each command that a user is told to run."""
    remedies = [cause.remedy for cause in causes().values()]
    commands = [each for remedy in remedies for each in remedy.commands]
    commands += [each for question in questions().values() for each in question.commands]
    texts = [remedy.text for remedy in remedies]
    texts += [cause.experiment.text for cause in causes().values() if cause.experiment]
    for package in (diagnosis, doctor):
        texts += [path.read_text() for path in Path(package.__path__[0]).rglob("*.py")]
    commands += [match[1] for text in texts for match in QUOTED.finditer(text)]
    return {tuple(match[1].split()) for each in commands for match in CALL.finditer(each)}


@pytest.fixture(scope="module")
def claude(children: Children, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    yield from laboratory_with(children, tmp_path_factory.mktemp("remedies"), CLIENT)


def case_of(flow: Flow) -> Case:
    matrix = Matrix(client=make_clients(CLIENT), flow=(flow,))
    (case,) = expand(make_scenario(matrix=matrix, limit=60.0))
    return case


def test_the_commands_of_remedies_are_found() -> None:
    assert {("auth", "login"), ("setup-token",), ("/status",), ("update",)} <= calls()
    assert ("-p", "ping", "--output-format", "json") in calls()


def test_the_client_has_every_command_that_a_remedy_names(claude: Laboratory) -> None:
    missing = set[tuple[str, ...]]()
    with claude.sandbox(case_of(Flow.PROMPT)) as sandbox:
        command = Command.for_sandbox(sandbox)
        general = command.run(["--help"]).stdout
        for words in sorted(calls()):
            options = [word for word in words if word.startswith("-")]
            if any(re.search(rf"(?<!\S){each}(?![\w-])", general) is None for each in options):
                missing.add(words)
            elif words[0].startswith("/"):
                # A name that it does not know is a prompt, which needs a login.
                if "Not logged in" in command.run(["-p", words[0]]).stdout:
                    missing.add(words)
            elif not words[0].startswith("-") and not _has_subcommand(command, words):
                missing.add(words)
    assert not missing


def _has_subcommand(command: Command, words: tuple[str, ...]) -> bool:
    usage = command.run([*words, "--help"]).stdout
    return re.match(rf"Usage: claude {' '.join(words)}(?:\|\w+)? ", usage) is not None


def test_a_name_that_the_client_does_not_have_is_seen(claude: Laboratory) -> None:
    with claude.sandbox(case_of(Flow.PROMPT)) as sandbox:
        command = Command.for_sandbox(sandbox)
        assert not _has_subcommand(command, ("auth", "renew"))
        assert "Not logged in" in command.run(["-p", "/whoami"]).stdout


@pytest.mark.parametrize(
    ("login", "is_revoked"), [(TOKENS, True), (BLANKED, False), (MALFORMED, True)]
)
def test_logout_removes_the_logins_to_mcp_servers_as_well(
    claude: Laboratory, login: dict[str, Any], is_revoked: bool
) -> None:
    """So no remedy names it: a login replaces the stored one, and revokes no copy of it."""
    with claude.sandbox(case_of(Flow.AUTH_LOGOUT)) as sandbox:
        file = stored(sandbox.config_folder, login)
        observation = claude_code.probe(sandbox)
        assert observation.outcome is Outcome.ACCEPTED
        paths = [exchange.path for exchange in observation.exchanges]
        assert ("/v1/oauth/token/revoke" in paths) is is_revoked
        assert not file.exists()


@pytest.mark.parametrize("login", [TOKENS, BLANKED, MALFORMED])
def test_login_replaces_what_is_stored_and_keeps_the_logins_to_mcp_servers(
    claude: Laboratory, login: dict[str, Any]
) -> None:
    with claude.sandbox(case_of(Flow.AUTH_LOGIN)) as sandbox:
        file = stored(sandbox.config_folder, login)
        assert claude_code.probe(sandbox).outcome is Outcome.ACCEPTED
        content = json.loads(file.read_text())
        assert content["claudeAiOauth"]["accessToken"] not in (login["accessToken"], "")
        assert content["mcpOAuth"] == TOOLS


def stored(folder: Path, login: dict[str, Any]) -> Path:
    """Write a login, beside one to an MCP server, and return the file."""
    folder.mkdir()
    file = folder / ".credentials.json"
    file.write_text(json.dumps({"claudeAiOauth": login, "mcpOAuth": TOOLS}))
    return file
