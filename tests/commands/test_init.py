"""`authprobe init` in empty folders and in those with files."""

import json
import os
import pty
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import authprobe
from authprobe.cli.init import CI_SERVICES, USES
from authprobe.commands import starter_files
from authprobe.commands.starter_files import (
    CONFIG,
    GITHUB,
    GITLAB,
    GITLAB_MAIN,
    IGNORED,
    SCENARIO,
    CiService,
    StarterUse,
    write_new,
)
from authprobe.errors import SettingsError
from authprobe.scenario.load import load_file
from tests.support.command import Ended, command, environment, run
from tests.support.ordinary_user import as_user, folder_of_user, python_of_user
from tests.support.world import make_world

WRITE = ("--use", "claude-code", "--ci", "github", "--no-run")


def init(folder: Path, *words: str) -> Ended:
    return run("init", *words, cwd=folder)


def files(folder: Path) -> list[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    return sorted(str(path) for path in found if path.parts[0] not in ("home", "registry", "cache"))


def read(path: Path) -> Any:
    return yaml.load(path.read_text(), yaml.BaseLoader)  # noqa: S506 (only texts)


def git_add(ended: Ended) -> list[str]:
    """Return the files that the command says to commit."""
    (line,) = (line for line in ended.out.splitlines() if line.startswith("  git add "))
    return shlex.split(line.partition("  and commit")[0])[2:]


def test_the_choices_are_those_of_the_files() -> None:
    assert list(USES) == list(StarterUse)
    assert list(CI_SERVICES) == list(CiService)


@pytest.mark.parametrize("use", StarterUse)
def test_each_scenario_is_valid_and_commented(tmp_path: Path, use: StarterUse) -> None:
    assert init(tmp_path, "--use", use, "--ci", "none", "--no-run").code == 0
    assert files(tmp_path) == [IGNORED, SCENARIO, CONFIG]
    assert load_file(tmp_path / SCENARIO).id == "first"
    comment = (tmp_path / SCENARIO).read_text().partition("\nid: ")[0]
    assert comment.startswith("# A first scenario: ")
    (named,) = re.findall(r"`authprobe ([a-z]+)`", comment)
    assert run(named, cwd=tmp_path).code == 0


def test_the_job_of_github_installs_this_version_and_probes_the_scenario(tmp_path: Path) -> None:
    assert init(tmp_path, *WRITE).code == 0
    assert files(tmp_path) == [GITHUB, IGNORED, SCENARIO, CONFIG]
    (job,) = read(tmp_path / ".github/workflows/authprobe.yml")["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "authprobe" in step.get("run", "")]
    assert commands == [
        f"pip install authprobe=={authprobe.__version__}",
        "authprobe run auth/",
    ]


def test_the_job_of_gitlab_is_included(tmp_path: Path) -> None:
    assert init(tmp_path, "--use", "node", "--ci", "gitlab", "--no-run").code == 0
    assert files(tmp_path) == [IGNORED, GITLAB_MAIN, GITLAB, SCENARIO, CONFIG]
    (included,) = read(tmp_path / GITLAB_MAIN)["include"]
    job = read(tmp_path / included["local"].lstrip("/"))["authprobe"]
    assert job["before_script"][-1] == f"pip install authprobe=={authprobe.__version__}"
    assert job["script"] == ["authprobe run auth/"]
    assert job["stage"] == "test"


LINE = "add the line `include: [{local: /.gitlab/authprobe.yml}]`"
ENTRY = "add `local: /.gitlab/authprobe.yml` to the list of its `include`"
LIST = "make its `include` a list, and add `local: /.gitlab/authprobe.yml` to it"


@pytest.mark.parametrize(
    ("text", "stage", "addition"),
    [
        ("build: {script: make}\n", "test", LINE),
        ("stages: [build, deploy]\n", "build", LINE),
        ("stages: [build, test]\n", "test", LINE),
        ("stages: []\n", "test", LINE),
        ("include: [{template: Jobs/SAST.gitlab-ci.yml}]\n", "test", ENTRY),
        ("include:\n  template: Jobs/SAST.gitlab-ci.yml\n", "test", LIST),
        ("spec: {inputs: {}}\n---\nstages: ['unit tests']\n", "unit tests", LINE),
        ("x: {script: !reference [a, b]}\nstages: [check]\n", "check", LINE),
        ('stages: ["a # b", "c"]\n', "test", LINE),
        ('stages: ["a\\nscript: touch x"]\n', "test", LINE),
        ("stages: [*unknown]\n", "test", LINE),
        ("stages: &a [*a]\n", "test", LINE),
        ("x: " + "[" * 3000, "test", LINE),
        ("# " + "x" * 200_000 + "\nstages: [late]\n", "test", LINE),
        ("- stages\n", "test", LINE),
        ("", "test", LINE),
    ],
)
def test_the_main_file_of_gitlab_is_left_and_the_job_fits_it(
    tmp_path: Path, text: str, stage: str, addition: str
) -> None:
    (tmp_path / GITLAB_MAIN).write_text(text)
    ended = init(tmp_path, "--yes", "--no-run")
    assert (ended.code, (tmp_path / GITLAB_MAIN).read_text()) == (0, text)
    assert read(tmp_path / GITLAB)["authprobe"]["stage"] == stage
    assert "  edit .gitlab-ci.yml" in ended.out
    assert addition in ended.out
    assert git_add(ended)[-1] == GITLAB_MAIN


@pytest.mark.parametrize(
    "include",
    [
        "[{template: Jobs/SAST.gitlab-ci.yml}, {local: /.gitlab/authprobe.yml}]",
        "{local: .gitlab/authprobe.yml}",
        "/.gitlab/authprobe.yml",
        "['/.gitlab/*.yml']",
    ],
)
def test_an_included_job_needs_no_further_line(tmp_path: Path, include: str) -> None:
    (tmp_path / GITLAB_MAIN).write_text(f"include: {include}\n")
    ended = init(tmp_path, "--yes", "--no-run")
    assert ended.code == 0
    assert "edit" not in ended.out
    assert git_add(ended) == [SCENARIO, CONFIG, IGNORED, GITLAB]


@pytest.mark.parametrize(
    ("text", "addition"),
    [
        (f"# TODO include {GITLAB}\n", LINE),
        (f"lint: {{script: [yamllint {GITLAB}]}}\n", LINE),
        ("include: ['*.yml', {project: a/b, file: /.gitlab/authprobe.yml}, [x], '']\n", ENTRY),
        ("include:\n", LIST),
        ("include: a.yml\n", LIST),
        ("include: {project: a/b, file: /.gitlab/authprobe.yml}\n", LIST),
    ],
)
def test_a_job_that_is_only_named_is_not_included(tmp_path: Path, text: str, addition: str) -> None:
    (tmp_path / GITLAB_MAIN).write_text(text)
    assert addition in init(tmp_path, "--yes", "--no-run").out


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ("*.pyc\n", True),
        ("my/reports/\n", True),
        ("reportsold\nreports-archive/\nreports.txt\n reports\n", True),
        ("!reports/*\n# reports/*\nreports/old\n", True),
        ("reports \n", False),
        ("/reports/**\n", False),
        ("reports/\n", False),
        ("/reports/*\n!reports/baseline.json\n", False),
    ],
)
def test_a_list_of_ignored_files_is_left_and_the_line_for_it_is_said(
    tmp_path: Path, there: str, said: bool
) -> None:
    (tmp_path / IGNORED).write_text(there)
    ended = init(tmp_path, *WRITE)
    assert (ended.code, (tmp_path / IGNORED).read_text()) == (0, there)
    assert ("add the line `reports/*`" in ended.out) is said


