"""The file of options: where it is found, what it can set, and what is refused."""

import contextlib
import os
import sqlite3
from pathlib import Path

import click
import pytest

from authprobe.cli import main
from authprobe.cli.configured import leaf_commands, shapes_of
from authprobe.configuration.files import (
    ConfigFile,
    Setting,
    find_project_file,
    ignored_project_files,
    line_of,
    read_own_file,
)
from authprobe.configuration.keys import (
    DOCTOR,
    PYTEST,
    REFUSED,
    REPORT_MARKS,
    RUN_KEYS,
    SHARED,
    TABLES,
    KeyKind,
)
from authprobe.configuration.merged import Shape, shape_of
from authprobe.core.safe_files import READ_LIMIT_BYTES
from authprobe.errors import SettingsError
from authprobe.options import PYTEST_OPTIONS
from authprobe.redaction.pseudonyms import Pseudonymizer
from authprobe.report.files import REPORTS, RESULTS
from authprobe.report.formats.prometheus import prometheus
from authprobe.report.html.diff_page import diff_page
from authprobe.report.html.versions_page import versions_page
from authprobe.report.markdown.issue import share_markdown
from tests.commands.test_run import SCENARIO
from tests.compatibility.test_table import make_table
from tests.report.test_diff import DIFF
from tests.support.command import run, write_scenario
from tests.support.make import make_record, make_run
from tests.support.ordinary_user import USER


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The root of a repository, in a home."""
    folder = tmp_path / "home" / "project"
    (folder / ".git").mkdir(parents=True)
    return folder


def find(folder: Path, home: Path | None = None) -> ConfigFile | None:
    return find_project_file(folder, [home] if home else [])


def settings_of(project: Path, text: str, command: str = "run") -> dict[str, Setting]:
    """Return what a file of a project with this text sets for a command."""
    (project / "authprobe.toml").write_text(text)
    file = find(project)
    assert file
    return {name: value for name, (value, _) in file.settings(command).items()}


def refusal(project: Path, text: str) -> str:
    """Return why a file of a project with this text is refused."""
    with pytest.raises(SettingsError) as error:
        settings_of(project, text)
    return str(error.value)


def test_the_nearest_file_counts(project: Path) -> None:
    deep = project / "a" / "b"
    deep.mkdir(parents=True)
    (project / "authprobe.toml").write_text("jobs = 1")
    assert find(deep) == find(project) or find(deep).path == project / "authprobe.toml"  # type: ignore[union-attr]
    (project / "a" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert getattr(find(deep), "path", None) == project / "authprobe.toml"
    (project / "a" / "pyproject.toml").write_text("[tool.authprobe]\njobs = 2\n")
    file = find(deep)
    assert file is not None
    assert file.path == project / "a" / "pyproject.toml"
    assert file.settings("run")["jobs"][0] == "2"
    assert file.source(("jobs",)) == f"{file.path}:2"


def test_the_search_ends_at_the_root_of_the_repository_and_before_the_home(project: Path) -> None:
    home = project.parent
    (home / "authprobe.toml").write_text("jobs = 1")
    assert find(project) is None
    assert find(home / "other") is not None
    assert find(home / "other", home) is None
    assert find(home, home) is None


def test_a_folder_that_everybody_can_write_ends_the_search(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (shared / "mine").mkdir(parents=True)
    (shared / "authprobe.toml").write_text("jobs = 1")
    assert find(shared / "mine") is not None
    shared.chmod(0o1777)
    assert find(shared / "mine") is None


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@needs_root
@pytest.mark.parametrize("name", ["authprobe.toml", "pyproject.toml"])
def test_a_file_of_another_user_is_ignored_with_a_warning(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As in /tmp, where everybody can leave a file: for the one who works there, and for root."""
    (project / name).write_text("[tool.authprobe]\njobs = 1" if name[0] == "p" else "jobs = 1")
    assert find(project) is not None
    assert list(ignored_project_files(project, [])) == []
    os.chown(project / name, USER, USER)
    (project / "below").mkdir()
    for folder in (project, project / "below"):
        for user in (0, USER + 1):
            monkeypatch.setattr(os, "geteuid", lambda user=user: user)
            assert find(folder) is None
            (line,) = ignored_project_files(folder, [])
            assert line.startswith(
                f"{project / name}: belongs to another user, and its options are"
            )
    monkeypatch.setattr(os, "geteuid", lambda: USER)
    assert find(project) is not None
    assert list(ignored_project_files(project, [])) == []


