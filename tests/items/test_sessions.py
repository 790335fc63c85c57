"""Scenario files as items of pytest: collection, selection, repetition, failures, exit codes."""

import os
import re
from pathlib import Path

import pytest

from tests.support.command import results, verdicts
from tests.support.exhaustive import EXHAUSTIVE, exhaustive_but
from tests.support.ordinary_user import USER
from tests.support.pytest_session import (
    BAD,
    FILE,
    GOOD,
    SCENARIO,
    WRONG,
    WRONG_LINE,
    run_pytest,
    start_pytest,
    write_project,
)


def outcomes(text: str) -> dict[str, int]:
    """Return the numbers in the last line of pytest."""
    line = text.strip().splitlines()[-1]
    return {word: int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", line)}


def test_a_file_is_collected_by_its_name_and_each_case_is_an_item(tmp_path: Path) -> None:
    write_project(tmp_path, name="deep/er/bot.authprobe.yaml")
    write_project(tmp_path, SCENARIO.replace("example", "other"), name="not-ours.yaml")
    ended = run_pytest(tmp_path, "--collect-only", "-q")
    assert ended.out.splitlines()[:2] == [
        f"deep/er/bot.authprobe.yaml::{GOOD}",
        f"deep/er/bot.authprobe.yaml::{BAD}",
    ]
    assert outcomes(ended.out) == {"tests": 2}
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("testpaths", ["", "testpaths = tests"])
def test_files_that_the_ini_file_names_are_collected(tmp_path: Path, testpaths: str) -> None:
    write_project(tmp_path, name="probes/bot.yaml")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_own.py").write_text("def test_own(): pass\n")
    ini = f"[pytest]\nauthprobe_scenarios = probes/*.yaml\n{testpaths}\n"
    (tmp_path / "pytest.ini").write_text(ini)
    ended = run_pytest(tmp_path)
    assert (ended.code, outcomes(ended.out)) == (0, {"passed": 3})
    ended = run_pytest(tmp_path, "tests")
    assert (ended.code, outcomes(ended.out)) == (0, {"passed": 1})
    assert run_pytest(tmp_path, f"probes/bot.yaml::{BAD}").code == 0


def test_a_pattern_without_a_file_is_a_warning(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nauthprobe_scenarios = probez/*.yaml\n")
    ended = run_pytest(tmp_path, "--collect-only")
    assert "authprobe_scenarios: 'probez/*.yaml' matches no file in " in ended.out
    assert ended.code == 0


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_a_variable_that_does_not_exist_is_a_warning(
    tmp_path: Path, workers: tuple[str, ...]
) -> None:
    write_project(tmp_path)
    write_project(tmp_path, SCENARIO.replace("example", "other"), name="other.authprobe.yaml")
    known = {"AUTHPROBE_DIFF_LOOKS": "3", "AUTHPROBE_CACHE_LIMIT": "9G", "AUTHPROBE_SET": ""}
    ended = run_pytest(tmp_path, *workers, AUTHPROBE_JBOS="2", **known)
    warning = "AUTHPROBE_JBOS: no such variable of authprobe; did you mean 'AUTHPROBE_JOBS'?"
    assert (ended.code, ended.out.count(f"PytestConfigWarning: {warning}")) == (0, 1)
    assert ended.out.count("no such variable") == 1


def test_a_project_without_scenarios_is_not_warned_of_variables(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n")
    ended = run_pytest(tmp_path, AUTHPROBE_JBOS="2")
    assert (ended.code, "AUTHPROBE" in ended.out) == (0, False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_options_of_another_user_are_ignored_with_a_warning(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "authprobe.toml").write_text('client = ["nothing"]\n')
    os.chown(tmp_path / "authprobe.toml", USER, USER)
    ended = run_pytest(tmp_path, "--collect-only", "-q")
    assert (ended.code, outcomes(ended.out)) == (0, {"tests": 2})
    assert "authprobe.toml: belongs to another user, and its options are ignored" in ended.out
    os.chown(tmp_path / "authprobe.toml", 0, 0)
    assert run_pytest(tmp_path, "--collect-only", "-q").code == 4


def test_items_are_selected_as_others_are(tmp_path: Path) -> None:
    write_project(tmp_path, WRONG)
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n")
    for arguments in (("-k", "bad"), (f"{FILE}::{BAD}",), ("-k", "nightly and not good")):
        ended = run_pytest(tmp_path, *arguments, "--authprobe-report", "out")
        assert ended.code == 0, ended.out
        assert verdicts(tmp_path / "out") == {BAD: "passed"}
        assert results(tmp_path / "out")["partial"] is True
    assert outcomes(run_pytest(tmp_path, "-m", "nightly").out)["deselected"] == 1
    assert outcomes(run_pytest(tmp_path, "--lf").out) == {"failed": 1}
    ended = run_pytest(tmp_path, "-x", "--authprobe-report", "stopped")
    assert (ended.code, outcomes(ended.out)) == (1, {"failed": 1})
    assert verdicts(tmp_path / "stopped") == {GOOD: "failed"}


def test_a_failure_is_shown_at_its_line_without_a_traceback(tmp_path: Path) -> None:
    write_project(tmp_path, WRONG, "probes/bot.authprobe.yaml")
    ended = run_pytest(tmp_path, "--junitxml=junit.xml")
    place = f"probes/bot.authprobe.yaml:{WRONG_LINE}"
    lines = ended.out.splitlines()
    assert f"{place}: Mismatch" in lines
    assert ">         status: 500" in lines
    assert "E   status: expected 500, saw 200" in lines
    assert any(line.startswith("Why: raw-http ended with status 200, not 500") for line in lines)
    assert f"FAILED probes/bot.authprobe.yaml::{GOOD}" in ended.out
    for word in ("Traceback", ".py:", "sk-ant"):
        assert word not in ended.out
    assert 'message="status: expected 500, saw 200"' in (tmp_path / "junit.xml").read_text()
    short = run_pytest(tmp_path, "--tb=line").out.splitlines()
    line = f"{tmp_path}/{place}: status: expected 500, saw 200"
    assert [text for text in short if "expected 500" in text and "FAILED" not in text] == [line]


def test_errors_in_a_file_are_errors_of_collection_with_their_places(tmp_path: Path) -> None:
    text = SCENARIO.replace("title:", "tite:").replace("state: unknown", "state: unknwon")
    write_project(tmp_path, text)
    ended = run_pytest(tmp_path)
    assert ended.code == 2
    lines = ended.out.splitlines()
    assert f"{FILE}:2:1: unknown key 'tite'; did you mean 'title'?" in lines
    assert any(line.startswith(f"{FILE}:9:32: 'unknwon' is not a state") for line in lines)
    assert "Traceback" not in ended.out


def test_two_files_with_one_id_are_an_error_of_collection(tmp_path: Path) -> None:
    write_project(tmp_path)
    write_project(tmp_path, SCENARIO, "copy.authprobe.yaml")
    ended = run_pytest(tmp_path)
    assert ended.code == 2
    assert f"copy.authprobe.yaml:1:5: the id 'example' is also that of {tmp_path}" in ended.out


FLAKY_BACKEND = """
from dataclasses import replace
from authprobe.engine import probe

real, seen = probe.probe_case, set()

def probe_case(laboratory, case):
    \"\"\"Probe a case; the first time its backend is overloaded.\"\"\"
    if case.id not in seen:
        seen.add(case.id)
        case = replace(case, backend=replace(case.backend, faults=("A30",)))
    return real(laboratory, case)

probe.probe_case = probe_case
"""
"""A module that makes the backend of every case fail the first time."""


@pytest.mark.parametrize(
    "options", [("--reruns=2",), ("--authprobe-retries=1",), ("--reruns=2", "-n2")]
)
def test_a_case_that_is_run_again_is_probed_again(tmp_path: Path, options: tuple[str, ...]) -> None:
    write_project(tmp_path)
    (tmp_path / "flaky_backend.py").write_text(FLAKY_BACKEND)
    arguments = ("-p", "flaky_backend", *options, "--authprobe-report", "out")
    ended = run_pytest(tmp_path, *arguments, PYTHONPATH=str(tmp_path))
    assert ended.code == 0, ended.out
    for case in results(tmp_path / "out")["cases"]:
        verdict = case["verdict"]
        assert [each["status"] for each in verdict["attempts"]] == ["failed", "passed"]
        assert verdict["status"] == "passed"
    ended = run_pytest(tmp_path, *arguments, "--authprobe-fail-on=flaky", PYTHONPATH=str(tmp_path))
    assert ended.code == 1
    assert "exit code 1: 2 cases are flaky (--authprobe-fail-on flaky)" in ended.out


def test_without_another_run_the_first_failure_counts(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "flaky_backend.py").write_text(FLAKY_BACKEND)
    ended = run_pytest(tmp_path, "-p", "flaky_backend", PYTHONPATH=str(tmp_path))
    assert (ended.code, outcomes(ended.out)) == (1, {"failed": 2})


def many(number: int, expected: str) -> str:
    """Return a scenario with this many cases of unknown keys, which wait for 0.3 s each."""
    names = [f"key-{n}" for n in range(number)]
    keys = "".join(f"  {n}: {{token: api-key, state: unknown, via: x-api-key}}\n" for n in names)
    text = SCENARIO.replace("[good, bad]", f"[{', '.join(names)}]\n  backend: [slow]")
    head, _, _ = text.partition("expect:")
    head = re.sub(r"  good: .*\n  bad: .*\n", keys, head)
    slow = "backends: {slow: {faults: [{name: delay, seconds: 0.3}]}}\n"
    return f"{head}{slow}expect: {expected}\n"


def test_each_case_is_probed_when_its_item_runs(tmp_path: Path) -> None:
    """Nothing is probed before, and nothing after `-x`."""
    write_project(tmp_path, many(4, "{outcome: rejected, status: 401}"))
    (tmp_path / "conftest.py").write_text("""
def pytest_collection_modifyitems(items):
    items.reverse()
""")
    ended = run_pytest(tmp_path, "--authprobe-report=out", "--durations=9", "-vv")
    assert ended.code == 0, ended.out
    shown = re.findall(r"^bot\.authprobe\.yaml::\S*/key-(\d)/slow PASSED", ended.out, re.MULTILINE)
    assert shown == ["3", "2", "1", "0"]
    calls = [float(line.split("s")[0]) for line in ended.out.splitlines() if "s call " in line]
    assert len(calls) == 4
    assert all(0.3 <= seconds < 3 for seconds in calls)
    write_project(tmp_path, many(4, "{outcome: rejected, status: 500}"))
    ended = run_pytest(tmp_path, "--maxfail=2", "--authprobe-report=out")
    assert len(verdicts(tmp_path / "out")) == 2


def test_cases_are_probed_beside_one_another_if_that_is_chosen(tmp_path: Path) -> None:
    write_project(tmp_path, many(6, "{outcome: rejected, status: 401}"))
    ended = run_pytest(tmp_path, "--authprobe-jobs=6", "--durations=9", "-vv")
    assert (ended.code, outcomes(ended.out)["passed"]) == (0, 6)
    calls = [float(line.split("s")[0]) for line in ended.out.splitlines() if "s call " in line]
    assert all(seconds >= 0.3 for seconds in calls), "not the time of the probe"


def test_each_process_of_xdist_probes_its_own_items(tmp_path: Path) -> None:
    write_project(tmp_path, many(4, "{outcome: rejected, status: 401}"))
    write_project(tmp_path, WRONG.replace("example", "wrong"), "wrong.authprobe.yaml")
    ended = run_pytest(tmp_path, "-n2", "--dist=each", "--authprobe-report=out")
    assert outcomes(ended.out) == {"failed": 2, "passed": 10}
    ended = run_pytest(tmp_path, "-n2", "--authprobe-report=out", "-v", AUTHPROBE_HISTORY="")
    assert (ended.code, outcomes(ended.out)) == (1, {"failed": 1, "passed": 5})
    assert {"[gw0]", "[gw1]"} <= set(ended.out.split())
    assert f"wrong.authprobe.yaml:{WRONG_LINE}: Mismatch" in ended.out
    content = results(tmp_path / "out")
    assert (len(content["cases"]), content["partial"], len(content["scenarios"])) == (6, False, 2)
    assert set(content["own_scenarios"]) == {"example", "wrong"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("report.html", "results.json", "junit.xml", "ctrf.json", "summary.md", "history.db")
    }


def test_known_failures_are_expected_failures(tmp_path: Path) -> None:
    write_project(tmp_path, WRONG)
    entry = f"""known_failures:
  - case: {GOOD}
    signature: {{outcome: accepted, status: 200}}
    expires: 2100-01-01
    note: it was never right
"""
    (tmp_path / "known.yaml").write_text(entry)
    options = ("-rx", "--authprobe-known-failures=known.yaml")
    ended = run_pytest(tmp_path, *options)
    assert (ended.code, outcomes(ended.out)) == (0, {"passed": 1, "xfailed": 1})
    assert "known failure: it was never right" in ended.out
    write_project(tmp_path, WRONG.replace("outcome: accepted", "outcome: crashed"))
    (tmp_path / "known.yaml").write_text(entry.replace("status: 200", "status: 201"))
    assert outcomes(run_pytest(tmp_path, *options).out) == {"passed": 1, "failed": 1}
    write_project(tmp_path)
    ended = run_pytest(tmp_path, *options)
    assert ended.code == 1, "an entry that excuses nothing is out of date"
    assert "known.yaml:2:5: this known failure no longer occurs" in ended.out


def test_a_baseline_makes_a_change_a_reason_to_fail(tmp_path: Path) -> None:
    write_project(tmp_path)
    assert run_pytest(tmp_path, "--authprobe-report=first").code == 0
    options = ("--authprobe-baseline=first/results.json", "--authprobe-fail-on=changed")
    assert run_pytest(tmp_path, *options).code == 0
    write_project(tmp_path, SCENARIO.replace("state: unknown", "state: expired"))
    ended = run_pytest(tmp_path, *options)
    assert ended.code == 1
    assert "exit code 1: 1 case changed (--authprobe-fail-on changed)" in ended.out


UNTESTABLE = """
id: example
title: A client that cannot be installed
why: To see the reason.
sources: [https://example.org/]
matrix: {client: [claude-code@2.1.31]}
expect: {outcome: rejected}
"""


def test_a_case_that_cannot_be_tested_is_an_error_with_its_reason(tmp_path: Path) -> None:
    write_project(tmp_path, UNTESTABLE)
    no_npm = {"PATH": "/nowhere", "AUTHPROBE_CACHE": str(tmp_path / "cache")}
    ended = run_pytest(tmp_path, "--authprobe-report=out", **no_npm)
    assert (ended.code, outcomes(ended.out)) == (6, {"error": 1})
    assert "could not be tested: npm and node are not on PATH" in ended.out
    assert f"{FILE}:6: Untestable" in ended.out
    assert "exit code 6: nothing failed, but 1 case could not be tested" in ended.out
    assert run_pytest(tmp_path, "--authprobe-fail-on=failed,untestable", **no_npm).code == 1


def test_the_exit_code_of_ordinary_tests_stays(tmp_path: Path) -> None:
    write_project(tmp_path, WRONG)
    ended = run_pytest(tmp_path, "--authprobe-fail-on=never")
    assert (ended.code, "1 case failed, which" in ended.out) == (0, True)
    (tmp_path / "test_own.py").write_text("def test_own(): assert 1 == 2\n")
    ended = run_pytest(tmp_path, "--authprobe-fail-on=never")
    assert (ended.code, outcomes(ended.out)["failed"]) == (1, 2)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--authprobe-jobs=0", "--authprobe-jobs 0: must be a whole number of at least 1"),
        ("--authprobe-client=claude-code", "--authprobe-client claude-code: no scenario has a"),
        ("--authprobe-set=x=1", "--authprobe-set x: no scenario has this variable"),
        (f"--authprobe-report={FILE}", f"{FILE}: cannot be written: "),
        ("--authprobe-baseline=none.json", "none.json: No such file or directory"),
    ],
)
@pytest.mark.parametrize("processes", [(), ("-n1",)])
def test_an_invalid_option_is_an_error_in_one_line(
    tmp_path: Path, option: str, message: str, processes: tuple[str, ...]
) -> None:
    write_project(tmp_path)
    ended = run_pytest(tmp_path, option, *processes)
    assert ended.code == 4, ended.out
    assert message in ended.out + ended.err
    assert "Traceback" not in ended.out + ended.err
    assert "INTERNALERROR" not in ended.out + ended.err


