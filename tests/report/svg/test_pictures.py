"""The badge and the card of runs of every size, with hostile texts."""

import datetime
import re
from xml.etree import ElementTree

import pytest

from authprobe.observation.model import Outcome
from authprobe.report.model.outcome_table import outcome_table
from authprobe.report.svg.badge import MAX_AGE_DAYS, OLD_COLOR, badge_svg, result_words
from authprobe.report.svg.card import HEAD_Y, LEGEND, MARGIN, MAX_ROWS, WIDTH, card_svg
from authprobe.run.model import CaseRecord
from authprobe.verdict.model import Status, Verdict
from tests.support.make import make_observation, make_record, make_run
from tests.support.runs import every_kind

RUN = every_kind()
NOW = RUN.started_at
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</text><script>alert(1)</script>\x1b[31m\u202e&amp;\"'$(id)\n" + "x" * 5000


def texts(svg: str) -> list[str]:
    """Return the texts of an image; it must be XML that loads and runs nothing."""
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {
        *("svg", "title", "desc", "g", "rect", "text", "path", "clipPath")
    }
    markup = re.sub(r">[^<]*<", "><", svg)
    assert not re.search(r"href|url\((?!#round)|@import|<style|\son\w+=", markup)
    assert root.get("role") == "img"
    labels = (root.get("aria-labelledby") or "").split()
    by_id = {each.get("id"): each.text for each in root.iter()}
    assert all(by_id[label] for label in labels)
    return ["".join(each.itertext()) for each in root.iter(f"{SVG}text")]


def many(count: int, clients: int) -> tuple[CaseRecord, ...]:
    outcomes = list(Outcome)
    return tuple(
        make_record(
            id=f"example/client-{number % clients}/default/{number}",
            client=f"client-{number % clients}@2.1.{number % clients}",
            observation=make_observation(outcome=outcomes[number % len(outcomes)]),
            verdict=Verdict(status=Status.FAILED if number % 7 == 0 else Status.PASSED),
        )
        for number in range(count)
    )


@pytest.mark.parametrize(
    ("days", "is_old"),
    [(-1, False), (0, False), (MAX_AGE_DAYS, False), (MAX_AGE_DAYS + 1, True), (4000, True)],
)
def test_a_badge_shows_its_day_and_is_grey_when_old(days: int, is_old: bool) -> None:
    svg = badge_svg(RUN, "authprobe", NOW + datetime.timedelta(days=days))
    label, message = texts(svg)
    assert label == "authprobe"
    assert message == f"{result_words(RUN)}, 2026-11-23"
    assert f'<title id="title">authprobe: {message}</title>' in svg
    assert (OLD_COLOR in svg) is is_old


def test_a_badge_counts_every_case() -> None:
    numbers = [int(each) for each in re.findall(r"\d+", result_words(RUN))]
    assert sum(numbers) == len(RUN.cases)
    assert result_words(make_run()) == "inconclusive"
    unfinished = make_run(make_record(), interrupted=True)
    assert result_words(unfinished) == "interrupted, 1 passed"


def test_a_label_is_escaped_and_bounded() -> None:
    label, _ = texts(badge_svg(RUN, HOSTILE, NOW))
    assert label.startswith("</text><script>")
    assert len(label) < 100  # with the escapes, and the number of letters that were left out


@pytest.mark.parametrize(("count", "clients"), [(1, 1), (9, 9), (10, 10), (500, 500), (5000, 40)])
def test_a_card_counts_each_case_once(count: int, clients: int) -> None:
    run = make_run(*many(count, clients))
    table = outcome_table(run, MAX_ROWS)
    assert len(table.rows) == min(clients, MAX_ROWS)
    assert sum(row.cases for row in table.rows) == table.total.cases == count
    assert sum(row.failed for row in table.rows) == table.total.failed
    assert table.total.failed == sum(c.verdict.status is Status.FAILED for c in run.cases)
    sums = [sum(column) for column in zip(*(row.outcomes for row in table.rows), strict=True)]
    assert sums == list(table.total.outcomes)
    shown = texts(card_svg(run))
    assert (f"{clients - MAX_ROWS + 1:,} more client versions" in shown) is (clients > MAX_ROWS)
    assert f"{count:,} case{'' if count == 1 else 's'}" in shown


def test_clients_with_failures_come_first() -> None:
    passing = [make_record(id=f"a/{n}/c/d", client=f"c{n}") for n in range(20)]
    failing = make_record(id="z", client="z", verdict=Verdict(status=Status.FAILED))
    table = outcome_table(make_run(*passing, failing), MAX_ROWS)
    assert (table.rows[0].label, table.rows[-1].label) == ("z 0.1.0", "13 more client versions")
    assert table.rows[-1].failed == 0


def test_everything_is_within_the_card() -> None:
    root = ElementTree.fromstring(card_svg(make_run(*many(5000, 500))))  # noqa: S314 - our own
    for each in root.iter(f"{SVG}rect"):
        right = float(each.get("x", 0)) + float(each.get("width", 0))
        bottom = float(each.get("y", 0)) + float(each.get("height", 0))
        assert right <= 1200
        assert bottom <= 630
    assert all(float(each.get("y", 0)) < 630 for each in root.iter(f"{SVG}text"))


@pytest.mark.parametrize("clients", [1, 2, 3])
def test_the_card_of_a_small_run_is_filled(clients: int) -> None:
    """The table of one client has half of the height below the head, that of three all of it."""
    root = ElementTree.fromstring(card_svg(make_run(*many(clients, clients))))  # noqa: S314 - ours
    bottoms = [
        float(each.get("y", 0)) + float(each.get("height", 0))
        for each in root.iter(f"{SVG}rect")
        if float(each.get("y", 0)) > HEAD_Y
    ]
    assert {1: 390, 2: 475, 3: 550}[clients] <= max(bottoms) <= 570


def test_no_heading_goes_beyond_the_table() -> None:
    """Slanted headings end at their columns, so that the last one does not stick out."""
    observations = [make_observation(outcome=outcome) for outcome in Outcome]
    records = [make_record(id=f"a/{n}", observation=o) for n, o in enumerate(observations)]
    root = ElementTree.fromstring(card_svg(make_run(*records)))  # noqa: S314 - ours
    slanted = [each for each in root.iter(f"{SVG}text") if "rotate" in each.get("transform", "")]
    assert len(slanted) == len(Outcome)
    for each in slanted:
        x = float(each.get("transform", "").split("(")[1].split()[0])
        assert (each.get("text-anchor"), x < WIDTH - MARGIN) == ("end", True)


def test_a_card_escapes_and_shortens_what_the_results_say() -> None:
    record = make_record(client=HOSTILE, title=HOSTILE)
    svg = card_svg(make_run(record))
    [label] = [text for text in texts(svg) if text.startswith("</text>")]
    assert len(label) < 40
    assert "\x1b" not in svg
    assert "\u202e" not in svg
    assert len(svg) < 20_000


def test_an_empty_run_has_a_card() -> None:
    assert "0 cases" in texts(card_svg(make_run()))


def test_a_card_shows_the_versions_that_ran() -> None:
    records = [
        make_record(id=f"a/{n}", client=client, client_version=version)
        for n, (client, version) in enumerate(
            [
                ("claude-code@latest", "2.1.332"),
                ("claude-code@2.1.332", "2.1.332"),
                ("claude-code@latest", None),
            ]
        )
    ]
    shown = texts(card_svg(make_run(*records)))
    assert {"claude-code 2.1.332", "claude-code@latest"} <= set(shown)
    assert "2 client versions" in shown


def test_a_card_has_no_empty_column_and_says_what_passing_is() -> None:
    refused = make_observation(outcome=Outcome.REJECTED)
    passed = make_record(observation=refused)
    failed = make_record(id="z", verdict=Verdict(status=Status.FAILED))
    shown = texts(card_svg(make_run(passed)))
    assert ("rejected" in shown, "accepted" in shown, "failed" in shown) == (True, False, False)
    assert LEGEND in shown
    assert {"accepted", "failed"} <= set(texts(card_svg(make_run(passed, failed))))