@needs_root
def test_what_is_ignored_does_not_hide_the_file_above_and_cannot_break_anything(
    project: Path,
) -> None:
    (project / "a").mkdir()
    (project / "authprobe.toml").write_text("jobs = 1")
    planted = project / "a" / "authprobe.toml"
    planted.write_text("[broken")
    os.chown(planted, USER, USER)
    assert getattr(find(project / "a"), "folder", None) == project
    planted.unlink()
    planted.mkdir()
    os.chown(planted, USER, USER)
    assert getattr(find(project / "a"), "folder", None) == project
    planted.rmdir()
    planted.symlink_to(project / "authprobe.toml")
    os.chown(planted, USER, USER, follow_symlinks=False)
    assert getattr(find(project / "a"), "path", None) == project / "authprobe.toml"
    assert len(list(ignored_project_files(project / "a", []))) == 1
    planted.unlink()
    planted.symlink_to(project / "other.toml")
    (project / "other.toml").write_text("jobs = 2")
    os.chown(project / "other.toml", USER, USER)
    assert getattr(find(project / "a"), "path", None) == project / "authprobe.toml"


@needs_root
def test_a_pyproject_of_another_user_without_options_is_not_mentioned(project: Path) -> None:
    (project / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    os.chown(project / "pyproject.toml", USER, USER)
    assert list(ignored_project_files(project, [])) == []


@needs_root
def test_root_takes_the_file_of_the_owner_of_the_working_directory(project: Path) -> None:
    """A container's root works in a checkout that belongs to the user outside."""
    (project / "authprobe.toml").write_text("jobs = 1")
    (project / "below").mkdir()
    for path in (project, project / "below", project / "authprobe.toml"):
        os.chown(path, USER, USER)
    assert find(project) is not None
    assert find(project / "below") is not None
    assert list(ignored_project_files(project, [])) == []
    os.chown(project / "authprobe.toml", USER + 1, USER)
    assert find(project) is None
    os.chown(project / "authprobe.toml", USER, USER)
    project.chmod(0o1777)
    assert find(project) is None


def test_two_files_in_one_folder_are_refused(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.authprobe]\n")
    assert "put all of them into one of the two" in refusal(project, "")


def test_keys_at_the_top_count_for_all_commands_and_a_table_before_them(project: Path) -> None:
    text = 'out = "a"\njobs = 2\nverbose = true\n[diff]\njobs = 3\nlooks = 5\n[run]\njobs = 4\n'
    assert settings_of(project, text) == {"out": "a", "jobs": "4", "verbose": True}
    assert settings_of(project, text, "diff") == {"out": "a", "jobs": "3", "looks": "5"}
    assert settings_of(project, text, "merge") == {"out": "a", "verbose": True}
    assert settings_of(project, text, "share") == {}  # its --out is a file


def test_paths_are_from_the_folder_of_the_file(project: Path) -> None:
    text = 'out = "out"\nscenarios = ["mine.yaml", "incidents", "probes"]\nhistory = "h.db"\n'
    (project / "authprobe.toml").write_text(text)
    (project / "probes").mkdir()
    (project / "a" / "b").mkdir(parents=True)
    file = find(project / "a" / "b")
    assert file
    found = {name: value for name, (value, _) in file.settings("run").items()}
    assert found == {
        "out": "../../out",
        "scenarios": ("../../mine.yaml", "incidents", "../../probes"),
        "history": "../../h.db",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jbos = 1", "authprobe.toml:1: jbos: unknown key; did you mean 'jobs'?"),
        ("\n[dif]", "authprobe.toml:2: dif: unknown key; did you mean 'diff'?"),
        ("[diff]\nloks = 2", "authprobe.toml:2: diff.loks: unknown key; did you mean 'looks'?"),
        ("xyzzy = 1", "xyzzy: unknown key; `authprobe config` lists the keys"),
        ('jobs = "2"', "authprobe.toml:1: jobs: must be a number, such as 2"),
        ("jobs = true", "jobs: must be a number"),
        ("jobs = 0x" + "f" * 5000, "jobs: must be a number"),
        ("max-failures = nan", "max-failures: must be a number"),
        ("verbose = 1", "verbose: must be true or false"),
        ('client = "raw-http"', 'client: must be a list of texts of one line each, such as ["one'),
        ("client = [1]", "client: must be a list of texts"),
        (f"client = {['a'] * 1001}", "client: must have at most 1000 texts"),
        ("suite = []", "suite: must be a text of one line, in quotes"),
        ('suite = ""', "suite: must be a text of one line"),
        (r'suite = "a\nb"', "suite: must be a text of one line"),
        (r'suite = "\u001b[31m"', "suite: must be a text of one line"),
        (r'out = "a\u0000"', "out: must be a path of one line"),
        ("diff = 1", "diff: must be a table, [diff]"),
        ("jobs = ", "is not valid TOML: Invalid value"),
        ("\nsuite = smoke", "authprobe.toml:2:9: is not valid TOML: Invalid value; write each opt"),
        (
            "jobs 2",
            "authprobe.toml:1:6: is not valid TOML: Expected '=' after a key in a key/value",
        ),
        (
            "jobs = 1\njobs = 2\n",
            "authprobe.toml:2:9: is not valid TOML: Cannot overwrite a value; ",
        ),
        ('suite = "smoke', "is not valid TOML: Unterminated string"),
        ("x = " + "[" * 100_000, "is not valid TOML: nested too deeply; write plain values and"),
        ("\n" + "a." * 100_000 + "a = 1", "authprobe.toml:2: has more than 500 dots in a line"),
    ],
)
def test_what_is_not_known_is_refused(project: Path, text: str, message: str) -> None:
    assert message in refusal(project, text)


