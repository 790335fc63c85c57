"""Facts on which the doctor relies, by the real client: folders, settings and clouds."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from authprobe.clients.base import Laboratory, Sandbox
from authprobe.clients.claude_code.command import Command
from authprobe.clients.process.child import CompletedChild
from authprobe.clients.process.children import Children
from authprobe.core.clouds import Cloud
from authprobe.core.version_ranges import version_key
from authprobe.doctor.inventory.environment import LAST_LOCAL_IN_FOLDER, LAST_MOVED_BY_PROJECT
from authprobe.emulator.config import Backend, TokenKind
from authprobe.observation.model import Exchange
from authprobe.plan.case import expand
from authprobe.scenario.model import Matrix
from tests.support.exhaustive import exhaustive_but
from tests.support.installed import laboratory_with
from tests.support.make import make_clients, make_scenario

NEWEST = "2.1.332"
SECONDS = 30.0
PROMPT = ("-p", "ping", "--output-format", "json")
PROFILE = "[work]\naws_access_key_id = AKIAMADEUP\naws_secret_access_key = made-up\n"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAMADEUP", "AWS_SECRET_ACCESS_KEY": "made-up"}
BEDROCK = {
    "CLAUDE_CODE_USE_BEDROCK": "1",
    "ANTHROPIC_BEDROCK_BASE_URL": "https://api.anthropic.com",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "CLAUDE_CODE_MAX_RETRIES": "0",
}


@pytest.fixture(scope="module", params=exhaustive_but((NEWEST,), (LAST_LOCAL_IN_FOLDER, NEWEST)))
def claude(
    request: pytest.FixtureRequest, children: Children, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Laboratory]]:
    folder = tmp_path_factory.mktemp("precedence")
    for laboratory in laboratory_with(children, folder, f"claude-code@{request.param}"):
        yield request.param, laboratory


@dataclass
class Trial:
    """A command in a home under construction, without any variable of a credential."""

    sandbox: Sandbox

    def key(self) -> str:
        """Return a new API key; the emulator names them by their order."""
        return self.sandbox.backend.tokens.make(TokenKind.API_KEY).value

    def login(self, path: str) -> None:
        """Write a login; the emulator names the access tokens by their order."""
        token = self.sandbox.backend.tokens.make(TokenKind.ACCESS_TOKEN)
        record = {
            "accessToken": token.value,
            "refreshToken": self.sandbox.backend.tokens.make(TokenKind.REFRESH_TOKEN).value,
            "expiresAt": int((time.time() + 8 * 3600) * 1000),
            "scopes": ["user:inference", "user:profile"],
            "subscriptionType": "max",
        }
        self.write(path, json.dumps({"claudeAiOauth": record}))

    def write(self, path: str, text: str) -> None:
        file = self.sandbox.home_folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def settings(self, path: str, **variables: str) -> None:
        self.write(path, json.dumps({"env": variables}))

    def run(
        self, variables: Mapping[str, str], *arguments: str, folder: str = ""
    ) -> CompletedChild:
        claude = Command.for_sandbox(self.sandbox)
        environment = {**claude.environment, **variables}
        if "CLAUDE_CONFIG_DIR" not in variables:
            del environment["CLAUDE_CONFIG_DIR"]
        work = self.sandbox.make_work_folder()
        completed = self.sandbox.run(
            [claude.installed.program, *(arguments or PROMPT)],
            env=environment,
            cwd=work / folder,
            limit=SECONDS,
        )
        self.sandbox.finish()
        return completed

    def sent(self) -> str | None:
        """Return the credential of the prompt, by the name that the emulator gave it."""
        prompts = [each for each in self.exchanges if each.path.startswith("/v1/messages")]
        return prompts[-1].credential if prompts else None

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        return tuple(self.sandbox.exchanges)


@pytest.fixture
def trial(claude: tuple[str, Laboratory]) -> Iterator[Trial]:
    version, laboratory = claude
    matrix = Matrix(client=make_clients(f"claude-code@{version}"))
    (case,) = expand(make_scenario(matrix=matrix, limit=2 * SECONDS))
    case = replace(case, backend=Backend(counts_as_claude_code=True))
    with laboratory.sandbox(case) as sandbox:
        yield Trial(sandbox)


def test_an_empty_value_in_settings_unsets_a_variable(trial: Trial) -> None:
    trial.login(".claude/.credentials.json")
    trial.settings(".claude/settings.json", ANTHROPIC_API_KEY="")
    trial.run({"ANTHROPIC_API_KEY": trial.key()})
    assert trial.sent() == "access-token"


def test_settings_of_the_user_move_the_login(trial: Trial) -> None:
    trial.login(".claude/.credentials.json")
    trial.login("other/.credentials.json")
    other = str(trial.sandbox.home / "other")
    trial.settings(".claude/settings.json", CLAUDE_CONFIG_DIR=other)
    trial.run({})
    assert trial.sent() == "access-token-2"


def test_settings_of_both_folders_apply_and_those_of_the_second_win(trial: Trial) -> None:
    other = str(trial.sandbox.home / "other")
    first = trial.key()
    trial.settings(".claude/settings.json", CLAUDE_CONFIG_DIR=other, ANTHROPIC_API_KEY=first)
    trial.run({})
    assert trial.sent() == "api-key"


def test_settings_of_the_second_folder_win(trial: Trial) -> None:
    other = str(trial.sandbox.home / "other")
    first, second = trial.key(), trial.key()
    trial.settings(".claude/settings.json", CLAUDE_CONFIG_DIR=other, ANTHROPIC_API_KEY=first)
    trial.settings("other/settings.json", ANTHROPIC_API_KEY=second)
    trial.run({})
    assert trial.sent() == "api-key-2"


def test_settings_of_a_project_move_the_login_of_old_versions(
    trial: Trial, claude: tuple[str, Laboratory]
) -> None:
    trial.login(".claude/.credentials.json")
    trial.login("other/.credentials.json")
    other = str(trial.sandbox.home / "other")
    trial.settings("work/.claude/settings.json", CLAUDE_CONFIG_DIR=other)
    trial.run({})
    is_old = version_key(claude[0]) <= version_key(LAST_MOVED_BY_PROJECT)
    assert trial.sent() == ("access-token-2" if is_old else "access-token")


@pytest.mark.parametrize(("value", "place"), [("", "work"), ("config", "work/config")])
def test_a_relative_folder_is_below_the_current_one(trial: Trial, value: str, place: str) -> None:
    trial.login(".claude/.credentials.json")
    trial.login(f"{place}/.credentials.json")
    trial.run({"CLAUDE_CONFIG_DIR": value})
    assert trial.sent() == "access-token-2"


def test_a_tilde_is_not_expanded(trial: Trial) -> None:
    trial.login(".claude/.credentials.json")
    trial.run({"CLAUDE_CONFIG_DIR": "~/.claude"})
    assert trial.sent() is None


def test_local_settings_are_at_the_root_of_the_repository(
    trial: Trial, claude: tuple[str, Laboratory]
) -> None:
    for name in ("objects/x", "refs/x", "HEAD"):
        trial.write(f"work/.git/{name}", "ref: refs/heads/main\n")
    for folder in ("work", "work/sub"):
        trial.settings(f"{folder}/.claude/settings.local.json", ANTHROPIC_API_KEY=trial.key())
    trial.run({}, folder="sub")
    assert trial.sent() == ("api-key" if claude[0] == NEWEST else "api-key-2")


def test_shared_settings_are_in_the_current_folder(trial: Trial) -> None:
    for name in ("objects/x", "refs/x", "HEAD"):
        trial.write(f"work/.git/{name}", "ref: refs/heads/main\n")
    shell = trial.key()
    trial.settings("work/.claude/settings.json", ANTHROPIC_API_KEY=trial.key())
    trial.write("work/sub/x", "")
    trial.run({"ANTHROPIC_API_KEY": shell}, folder="sub")
    assert trial.sent() == "api-key"


def test_a_project_sends_the_login_to_a_gateway_without_a_question(trial: Trial) -> None:
    trial.login(".claude/.credentials.json")
    gateway = "https://claude.ai"  # another emulated host, which answers that it has no such path
    trial.settings("work/.claude/settings.json", ANTHROPIC_BASE_URL=gateway)
    trial.run({"CLAUDE_CODE_MAX_RETRIES": "0"})
    (prompt, *_) = [each for each in trial.exchanges if each.path.startswith("/v1/messages")]
    assert (prompt.host, prompt.credential) == ("claude.ai", "access-token")


@pytest.mark.parametrize(
    ("first", "second"),
    [(Cloud.BEDROCK, Cloud.FOUNDRY), (Cloud.FOUNDRY, Cloud.MANTLE), (Cloud.MANTLE, Cloud.VERTEX)],
)
def test_the_first_of_two_clouds_is_used(trial: Trial, first: Cloud, second: Cloud) -> None:
    out = trial.run({first.switch: "1", second.switch: "1"}, "auth", "status").stdout
    assert json.loads(out)["apiProvider"] == first.value


def test_a_key_of_bedrock_comes_before_the_chain(trial: Trial) -> None:
    trial.run({**BEDROCK, **KEYS, "AWS_BEARER_TOKEN_BEDROCK": trial.key()})
    assert signed(trial) == {"api-key"}


def test_keys_in_variables_sign(trial: Trial) -> None:
    trial.run({**BEDROCK, **KEYS})
    assert signed(trial) == {"foreign"}


def test_a_profile_that_is_missing_makes_keys_useless(trial: Trial) -> None:
    trial.write(".aws/credentials", PROFILE)
    completed = trial.run({**BEDROCK, **KEYS, "AWS_PROFILE": "gone"})
    assert signed(trial) == set()
    assert "credentials" in completed.stdout


def test_a_profile_signs(trial: Trial) -> None:
    trial.write(".aws/credentials", PROFILE)
    trial.run({**BEDROCK, "AWS_PROFILE": "work"})
    assert signed(trial) == {"foreign"}


def test_an_empty_switch_in_settings_turns_a_cloud_off(trial: Trial) -> None:
    trial.settings(".claude/settings.json", CLAUDE_CODE_USE_BEDROCK="")
    trial.run({**BEDROCK, **KEYS, "ANTHROPIC_API_KEY": trial.key()})
    assert trial.sent() == "api-key"


def signed(trial: Trial) -> set[str | None]:
    """Return the credentials of the requests to Bedrock; that of a signature is foreign."""
    return {each.credential for each in trial.exchanges if "/model/" in each.path}
