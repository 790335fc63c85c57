"""`authprobe accept`, `authprobe history` and known failures, as a user runs them."""

import contextlib
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from authprobe.run.results_file import dump_run
from authprobe.verdict.model import Status, Verdict
from tests.commands.test_run import BAD, GOOD, SCENARIO
from tests.support.command import PROJECT, Ended, results, run, verdicts, write_scenario
from tests.support.make import make_record, make_run

KNOWN_FAILURES = f"""
known_failures:
  - case: {BAD}
    signature: {{outcome: rejected, status: 401}}
    expires: 2999-01-01
    issue: https://example.org/issue/7
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which both cases were run, with a history, to be copied."""
    folder = tmp_path_factory.mktemp("finished")
    write_scenario(folder, SCENARIO)
    assert run("run", "example.yaml", cwd=folder, AUTHPROBE_HISTORY="").code == 0
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """Return a folder in which both cases were run."""
    return shutil.copytree(finished, tmp_path, symlinks=True, dirs_exist_ok=True)


def again(folder: Path, old: str = "", new: str = "", *arguments: str, **env: str) -> Ended:
    """Run again, after replacing a text in the scenario."""
    write_scenario(folder, SCENARIO.replace(old, new) if old else SCENARIO)
    return run("run", "example.yaml", *arguments, cwd=folder, argv=None, **env)


def baseline(folder: Path) -> dict[str, Any]:
    """Return the accepted cases by id."""
    document = json.loads((folder / "reports" / "baseline.json").read_text())
    return {case["id"]: case for case in document["cases"]}


def states(folder: Path) -> dict[str, str]:
    """Return how each case compares with the baseline, by id."""
    return {
        case["id"]: case["verdict"]["baseline"] for case in results(folder / "reports")["cases"]
    }


def test_an_accepted_run_has_no_transitions_in_the_next_run(folder: Path) -> None:
    assert states(folder) == {GOOD: "new", BAD: "new"}
    ended = run("accept", cwd=folder)
    assert (ended.code, ended.out) == (0, "")
    assert "2 cases: 2 new, 0 updated, 0 removed" in ended.err
    again(folder)
    assert states(folder) == {GOOD: "unchanged", BAD: "unchanged"}
    before = (folder / "reports" / "baseline.json").read_text()
    assert run("accept", cwd=folder).code == 0
    assert (folder / "reports" / "baseline.json").read_text() == before


def test_a_changed_refusal_is_a_transition_and_updates_the_baseline(folder: Path) -> None:
    run("accept", cwd=folder)
    ended = again(folder, "state: unknown", "state: expired")
    assert ended.code == 0
    assert states(folder) == {GOOD: "unchanged", BAD: "updated"}
    assert f"changed: {BAD}\n    message: invalid x-api-key → " in ended.out
    for name in ("report.html", "summary.md"):
        assert "invalid x-api-key → " in (folder / "reports" / name).read_text().replace("\\", "")


def test_an_accepted_case_that_fails_has_regressed(folder: Path) -> None:
    run("accept", cwd=folder)
    ended = again(folder, "good: {token: api-key,", "good: {token: api-key, state: unknown,")
    assert ended.code == 1
    assert f"regressed: {GOOD}\n    outcome: accepted → rejected" in ended.out


def test_only_named_cases_are_accepted(folder: Path) -> None:
    assert run("accept", GOOD, "--note", "it works", cwd=folder).code == 0
    assert {id: case["note"] for id, case in baseline(folder).items()} == {GOOD: "it works"}
    assert run("accept", "*/bad", cwd=folder).code == 0
    assert set(baseline(folder)) == {GOOD, BAD}
    ended = run("accept", "nothing", cwd=folder)
    assert (ended.code, ended.err) == (4, "nothing: no such case in the results\n")


def test_accepting_a_partial_run_removes_no_case(folder: Path) -> None:
    run("accept", cwd=folder)
    again(folder, "", "", "-k", "good")
    assert results(folder / "reports")["partial"] is True
    assert results(folder / "reports")["absent"] == []
    assert run("accept", cwd=folder).code == 0
    assert set(baseline(folder)) == {GOOD, BAD}