def test_all_problems_are_named_at_once_and_only_so_many(project: Path) -> None:
    assert len(refusal(project, "a1 = 1\nb1 = 2\njobs = true").splitlines()) == 3
    many = "\n".join(f"x{number} = 1" for number in range(5000))
    assert len(refusal(project, many).splitlines()) == 20


@pytest.mark.parametrize("option", sorted(REFUSED))
def test_no_file_can_set_what_only_the_user_can(project: Path, option: str) -> None:
    for table in ("", "[run]\n", "[emulator]\n", "[drift]\n"):
        assert f"{option}: {REFUSED[option]}" in refusal(project, f"{table}{option} = true")
    own = project.parent / "config"
    own.mkdir()
    (own / "authprobe.toml").write_text(f"{option} = true")
    with pytest.raises(SettingsError, match=r"authprobe\.toml:1"):
        read_own_file(own, project.parent, project)


@pytest.mark.parametrize(
    "text",
    [
        'isolation = "none"',
        'isolation = "network"',
        'executor = "dask://host:8786"',
        "max-cost = 1.0",
        "traces = true",
        '[run]\nisolation = "none"',
        '[pytest]\nisolation = "none"',
        '[versions]\nexecutor = "dask://host:8786"',
    ],
)
def test_what_could_harm_is_refused_in_a_project_and_not_in_the_users_own_file(
    project: Path, text: str
) -> None:
    assert "a project must not" in refusal(project, text)
    own = project.parent / "config"
    own.mkdir()
    (own / "authprobe.toml").write_text(text)
    assert read_own_file(own, project.parent, project) is not None


def test_a_project_can_ask_for_the_strongest_isolation(project: Path) -> None:
    assert settings_of(project, 'isolation = "sealed"') == {"isolation": "sealed"}


@pytest.mark.parametrize(
    "path",
    ["../x", "/elsewhere/x", "a/../../x", "away/x", "away", ".git/hooks", "a/../.git/config"],
)
@pytest.mark.parametrize("key", ["out", "har", "history", "baseline", "known-failures"])
def test_a_project_cannot_name_a_path_outside_of_it(project: Path, key: str, path: str) -> None:
    (project / "away").symlink_to(project.parent)
    message = refusal(project, f'{key} = "{path}"')
    assert "leads out of the project" in message or "is in the folder of git" in message
    for table, listed in (("", "scenarios"), ("", "clients"), ("[diff]\n", "scenarios")):
        assert listed in refusal(project, f'{table}{listed} = ["{path}"]')


