"""Every command of the documentation runs, or a table says why it does not.

A new command of a page needs no entry if it ends with 0 in the folder of `project`.
"""

import datetime
import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from authprobe.commands.drift import DriftOptions, drift
from authprobe.drift.observation_check import read_observation, shared_name
from authprobe.emulator.server.network import Network
from tests.commands.test_run import SCENARIO
from tests.commands.test_share import FAILING
from tests.integration.test_docs import EXPIRED, without_weights
from tests.support.command import PROJECT, Ended, run, write_scenario
from tests.support.homes import API_KEY, Home
from tests.support.live_world import NEWEST
from tests.support.registry import UNREACHABLE
from tests.support.service import open_service
from tests.support.shown_commands import PAGES, ShownCommand, shown_blocks

CASE: Final = "cli-login/raw-http/messages/bad"
VARIABLES: Final = {
    "AUTHPROBE_HISTORY": "",
    # Plain HTTP, which installs nothing, and some of the bundled cases.
    "AUTHPROBE_RUN_CLIENT": "raw-http",
    "AUTHPROBE_RUN_K": "login",
}
EXPIRED_LOGIN: Final = {
    "AUTHPROBE_RUN_CLIENT": f"claude-code@{NEWEST}",
    "AUTHPROBE_RUN_CASE": f"cli-login/claude-code@{NEWEST}/default/expired",
}
FILES: Final = {
    "error.log": EXPIRED,
    "debug.log": EXPIRED,
    "package.json": '{"scripts": {"test": "node --eval 0"}}',
    "test_app.py": "def test_app() -> None: pass\n",
    "my_app.py": """
import json, os, sys, urllib.error, urllib.request

question = {"model": "claude-sonnet-5-5", "max_tokens": 1, "messages": []}
headers = {"x-api-key": os.environ["ANTHROPIC_API_KEY"], "anthropic-version": "2023-06-01"}
headers["content-type"] = "application/json"
url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
try:
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(question).encode(), headers))
except urllib.error.HTTPError as error:
    sys.exit(f"the key is wrong or has expired: {error.code}")
""",
}
"""Files of the project."""
REPLACED: Final = {
    r"\bCASE\b": CASE,
    r"SCENARIO/claude-code(@[\d.]+)?/…": CASE,
    r"\b2027-03-01\b": str(datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(30)),
    r"/…/issues/": "/owner/name/issues/",
    r"/var/lib/node_exporter/textfile_collector/": "",
    r"claude-code@2\.1\.50\b": f"claude-code@{NEWEST}",
}
"""Replacements of placeholders, of paths outside of the folder, and of what would be installed."""
EXIT_CODES: Final = {
    # That of the program, whose key has expired.
    "authprobe emulator --report out --issue api-key:expired --baseline baseline.json "
    "-- python my_app.py": 1,
    "authprobe doctor": 1,  # the key in the variable shadows the login, as the page shows
}
"""Exit codes other than 0."""
WITH_CLIENTS: Final = {
    'authprobe run -k "login and expired"': EXPIRED_LOGIN,
    "authprobe run --client claude-code@2.1.50": EXPIRED_LOGIN,
    "authprobe init my-project --use gateway --ci gitlab": {},
}
"""Commands that run `claude`, with further variables that leave them a case of many."""