def test_an_error_of_a_scenario_names_the_option_that_set_the_value(tmp_path: Path) -> None:
    text = SCENARIO.replace("state: unknown", 'state: "${state}"')
    write_project(tmp_path, f"{text}variables: {{state: unknown}}\n")
    assert run_pytest(tmp_path).code == 0
    ended = run_pytest(tmp_path, "--authprobe-set=state=nosuch")
    assert (ended.code, "; the value comes from --authprobe-set state" in ended.out) == (4, True)


def test_tags_that_plugins_give_a_meaning_are_only_words(tmp_path: Path) -> None:
    write_project(tmp_path, WRONG.replace("[nightly]", "[nightly, skip, xfail, flaky]"))
    (tmp_path / "pytest.ini").write_text("[pytest]\nstrict_markers = true\n")
    assert outcomes(run_pytest(tmp_path).out) == {"failed": 1, "passed": 1}
    assert outcomes(run_pytest(tmp_path, "-k", "skip").out) == {"failed": 1, "passed": 1}


@pytest.mark.parametrize(
    "arguments",
    [
        ("-p", "authprobe"),
        pytest.param(("-p", "authprobe.plugin"), marks=EXHAUSTIVE),
        ("-p", "authprobe", "-p", "authprobe.plugin"),
        pytest.param(("-p", "no:authprobe", "-p", "authprobe.plugin"), marks=EXHAUSTIVE),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("variables", [{}, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}])
def test_the_plugin_can_be_named(
    tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str]
) -> None:
    write_project(tmp_path)
    ended = start_pytest(tmp_path, *arguments, "-k", "bad", **variables)
    assert (ended.code, outcomes(ended.out)["passed"]) == (0, 1), ended.out + ended.err