@pytest.mark.parametrize(
    "location",
    [
        *("postgresql://u:made-up-password@host/db", "sqlite:////x.db"),
        *("host=h password=made-up-password", "postgresql+psycopg://h/d"),
    ],
)
def test_a_project_cannot_choose_a_database(project: Path, location: str) -> None:
    message = refusal(project, f'history = "{location}"')
    assert "must not choose a database" in message
    assert "made-up-password" not in message
    assert settings_of(project, 'history = "none"') == {"history": "none"}


PAGE = str(diff_page(DIFF, None))
METRICS = prometheus(make_run())
ISSUE = share_markdown(make_run(make_record()), [make_record()], Pseudonymizer())


@pytest.mark.parametrize(
    ("table", "key", "written"),
    [("", "metrics", METRICS), ("[diff]\n", "html", PAGE), ("[share]\n", "out", ISSUE)],
)
def test_a_project_has_only_files_of_authprobe_replaced(
    project: Path, table: str, key: str, written: str
) -> None:
    text = f'{table}{key} = "docs/README.md"\n'
    line = len(text.splitlines())
    assert settings_of(project, text) is not None
    (project / "docs").mkdir()
    file = project / "docs" / "README.md"
    others = {METRICS, PAGE, ISSUE} - {written}
    for content in ("", "# authprobe\n", f"# About\n\n{written}", *others):
        file.write_text(content)
        message = refusal(project, text)
        assert (
            f"authprobe.toml:{line}: {table[1:-2]}{'.' * bool(table)}{key}: 'docs/READ" in message
        )
        assert "is there already, and authprobe did not write it; name another file" in message
        assert file.read_text() == content
    file.write_text(written)
    assert settings_of(project, text) is not None
    file.unlink()
    file.mkdir()
    assert "is there already" in refusal(project, text)
    own = project.parent / "config"
    own.mkdir()
    (own / "authprobe.toml").write_text(text)
    assert read_own_file(own, project.parent, project) is not None


def test_the_page_beside_a_table_is_replaced_only_if_authprobe_wrote_it(project: Path) -> None:
    text = '[versions]\ndata = "index.json"\n'
    page = project / "index.html"
    for content in ("", "<h1>Our site</h1>\n", f"<p>About:</p>\n{PAGE}"):
        page.write_text(content)
        assert refusal(project, text).endswith(
            "authprobe.toml:2: versions.data: 'index.json': its page, index.html, is there "
            "already, and authprobe did not write it; name another file, or remove it"
        )
    page.write_text(str(versions_page(make_table(), data="index.json")))
    assert settings_of(project, text, "versions") == {"data": "index.json"}


@pytest.mark.slow
def test_only_reports_of_authprobe_are_replaced(project: Path) -> None:
    text = 'scenarios = ["example.yaml"]\nout = "."\n'
    write_scenario(project, SCENARIO)
    (project / "authprobe.toml").write_text(text)
    for _ in range(2):  # the second run replaces the reports of the first
        ended = run("run", "-k", "good", cwd=project)
        assert ended.code == 0, ended.err
    assert REPORT_MARKS.keys() == {RESULTS, *REPORTS}
    for name in REPORT_MARKS:
        file = project / name
        written = file.read_bytes()
        for content in (b"", b"mine\n", b"About:\n" + written):
            file.write_bytes(content)
            assert refusal(project, text).endswith(
                f"authprobe.toml:2: out: '.': has a {name} that authprobe did not write; name "
                "another folder, or remove it"
            )
        file.write_bytes(written)
        os.truncate(file, len(written) + READ_LIMIT_BYTES)  # its end is not read
        assert settings_of(project, text)["out"] == "."
        file.write_bytes(written)


def test_no_file_of_a_project_becomes_a_history(project: Path) -> None:
    text = 'history = "package/__init__.py"\n'
    file = project / "package" / "__init__.py"
    file.parent.mkdir()
    for content in ("", "x = 1\n"):
        file.write_text(content)
        assert refusal(project, text).endswith(
            "history: is there already, and is no history; name another file, or remove it"
        )
    with contextlib.closing(sqlite3.connect(project / "runs")) as connection:
        connection.execute("CREATE TABLE x (y)")
    assert settings_of(project, 'history = "runs"\n') == {"history": "runs"}
    (project / "new.db").touch()  # as SQLite does before it writes to it
    assert settings_of(project, 'history = "new.db"\n') == {"history": "new.db"}