def test_git_ignores_the_reports_and_not_the_baseline(tmp_path: Path) -> None:
    assert init(tmp_path, *WRITE).code == 0
    names = [f"reports/{name}" for name in ("report.html", "baseline.json", "known-failures.yaml")]
    git = ["git", "-c", f"safe.directory={tmp_path}", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    ignored = subprocess.run([*git, "check-ignore", *names], check=True, stdout=subprocess.PIPE)
    assert ignored.stdout.decode().split() == names[:1]


def test_files_that_git_ignores_are_added_all_the_same(tmp_path: Path) -> None:
    git = ["git", "-c", f"safe.directory={tmp_path}", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / IGNORED).write_text("reports/\nlocal.*\n")
    assert git_add(init(tmp_path, *WRITE)) == [SCENARIO, CONFIG, GITHUB]
    (tmp_path / IGNORED).write_text("reports/\n*.toml\n")
    names = git_add(init(tmp_path, *WRITE))
    assert names == ["--force", SCENARIO, CONFIG, GITHUB]
    subprocess.run([*git, "add", *names], check=True)
    assert "--force" not in git_add(init(tmp_path, *WRITE))  # git has them now


@pytest.mark.parametrize(
    ("there", "written"),
    [
        (None, []),
        (".github/CODEOWNERS", [".github/workflows/authprobe.yml"]),
        (GITLAB_MAIN, [".gitlab/authprobe.yml"]),
    ],
)
def test_yes_takes_the_ci_that_is_in_use(
    tmp_path: Path, there: str | None, written: list[str]
) -> None:
    if there:
        (tmp_path / there).parent.mkdir(exist_ok=True)
        (tmp_path / there).write_text("")
    assert init(tmp_path, "--yes", "--no-run").code == 0
    assert set(files(tmp_path)) - {there} == {IGNORED, SCENARIO, CONFIG, *written}


@pytest.mark.parametrize("name", [SCENARIO, GITHUB, CONFIG])
def test_a_file_that_is_there_is_left_and_what_is_missing_is_added(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("# mine")
    ended = init(tmp_path, *WRITE)
    assert (ended.code, files(tmp_path)) == (0, [GITHUB, IGNORED, SCENARIO, CONFIG])
    assert (tmp_path / name).read_text() == "# mine"
    assert f"already there, and left as it is: {name}\n" in ended.err


def test_a_job_is_added_later_without_questions_and_without_a_run(tmp_path: Path) -> None:
    assert init(tmp_path, "--use", "node", "--ci", "none", "--no-run").code == 0
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "results.json").write_text("mine")
    scenario = (tmp_path / SCENARIO).read_text()
    ended = init(tmp_path, "--ci", "gitlab", "--json")
    assert (ended.code, (tmp_path / SCENARIO).read_text()) == (0, scenario)
    document = json.loads(ended.out)
    assert document["written"] == [GITLAB, GITLAB_MAIN]
    assert document["left"] == [SCENARIO, CONFIG, IGNORED]
    assert document["exit_code"] is None
    assert f"git add {SCENARIO} {CONFIG} {IGNORED} {GITLAB} {GITLAB_MAIN}" in document["next"]
    assert (tmp_path / "reports" / "results.json").read_text() == "mine"
    again = init(tmp_path, "--ci", "gitlab")
    assert (again.code, "written" in again.err) == (0, False)
    assert git_add(again) == [SCENARIO, CONFIG, IGNORED, GITLAB, GITLAB_MAIN]


def test_files_of_each_ci_service_are_to_be_committed(tmp_path: Path) -> None:
    """They are not, after an earlier call for the other service."""
    assert init(tmp_path, *WRITE).code == 0
    earlier = [SCENARIO, CONFIG, IGNORED, GITHUB]
    assert git_add(init(tmp_path, "--ci", "github")) == earlier
    assert git_add(init(tmp_path, "--ci", "gitlab")) == [*earlier, GITLAB, GITLAB_MAIN]
    (tmp_path / GITLAB_MAIN).write_text("stages: [mine]\n")
    assert git_add(init(tmp_path, "--ci", "github")) == [*earlier, GITLAB]


@pytest.mark.parametrize("folder", ["sub", "missing/sub"])
@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_a_job_below_the_root_of_a_repository_is_refused(
    tmp_path: Path, ci: str, folder: str
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub" / ".github").mkdir(parents=True)
    ended = init(tmp_path, folder, "--use", "node", "--ci", ci)
    assert (ended.code, ended.out, files(tmp_path)) == (4, "", [])
    assert f"--ci {ci}: Git" in ended.err
    assert f"reads jobs only from the root of a repository, {tmp_path}; nothing was" in ended.err
    ended = init(tmp_path, folder, "--yes", "--no-run")
    assert (ended.code, (tmp_path / folder / GITHUB).exists()) == (0, False)
    assert git_add(ended) == [SCENARIO, CONFIG, IGNORED]
    assert "so that the job runs" not in ended.out


def test_a_job_below_the_root_of_another_repository_is_not_to_be_committed(tmp_path: Path) -> None:
    sub = tmp_path / "sub"
    sub.mkdir()
    assert init(sub, *WRITE).code == 0
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")  # as in a worktree
    ended = init(sub, "--ci", "none")
    assert git_add(ended) == [SCENARIO, CONFIG, IGNORED]
    assert "so that the job runs" not in ended.out


def test_without_a_repository_one_is_made_for_a_job_only(tmp_path: Path) -> None:
    ended = init(tmp_path, "--use", "node", "--ci", "none", "--no-run")
    assert "git" not in ended.out.partition("Next:")[2]
    steps = json.loads(init(tmp_path, "--ci", "github", "--json").out)["next"]
    assert [each.split()[:2] for each in steps][-2:] == [["git", "init"], ["git", "add"]]
    (tmp_path / ".git").mkdir()
    steps = json.loads(init(tmp_path, "--ci", "github", "--json").out)["next"]
    assert [each.split()[:2] for each in steps][-2:] == [["authprobe", "watch"], ["git", "add"]]


def test_the_job_says_that_it_needs_a_release(tmp_path: Path) -> None:
    needed = f"pip install authprobe=={authprobe.__version__} # needs this release on PyPI\n"
    for ci, file in (("github", GITHUB), ("gitlab", GITLAB)):
        ended = init(tmp_path, "--use", "node", "--ci", ci, "--no-run")
        assert needed in (tmp_path / file).read_text()
        assert "so that the job runs; its version of authprobe must be on PyPI\n" in ended.out


def test_no_line_of_text_is_wider_than_a_terminal(tmp_path: Path) -> None:
    (tmp_path / GITLAB_MAIN).write_text("include: a.yml\n")
    (tmp_path / IGNORED).write_text("mine\n")
    folder = "a-name-of-25-letters-or-so"
    (tmp_path / "home").mkdir()
    ended = run("init", f"../{folder}", *WRITE, cwd=tmp_path / "home")
    edited = init(tmp_path, "--use", "node", "--ci", "gitlab", "--no-run")
    for lines in (ended.out.splitlines(), edited.out.splitlines()):
        texts = [line for line in lines if not line.startswith("  git add ")]
        assert max(map(len, texts)) <= 80
        assert "  authprobe watch " in "\n".join(texts)
    assert "\n  authprobe run        again, after each change of auth/first.yaml\n" in edited.out


def test_the_options_name_the_default_that_a_list_of_reasons_replaces(tmp_path: Path) -> None:
    assert init(tmp_path, *WRITE).code == 0
    text = (tmp_path / CONFIG).read_text()
    assert '["failed"]' in text
    commented = "# fail-on = "
    assert commented in text
    (tmp_path / CONFIG).write_text(text.replace(commented, commented[2:]))
    ended = run("config", "run", cwd=tmp_path)
    assert ended.code == 0
    assert "failed; regressed; absent" in ended.out


def test_a_job_that_is_added_finds_its_files_in_a_clone(tmp_path: Path) -> None:
    """Though no file of the first call is committed yet."""
    project = tmp_path / "project"
    project.mkdir()
    (project / IGNORED).write_text("reports/\nmine\n")
    git = ["git", "-c", "safe.directory=*", "-c", "user.name=a", "-c", "user.email=a@b.example"]
    subprocess.run([*git, "init", "-q"], cwd=project, check=True)
    assert init(project, "--use", "node", "--ci", "none", "--no-run").code == 0
    ended = init(project, "--ci", "github")
    names = git_add(ended)
    assert names == [SCENARIO, CONFIG, GITHUB]  # .gitignore is the user's own
    subprocess.run([*git, "add", *names], cwd=project, check=True)
    subprocess.run([*git, "commit", "-qm", "x"], cwd=project, check=True)
    subprocess.run([*git, "clone", "-q", project, tmp_path / "clone"], check=True)
    assert run("run", "auth/", "--list", cwd=tmp_path / "clone").code == 0


def test_the_next_commands_are_those_of_the_first_call(tmp_path: Path) -> None:
    def first_words() -> list[str]:
        ended = init(tmp_path, *WRITE, "--json")
        return [command for command in json.loads(ended.out)["next"] if "authprobe " in command]

    first = ["authprobe run", "authprobe accept", "authprobe watch"]
    assert first_words() == first
    assert first_words() == first
    (tmp_path / CONFIG).write_text('jobs = 2\nscenarios = ["./auth/"]\n')
    assert first_words() == first
    (tmp_path / CONFIG).write_text('scenarios = ["auth", "more"]\n')
    assert first_words() == [
        "authprobe run auth/",
        "authprobe accept",
        "authprobe watch --scenarios auth/",
    ]


@pytest.mark.parametrize(("uv", "is_said"), [("", False), ("/usr/bin/uv", True)])
def test_a_program_that_no_shell_finds_is_called_as_before(
    tmp_path: Path, uv: str, is_said: bool
) -> None:
    program = tmp_path / "home" / "authprobe"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    hint = "if your shell finds no `authprobe`, call it as you did here, such as `uvx authprobe"
    ended = run("init", *WRITE, cwd=tmp_path, PATH=f"{program.parent}:/usr/bin:/bin", UV=uv)
    assert (hint in ended.err) is is_said
    assert hint in run("init", *WRITE, cwd=tmp_path, PATH="/nowhere", UV=uv).err


@pytest.mark.parametrize("name", [SCENARIO, GITHUB])
def test_what_is_no_file_and_has_the_name_of_one_is_in_the_way(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir(parents=True)
    ended = init(tmp_path, *WRITE)
    assert (ended.code, files(tmp_path)) == (4, [])
    assert f"{name}: is there already, and is no file; nothing was written" in ended.err


@pytest.mark.parametrize(
    "options",
    [{"authprobe.toml": "jobs = 2\n"}, {"pyproject.toml": "[tool.authprobe]\njobs = 2\n"}],
)
def test_the_options_of_a_project_are_left(tmp_path: Path, options: dict[str, str]) -> None:
    """A second file would be refused in one folder, and would hide that of the folder above."""
    (tmp_path / ".git").mkdir()
    ((name, text),) = options.items()
    (tmp_path / name).write_text(text)
    for folder in (tmp_path, tmp_path / "below"):
        ended = init(folder.parent, folder.name, *WRITE[:2], "--ci", "none", "--no-run")
        assert ended.code == 0
        assert not (folder / CONFIG).exists() or name == CONFIG
        assert "authprobe run auth/" in ended.out
    assert (tmp_path / name).read_text() == text
    assert not (tmp_path / "below" / CONFIG).exists()


def test_invalid_options_of_a_project_are_reported_first(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text("job = 2\n")
    ended = init(tmp_path, *WRITE)
    assert (ended.code, files(tmp_path)) == (4, [CONFIG])
    assert "authprobe.toml:1" in ended.err


def test_a_run_without_scenarios_takes_those_of_the_options(tmp_path: Path) -> None:
    assert init(tmp_path, *WRITE).code == 0
    ended = run("run", "--list", cwd=tmp_path)
    assert ended.out.splitlines() == [
        "first/claude-code@latest/default/key",
        "first/claude-code@latest/default/token",
    ]


def test_no_link_is_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "home"
    elsewhere.mkdir()
    (tmp_path / ".github").symlink_to(elsewhere)
    ended = init(tmp_path, *WRITE)
    assert (ended.code, list(elsewhere.rglob("authprobe.yml"))) == (4, [])
    assert "a symbolic link, which is not followed" in ended.err
    assert not (tmp_path / "auth").exists()
    (tmp_path / ".github").unlink()
    (tmp_path / "auth").mkdir()
    (tmp_path / SCENARIO).symlink_to(tmp_path / "nowhere.yaml")
    assert init(tmp_path, *WRITE).code == 4
    assert not (tmp_path / "nowhere.yaml").exists()


def test_a_folder_that_cannot_be_written_is_reported() -> None:
    with folder_of_user() as folder:
        (folder / "closed").mkdir(mode=0o555)
        argv = [python_of_user(folder), "-m", "authprobe", "init", "closed", *WRITE]
        ended = as_user(argv, folder)
        assert (ended.returncode, list((folder / "closed").iterdir())) == (4, [])
    assert "cannot be written: Permission denied; nothing was written" in ended.stderr


def test_a_file_in_the_place_of_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    ended = init(tmp_path, "taken", *WRITE)
    assert (ended.code, (tmp_path / "taken").read_text()) == (4, "mine")
    assert "a regular file, not a directory" in ended.err


@pytest.mark.parametrize("name", ["reports", "reports/results.json"])
def test_reports_that_are_in_the_way_are_left_and_nothing_is_written(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    ended = init(tmp_path, "--yes")
    assert (ended.code, files(tmp_path)) == (4, [name])
    assert (tmp_path / name).read_text() == "mine"
    assert "reports" in ended.err


def test_a_name_that_is_too_long_is_reported(tmp_path: Path) -> None:
    ended = init(tmp_path, "n" * 300, "--yes", "--no-run")
    assert (ended.code, files(tmp_path)) == (4, [])
    assert "cannot be written: File name too long; nothing was written" in ended.err


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __init__(self, path: Path) -> None:
            self.file = path.open("x")

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, text: str) -> None:
            if text == "2":
                raise OSError(28, "No space left on device")

    (tmp_path / "kept").mkdir()
    monkeypatch.setattr(starter_files, "create_file", Full)
    with pytest.raises(SettingsError, match=r"b/c: cannot be written: No space left.*nothing was"):
        write_new(tmp_path, {"kept/a": "1", "new/a": "1", "b/c": "2"})
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "kept"]


@pytest.mark.parametrize("name", ["a b; $(touch x)", "new\nline", "'quoted'", "-dash/deep"])
def test_any_name_of_a_folder_is_only_a_name(tmp_path: Path, name: str) -> None:
    ended = init(tmp_path, "--json", *WRITE, "--", name)
    assert ended.code == 0
    document = json.loads(ended.out)
    assert document["written"][0] == str(Path(name) / SCENARIO)
    assert document["exit_code"] is None
    assert next(iter(document["next"])).startswith("cd -- -" if name.startswith("-") else "cd ")
    assert (tmp_path / name / SCENARIO).is_file()
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "there is no terminal to ask at; give --use and --ci, or --yes"),
        (("--use", "python"), "there is no terminal to ask at"),
        (("--use", "phyton", "--yes"), "--use phyton: no such value; did you mean 'python'?"),
        (("--ci", "github\n", "--yes"), "no such value; did you mean 'github'?"),
    ],
)
def test_without_answers_nothing_is_written(
    tmp_path: Path, words: tuple[str, ...], complaint: str
) -> None:
    ended = init(tmp_path, *words)
    assert (ended.code, ended.out, files(tmp_path)) == (4, "", [])
    assert complaint in ended.err