@pytest.mark.parametrize("name", ["authprobe", "authprobe.test_compat"])
@pytest.mark.parametrize(
    "plugin", exhaustive_but(((),), ((), ("-p", "authprobe"), ("-p", "authprobe.plugin")))
)
def test_the_bundled_scenarios_are_the_items_of_the_package(
    tmp_path: Path, name: str, plugin: tuple[str, ...]
) -> None:
    ended = start_pytest(tmp_path, *plugin, "--pyargs", name, "-k", "api-claude-ai")
    assert ended.code == 0, ended.out + ended.err
    assert outcomes(ended.out)["passed"] == 1


def test_without_the_plugin_there_are_no_items(tmp_path: Path) -> None:
    write_project(tmp_path)
    assert start_pytest(tmp_path, "-p", "no:authprobe").code == 5
    ended = start_pytest(tmp_path, "-p", "no:authprobe", "--pyargs", "authprobe.test_compat")
    assert ended.code == 5
    assert "KeyError" not in ended.out + ended.err


def test_the_mismatches_of_a_case_are_one_entry_each_at_its_line(tmp_path: Path) -> None:
    write_project(tmp_path, WRONG.replace("status: 500", "status: 500\n      exit_code: 7"))
    lines = run_pytest(tmp_path).out.splitlines()
    marked = [n for n, line in enumerate(lines) if line.startswith(">")]
    assert [lines[n].split()[1] for n in marked] == ["status:", "exit_code:"]
    assert [lines[n + 1].split()[1] for n in marked] == ["status:", "exit_code:"]
    assert sum(line.endswith(": 2 mismatches") for line in lines) == 1