def test_accepting_a_complete_run_removes_absent_cases(folder: Path) -> None:
    path = folder / "reports" / "results.json"
    document = json.loads(path.read_text()) | {"partial": False}
    path.write_text(json.dumps(document))
    run("accept", cwd=folder)
    document["cases"] = document["cases"][:1]
    path.write_text(json.dumps(document))
    assert "1 removed" in run("accept", cwd=folder).err
    assert set(baseline(folder)) == {BAD}


def test_an_interrupted_run_is_accepted_only_with_partial(folder: Path) -> None:
    path = folder / "reports" / "results.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"interrupted": True}))
    ended = run("accept", cwd=folder)
    assert ended.code == 4
    assert "the run was interrupted" in ended.err
    assert not (folder / "reports" / "baseline.json").exists()
    assert run("accept", "--partial", cwd=folder).code == 0


def test_untestable_cases_are_not_accepted(folder: Path) -> None:
    path = folder / "reports" / "results.json"
    document = json.loads(path.read_text())
    document["cases"][0]["verdict"]["status"] = "error"
    path.write_text(json.dumps(document))
    ended = run("accept", cwd=folder)
    assert ended.code == 4
    assert ended.err.startswith("1 case could not be tested, so there is nothing to accept")
    assert BAD in ended.err
    assert not (folder / "reports" / "baseline.json").exists()
    assert run("accept", "--partial", cwd=folder).code == 0
    assert set(baseline(folder)) == {GOOD}


def test_a_baseline_with_a_token_is_not_written(folder: Path) -> None:
    ended = run("accept", "--note", "sk-ant-oat01-" + "made-up-value-" * 3, cwd=folder)
    assert ended.code == 10
    assert not (folder / "reports" / "baseline.json").exists()
    assert "made-up-value" not in ended.err


def test_a_known_failure_fails_the_run_only_with_another_signature(folder: Path) -> None:
    known_failures = folder / "reports" / "known-failures.yaml"
    known_failures.write_text(KNOWN_FAILURES)
    failing = ("- then: {outcome: rejected, status: 401}", "- then: {outcome: accepted}")
    ended = again(folder, *failing)
    assert ended.code == 0, ended.out + ended.err
    assert "known failure" in ended.out
    assert verdicts(folder / "reports") == {GOOD: "passed", BAD: "skipped"}
    known_failures.write_text(KNOWN_FAILURES.replace("status: 401", "status: 403"))
    ended = again(folder, *failing)
    assert ended.code == 1
    assert f"regressed: {BAD}" in ended.out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (KNOWN_FAILURES, "reports/known-failures.yaml:3:5: this known failure no longer occurs"),
        (
            KNOWN_FAILURES.replace("2999", "2020"),
            "reports/known-failures.yaml:3:5: this known failure expired",
        ),
    ],
)
def test_a_stale_known_failure_fails_the_run(text: str, message: str, folder: Path) -> None:
    (folder / "reports" / "known-failures.yaml").write_text(text)
    ended = again(folder)
    assert ended.code == 1
    assert message in ended.out
    for name in ("report.html", "summary.md", "junit.xml", "ctrf.json", "results.json"):
        assert "this known failure" in (folder / "reports" / name).read_text()


def test_invalid_known_failures_are_reported_before_the_run(folder: Path) -> None:
    (folder / "reports" / "known-failures.yaml").write_text(KNOWN_FAILURES.replace("case:", "cas:"))
    ended = again(folder)
    assert ended.code == 4
    assert ended.err.startswith("reports/known-failures.yaml:3:5: unknown key 'cas'")


