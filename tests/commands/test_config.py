"""Options that variables and files set, on the command line, in pytest, and as they are shown."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import run
from tests.support.ordinary_user import USER


def shown(folder: Path, *arguments: str, **env: Any) -> dict[str, tuple[Any, str]]:
    """Return the value and the source of each setting."""
    ended = run("config", *arguments, "--json", cwd=folder, **env)
    assert (ended.code, ended.err) == (0, "")
    settings = json.loads(ended.out)["settings"]
    return {each["option"]: (each["value"], each["source"]) for each in settings}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The root of a repository."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    return folder


def test_each_setting_is_shown_with_its_source(project: Path) -> None:
    (project / "authprobe.toml").write_text('suite = "smoke"\njobs = 2\nfail-on = ["flaky"]\n')
    own = project / "home" / ".config" / "authprobe"
    own.mkdir(parents=True)
    (own / "authprobe.toml").write_text('isolation = "network"\njobs = 5\n')
    found = shown(project, AUTHPROBE_RETRIES="3")
    assert found["suite"] == ("smoke", "authprobe.toml:1")
    assert found["jobs"] == ("2", "authprobe.toml:2")
    assert found["fail-on"] == (["flaky"], "authprobe.toml:3")
    assert found["retries"] == ("3", "AUTHPROBE_RETRIES")
    assert found["isolation"] == ("network", "home/.config/authprobe/authprobe.toml:1")
    assert found["out"] == ("reports", "default")
    assert found["yes"] == ("false", "default")
    assert shown(project, "diff")["looks"] == ("2", "default")
    assert shown(project, "emulator")["port"] == ("a free one", "default")
    assert shown(project, "pytest")["retries"] == ("0", "default")


def test_a_password_is_not_shown(project: Path) -> None:
    url = "postgresql://user:made-up-password@host/db?password=made-up-password"
    token = "sk-ant-api03-" + "canary-of-the-user-" * 3
    for arguments in ((), ("--json",)):
        ended = run("config", *arguments, cwd=project, AUTHPROBE_HISTORY=url, AUTHPROBE_SET=token)
        assert "postgresql://user@host/db" in ended.out
        assert "made-up-password" not in ended.out + ended.err
        assert "canary" not in ended.out + ended.err


TOKEN = "sk-ant-api03-" + "Zebra0123456789" * 3


@pytest.mark.parametrize(
    "text",
    [f'"{TOKEN}" = 1', f'[run]\n"{TOKEN}" = 1', f'[pytest]\n"{TOKEN}" = 1', f'out = "../{TOKEN}"'],
    ids=["top", "run", "pytest", "value"],
)
def test_a_credential_in_a_problem_is_not_shown(project: Path, text: str) -> None:
    (project / "authprobe.toml").write_text(text)
    for arguments in ((), ("--json",), ("diff",)):
        ended = run("config", *arguments, cwd=project)
        assert ended.err.startswith("authprobe.toml:")
        assert "[redacted:" in ended.err
        assert "Zebra" not in ended.out + ended.err


def test_a_credential_in_the_name_of_a_variable_is_not_shown(project: Path) -> None:
    env: dict[str, Any] = {f"AUTHPROBE_{TOKEN}": "1"}
    ended = run("config", cwd=project, **env)
    assert "no such variable of authprobe" in ended.err
    assert "Zebra" not in ended.out + ended.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("bisct",), "bisct: no such command; did you mean 'bisect'?"),
        (("clients",), "clients: name one of its commands as well: list"),
        (("run", "x"), "x: no such command"),
    ],
)
def test_a_command_that_does_not_exist_is_refused(
    project: Path, words: tuple[str, ...], message: str
) -> None:
    ended = run("config", *words, cwd=project)
    assert ended.code == 4
    assert message in ended.err


def test_a_run_takes_its_options_from_the_file(project: Path) -> None:
    (project / "authprobe.toml").write_text('suite = "smoke"\nclient = ["raw-http"]\n')
    listed = run("run", "--list", cwd=project)
    assert listed.code == 0
    said, suite = listed.err.splitlines()[:2]
    assert said == "set by files: --suite (authprobe.toml:1), --client (authprobe.toml:2)"
    assert suite.startswith("suite smoke: ")
    assert {line.split("/")[1] for line in listed.out.splitlines()} == {"raw-http"}
    # What the command line selects counts instead of a suite of the file.
    assert "suite" not in run("run", "incidents", "--list", cwd=project).err
    assert "\nsuite full: " in run("run", "--suite", "full", "--list", cwd=project).err


def test_cases_of_the_file_give_way_to_scenarios_of_the_command_line(project: Path) -> None:
    everything = run("run", "incidents", "--list", cwd=project).out
    (project / "authprobe.toml").write_text(f"case = ['{everything.splitlines()[0]}']\n")
    assert run("run", "incidents", "--list", cwd=project).out == everything
    listed = run("run", "--list", cwd=project)
    assert (listed.out, listed.err.splitlines()[0]) == (
        f"{everything.splitlines()[0]}\n",
        "set by files: --case (authprobe.toml:1)",
    )


def test_an_error_says_what_set_the_option(project: Path) -> None:
    (project / "authprobe.toml").write_text("# mine\njobs = 0\n")
    ended = run("run", "--list", cwd=project)
    assert (ended.code, ended.out) == (4, "")
    assert ended.err.splitlines() == [
        "--jobs 0: must be a whole number of at least 1",
        "--jobs is set by authprobe.toml:2",
    ]
    ended = run("diff", "a", "b", cwd=project, AUTHPROBE_JOBS="2", AUTHPROBE_DIFF_LOOKS="11")
    assert ended.code == 4
    assert ended.err.endswith("--looks is set by AUTHPROBE_DIFF_LOOKS\n")
    assert "is set by" not in run("run", "--jobs", "-1", cwd=project).err
    (project / "authprobe.toml").write_text("scenarios = ['auht']\n")
    ended = run("run", "--list", cwd=project)
    assert ended.err.endswith("--scenarios is set by authprobe.toml:1\n")


def test_an_error_of_any_option_says_what_set_it(project: Path) -> None:
    """As of those that only the command itself can check, and of one with a short name."""
    (project / "authprobe.toml").write_text('[emulator]\nstanding = "x"\n')
    ended = run("emulator", "--", "true", cwd=project)
    assert (ended.code, ended.err.splitlines()[1:]) == (
        4,
        ["--standing is set by authprobe.toml:2"],
    )
    (project / "authprobe.toml").write_text('[emulator]\nfault = ["nosuch"]\n')
    ended = run("emulator", "--", "true", cwd=project)
    assert ended.err.startswith("--fault: no such fault: 'nosuch'; see `authprobe emulator")
    assert ended.err.endswith("\n--fault is set by authprobe.toml:2\n")
    ended = run("run", "--list", cwd=project, AUTHPROBE_K="((")
    assert (ended.code, ended.err.splitlines()[1:]) == (4, ["-k is set by AUTHPROBE_K"])


def test_an_error_in_a_group_says_once_what_set_the_option(project: Path) -> None:
    ended = run("clients", "prune", cwd=project, AUTHPROBE_CLIENTS_PRUNE_TO="much")
    assert ended.code == 4
    assert ended.err.splitlines()[-1] == "--to is set by AUTHPROBE_CLIENTS_PRUNE_TO"
    assert ended.err.count(" is set by ") == 1


def test_each_value_that_a_command_would_refuse_is_named(project: Path) -> None:
    (project / "authprobe.toml").write_text(
        'jobs = -4\nsuite = "smok"\nretries = 2\nfail-on = ["flaky", "bad"]\n[diff]\nlooks = 11\n'
    )
    ended = run("config", cwd=project, AUTHPROBE_MAX_FAILURES="none", AUTHPROBE_HISTORY="mysql://h")
    assert ended.code == 4
    assert "jobs            authprobe.toml:1        -4\n" in ended.out
    assert ended.err.splitlines() == [
        "authprobe.toml:2: --suite smok: no such suite; did you mean 'smoke'?",
        "authprobe.toml:1: --jobs -4: must be a whole number of at least 1",
        "AUTHPROBE_HISTORY: history …: neither a file nor a postgresql:// URL; write one "
        "of these, or 'none'",
        "authprobe.toml:4: --fail-on bad: 'bad' is not a reason to fail; use failed, regressed, "
        "changed, absent, findings, untestable, flaky, never",
        "AUTHPROBE_MAX_FAILURES: --max-failures none: must be a whole number from 1 to 1,000,000, "
        "such as 1",
        "authprobe.toml:6: --looks 11: must be a whole number from 1 to 10",
    ]
    ended = run("config", "diff", "--json", cwd=project)
    assert ended.code == 4
    problems = {each["option"]: each["problem"] for each in json.loads(ended.out)["settings"]}
    assert {name for name, problem in problems.items() if problem} == {"jobs", "looks"}
    assert problems["looks"] == "--looks 11: must be a whole number from 1 to 10"
    ended = run("config", "pytest", cwd=project)
    assert (ended.code, "authprobe.toml:1: --jobs -4" in ended.err) == (4, True)
    ended = run("config", "emulator", cwd=project, AUTHPROBE_EMULATOR_PORT="-1")
    assert "AUTHPROBE_EMULATOR_PORT: --port -1: must be a whole number from 0 to 65535" in ended.err
    assert run("config", "watch", cwd=project, AUTHPROBE_WATCH_SUITE="x").code == 4
    assert run("config", "clients", "prune", cwd=project).code == 0


def test_all_that_is_wrong_with_a_file_is_named_in_one_go(project: Path) -> None:
    """Unknown keys, wrong types, and values of all tables that only the command itself refuses."""
    lines = {
        'suite = "smok"': "--suite smok: no such suite; did you mean 'smoke'?",
        "job = 4": "job: unknown key; did you mean 'jobs'?",
        'retries = "two"': "retries: must be a number, such as 2",
        'fail-on = ["never", "failed"]': "--fail-on never: excludes the other words",
        'case = ["x/y/../z", "a/b"]': "--case a/b: no such case; write SCENARIO/CLIENT/",
        'client = ["claude-cod", "claude-code@@1"]': "--client claude-code@@1: write it as claude",
        'baseline = "none.json"': "none.json: No such file or directory",
        "[dif]": "dif: unknown key; did you mean 'diff'?",
        "[diff]": "",
        'scenarios = ["nodir"]': "nodir:1:1: no such file",
        "[emulator]": "",
        'standing = "x"': "--standing: no such standing: 'x'; choose from active",
        'fault = ["nosuch"]': "--fault: no such fault: 'nosuch'",
        'issue = ["x"]': "--issue: no such token kind: 'x'",
        "[versions]": "",
        'client = "nosuch"': "--client nosuch: no such client",
        'since = "x"': "--since x: give one version, such as 2.1.31",
        "[watch]": "",
        'client = ["raw-http"]': "--client raw-http: authprobe's own request",
    }
    (project / "authprobe.toml").write_text("\n".join(lines))
    ended = run("config", cwd=project, AUTHPROBE_K="((", AUTHPROBE_BREAK_RULE="x")
    assert ended.code == 4
    for number, message in enumerate(lines.values(), start=1):
        assert not message or f"authprobe.toml:{number}: {message}" in ended.err
    assert "--client claude-cod: no such client; did you mean 'claude-code'?\n" in ended.err
    assert "AUTHPROBE_K: Wrong expression passed to '-k'" in ended.err
    assert "AUTHPROBE_BREAK_RULE: --break-rule x: no such rule" in ended.err
    assert len(ended.err.splitlines()) == len(lines) - 4 + 4
    assert "nodir" not in run("config", "emulator", cwd=project).err


def test_a_client_that_the_project_or_its_scenarios_define_is_known(project: Path) -> None:
    definitions = 'clients:\n  mine:\n    title: Mine\n    run: ["/bin/true", "{prompt}"]\n'
    (project / "clients.yaml").write_text(definitions)
    (project / "authprobe.toml").write_text('clients = ["clients.yaml"]\nclient = ["mine"]\n')
    ended = run("config", cwd=project)
    assert (ended.code, ended.err) == (0, "")
    (project / "authprobe.toml").write_text('client = ["mine"]\n')
    assert "--client mine: no such client" in run("config", cwd=project).err


def test_errors_of_scenarios_are_not_those_of_a_client(project: Path) -> None:
    (project / "authprobe.toml").write_text(
        'scenarios = ["nodir"]\nclient = ["mine", "claude-code@@1"]\n'
    )
    ended = run("config", cwd=project)
    assert [line.partition(": ")[2].split(":")[0] for line in ended.err.splitlines()] == [
        "nodir",
        "--client claude-code@@1",
    ]


def test_a_broken_file_ends_a_command_and_not_its_help(project: Path) -> None:
    (project / "authprobe.toml").write_text("[run\n")
    assert run("run", "--list", cwd=project).code == 4
    assert (
        "authprobe.toml:1:5: is not valid TOML: Expected ']' at the end of a table"
        in run("config", cwd=project).err
    )
    help_text = run("run", "--help", cwd=project)
    assert (help_text.code, help_text.err) == (0, "")
    (project / "authprobe.toml").write_text('out = "elsewhere"\n[versions]\nlooks = 7\n')
    assert run("versions", "--help", cwd=project).out == run("versions", "-h", cwd=Path("/")).out


def test_a_broken_file_is_named_with_all_else(project: Path) -> None:
    (project / "authprobe.toml").write_text("[run\n")
    own = project / "home" / ".config" / "authprobe"
    own.mkdir(parents=True)
    (own / "authprobe.toml").write_text("job = 2\nretries = 3\n")
    ended = run("config", cwd=project, AUTHPROBE_JOBS="0")
    own_name = "home/.config/authprobe/authprobe.toml"
    assert (ended.code, ended.out.splitlines()[0]) == (4, f"authprobe run: {own_name}")
    assert f"retries         {own_name}:2  3\n" in ended.out
    assert [line[:36] for line in ended.err.splitlines()] == [
        "authprobe.toml:1:5: is not valid TOM",
        f"{own_name}:1: job: unknown key"[:36],
        "AUTHPROBE_JOBS: --jobs 0: must be a ",
    ]
    (own / "authprobe.toml").unlink()
    ended = run("config", cwd=project)
    assert "authprobe run: no usable authprobe.toml\n" in ended.out
    assert len(ended.err.splitlines()) == 1


def test_a_variable_that_sets_nothing_is_warned_of(project: Path) -> None:
    ended = run("config", cwd=project, AUTHPROBE_JBOS="2")
    assert ended.code == 0
    assert ended.err == (
        "warning: AUTHPROBE_JBOS: no such variable of authprobe; did you mean 'AUTHPROBE_JOBS'?\n"
    )
    hostile: dict[str, Any] = {"AUTHPROBE_\x1b[31m": "2"}
    escaped = run("config", cwd=project, **hostile).err
    assert escaped.startswith("warning: AUTHPROBE_\\u001b[31m: no such variable of authprobe; ")
    variables = ("AUTHPROBE_CONTROL_URL", "AUTHPROBE_API_KEY_2", "AUTHPROBE_DIFF_LOOKS")
    of_pytest = ("AUTHPROBE_PYTEST_REPORT", "AUTHPROBE_PYTEST_FAIL_ON", "AUTHPROBE_PYTEST_SET")
    known: dict[str, Any] = dict.fromkeys((*variables, *of_pytest), "2")
    assert "warning" not in run("config", cwd=project, **known).err


def test_a_variable_without_an_option_is_checked_as_well(project: Path) -> None:
    ended = run("config", cwd=project, AUTHPROBE_CACHE_LIMIT="many", AUTHPROBE_HISTORY_KEEP="0")
    assert ended.code == 4
    first, second = ended.err.splitlines()
    assert first == "AUTHPROBE_CACHE_LIMIT: 'many' is not a size; write it as 10G or 500M"
    assert second.startswith("AUTHPROBE_HISTORY_KEEP: 0: must be a whole number from 1")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_the_options_of_another_user_are_ignored_with_a_warning(project: Path) -> None:
    (project / "authprobe.toml").write_text("jobs = 3\n")
    os.chown(project / "authprobe.toml", USER, USER)
    warning = "warning: authprobe.toml: belongs to another user, and its options are ignored; "
    for words in (("config",), ("run", "--list", "--suite", "smoke"), ("clients", "list")):
        ended = run(*words, cwd=project)
        assert ended.code == 0
        assert ended.err.startswith(warning)
        assert ended.err.count("warning: ") == 1
    assert "authprobe run: no authprobe.toml" in run("config", cwd=project).out
