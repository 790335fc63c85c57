"""Phrases that all report formats share."""

from dataclasses import replace

import pytest

from authprobe.core.isolation import Isolation
from authprobe.report.model.phrases import (
    attempt_words,
    auth_path,
    cause_label,
    describe_cause,
    describe_why,
    other_causes,
    rerun_command,
)
from authprobe.run.model import Alternative, Diagnosis, Reason, Selection
from authprobe.verdict.model import Status, Verdict
from tests.support.make import make_record, make_run
from tests.support.runs import flaky

SURE = Diagnosis(id="old", summary="The token is old.", remedy="Log in.", evidence=("401", "x"))


def test_a_cause_has_its_evidence_and_remedy() -> None:
    assert describe_cause(SURE) == (
        "Cause: The token is old. (old)",
        "Evidence: 401",
        "Remedy: Log in.",
    )


@pytest.mark.parametrize(
    ("level", "label"),
    [("certain", "Cause"), ("likely", "Likely cause"), ("possible", "Possible cause")],
)
def test_the_label_states_the_certainty(level: str, label: str) -> None:
    assert cause_label(Diagnosis(id="a", summary="b", remedy="c", level=level)) == label


def test_an_unknown_cause_is_labelled_unknown() -> None:
    nothing = Diagnosis(id="unknown", summary="b", remedy="c", confidence=0.0, level="possible")
    assert cause_label(nothing) == "Cause unknown"


def test_alternatives_have_experiments_with_the_case_to_run() -> None:
    doubtful = Diagnosis(
        id="old",
        summary="The token is old.",
        remedy="Log in.",
        experiment="A new one works.",
        experiment_case="a/b",
        alternatives=(
            Alternative(id="down", summary="It is down.", confidence=0.6, experiment="Wait."),
        ),
    )
    assert other_causes(doubtful) == (
        "It is down. (down)",
        "To decide: A new one works. Run: authprobe run --case a/b",
        "To decide: Wait.",
    )


def test_a_single_cause_has_no_experiment() -> None:
    assert other_causes(SURE) == ()


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({}, "no credential"),
        ({"credential": "api-key", "endpoint": "messages"}, "api-key at messages"),
        ({"flow": "prompt"}, "no credential"),
        ({"flow": "setup-token"}, "no credential, flow setup-token"),
        ({"environment": "verbose"}, "no credential, environment verbose"),
        ({"headers": "both"}, "no credential, headers both"),
        ({"backend": "from-2026-07"}, "no credential, backend from-2026-07"),
    ],
)
def test_an_auth_path_names_each_axis_but_its_default(axes: dict[str, str], words: str) -> None:
    assert auth_path(make_record(**axes)) == words


@pytest.mark.parametrize("isolation", Isolation)
def test_the_command_to_run_a_case_again_has_the_isolation(isolation: Isolation) -> None:
    run = make_run(make_record(), selection=Selection(isolation=isolation))
    words = rerun_command(run, make_record()).split()
    option = [] if isolation is Isolation.SEALED else ["--isolation", isolation]
    assert words == ["authprobe", "run", *option, "--case", "example/raw-http/default/none"]


def test_the_command_to_run_a_case_again_has_the_variables() -> None:
    run = make_run(make_record(), selection=Selection(variables=("gateway=llm.example", "a=b $c")))
    command = "authprobe run --set gateway=llm.example --set 'a=b $c' --case "
    assert rerun_command(run, make_record()) == f"{command}example/raw-http/default/none"


def test_the_attempts_of_a_case_are_listed() -> None:
    assert attempt_words(flaky().verdict) == "failed (status: expected 200, saw 401), then passed"
    assert attempt_words(make_record().verdict) is None


def test_a_flaky_case_is_not_explained_by_what_its_scenario_expects() -> None:
    assert describe_why(make_record(diagnosis=SURE)) == describe_cause(SURE)
    assert describe_why(replace(flaky(), diagnosis=SURE)) == ()


def test_remedies_come_last_each_once() -> None:
    reasons = tuple(
        Reason(id="message", summary=f"{number}.", remedy=remedy)
        for number, remedy in enumerate(("Wait.", None, "Log in."))
    )
    lines = ("Why: 0.", "Also: 1.", "Also: 2.")
    remedies = ("Remedy: Wait.", "Another remedy: Log in.")
    cause = ("Cause: The token is old. (old)", "Evidence: 401")
    record = make_record(reasons=reasons, verdict=Verdict(status=Status.FAILED))
    assert describe_why(record) == (*lines, *remedies)
    assert describe_why(replace(record, diagnosis=SURE)) == (*lines, *cause, *remedies)