def test_history_lists_the_changes_of_a_case(folder: Path) -> None:
    again(folder, AUTHPROBE_HISTORY="")
    again(folder, "state: unknown", "state: expired", AUTHPROBE_HISTORY="")
    html = (folder / "reports" / "report.html").read_text()
    assert "✓✓ | ✓" in html
    listed = run("history", cwd=folder, AUTHPROBE_HISTORY="")
    assert (listed.code, len(listed.out.splitlines())) == (0, 3)
    lines = run("history", BAD, cwd=folder, AUTHPROBE_HISTORY="").out.splitlines()
    assert lines[1] == "    the same in 1 more run"
    assert lines[3].startswith("    message: invalid x-api-key → ")
    points = json.loads(run("history", BAD, "--json", cwd=folder, AUTHPROBE_HISTORY="").out)
    assert [point["status"] for point in points] == ["passed"] * 3
    ended = run("history", BAD[:-1], cwd=folder, AUTHPROBE_HISTORY="")
    assert ended.code == 4
    assert f"did you mean '{BAD}'?" in ended.err


def test_a_damaged_history_is_reported_and_keeps_the_exit_code(folder: Path) -> None:
    (folder / "reports" / "history.db").write_bytes(b"nonsense" * 500)
    ended = again(folder, AUTHPROBE_HISTORY="")
    assert ended.code == 0
    assert (
        "the history is not recorded: history reports/history.db: the file is damaged" in ended.err
    )
    assert len(ended.err.strip().splitlines()) <= 3
    assert run("history", cwd=folder, AUTHPROBE_HISTORY="").code == 4


@pytest.mark.parametrize("way", ["option", "variable"])
def test_the_password_of_a_history_is_never_printed(way: str, folder: Path) -> None:
    place = "postgresql://u:hidden-password@127.0.0.1:1/db"
    ended = (
        again(folder, "", "", "--history", place)
        if way == "option"
        else again(folder, AUTHPROBE_HISTORY=place)
    )
    assert ended.code == 0
    assert "postgresql://u@127.0.0.1:1/db: the database cannot be reached" in ended.err
    texts = [path.read_bytes() for path in (folder / "reports").iterdir()]
    assert not [text for text in texts if b"hidden-password" in text]
    assert "hidden-password" not in ended.out + ended.err


