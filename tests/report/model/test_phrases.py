"""Words that every drawing of a run shares."""

import pytest

from authprobe.report.model.phrases import cause_label, describe_cause, other_causes
from authprobe.run.model import Alternative, Diagnosis

SURE = Diagnosis(id="old", summary="The token is old.", remedy="Log in.", evidence=("401", "x"))


def test_a_cause_is_told_with_what_shows_it_and_what_to_do() -> None:
    assert describe_cause(SURE) == (
        "Cause: The token is old. (old)",
        "Seen: 401",
        "Remedy: Log in.",
    )


@pytest.mark.parametrize(
    ("level", "label"),
    [("certain", "Cause"), ("likely", "Likely cause"), ("possible", "Possible cause")],
)
def test_how_sure_it_is_stands_before_it(level: str, label: str) -> None:
    assert cause_label(Diagnosis(id="a", summary="b", remedy="c", level=level)) == label


def test_unknown_is_not_called_a_cause() -> None:
    nothing = Diagnosis(id="unknown", summary="b", remedy="c", confidence=0.0, level="possible")
    assert cause_label(nothing) == "No cause is named"


def test_two_that_fit_are_told_with_what_decides_and_the_case_that_runs_it() -> None:
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


def test_one_that_fits_alone_needs_no_experiment() -> None:
    assert other_causes(SURE) == ()
