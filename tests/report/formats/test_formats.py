import datetime
import json
import uuid
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from rich.console import Console

from authprobe.core.gates import Gate
from authprobe.observation.fingerprint import fingerprint
from authprobe.report.formats.ctrf import ctrf
from authprobe.report.formats.github import MAX_ANNOTATIONS, annotations
from authprobe.report.formats.junit import junit
from authprobe.report.html.case import details
from authprobe.report.html.report import report_content
from authprobe.report.markdown.summary import summary_markdown
from authprobe.report.model.matrix import headline
from authprobe.report.model.timeline import timeline_facts
from authprobe.report.terminal import print_run
from authprobe.run.history.model import Point
from authprobe.run.model import Run
from authprobe.verdict.model import Status
from tests.support.make import make_observation, make_record, make_run
from tests.support.runs import (
    MISMATCH,
    REFUSED,
    every_kind,
    failed_again,
    flaky,
    known_failure,
    regressed,
)

DAY = datetime.datetime(2026, 11, 1, 12, tzinfo=datetime.UTC)


def terminal(run: Run) -> str:
    """Return the text printed on a terminal."""
    console = Console(width=200, record=True, quiet=False)
    with console.capture() as captured:
        print_run(run, console)
    return captured.get()


def test_junit_has_a_suite_for_each_scenario_with_the_right_numbers() -> None:
    root = ElementTree.fromstring(junit(every_kind()))  # noqa: S314 - our own text
    example, other, absent, complaints = root
    assert {n: example.get(n) for n in ("tests", "failures", "errors", "skipped")} == {
        **{"tests": "4", "failures": "1", "errors": "1"},
        "skipped": "1",
    }
    assert [case.get("name") for case in other.iter("testcase")] == ["passed"]
    assert [case.get("name") for case in absent] == ["gone/raw-http"]
    assert root.get("tests") == "7"
    assert root.get("failures") == "2"
    assert complaints[0][0].get("message") == "known.yaml:3:5: this known failure no longer occurs"