def test_history_none_writes_no_history(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    assert run("run", scenario, "--history", "none", cwd=tmp_path, AUTHPROBE_HISTORY="").code == 0
    assert not (tmp_path / "reports" / "history.db").exists()
    ended = run("history", cwd=tmp_path, AUTHPROBE_HISTORY="")
    assert (ended.code, "there is no history yet" in ended.err) == (4, True)


def test_an_invalid_number_of_runs_is_reported_before_the_run(folder: Path) -> None:
    ended = again(folder, AUTHPROBE_HISTORY_KEEP="many")
    assert ended.code == 4
    assert "AUTHPROBE_HISTORY_KEEP: many: must be a whole number from 1 to" in ended.err


def test_annotations_are_printed_in_github_actions_only(folder: Path) -> None:
    failing = ("outcome: accepted", "outcome: crashed")
    assert "::error" not in again(folder, *failing).out
    assert (
        "::error title=failed%3A"
        not in again(folder, *failing, "--json", GITHUB_ACTIONS="true").out
    )
    lines = again(folder, *failing, GITHUB_ACTIONS="true").out
    assert f"::error title=failed: {GOOD}".replace(": ", "%3A ") in lines


def test_plain_pytest_writes_the_same_history_as_the_command(folder: Path) -> None:
    names = {path.name for path in (folder / "reports").iterdir() if path.name[0] != "."}
    assert names == {
        *("report.html", "results.json", "junit.xml", "ctrf.json", "summary.md", "history.db"),
    }
    assert os.access(folder / "reports" / "history.db", os.R_OK)


def file_of(scenario: str) -> str:
    """Return the example with another id."""
    return SCENARIO.replace("id: example", f"id: {scenario}")


def without_bad(text: str) -> str:
    """Return a scenario without its second credential."""
    lines = text.replace("[good, bad]", "[good]").splitlines()
    return "\n".join(line for line in lines if "bad:" not in line and "rejected" not in line)


def absent(folder: Path, *arguments: str | Path) -> list[str]:
    """Run with these arguments, and return the absent cases of the report and the terminal."""
    ended = run("run", *arguments, "--history", "none", cwd=folder)
    assert ended.code == 0, ended.err
    names: list[str] = results(folder / "reports")["absent"]
    lines = [line for line in ended.out.splitlines() if line.startswith("absent: ")]
    assert lines == [f"absent: {name}" for name in names]
    return names


@pytest.fixture
def accepted(tmp_path: Path) -> Path:
    """Return a folder with three accepted scenarios: two in `folder`, one in a folder of it."""
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    for path in ("one.yaml", "two.yaml", "deep/three.yaml"):
        write_scenario(tmp_path / "folder", file_of(Path(path).stem), path)
    assert run("run", "folder", cwd=tmp_path).code == 0
    assert run("accept", cwd=tmp_path).code == 0
    return tmp_path


def test_what_was_deleted_from_the_files_of_a_run_is_absent(accepted: Path) -> None:
    one, two = accepted / "folder" / "one.yaml", accepted / "folder" / "two.yaml"
    assert absent(accepted, "folder") == []
    one.write_text(without_bad(file_of("one")))
    gone = ["one/raw-http/messages/bad"]
    assert absent(accepted, "folder") == gone
    assert absent(accepted, "folder/one.yaml") == gone
    assert absent(accepted, "folder/two.yaml") == []
    two.write_text(file_of("other"))
    gone += ["two/raw-http/messages/bad", "two/raw-http/messages/good"]
    assert absent(accepted, "folder") == gone
    assert absent(accepted, two) == gone[1:]
    two.unlink()
    assert absent(accepted, "folder/") == gone
    assert absent(accepted, ".") == gone
    assert absent(accepted, "folder/one.yaml") == gone[:1]
    assert absent(accepted, "folder/deep") == []
    (accepted / "folder" / "deep" / "three.yaml").unlink()
    assert absent(accepted, accepted / "folder") == sorted(
        [*gone, "three/raw-http/messages/bad", "three/raw-http/messages/good"]
    )


def test_a_moved_scenario_is_not_absent(accepted: Path) -> None:
    (accepted / "folder" / "two.yaml").rename(accepted / "folder" / "deep" / "moved.yaml")
    assert absent(accepted, "folder") == []


@pytest.mark.parametrize("option", [("-k", "good"), ("--case", "one/raw-http/messages/good")])
def test_only_an_option_makes_a_run_partial(option: tuple[str, ...], accepted: Path) -> None:
    (accepted / "folder" / "two.yaml").unlink()
    assert absent(accepted, "folder", *option) == []
    assert results(accepted / "reports")["partial"] is True
    assert len(absent(accepted, "folder")) == 2
    assert results(accepted / "reports")["partial"] is False
    assert absent(accepted, "folder", "--client", "raw-http") == []


def test_accepting_a_run_of_a_folder_removes_what_was_deleted_from_it(accepted: Path) -> None:
    write_scenario(accepted, file_of("apart"), "apart.yaml")
    run("run", "apart.yaml", cwd=accepted)
    assert "8 cases: 2 new, 0 updated, 0 removed" in run("accept", cwd=accepted).err
    (accepted / "folder" / "two.yaml").unlink()
    assert len(absent(accepted, "folder")) == 2
    assert "6 cases: 0 new, 0 updated, 2 removed" in run("accept", cwd=accepted).err
    scenarios = json.loads((accepted / "reports" / "baseline.json").read_text())["scenarios"]
    assert {each["id"]: each["file"] for each in scenarios} == {
        "apart": "apart.yaml",
        "one": "folder/one.yaml",
        "three": "folder/deep/three.yaml",
    }


FAILS = ("- then: {outcome: rejected, status: 401}", "- then: {outcome: accepted}")
EXCUSE = ("--known", "waits for 2.1.340", "--until", "2999-03-01")


def test_an_accepted_failure_is_offered_as_a_known_one(folder: Path) -> None:
    assert again(folder, *FAILS).code == 1
    ended = run("accept", cwd=folder)
    assert ended.code == 0
    assert ended.out.startswith("1 accepted case failed, and will fail again in the next run.")
    assert f"  authprobe accept {BAD} --known why --until 20" in ended.out
    offered = ended.out[ended.out.index("  - case: ") :]
    (folder / "reports" / "known-failures.yaml").write_text(f"known_failures:\n{offered}")
    assert again(folder, *FAILS).code == 0
    assert verdicts(folder / "reports") == {GOOD: "passed", BAD: "skipped"}


def test_a_known_failure_is_added_to_the_file_and_not_accepted(folder: Path) -> None:
    run("accept", cwd=folder)
    before = (folder / "reports" / "baseline.json").read_text()
    again(folder, *FAILS)
    known = folder / "reports" / "known-failures.yaml"
    known.write_text("# ours\n")
    ended = run("accept", "example/*", *EXCUSE, cwd=folder)
    assert (ended.code, ended.out) == (0, "")
    assert "known-failures.yaml: 1 known failure added, until 2999-03-01" in ended.err
    assert known.read_text().startswith(f"# ours\nknown_failures:\n  - case: {BAD}\n")
    assert (folder / "reports" / "baseline.json").read_text() == before
    assert again(folder, *FAILS).code == 0
    assert results(folder / "reports")["cases"][0]["verdict"]["known"] == EXCUSE[1]
    assert "known failure: waits for 2.1.340" in (folder / "reports" / "junit.xml").read_text()
    ended = run("accept", BAD, *EXCUSE, cwd=folder)
    assert (ended.code, "did not fail (known failure)" in ended.err) == (4, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((GOOD, *EXCUSE), f"{GOOD}: did not fail (passed), so there is no failure to record"),
        (("nothing", *EXCUSE), "nothing: no such case in the results"),
        (EXCUSE, "--known: name the cases whose failures are known"),
        ((BAD, "--known", "x"), "--known: name the last day of the excuse with --until 2027"),
        ((BAD, "--until", "2999-01-01"), "--known: write why the failure is known"),
        ((BAD, "--known", "x", "--until", "2020-01-01"), "--until 2020-01-01: is in the past"),
        ((BAD, "--known", "x", "--until", "soon"), "--until soon: must be a date, such as 2027"),
        ((BAD, *EXCUSE, "--issue", "7"), "--issue 7: must be an address, such as https://"),
        ((BAD, *EXCUSE, "--note", "x"), "--note: is for accepted cases"),
        ((BAD, *EXCUSE, "--results", "no.json"), "no.json: "),
    ],
)
def test_a_wrong_known_failure_is_an_error_and_nothing_is_written(
    arguments: tuple[str, ...], message: str, failed_run: Path
) -> None:
    ended = run("accept", *arguments, cwd=failed_run)
    assert (ended.code, ended.out) == (4, "")
    assert message in ended.err
    assert sorted(p.name for p in (failed_run / "reports").iterdir()) == ["results.json"]


@pytest.fixture
def failed_run(tmp_path: Path) -> Path:
    """Return a folder with the results of a passed and a failed case."""
    (tmp_path / "reports").mkdir()
    failed = Verdict(status=Status.FAILED)
    records = make_record(id=BAD, verdict=failed), make_record(id=GOOD)
    (tmp_path / "reports" / "results.json").write_text(dump_run(make_run(*records)))
    return tmp_path


def test_history_follows_a_question_over_versions(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "history.db"
    path.parent.mkdir()
    dump = PROJECT / "tests" / "run" / "history" / "version_1_sqlite.sql"
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.executescript(dump.read_text())
    for name in ("claude-code@2.1.332", "claude-code"):
        ended = run("history", f"pinned/{name}/default/revoked", cwd=tmp_path, AUTHPROBE_HISTORY="")
        lines = ended.out.splitlines()
        assert (ended.code, lines[0].split()[2:]) == (0, ["passed", "timed-out", "2.1.112"])
        assert lines[1].split()[2:] == ["failed", "accepted", "2.1.332"]
        assert lines[2:4] == [
            "    client 2.1.112 → 2.1.332",
            "    outcome: timed-out → accepted",
        ]
