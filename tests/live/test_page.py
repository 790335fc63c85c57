"""The page docs/live.md: its scenarios are asked, its commands run, and its words are printed."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from authprobe.emulator.config import (
    Backend,
    CredentialTreatment,
    Holds,
    Host,
    Requirement,
    TokenKind,
)
from authprobe.emulator.server.network import Network
from authprobe.errors import ExitCode
from authprobe.service.answer import NotAsked
from tests.live.test_live_login_command import Home, token_calls
from tests.live.test_requests import SOON
from tests.support.command import PROJECT, run
from tests.support.live_command import run_live
from tests.support.live_world import NEWEST
from tests.support.service import open_service

PAGE = (PROJECT / "docs" / "live.md").read_text()
SCENARIOS = {
    name: re.sub(r"expires: [\d-]+", f"expires: {SOON}", text)
    for text, name in re.findall(r"```yaml\n(# (\S+\.yaml)\n.*?)```", PAGE, re.DOTALL)
}
COMMANDS = sorted(
    {
        command.strip()
        for command in re.findall(
            r"^(?:\$ |      - run: )?(authprobe run .*)$|`(authprobe run [^`]+)`",
            PAGE,
            re.MULTILINE,
        )
        for command in command
        if command
    }
)
GATEWAY = "llm.corp.com"


def test_the_page_has_its_examples() -> None:
    assert set(SCENARIOS) == {"my-login.yaml", "my-gateway.yaml", "my-workspace.yaml"}
    assert len(COMMANDS) >= 9


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_selects_live_cases(command: str, tmp_path: Path) -> None:
    for name, text in SCENARIOS.items():
        (tmp_path / name).write_text(text)
    ended = run(*shlex.split(command)[1:], "--list", cwd=tmp_path)
    assert ended.code == 0, ended.err
    ids = ended.out.split()
    assert any(id.endswith("/live") for id in ids)
    if "own-key" in command:
        assert all(id.startswith("live-api-key/") for id in ids)
    if "made-up" in command:
        assert {id.split("/")[0] for id in ids} == {
            *("live-api-key", "live-bearer", "live-cli-api-key"),
            *("live-cli-setup-token", "live-refresh", "live-sdk"),
        }


def test_the_plan_is_what_is_printed(tmp_path: Path) -> None:
    (block,) = re.findall(r"```text\n\s+\$ (authprobe .*?)```", PAGE, re.DOTALL)
    command, *lines = block.splitlines()
    with Network() as network, open_service(network) as (backend, directions):
        ended = run_live(
            *shlex.split(command)[1:],
            directions=directions,
            cwd=tmp_path,
            answer="n",
            PROBE_API_KEY="not-a-key-of-anybody",
        )
        assert backend.log.request_count == 0
    printed = [line.split() for line in ended.err.splitlines()]
    for line in lines:
        words = line.split()
        assert words in ([], ["..."]) or any(each[: len(words)] == words for each in printed), line


@pytest.mark.parametrize(
    "client", ["raw-http", pytest.param(f"claude-code@{NEWEST}", marks=pytest.mark.clients)]
)
@pytest.mark.parametrize("is_good", [True, False])
def test_the_gateway_of_the_page_is_asked(is_good: bool, client: str, tmp_path: Path) -> None:
    (tmp_path / "my-gateway.yaml").write_text(SCENARIOS["my-gateway.yaml"])
    host = Host(
        prefix="/anthropic",
        requires=Requirement(header="x-corp-key", holds=Holds.GATEWAY_KEY),
        credential=CredentialTreatment.REPLACE,
    )
    setup = Backend(hosts={GATEWAY: host})
    with Network() as network, open_service(network, setup) as (backend, directions):
        key = backend.tokens.make(TokenKind.GATEWAY_KEY).value
        ended = run_live(
            *("run", "my-gateway.yaml", "--target", "both", "--yes", "--client", client),
            directions=directions,
            cwd=tmp_path,
            PROBE_GATEWAY_KEY=key if is_good else "not-the-key-of-the-gateway",
        )
        if "could not be installed" in ended.out:
            pytest.skip(f"NO PACKAGE REGISTRY: {client} could not be installed or tested")
        assert {exchange.host for exchange in backend.log.exchanges} == {GATEWAY}
    assert ended.code == (0 if is_good else 1), ended.out + ended.err


def test_the_login_of_the_page_is_asked_where_it_is(tmp_path: Path) -> None:
    setup = Backend(counts_as_claude_code=True)
    with Network() as network, open_service(network, setup) as (service, directions):
        user = Home(tmp_path, service, directions)
        (tmp_path / "mine.yaml").write_text(SCENARIOS["my-login.yaml"])
        user.log_in(480)
        before = user.state
        ended = user.ask()
        assert ended.code == 0, ended.out + ended.err
        assert user.state == before
        assert token_calls(user) == 0


def test_the_workflow_has_the_secret_in_one_step_and_few_rights() -> None:
    (text,) = re.findall(r"```yaml\n(on:\n.*?)```", PAGE, re.DOTALL)
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    (job,) = workflow["jobs"].values()
    assert [step["env"] for step in job["steps"] if "env" in step] == [
        {"PROBE_API_KEY": "${{ secrets.PROBE_API_KEY }}"}
    ]
    assert not any("${{" in step.get("run", "") for step in job["steps"])


def test_the_words_of_the_page_are_those_of_the_program() -> None:
    for name in re.findall(r"could not be asked: ([a-z ]+)", PAGE):
        assert name in set(NotAsked), name
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert codes <= {int(code) for code in ExitCode}