def test_a_failed_run_says_so_and_what_to_do_next(tmp_path: Path) -> None:
    """The made-up `claude` asks nothing, so the scenario fails."""
    world = make_world(tmp_path)
    world.publish(until=1)
    world.registry.publish("1.0.1")
    words = ("init", "project", "--yes", "--json")
    ended = run(*words, cwd=world.folder, argv=None, **world.env)
    assert ended.code == 1
    document = json.loads(ended.out)
    assert document["exit_code"] == 1
    assert list(document["next"])[:2] == ["cd project", "authprobe run"]
    assert "Failed · 2 cases: 2 failed" in ended.err
    assert (tmp_path / "project" / "reports" / "report.html").is_file()


def at_terminal(folder: Path, typed: bytes) -> tuple[int, str, str]:
    """Run the command at a terminal; return its exit code and what it writes."""
    controller, terminal = pty.openpty()
    with os.fdopen(controller, "wb", buffering=0) as keyboard:
        process = subprocess.Popen(
            command("init", "--no-run"),
            cwd=folder,
            env=environment(folder / "home"),
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(terminal)
        keyboard.write(typed)
        out, err = process.communicate(timeout=600)
    return process.returncode, out, err


@pytest.mark.parametrize("typed", [b"9\n2\n1\n", b"phyton\npython\ngithub\n", b"0\n 2 \nGitHub\n"])
def test_two_questions_are_asked_at_a_terminal(tmp_path: Path, typed: bytes) -> None:
    code, out, err = at_terminal(tmp_path, typed)
    assert (code, files(tmp_path)) == (0, [GITHUB, IGNORED, SCENARIO, CONFIG])
    assert "anthropic-python@latest" in (tmp_path / SCENARIO).read_text()
    first = "What do you use?\n  1  claude-code  the command claude\n  2  python       an SDK for"
    assert first in err
    assert "enter a number from 1 to 4, or a name: claude-code, python, node, gateway" in err
    assert "What do you use?" not in out


def test_the_end_of_input_at_a_question_is_an_interruption(tmp_path: Path) -> None:
    code, _, err = at_terminal(tmp_path, b"1\n\x04")
    assert (code, files(tmp_path)) == (2, [])
    assert "interrupted" in err