FURTHER_VARIABLES: Final = {
    **WITH_CLIENTS,
    "authprobe doctor": {"ANTHROPIC_API_KEY": API_KEY},
    # The container does not show the checkout, in which pytest would look for our plugin.
    "authprobe emulator --issue api-key -- pytest": {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
}

INSTALLS: Final = "installs many releases; tests of the command itself do it with made-up ones"
REGISTRY: Final = "asks the package registry about every release, for 10 s"
ASKS_THE_SERVICE: Final = "asks the real service; tests of the command itself ask a stand-in"
ANOTHER_MACHINE: Final = "needs the scheduler of other machines; test_dask.py has one of its own"
CONTAINERS: Final = "needs a container engine; test_container.py uses one where there is one"
SETS_UP: Final = "sets up the machine, from the package registry or the address of the project"
NOT_RUN: Final = {
    "make test": "runs this test",
    ". .venv/bin/activate": SETS_UP,
    "git config core.hooksPath .ci/hooks": SETS_UP,
    "git clone https://github.com/OWNER/authprobe && cd authprobe": SETS_UP,
    "python3 -m venv .venv && . .venv/bin/activate": SETS_UP,
    "pip install --constraint constraints.txt build hatchling": SETS_UP,
    "pip install 'authprobe[otel]'": SETS_UP,
    "pip install 'authprobe[dask]'": SETS_UP,
    "dask scheduler --host 10.0.0.5 --port 8786": ANOTHER_MACHINE,
    "dask worker tcp://10.0.0.5:8786 --nthreads 4 --no-nanny": ANOTHER_MACHINE,
    "authprobe run --suite full --executor dask://10.0.0.5:8786": ANOTHER_MACHINE,
    "docker build --file Containerfile --tag authprobe .": CONTAINERS,
    "docker build --file Containerfile --target emulator --tag claude-emulator .": CONTAINERS,
    "docker run --rm --network none authprobe": CONTAINERS,
    'docker run --rm --user "$(id -u)" --env HOME=/tmp --env AUTHPROBE_CACHE=/tmp/cache '
    '--volume "$PWD:/work" authprobe run auth/': CONTAINERS,
    "docker run --rm --detach --name claude --publish 127.0.0.1:8080:8080 "
    "--publish 127.0.0.1:8081:8081 --env AUTHPROBE_ACCESS_TOKEN --env AUTHPROBE_CONTROL_TOKEN "
    "claude-emulator": CONTAINERS,
    "authprobe run incidents": INSTALLS,
    "authprobe run stored-login.yaml": INSTALLS,
    "authprobe versions": INSTALLS,
    "authprobe bisect CASE --good 2.1.0 --bad 2.1.9": INSTALLS,
    "authprobe bisect versions/claude-code@latest/default/expired-login/before-june --good 2.0.60 "
    "--bad 2.1.31 --when token.host": INSTALLS,
    "authprobe diff claude-code@2.1.8 claude-code@2.1.9": INSTALLS,
    "authprobe diff claude-code@2.1.112 claude-code@latest": INSTALLS,
    "authprobe watch": INSTALLS,
    "authprobe watch --client claude-code --suite smoke --at-most 1": INSTALLS,
    "17 2 * * *  cd ~/watch && authprobe watch > last.txt 2>&1 || "
    'mail -s "authprobe: look at this" me < last.txt': INSTALLS,
    "authprobe run --suite full --client 'claude-code@>=2 <2.1.333' --list | wc -l": REGISTRY,
    "authprobe run --suite full --client 'claude-code@>=2 <2.1.333' --shard 3/10 --list | wc -l": (
        REGISTRY
    ),
    "authprobe drift": ASKS_THE_SERVICE,
    "authprobe drift --key-env MY_API_KEY": ASKS_THE_SERVICE,
    "authprobe run --target live -k api-key": ASKS_THE_SERVICE,
    "authprobe run my-key.yaml --target live": ASKS_THE_SERVICE,
    "authprobe run my-key.yaml --target both": ASKS_THE_SERVICE,
    "authprobe emulator --issue access-token --counts-as-claude-code --no-base-url "
    "-- claude -p ping": "needs a `claude` of the machine, outside of the cache",
    "read -rs PROBE_API_KEY && export PROBE_API_KEY": "waits for a secret of the reader",
}
"""Commands that are not run as they stand, with the reason."""

UPGRADE: Final = "test_upgrade_recipe.py::test_the_recipe_leads_from_the_old_pin_to_the_issue"
EXPLAIN: Final = "test_docs.py::test_example_of_explain_is_what_it_prints"
LIVE_PAGE: Final = "../live/test_page.py::test_each_command_selects_live_cases"
ELSEWHERE: Final = {
    ".ci/build": "test_release.py::test_two_checkouts_give_the_same_bytes",
    "pip install .": "test_wheel.py::test_the_bundled_scenarios_run_in_an_empty_folder",
    "uvx --from . authprobe run --suite smoke": (
        "test_release.py::test_uvx_runs_the_wheel_with_nothing_installed"
    ),
    "authprobe run auth/ --client claude-code@2.1.112 && authprobe accept": UPGRADE,
    "authprobe run auth/ --client claude-code@2.1.332": UPGRADE,
    "authprobe run auth/ --list": (
        "test_upgrade_recipe.py::test_the_tutorial_has_the_same_commands_and_a_scenario_for_them"
    ),
    "authprobe bisect our-login/claude-code/default/login --good 2.1.112 --bad 2.1.332 "
    "--scenarios auth/": UPGRADE,
    "version() { sed -n 's/^claude-agent-sdk==\\([0-9A-Za-z.-]*\\).*/\\1/p'; }": (
        "test_ci_docs.py::test_the_gate_reads_pins_of_pip"
    ),
    "control() {": (
        "../commands/test_emulator.py::test_the_documented_requests_to_the_control_api_work"
    ),
    "authprobe init": "../commands/test_init.py::test_two_questions_are_asked_at_a_terminal",
    "authprobe init --ci github": (
        "../commands/test_init.py::test_a_job_is_added_later_without_questions_and_without_a_run"
    ),
    "# bot.sh": "../items/test_page.py::test_the_example_of_the_page_shows_what_the_page_says",
    "claude -p ping 2>&1 | authprobe explain": EXPLAIN,
    "authprobe emulator --env-file claude.env": (
        "../commands/test_emulator.py::test_an_env_file_is_written_atomically"
    ),
    'authprobe run --target live --client raw-http -k "api-key and own-key"': (
        "../live/test_page.py::test_the_plan_is_what_is_printed"
    ),
    'authprobe run --target live -k "setup-token and own-token" --client claude-code@2.1.332 '
    "--client claude-code@2.1.62": LIVE_PAGE,
    "authprobe run my-login.yaml --target live": LIVE_PAGE,
    "authprobe run my-gateway.yaml --target live": LIVE_PAGE,
}
"""Commands that other tests run, with versions that are there, or a stand-in for the service."""


@dataclass(frozen=True)
class Steps:
    """Commands of a page that run one after the other in a folder of their own."""

    page: str
    commands: tuple[ShownCommand, ...]

    def __str__(self) -> str:
        return f"{self.page}: {self.commands[0].line}"


def steps_of(page: Path) -> list[Steps]:
    """Return the steps of a page; each line of a list is one."""
    groups: list[tuple[ShownCommand, ...]] = []
    for block in shown_blocks(page.read_text()):
        alone = [(command,) for command in block.commands]
        groups += alone if block.is_list else [block.commands]
    return [Steps(page.name, group) for group in groups]


SHOWN: Final = list(
    {
        tuple(each.line for each in steps.commands): steps
        for page in PAGES  # the README first: other pages may show the output as well
        for steps in steps_of(page)
        if page.name != "commands.md"
    }.values()
)
"""Steps of all pages; of equal ones, those of the last page."""
LINES: Final = {command.line for steps in SHOWN for command in steps.commands}
LISTED: Final = {*NOT_RUN, *ELSEWHERE}
TO_RUN: Final = [
    pytest.param(steps, id=str(steps), marks=[pytest.mark.clients] if has_clients else [])
    for steps in SHOWN
    for lines in [{each.line for each in steps.commands} - LISTED]
    for has_clients in [lines & set(WITH_CLIENTS)]
    if lines
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a project that has what the pages name, and with a home.

    A case of the last run failed.
    """
    folder = tmp_path_factory.mktemp("world")
    furnish_home(folder)
    project = folder / "project"
    (project / "auth").mkdir(parents=True)
    for text, code in ((SCENARIO, 0), (FAILING, 1)):
        write_scenario(project / "auth", text.replace("id: example", "id: cli-login"))
        ended = run_line("authprobe run auth/", folder)
        assert ended.code == code, ended.err
    shutil.copytree(project / "reports", project / "ci")
    for name, text in FILES.items():
        (project / name).write_text(text)
    line = "authprobe emulator --report out --issue api-key:expired -- python my_app.py"
    ended = run_line(line, folder)
    assert (project / "out" / "results.json").exists(), ended.err
    add_observation(project)
    return folder


def furnish_home(folder: Path) -> None:
    """Make the home of the example of docs/doctor.md."""
    home = Home(folder)
    (home.home / ".local").mkdir(parents=True)
    home.install(folder="home/.local/bin")
    home.finish_onboarding()
    now = datetime.datetime.now(datetime.UTC).timestamp()
    login = home.login(expiresAt=int((now + 5.5 * 3600) * 1000), scopes=["user:inference"])
    os.utime(login, (now - 2.5 * 3600,) * 2)
    home.settings(model="opus")


def add_observation(project: Path) -> None:
    """Compare the emulator with itself, and give the observation back in a commit."""
    with Network() as network, open_service(network) as (_, directions):
        drift(DriftOptions(out=project / "reports"), directions, pause=0.0)
    file = project / "reports" / "observation.json"
    script = """
        git init --quiet --initial-branch main
        git config user.name t
        git config user.email t@example.org
        git commit --quiet --allow-empty --message before
        git update-ref refs/remotes/origin/main main
        git add observations
        git commit --quiet --message after
    """
    observation = read_observation(file).value
    assert observation
    target = project / shared_name(observation)
    target.parent.mkdir(parents=True)
    shutil.copy(file, target)
    ended = run(argv=["bash", "-euc", script], cwd=project)
    assert ended.code == 0, ended.err


@pytest.mark.slow
@pytest.mark.parametrize("steps", TO_RUN)
def test_the_commands_of_a_page_run(steps: Steps, world: Path, tmp_path: Path) -> None:
    folder = tmp_path / "world"
    shutil.copytree(world, folder, symlinks=True)
    for command in steps.commands:
        if command.line in LISTED:
            continue
        ended = run_line(command.line, folder)
        if UNREACHABLE in ended.out + ended.err:
            pytest.skip("NO PACKAGE REGISTRY: releases of claude could not be installed")
        expected = EXIT_CODES.get(command.line, 0)
        assert ended.code == expected, f"{command.line}\n{ended.out}{ended.err}"
        assert_shown(command.output, ended)
        for name in re.findall(r"(?:--out|>) (\S+)", command.line):
            assert (folder / "project" / name).stat().st_size


def run_line(line: str, folder: Path) -> Ended:
    """Run a line in the project: by a shell, if it is more than a call of `authprobe`."""
    home = folder / "home"
    path = (home / ".local" / "bin", Path(sys.executable).parent, os.environ["PATH"])
    variables = {**VARIABLES, **FURTHER_VARIABLES.get(line, {})}
    variables |= {"HOME": str(home), "PATH": ":".join(map(str, path))}
    for pattern, text in REPLACED.items():
        line = re.sub(pattern, text, line)
    words = shlex.split(line)
    if words[0] == "authprobe" and not re.search(r"[|<>&$~]", line):
        return run(*words[1:], cwd=folder / "project", argv=None, **variables)
    return run(argv=["bash", "-c", line], cwd=folder / "project", **variables)


def assert_shown(shown: tuple[str, ...], ended: Ended) -> None:
    """Check that each line that a page shows is printed."""
    printed = plain(ended.err + ended.out).splitlines()
    for line in shown:
        whole = plain(line.removesuffix(" ...").removesuffix("…"))
        assert whole.strip() in ("", "...") or any(each.startswith(whole) for each in printed), line


def plain(text: str) -> str:
    """Return a text without durations, weights and alignment, which differ between runs."""
    return re.sub(r"(?<=\S) +", " ", re.sub(r"\b\d+\.\d s\b", "N s", without_weights(text)))


def test_every_entry_of_a_table_is_still_in_the_documentation() -> None:
    for table in (NOT_RUN, ELSEWHERE, EXIT_CODES):
        assert set(table) - LINES == set()
    assert set(NOT_RUN) & set(ELSEWHERE) == set()


@pytest.mark.parametrize("test", sorted(set(ELSEWHERE.values())))
def test_a_test_that_runs_commands_exists(test: str) -> None:
    file, _, name = test.partition("::")
    text = (PROJECT / "tests" / "integration" / file).read_text()
    assert f"\ndef {name}(" in text


def test_a_line_that_is_not_printed_is_noticed() -> None:
    ended = Ended(
        0, "✓ Passed · 1 case: 1 passed · 10.4 s\n  cd x        a folder\n", "report: x\n"
    )
    assert_shown(("✓ Passed · 1 case: 1 passed · 0.2 s", "...", "  cd x   a ...", "report…"), ended)
    for line in ("✓ Passed · 2 cases: 1 passed · 10.4 s", "cd x  a folder", "report: xy"):
        with pytest.raises(AssertionError):
            assert_shown((line,), ended)


PAGE: Final = r"""
```sh
# a comment
FOO=1 authprobe run \
  --suite full && authprobe accept   # with `$(this)`
```

1. In a list:

   ```console
   $ authprobe scan "a # b"
   nothing

   $ cat 'x' | authprobe explain  # a comment
   ```

```sh
#!/bin/sh
# bot.sh
curl x
```

```text
authprobe scan x.log      search a file
authprobe nothing         is no command
```
"""


def test_the_commands_of_a_page_are_found() -> None:
    blocks = shown_blocks(PAGE)
    lines = [[command.line for command in block.commands] for block in blocks]
    assert lines == [
        ["FOO=1 authprobe run --suite full && authprobe accept"],
        ['authprobe scan "a # b"', "cat 'x' | authprobe explain"],
        ["# bot.sh"],
        ["authprobe scan x.log"],
    ]
    assert blocks[1].commands[0].output == ("nothing",)
    assert [block.is_list for block in blocks] == [False, False, False, True]
    assert blocks[0].commands[0].calls == ("authprobe run --suite full", "authprobe accept")
    assert {"authprobe scan debug.log", "authprobe history CASE"} <= LINES
