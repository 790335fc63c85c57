import datetime

import pytest

from authprobe.observation.fingerprint import Fingerprint
from authprobe.run.history.model import Point
from authprobe.run.history.timelines import follow, follow_all

DAY = datetime.datetime(2026, 11, 1, 12, tzinfo=datetime.UTC)


def points(text: str) -> list[Point]:
    """Return the points of runs such as `31,112 332`, each with the versions of one question."""
    return [
        Point(
            case_id=f"s/claude-code@{version}/m/a",
            run_id=str(number),
            at=DAY + datetime.timedelta(days=number),
            tool="0.1.0",
            client_version=None if version == "latest" else version,
            status="passed",
            fingerprint=Fingerprint(outcome="accepted"),
            since=DAY,
        )
        for number, versions in enumerate(text.split())
        for version in versions.split(",")
    ]


def versions(timeline: tuple[Point, ...]) -> str:
    """Return the versions of the points, each with the number of its run."""
    names = (point.case_id.partition("@")[2].partition("/")[0] for point in timeline)
    pairs = zip(timeline, names, strict=True)
    return " ".join(f"{point.run_id}:{name}" for point, name in pairs)


@pytest.mark.parametrize(
    ("runs", "case", "timeline"),
    [
        ("112 112 332 332", "332", "0:112 1:112 2:332 3:332"),
        ("112 112 332 332", "112", "0:112 1:112"),
        ("112 332", "340", "0:112 1:332"),
        ("31 112 332", "332", "0:31 1:112 2:332"),
        # A matrix of versions: each has its own timeline, also if a run had one of them only.
        ("31,112 31 31,112", "112", "0:112 2:112"),
        ("31,112 31 31,332 332", "332", "0:112 2:332 3:332"),
        ("31,112 31,332", "31", "0:31 1:31"),
        # A pin that was changed back has its own results.
        ("112 332 112", "112", "0:112 2:112"),
        ("332 112", "112", "0:332 1:112"),
        ("112 latest", "latest", "0:112 1:latest"),
        ("latest 112", "112", "0:latest 1:112"),
    ],
)
def test_a_case_continues_the_one_that_it_replaced(runs: str, case: str, timeline: str) -> None:
    assert versions(follow(points(runs), (f"s/claude-code@{case}/m/a",))) == timeline


def test_a_question_has_a_timeline_for_each_version_that_was_not_replaced() -> None:
    assert [versions(each) for each in follow_all(points("112 332"))] == ["0:112 1:332"]
    timelines = [versions(each) for each in follow_all(points("31,112 31,332"))]
    assert timelines == ["0:112 1:332", "0:31 1:31"]
    assert follow_all(()) == ()