def test_junit_has_messages_for_failures_and_known_failures() -> None:
    root = ElementTree.fromstring(junit(every_kind()))  # noqa: S314 - our own text
    cases = {case.get("name"): case for case in root.iter("testcase")}
    failure = cases["regressed"].find("failure")
    assert failure is not None
    assert failure.get("message") == "status: expected 200, saw 401"
    assert (failure.text or "").startswith("message: <old> & \\u001b[31m → new")
    skipped = cases["known"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "known failure: https://example.org/issue/7"
    assert len(cases["passed"]) == 0


def test_ctrf_counts_untestable_cases_as_other() -> None:
    results = json.loads(ctrf(every_kind()))["results"]
    expected = {"tests": 5, "passed": 2, "failed": 1, "skipped": 1, "other": 1, "pending": 0}
    assert expected.items() <= results["summary"].items()
    assert {test["name"]: test["rawStatus"] for test in results["tests"]}["example/known"] == (
        "known failure"
    )


@pytest.mark.parametrize("run_id", ["", "build-17", "\u202e"])
def test_ctrf_has_a_uuid_for_any_id_of_a_run(run_id: str) -> None:
    run = replace(every_kind(), id=run_id)
    report_id = json.loads(ctrf(run))["reportId"]
    assert str(uuid.UUID(report_id)) == report_id
    assert json.loads(ctrf(run))["reportId"] == report_id


@pytest.mark.parametrize("draw", [ctrf, junit, summary_markdown])
def test_two_runs_with_the_same_outcomes_differ_in_times_and_ids_only(draw: object) -> None:
    first = every_kind()
    later = first.started_at + datetime.timedelta(days=1)
    second = replace(first, id="1" * 32, started_at=later)
    drawn = draw(first), draw(second)  # type: ignore[operator]
    assert drawn[0] != drawn[1]
    assert unchanging(drawn[0], first) == unchanging(drawn[1], second)


def unchanging(text: str, run: Run) -> str:
    """Return the text without times and ids of the run."""
    milliseconds = round(run.started_at.timestamp() * 1000)
    times = (
        f"{run.started_at:%Y-%m-%dT%H:%M:%S}",
        f"{run.started_at:%Y-%m-%d %H:%M}",
        *(str(milliseconds + after) for after in (0, 1000)),
    )
    for changing in (run.id, str(uuid.UUID(run.id)), *times):
        text = text.replace(changing, "")
    return text


def test_annotations_are_escaped() -> None:
    [first, last] = annotations(make_run(regressed("a,b:c%")))
    assert first.startswith("::error title=failed%2C regressed%3A a%2Cb%3Ac%25::message: <old>")
    assert first.endswith("%0Astatus: expected 200, saw 401")
    assert "100%25: “so” it is" in first
    assert "\n" not in first
    assert last.startswith("::notice title=authprobe::Failed: 1 case: 1 failed")


def test_at_most_ten_annotations_and_a_summary_are_printed() -> None:
    cases = [
        replace(
            case, verdict=replace(case.verdict, mismatches=(replace(MISMATCH, actual=case.id),))
        )
        for case in (regressed(f"c{number}") for number in range(30))
    ]
    lines = list(annotations(make_run(*cases)))
    assert len(lines) == MAX_ANNOTATIONS + 1
    assert lines[-1].endswith("; 20 more in the job summary")


def test_equal_problems_share_one_annotation() -> None:
    first, _ = annotations(make_run(*(regressed(f"c{number:02}") for number in range(30))))
    assert "30 cases%2C all in the same way" in first
    assert first.endswith("%0Ac04%0A… and 25 more")


def test_flaky_cases_are_visible_in_every_format() -> None:
    run = make_run(flaky(), make_record())
    words = "flaky (1 of 2 attempts failed)"
    root = ElementTree.fromstring(junit(run))  # noqa: S314 - our own text
    attempt = root.find(".//testcase[@name='flaky']/flakyFailure")
    assert attempt is not None
    assert attempt.get("message") == "attempt 1: status: expected 200, saw 401"
    results = json.loads(ctrf(run))["results"]
    assert results["summary"]["flaky"] == 1
    assert [(test["flaky"], test["retries"]) for test in results["tests"] if "flaky" in test] == [
        (True, 1)
    ]
    for draw in (summary_markdown, terminal):
        assert words in draw(run)
        assert "status: expected 200, saw 401" in draw(run)
    assert next(annotations(run)).startswith("::warning title=flaky (1 of 2 attempts failed)%3A")


def test_junit_fails_where_a_chosen_gate_fails_the_run() -> None:
    run = make_run(flaky(), make_record(), absent=("gone/x",), fail_on=(Gate.ABSENT, Gate.FLAKY))
    root = ElementTree.fromstring(junit(run))  # noqa: S314 - our own text
    failures = [(case.get("name"), case.find("failure")) for case in root.iter("testcase")]
    messages = {name: each.get("message") for name, each in failures if each is not None}
    assert messages == {
        "--fail-on absent": "1 case is absent",
        "--fail-on flaky": "1 case is flaky",
    }
    assert root.get("failures") == "2"
    assert next(annotations(run)).startswith("::error title=absent%3A 1 case")


def test_a_run_without_problems_has_no_annotations() -> None:
    assert list(annotations(make_run(make_record(), known_failure()))) == []


@pytest.mark.parametrize("draw", [summary_markdown, report_content, terminal])
def test_regressions_and_transitions_come_before_the_rest(draw: object) -> None:
    changed = replace(regressed("zz/changed"), scenario="zz")
    calm = replace(changed.verdict, status=Status.PASSED, regressed=False)
    run = make_run(replace(changed, id="aa/calm", verdict=calm), changed, absent=("gone/x",))
    drawn: str = draw(run)  # type: ignore[operator]
    drawn = drawn[drawn.index("What broke") :] if draw is report_content else drawn
    assert drawn.index("zz/changed") < drawn.index("aa/calm") < drawn.index("gone/x")


def test_a_known_failure_does_not_fail_a_run_and_a_stale_one_does() -> None:
    run = make_run(known_failure(), make_record())
    line = headline(run)
    assert (line.word, line.counts) == (
        "Passed",
        "2 cases: 1 skipped (1 known failure), 1 passed",
    )
    complained = replace(run, complaints=("k:1:1: expired",))
    assert headline(complained).word == "Failed"
    for draw in (summary_markdown, report_content, terminal):
        assert "k:1:1: expired" in draw(complained)


def points(*outcomes: str) -> tuple[Point, ...]:
    """Return points of a case, a day apart: accepted (`+`) or rejected (`-`)."""
    return tuple(
        Point(
            case_id="a",
            run_id=f"{number}",
            at=DAY + datetime.timedelta(days=number),
            tool="0.1.0",
            client_version=None,
            status="passed" if outcome == "+" else "failed",
            fingerprint=fingerprint(make_observation() if outcome == "+" else REFUSED),
            since=DAY,
        )
        for number, outcome in enumerate(outcomes)
    )


def test_the_timeline_has_a_symbol_per_run_and_marks_changes() -> None:
    facts = timeline_facts(make_record(), points(*"++-"))
    assert facts == (
        ("Last changed", "in this run; before that 2026-11-01 12:00 UTC"),
        ("Last 4 runs", "✓✓ | ✗ | ✓"),
    )
    assert timeline_facts(make_record(), points("+"))[0] == ("Last changed", "2026-11-01 12:00 UTC")
    assert timeline_facts(make_record(), ()) == ()
    assert "✓✓ | ✗ | ✓" in details(make_record(), "again", points(*"++-"))


def test_the_timeline_marks_another_version_of_the_client() -> None:
    earlier = [
        replace(point, client_version=version)
        for point, version in zip(points(*"++-"), ("2.1.31", "2.1.112", "2.1.112"), strict=True)
    ]
    record = make_record(client_version="2.1.332")
    facts = dict(timeline_facts(record, earlier))
    assert facts["Last changed"].startswith("in this run, with client 2.1.112 → 2.1.332; before")
    assert facts["Last 4 runs"] == (
        "✓ (client 2.1.31 → 2.1.112) ✓ | ✗ (client 2.1.112 → 2.1.332) | ✓"
    )


def test_the_timeline_has_the_last_twenty_runs() -> None:
    [_, (label, marks)] = timeline_facts(make_record(), points(*"+" * 30))
    assert (label, marks) == ("Last 20 runs", "✓" * 20)


@pytest.mark.parametrize("draw", [summary_markdown, report_content, terminal])
def test_the_number_of_attempts_is_shown(draw: object) -> None:
    drawn: str = draw(make_run(flaky(), failed_again()))  # type: ignore[operator]
    assert "flaky (1 of 2 attempts failed)" in drawn
    assert "failed (2 attempts)" in drawn
    assert "2 cases: 1 failed, 1 passed (1 flaky)" in drawn


def test_junit_has_one_failure_of_a_case_that_failed_again() -> None:
    root = ElementTree.fromstring(junit(make_run(failed_again())))  # noqa: S314 - our own text
    assert [child.tag for child in next(root.iter("testcase"))] == ["failure", "rerunFailure"]
    assert (root.get("tests"), root.get("failures")) == ("1", "1")


def test_ctrf_has_the_earlier_attempts() -> None:
    results = json.loads(ctrf(make_run(failed_again(), make_record())))["results"]
    again, once = results["tests"]
    assert (again["status"], again["flaky"], again["retries"]) == ("failed", False, 1)
    assert again["retryAttempts"] == [
        {
            "attempt": 1,
            "status": "failed",
            "duration": 500,
            "message": "status: expected 200, saw 401",
        }
    ]
    assert not {"flaky", "retries", "retryAttempts"} & once.keys()


def test_a_run_that_stopped_early_says_so() -> None:
    run = make_run(failed_again(), partial=True, max_failures=1, not_started=12)
    for draw in (summary_markdown, report_content, terminal):
        words = "The run stopped early, as --max-failures 1 says: 12 cases are missing."
        assert words in draw(run)
