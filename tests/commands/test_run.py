"""`authprobe run`: selected cases, reports and invalid arguments."""

import json
import sys
import time
from pathlib import Path

import pytest

from tests.support.command import command, results, run, verdicts, write_scenario
from tests.support.waiting import PATIENCE

SCENARIO = """
id: example
title: Two kinds of key
why: To see which cases are probed.
sources: [https://example.org/]
endpoints:
  messages: {url: "https://api.anthropic.com/v1/messages"}
credentials:
  good: {token: api-key, via: x-api-key}
  bad: {token: api-key, state: unknown, via: x-api-key}
matrix:
  client: [raw-http]
  endpoint: [messages]
  credential: [good, bad]
expect:
  - when: {credential: good}
    then: {outcome: accepted}
  - then: {outcome: rejected, status: 401}
"""
GOOD, BAD = "example/raw-http/messages/good", "example/raw-http/messages/bad"
GATEWAY = "live-gateway/raw-http/models/own-key"
"""A bundled case, whose scenario has the variable `gateway`."""


def test_an_expression_selects_the_cases_to_probe(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    assert run("run", scenario, "-k", "good", cwd=tmp_path).code == 0
    assert verdicts(tmp_path / "reports") == {GOOD: "passed"}


def test_an_expression_matches_tags(tmp_path: Path) -> None:
    tagged = write_scenario(tmp_path, SCENARIO + "tags: [nightly]\n")
    other = write_scenario(tmp_path, SCENARIO.replace("id: example", "id: other"), "other.yaml")
    assert run("run", tagged, other, "-k", "nightly", cwd=tmp_path).code == 0
    assert verdicts(tmp_path / "reports") == {GOOD: "passed", BAD: "passed"}


def test_an_expression_selects_the_cases_to_list(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    assert run("run", scenario, "--list", "-k", "GOOD", cwd=tmp_path).out == f"{GOOD}\n"
    assert run("run", scenario, "--list", "-k", "not good", cwd=tmp_path).out == f"{BAD}\n"
    ended = run("run", scenario, "--list", "-k", "nonsense", cwd=tmp_path)
    assert (ended.code, ended.out) == (5, "")


@pytest.mark.parametrize("word", ["probes", "test_compat", "record", "py", "parametrize"])
def test_an_expression_matches_only_ids_and_tags(word: str, tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    assert run("run", scenario, "--list", "-k", word, cwd=tmp_path).code == 5
    assert run("run", scenario, "-k", word, cwd=tmp_path).code == 5
    assert run("run", scenario, "-k", f"good and not {word}", cwd=tmp_path).code == 0
    assert verdicts(tmp_path / "reports") == {GOOD: "passed"}
    assert results(tmp_path / "reports")["partial"] is True


def test_an_expression_that_matches_no_case_exits_with_5(tmp_path: Path) -> None:
    ended = run("run", write_scenario(tmp_path, SCENARIO), "-k", "nonsense", cwd=tmp_path)
    assert ended.code == 5
    assert ended.err.startswith("-k 'nonsense': no case matches")
    assert not (tmp_path / "reports").exists()


def test_a_malformed_expression_is_refused(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    for expression in ("good or", "(" * 5000, "not " * 3000 + "good"):
        ended = run("run", scenario, "-k", expression, cwd=tmp_path)
        assert ended.code == 4
        assert "Wrong expression passed to '-k'" in ended.err
        assert len(ended.err.split()) < 40


def test_case_selects_one_case(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    assert run("run", scenario, "--case", BAD, cwd=tmp_path).code == 0
    assert verdicts(tmp_path / "reports") == {BAD: "passed"}
    ended = run("run", scenario, "--case", BAD[:-1], cwd=tmp_path)
    assert (ended.code, f"did you mean '{BAD}'?" in ended.err) == (4, True)


def test_a_bundled_case_is_found_where_a_file_sets_other_scenarios(tmp_path: Path) -> None:
    write_scenario(tmp_path, SCENARIO)
    (tmp_path / "authprobe.toml").write_text('scenarios = ["example.yaml"]\n')
    bundled = "api-key/raw-http/messages/valid-key/without-version"
    own = GOOD
    listed = run("run", "--list", "--case", bundled, "--case", own, cwd=tmp_path)
    assert (listed.code, listed.out.split()) == (0, [own, bundled]), listed.err
    searched = run("bisect", bundled, "--good", "1.0.0", "--bad", "2.0.0", cwd=tmp_path)
    assert "authprobe's own request, which has no versions" in searched.err
    missing = run("run", "--list", "--case", f"{bundled}x", cwd=tmp_path)
    assert (missing.code, bundled in missing.err) == (4, True)
    own_values = ("--set", "gateway=gateway.example")
    listed = run("run", "--list", "--case", GATEWAY, *own_values, cwd=tmp_path)
    assert (listed.code, listed.out.split()) == (0, [GATEWAY]), listed.err
    for case in (GATEWAY, own):
        unknown = run("run", "--list", "--case", case, "--set", "none=1", cwd=tmp_path)
        assert (unknown.code, "--set none: no scenario has this" in unknown.err) == (4, True)


def test_list_probes_nothing(tmp_path: Path) -> None:
    ended = run("run", write_scenario(tmp_path, SCENARIO), "--list", cwd=tmp_path)
    assert (ended.code, ended.out.split()) == (0, [GOOD, BAD])
    assert not (tmp_path / "reports").exists()


def test_json_is_the_only_output_on_stdout(tmp_path: Path) -> None:
    ended = run("run", write_scenario(tmp_path, SCENARIO), "--json", cwd=tmp_path)
    assert {case["id"] for case in json.loads(ended.out)["cases"]} == {GOOD, BAD}
    assert json.loads(ended.out) == results(tmp_path / "reports")


def test_all_errors_in_scenarios_are_reported_at_once_and_nothing_runs(tmp_path: Path) -> None:
    scenario = write_scenario(
        tmp_path, SCENARIO.replace("title:", "tite:").replace("state: unknown", "state: unknwon")
    )
    ended = run("run", scenario.name, cwd=tmp_path)
    assert ended.code == 4
    assert ended.err.splitlines() == [
        "example.yaml:3:1: unknown key 'tite'; did you mean 'title'?",
        "example.yaml:10:32: 'unknwon' is not a state of a token; did you mean 'unknown'?",
    ]
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "staging"], "--target staging: no such target; use "),
        (["--jobs", "0"], "--jobs 0: must be a whole number of at least 1"),
        (["--break-rule", "A99"], "--break-rule A99: no such rule; "),
        (["--client", "claude-cod"], "--client claude-cod: "),
        (["--baseline", "none.json"], "none.json: No such file or directory"),
        (["no-such-folder"], "no-such-folder"),
        (["--out", "/dev/null"], "/dev/null: cannot be written: "),
    ],
)
def test_invalid_arguments_are_reported_in_one_line(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    ended = run("run", *arguments, cwd=tmp_path)
    assert ended.code == 4
    assert message in ended.err
    assert len([line for line in ended.err.splitlines() if line]) == 1


def test_a_run_with_the_same_refusal_everywhere_is_inconclusive(tmp_path: Path) -> None:
    scenario = write_scenario(
        tmp_path,
        SCENARIO.replace("{token: api-key, via", "{token: api-key, state: unknown, via").replace(
            "outcome: accepted", "outcome: rejected"
        ),
    )
    ended = run("run", scenario, cwd=tmp_path)
    assert "Inconclusive" in ended.out + ended.err
    for name in ("report.html", "summary.md"):
        assert "Inconclusive: " in (tmp_path / "reports" / name).read_text()


def test_a_silent_backend_ends_a_case_at_its_time_limit(tmp_path: Path) -> None:
    text = SCENARIO + "limit: 1\nbackends: {silent: {faults: [{name: delay, seconds: 3600}]}}\n"
    text = text.replace("outcome: accepted", "outcome: timed-out").replace(
        "then: {outcome: rejected, status: 401}", "then: {outcome: timed-out}"
    )
    text = text.replace("matrix:\n", "matrix:\n  backend: [silent]\n")
    began = time.monotonic()
    ended = run("run", write_scenario(tmp_path, text), cwd=tmp_path)
    assert ended.code == 0, ended.out + ended.err
    assert time.monotonic() - began < 2 * PATIENCE
    for case in results(tmp_path / "reports")["cases"]:
        assert 1 <= case["observation"]["elapsed"] < PATIENCE
        (exchange,) = case["observation"]["exchanges"]
        assert (exchange["path"], exchange["status"]) == ("/v1/messages", None)


def test_a_second_run_with_the_same_directory_is_refused(tmp_path: Path) -> None:
    import filelock

    (tmp_path / "reports").mkdir()
    with filelock.FileLock(tmp_path / "reports" / ".lock"):
        ended = run("run", write_scenario(tmp_path, SCENARIO), cwd=tmp_path)
    assert ended.code == 4
    assert "another run is writing to this folder" in ended.err


UNTESTABLE = """
id: example
title: A client that cannot be installed
why: To see the reason.
sources: [https://example.org/]
matrix: {client: [claude-code@2.1.31]}
expect: {outcome: rejected}
"""


def test_a_client_is_unavailable_without_npm(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, UNTESTABLE)
    ended = run("run", scenario, cwd=tmp_path, PATH="/nowhere", AUTHPROBE_CACHE=str(tmp_path / "c"))
    assert ended.code == 6
    assert ended.err.endswith("exit code 6: nothing failed, but 1 case could not be tested\n")
    (case,) = results(tmp_path / "reports")["cases"]
    assert case["verdict"]["status"] == "error"
    assert case["observation"]["outcome"] == "unavailable"
    assert "npm and node are not on PATH" in case["observation"]["detail"]
    assert "npm and node are not on PATH" in ended.out


BAD_KEY = "  bad: {token: api-key, state: unknown, via: x-api-key}\n"
WRONG = SCENARIO.replace("outcome: accepted", "outcome: crashed")
"""A scenario of which one case fails."""


def test_a_run_fails_only_for_the_chosen_reasons(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, WRONG)
    ended = run("run", scenario, cwd=tmp_path)
    assert (ended.code, ended.err.splitlines()[-1]) == (
        1,
        "exit code 1: 1 case failed (--fail-on failed)",
    )
    ended = run("run", scenario, "--fail-on", "flaky", cwd=tmp_path)
    assert (ended.code, ended.err.splitlines()[-1]) == (
        0,
        "exit code 0: 1 case failed, which --fail-on flaky does not count",
    )
    ended = run("run", scenario, "--fail-on", "flaky", "--fail-on", "failed", cwd=tmp_path)
    assert ended.code == 1
    assert run("run", scenario, "--fail-on", "never", cwd=tmp_path).code == 0


def test_a_change_since_the_baseline_fails_a_run_if_it_is_chosen(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    ended = run("run", scenario, "--fail-on", "changed", cwd=tmp_path)
    assert ended.code == 0
    assert "--fail-on changed has no effect: no case of this run is in a baseline" in ended.out
    assert run("accept", cwd=tmp_path).code == 0
    assert run("run", scenario, "--fail-on", "changed,absent", cwd=tmp_path).code == 0
    scenario.write_text(SCENARIO.replace("state: unknown", "state: expired"))
    ended = run("run", scenario, "--fail-on", "changed,absent", cwd=tmp_path)
    reason = "exit code 1: 1 case changed (--fail-on changed,absent)"
    assert (ended.code, ended.err.splitlines()[-1]) == (1, reason)
    for name in ("report.html", "summary.md"):
        assert reason in (tmp_path / "reports" / name).read_text()
    assert run("run", scenario, cwd=tmp_path).code == 0
    fewer = SCENARIO.replace("[good, bad]", "[good]")
    for line in ("  - then: {outcome: rejected, status: 401}\n", BAD_KEY):
        fewer = fewer.replace(line, "")
    scenario.write_text(fewer)
    ended = run("run", scenario, "--fail-on", "changed,absent", cwd=tmp_path)
    assert (ended.code, ended.err.splitlines()[-1]) == (
        1,
        "exit code 1: 1 case is absent (--fail-on changed,absent)",
    )


def test_an_unknown_reason_to_fail_is_refused_with_the_nearest(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    message = "--fail-on chnaged: 'chnaged' is not a reason to fail; did you mean 'changed'?"
    ended = run("run", scenario, "--fail-on", "chnaged", cwd=tmp_path)
    assert (ended.code, ended.err) == (4, message + "\n")
    assert not (tmp_path / "reports").exists()


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


def test_a_case_that_fails_only_the_first_time_is_flaky(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    (tmp_path / "flaky_backend.py").write_text(FLAKY_BACKEND)
    code = "import flaky_backend; from authprobe.cli import main; main()"
    argv = [sys.executable, "-c", code, "run", str(scenario)]
    variables = {"PYTHONPATH": str(tmp_path)}
    ended = run(argv=[*argv, "--retries", "0"], cwd=tmp_path, **variables)
    assert (ended.code, set(verdicts(tmp_path / "reports").values())) == (1, {"failed"})
    ended = run(argv=[*argv, "--retries", "3", "--fail-on=flaky"], cwd=tmp_path, **variables)
    reason = "exit code 1: 2 cases are flaky (--fail-on flaky)"
    assert (ended.code, ended.err.splitlines()[-1]) == (1, reason)
    assert verdicts(tmp_path / "reports") == {GOOD: "passed", BAD: "passed"}
    assert "flaky (1 of 2 attempts failed)" in (tmp_path / "reports" / "report.html").read_text()
    [case, _] = results(tmp_path / "reports")["cases"]
    assert [each["status"] for each in case["verdict"]["attempts"]] == ["failed", "passed"]
    assert [len(case["observation"]["exchanges"]), case["observation"]["status"]] == [1, 401]


def test_only_what_failed_last_is_probed_again(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, WRONG)
    ended = run("run", scenario, "--last-failed", cwd=tmp_path)
    assert ended.code == 4
    assert "--last-failed: reports has no results of an earlier run" in ended.err
    assert run("run", scenario, cwd=tmp_path).code == 1
    assert run("run", scenario, "--last-failed", "--list", cwd=tmp_path).out == f"{GOOD}\n"
    scenario.write_text(SCENARIO)
    assert run("run", scenario, "--last-failed", cwd=tmp_path).code == 0
    assert verdicts(tmp_path / "reports") == {GOOD: "passed"}
    assert results(tmp_path / "reports")["partial"] is True
    ended = run("run", scenario, "--last-failed", cwd=tmp_path)
    assert ended.code == 5
    assert "--last-failed: no selected case failed in the last run in reports" in ended.err
    content = results(tmp_path / "reports")
    (tmp_path / "reports" / "results.json").write_text(json.dumps({**content, "interrupted": True}))
    ended = run("run", scenario, "--last-failed", cwd=tmp_path)
    assert "which was interrupted; leave the option out to probe all cases" in ended.err
    assert verdicts(tmp_path / "reports") == {GOOD: "passed"}


def test_no_case_is_started_after_enough_failures(tmp_path: Path) -> None:
    """All 64 requests that run at a time have begun before the first one fails."""
    number = 100
    keys = "".join(
        f"  key-{n}: {{token: api-key, state: unknown, via: x-api-key}}\n" for n in range(number)
    )
    names = ", ".join(f"key-{n}" for n in range(number))
    text = WRONG.replace(BAD_KEY, keys).replace("good, bad", f"good, {names}")
    scenario = write_scenario(tmp_path, text.replace("status: 401", "status: 500"))
    ended = run("run", scenario, "--max-failures", "1", cwd=tmp_path)
    content = results(tmp_path / "reports")
    missing = number + 1 - len(content["cases"])
    assert ended.code == 1
    assert 0 < missing <= number + 1 - 64
    assert (content["partial"], content["not_started"]) == (True, missing)
    words = f"as --max-failures 1 says: {missing} cases are missing"
    for text in (ended.out, (tmp_path / "reports" / "report.html").read_text()):
        assert words in text


def test_the_requests_of_each_case_are_written_as_har(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    ended = run("run", scenario, "--har", "requests", cwd=tmp_path)
    assert ended.code == 0
    assert "requests: requests, 2 HAR files" in ended.err
    folder = tmp_path / "requests"
    names = ["example_raw-http_messages_bad.har", "example_raw-http_messages_good.har"]
    assert sorted(path.name for path in folder.iterdir()) == names
    first = {path.name: path.read_text() for path in folder.iterdir()}
    [entry] = json.loads(first[names[0]])["log"]["entries"]
    assert (entry["request"]["url"], entry["response"]["status"]) == (
        "https://api.anthropic.com/v1/messages",
        401,
    )
    assert {"name": "x-api-key", "value": "[redacted:api-key]"} in entry["request"]["headers"]
    assert not [text for text in first.values() if "sk-ant" in text]
    # The same files afterwards, from the results.
    ended = run("report", "--har", "again", "--case", BAD, cwd=tmp_path)
    assert (ended.code, ended.err.splitlines()[-1]) == (0, "requests: again, 1 HAR file")
    assert [path.read_text() for path in (tmp_path / "again").iterdir()] == [first[names[0]]]


def test_a_place_that_cannot_be_written_has_one_remedy(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    (tmp_path / "file").touch()
    link = tmp_path / "requests" / "example_raw-http_messages_bad.har"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "file")
    for options, message in (
        (("--out", "file"), "file: cannot be written: 'file' is a regular file, not a directory; "),
        (("--har", "file"), "file: cannot be written: 'file' is a regular file, not a directory; "),
        (
            ("--har", "requests"),
            "requests: cannot be written: 'example_raw-http_messages_bad.har' ",
        ),
    ):
        ended = run("run", scenario, *options, cwd=tmp_path)
        assert ended.code == 4
        assert ended.err.startswith(message), ended.err
        assert ended.err.count("; ") == 1
        assert not (tmp_path / "reports" / "results.json").exists()


def test_a_report_that_could_not_be_written_is_not_named(tmp_path: Path) -> None:
    """The page is larger than the limit of files here, the other reports are smaller."""
    scenario = write_scenario(tmp_path, SCENARIO)
    limited = ["sh", "-c", 'ulimit -f 100; exec "$@"', "sh"]
    ended = run(argv=[*limited, *command("run", scenario)], cwd=tmp_path)
    assert ended.code == 4
    assert "the reports could not be written: File too large\n" in ended.err
    assert "report: " not in ended.err
    assert verdicts(tmp_path / "reports") == {GOOD: "passed", BAD: "passed"}


INTERRUPTED_REPORTS = """
import os, runpy, signal, time
from authprobe.items.reports import RunReports

def interrupt(*_):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)

RunReports._texts = interrupt
runpy.run_module("authprobe", run_name="__main__")
"""


def test_a_run_that_is_interrupted_in_its_reports_says_how_to_write_them(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    interrupted = [sys.executable, "-c", INTERRUPTED_REPORTS, "run", str(scenario)]
    ended = run(argv=interrupted, cwd=tmp_path)
    assert ended.code == 2
    *_, hint, last = ended.err.splitlines()
    words = ["authprobe", "report", "reports/results.json"]
    assert hint == f"the reports were not all written; write them: {' '.join(words)}"
    assert last == "interrupted"
    assert not (tmp_path / "reports" / "report.html").exists()
    assert run(*words[1:], cwd=tmp_path).code == 0
    assert (tmp_path / "reports" / "report.html").exists()
