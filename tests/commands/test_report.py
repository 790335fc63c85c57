"""`authprobe report`: the same reports as the run, made from its results file alone."""

import json
import re
import shutil
from pathlib import Path

import pytest

from authprobe.run.results_file import dump_run
from tests.support.command import command, results, run, write_scenario
from tests.support.make import make_record, make_run

SCENARIO = """
id: example
title: An example
why: It shows the command.
sources: [https://example.org/1]
credentials:
  good: {token: api-key, via: x-api-key}
  bad: {token: api-key, state: unknown, via: x-api-key}
endpoints:
  messages: {url: "https://api.anthropic.com/v1/messages"}
matrix: {client: [raw-http], endpoint: [messages], credential: [good, bad]}
expect: {outcome: accepted}
"""
TEXT_REPORTS = ("summary.md", "junit.xml", "ctrf.json")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of three runs of two cases, one of which fails and has regressed since."""
    folder = tmp_path_factory.mktemp("runs")
    write_scenario(folder, SCENARIO)
    run("run", "example.yaml", cwd=folder, AUTHPROBE_HISTORY="")
    write_scenario(folder, SCENARIO.replace("{outcome: accepted}", "{outcome: rejected}"))
    assert run("run", "example.yaml", cwd=folder, AUTHPROBE_HISTORY="").code == 1
    assert run("accept", cwd=folder).code == 0
    write_scenario(folder, SCENARIO)
    assert run("run", "example.yaml", cwd=folder, AUTHPROBE_HISTORY="").code == 1
    assert any(case["verdict"]["regressed"] for case in results(folder / "reports")["cases"])
    return folder / "reports"


def content(page: Path) -> str:
    """Return what a page shows: the part that pytest-html and `authprobe report` both include."""
    match = re.search(
        r'<h1 class="ap-verdict">.*(?=</main>)', page.read_text(encoding="utf-8"), re.DOTALL
    )
    assert match
    return match[0]


def test_the_reports_are_those_of_the_run(reports: Path, tmp_path: Path) -> None:
    ended = run(
        "report", reports / "results.json", "--out", "again", cwd=tmp_path, AUTHPROBE_HISTORY=""
    )
    assert (ended.code, ended.out, ended.err) == (0, "", "report: again/report.html\n")
    again = tmp_path / "again"
    assert {path.name for path in again.iterdir()} == {"report.html", *TEXT_REPORTS}
    for name in TEXT_REPORTS:
        assert (again / name).read_text() == (reports / name).read_text()
    assert content(again / "report.html") == content(reports / "report.html")


def test_the_page_has_cases_regressions_heat_map_and_timelines(
    reports: Path, tmp_path: Path
) -> None:
    run("report", reports / "results.json", "--out", tmp_path, cwd=tmp_path, AUTHPROBE_HISTORY="")
    page = content(tmp_path / "report.html")
    for case in results(reports)["cases"]:
        assert page.count(f"<code>{case['id']}</code>") >= 1
    assert "What broke (" in page
    assert '<section class="hm"' in page
    assert "<dt>Last 3 runs</dt><dd>✓✗✓</dd>" in page
    assert "<dt>Last 3 runs</dt><dd>✗✓✗</dd>" in page


def test_without_history_there_are_no_timelines(reports: Path, tmp_path: Path) -> None:
    ended = run(
        *("report", reports / "results.json", "--out", tmp_path, "--history", "none"),
        cwd=tmp_path,
        AUTHPROBE_HISTORY="",
    )
    assert ended.code == 0
    assert "<dt>Last changed</dt>" not in content(tmp_path / "report.html")


BROKEN = "not a database, though longer than a header of one" * 99


def test_a_history_that_cannot_be_read_is_reported_and_left_out(
    reports: Path, tmp_path: Path
) -> None:
    (tmp_path / "results.json").write_bytes((reports / "results.json").read_bytes())
    (tmp_path / "history.db").write_text(BROKEN)
    ended = run(
        "report", tmp_path / "results.json", "--out", tmp_path, cwd=tmp_path, AUTHPROBE_HISTORY=""
    )
    assert ended.code == 0
    assert ended.err.startswith("the report has no timelines: ")
    assert (tmp_path / "report.html").is_file()


def test_a_named_history_that_cannot_be_read_is_an_error(reports: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_text(BROKEN)
    ended = run(
        *("report", reports / "results.json", "--out", tmp_path, "--history", "broken.db"),
        cwd=tmp_path,
    )
    assert ended.code == 4
    assert ended.err.startswith("history broken.db: the file is damaged; ")
    assert not (tmp_path / "report.html").exists()


def test_the_reports_are_written_beside_the_results_by_default(
    reports: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "results.json").write_bytes((reports / "results.json").read_bytes())
    assert run("report", cwd=tmp_path).code == 0
    names = {path.name for path in folder.iterdir()}
    assert names == {"results.json", "report.html", *TEXT_REPORTS}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "No such file or directory"),
        ("", "not a results file of authprobe"),
        ("{", "not a results file of authprobe"),
        ("[]", "not a results file of authprobe"),
        ('{"schema_version": 99}', "not a results file of authprobe"),
        ("\xff", "not a results file of authprobe"),
    ],
)
def test_results_that_cannot_be_read_are_one_line_and_no_file(
    tmp_path: Path, text: str | None, complaint: str
) -> None:
    if text is not None:
        (tmp_path / "x.json").write_text(text, encoding="latin-1")
    ended = run("report", "x.json", "--out", "out", cwd=tmp_path)
    assert ended.code == 4
    assert ended.out == ""
    assert re.fullmatch(rf"x\.json: .*{complaint}.*\n", ended.err)
    assert not (tmp_path / "out").exists()


def test_a_history_that_does_not_exist_is_an_error(reports: Path, tmp_path: Path) -> None:
    ended = run("report", reports / "results.json", "--history", "no.db", cwd=tmp_path)
    assert ended.code == 4
    assert ended.err == "--history no.db: no such file; name another one, or 'none'\n"


def test_a_folder_that_cannot_be_written_is_an_error(reports: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = run("report", reports / "results.json", "--out", "file/x", cwd=tmp_path)
    assert ended.code == 4
    assert ended.err.startswith("file/x: ")
    assert len(ended.err.splitlines()) == 1


def test_nothing_is_written_if_the_results_hold_a_credential(reports: Path, tmp_path: Path) -> None:
    edited = results(reports)
    token = "sk-ant-api03-" + "Zq7" * 31 + "AA"
    edited["cases"][0]["observation"]["message"] = f"refused {token}"
    (tmp_path / "results.json").write_text(json.dumps(edited))
    ended = run("report", "results.json", "--out", "out", cwd=tmp_path)
    assert ended.code == 10
    assert token not in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--case", "a"], "--case needs --har; the other reports always have all cases"),
        (["--har", "h", "--case", "example/raw-htp"], "no such case in this run; "),
        (["--har", "results.json"], "results.json is not a directory; name another one"),
    ],
)
def test_archives_that_cannot_be_made_are_refused(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "results.json").write_text(dump_run(make_run(make_record())))
    ended = run("report", "results.json", *arguments, cwd=tmp_path)
    assert ended.code == 4
    assert message in ended.err
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["results.json"]


def test_a_report_of_older_results_says_why(reports: Path, tmp_path: Path) -> None:
    """An older authprobe wrote no reasons, and the refusal that the scenario arranged."""
    old = results(reports)
    expected = [case["reasons"] for case in old["cases"]]
    assert any(expected)
    for case in old["cases"]:
        del case["reasons"]
    (tmp_path / "results.json").write_text(json.dumps(old))
    assert run("report", "results.json", "--out", "again", cwd=tmp_path).code == 0
    for name in TEXT_REPORTS:
        assert (tmp_path / "again" / name).read_text() == (reports / name).read_text()


READ_ONLY = """
mount -t tmpfs none mounted && cp results.json mounted && mount -o remount,ro mounted && exec "$@"
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="NO unshare: needs Linux")
def test_a_read_only_file_system_is_named_as_the_reason(tmp_path: Path) -> None:
    (tmp_path / "mounted").mkdir()
    (tmp_path / "results.json").write_text(dump_run(make_run(make_record())))
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", READ_ONLY, "sh"]
    if run(argv=[*alone[:4], "true"], cwd=tmp_path).code:
        pytest.skip("THE KERNEL REFUSES unshare: no read-only file system was tried")
    for words in (("report", "mounted/results.json"), ("run", "--out", "mounted")):
        ended = run(argv=[*alone, *command(*words)], cwd=tmp_path)
        assert ended.code == 4
        assert "mounted: cannot be written: Read-only file system; " in ended.err