def test_a_link_out_of_the_project_and_a_file_without_permission_are_refused(project: Path) -> None:
    outside = project.parent / "outside.toml"
    outside.write_text("jobs = 1")
    file = project / "authprobe.toml"
    file.symlink_to(outside)
    with pytest.raises(SettingsError, match="is a link to another place"):
        find(project)
    file.unlink()
    file.mkdir()
    with pytest.raises(SettingsError, match="is not a regular file"):
        find(project)
    file.rmdir()
    file.write_text("x" * 1_000_001)
    with pytest.raises(SettingsError, match="is larger than 1 MB"):
        find(project)
    file.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        find(project)
    file.chmod(0)
    if os.geteuid():
        with pytest.raises(SettingsError, match="permission denied"):
            find(project)


@pytest.mark.parametrize(
    ("text", "place", "line"),
    [
        ("a = 1\nb = 2", ("b",), 2),
        ('a = """\nb = 1\n"""\nb = 2', ("b",), 4),
        ("# b = 1\nb = 2", ("b",), 2),
        ("b = [\n1,\n]\n[t]\nb = 3", ("t", "b"), 5),
        ("[t]\nb = 3", ("t",), 1),
        ('"b" = 2', ("b",), 1),
        ("t.b = 1", ("t", "b"), 1),
        ("[tool.authprobe.run]\njobs = 2", ("tool", "authprobe", "run", "jobs"), 2),
        ("t = {b = 1}", ("t", "b"), None),
        ("a = 1", ("b",), None),
    ],
)
def test_line_of_a_key(text: str, place: tuple[str, ...], line: int | None) -> None:
    assert line_of(text, place) == line


def test_a_line_is_not_searched_in_a_large_file_or_among_many_comments() -> None:
    assert line_of("#" * 20_000 + "\nb = 1", ("b",)) is None
    assert line_of("# b = 0\n" * 1000 + "b = 1", ("b",)) == 1001


def test_a_home_that_is_a_link_ends_the_search_as_well(tmp_path: Path) -> None:
    """The working directory has no links in it, the home of the environment may have."""
    home = tmp_path / "real"
    (home / "project").mkdir(parents=True)
    (home / ".git").mkdir()
    (tmp_path / "link").symlink_to(home)
    (home / "authprobe.toml").write_text("jobs = 3")
    assert find_project_file(home / "project", (tmp_path / "link",)) is None
    (home / "project" / "authprobe.toml").write_text('out = "../other"')
    with pytest.raises(SettingsError, match="leads out of the project"):
        find_project_file(home / "project", (tmp_path / "link",))


def test_a_pyproject_without_options_is_not_judged(project: Path) -> None:
    (project / "pyproject.toml").write_text("not = [toml")
    assert find(project) is None
    (project / "pyproject.toml").write_text("[tool.authprobe]\nnot = [toml")
    with pytest.raises(SettingsError, match="is not valid TOML"):
        find(project)


def test_each_key_is_an_option_of_its_command_with_the_same_shape() -> None:
    shapes = {path: shapes_of(command) for path, command in leaf_commands(main)}
    shapes[PYTEST] = {option.key: shape_of(option) for option in PYTEST_OPTIONS}
    expected = {KeyKind.TEXTS: Shape.MANY, KeyKind.PATHS: Shape.MANY, KeyKind.FLAG: Shape.FLAG}
    for command, table in TABLES.items():
        for name, key in table.items():
            if command != DOCTOR:
                shape = expected.get(key.kind, Shape.ONE)
                assert (command, name, shapes[command][name]) == (command, name, shape)
    assert {
        c: names - shapes[c].keys() for c, names in SHARED.items() if names - shapes[c].keys()
    } == {}


def test_each_option_of_a_run_can_be_set_or_is_refused_with_a_reason() -> None:
    command = main.commands["run"]
    assert isinstance(command, click.Command)
    assert set(shapes_of(command)) == RUN_KEYS.keys() | (REFUSED.keys() & shapes_of(command).keys())
