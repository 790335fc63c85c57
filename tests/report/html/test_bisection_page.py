"""The page of a bisection, its files, and the links to them from the report."""

import json
import os
import re
from pathlib import Path

import pytest

from authprobe.bisection.runner import BisectionReport
from authprobe.observation.model import Outcome
from authprobe.report.bisection import file_name
from authprobe.report.html import report
from authprobe.report.html.bisection_page import bisection_page
from authprobe.report.model.saved_bisections import FOLDER, SavedBisection, read_bisections
from tests.bisection.test_runner import REFUSED, UNTESTABLE, bisect, make_example
from tests.report.html.test_report import HOSTILE, Page
from tests.support.make import make_exchange, make_observation, make_run

GOOD = make_observation(exchanges=(make_exchange(betas=("a",), rule="messages"),))
BAD = make_observation(
    outcome=Outcome.REJECTED, status=401, exchanges=(make_exchange(status=401, rule="A04"),)
)


def broken_from(first: int) -> BisectionReport:
    return bisect(lambda n: BAD if n >= first else UNTESTABLE if n == 1 else GOOD)


def test_the_page_has_the_answer_the_question_and_the_evidence() -> None:
    page = Page(bisection_page(broken_from(5), "authprobe bisect CASE"))
    for words in (
        "claude-code 1.0.5 is the first bad version; 1.0.4 is the last good one.",
        "authprobe bisect CASE",
        "What changed from 1.0.4 to 1.0.5",
        "betas of POST api.anthropic.com/v1/messages: - a",
        "answers to POST api.anthropic.com/v1/messages: 200 → 401",
        "Requests, in order",
    ):
        assert words in page.text
    assert {"rule-messages", "rule-A04"} <= set(page.values("id"))
    assert {"#rule-messages", "#rule-A04"} <= set(page.values("href"))


def test_every_version_has_a_mark_and_gaps_are_counted() -> None:
    result = broken_from(5)
    page = Page(bisection_page(result, ""))
    assert len(cells(page)) == len(result.versions)
    marked = [value.partition(":")[0] for _, _, value in titles(page)]
    assert marked == [each.version for each in result.bisection.assessments]
    unmarked = len(result.versions) - len(marked)
    gaps = [text for text in page.texts if re.fullmatch(r"\d+ not probed", text)]
    assert sum(int(text.split()[0]) for text in gaps) == unmarked


def test_the_line_has_outcomes_verdicts_and_the_change() -> None:
    page = Page(bisection_page(broken_from(5), ""))
    told = dict(name.split(": ", 1) for _, _, name in titles(page))
    assert told["1.0.4"] == "good, accepted 200"
    assert told["1.0.5"] == "bad, rejected 401"
    [before_change, *after] = [
        index for index, kind in enumerate(cells(page)) if kind == "b-probed b-change"
    ]
    assert (before_change, after) == (5, [])
    assert "1.0.4 → 1.0.5" in page.text
    assert {"hm-k A", "hm-k R"} <= set(page.values("class"))
    [label] = [name for name in page.values("aria-label") if "probed" in name]
    assert label.endswith("the change is from 1.0.4 to 1.0.5; a list follows")


def cells(page: Page) -> list[str]:
    """Return the classes of the cells of the line, in order."""
    return [
        value
        for tag, name, value in page.attributes
        if (tag, name) == ("span", "class") and value.startswith(("b-probed", "b-gap"))
    ]


def titles(page: Page) -> list[tuple[str, str, str]]:
    """Return the titles of the probed versions, in order."""
    return [each for each in page.attributes if each[:2] == ("span", "title")]


def test_an_untestable_version_has_its_own_symbol() -> None:
    result = bisect(lambda n: UNTESTABLE if n in (4, 5) else REFUSED if n > 5 else GOOD)
    page = bisection_page(result, "")
    assert 'title="1.0.4: untestable (not published)' in page
    assert '<b class="ap-error">?</b>' in page
    assert "candidates: 1.0.4, 1.0.5, 1.0.6" in page


def test_a_page_without_an_answer_has_the_reason() -> None:
    page = Page(bisection_page(bisect(lambda _: GOOD), ""))
    assert "Not decided: 1.0.8 should be bad, but is good." in page.text
    assert "What changed" not in page.text


def test_hostile_text_is_escaped() -> None:
    bad = make_observation(
        outcome=Outcome.REJECTED,
        message=HOSTILE,
        exchanges=(make_exchange(host=HOSTILE, path=HOSTILE, betas=(HOSTILE,), message=HOSTILE),),
    )
    page = Page(bisection_page(bisect(lambda n: bad if n > 3 else GOOD), HOSTILE))
    assert "script" not in page.tags
    assert "img" not in page.tags


def test_the_file_name_depends_on_the_question_only() -> None:
    shows = broken_from(5)
    other = bisect(lambda n: BAD if n >= 5 else GOOD, make_example(when="status"))
    assert file_name(shows) == "example-claude-code-default-none-1.0.0-1.0.8"
    assert file_name(other) == "example-claude-code-default-none-status-1.0.0-1.0.8"
    assert file_name(broken_from(3)) == file_name(shows)


def test_saved_answers_are_read_and_damaged_ones_skipped(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    for day, name in enumerate(("old", "new")):
        path = folder / f"{name}.json"
        path.write_text(f'{{"headline": "{name}", "command": "authprobe bisect {name}"}}')
        os.utime(path, (1e9 + day, 1e9 + day))
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"headline": 1}'), ("d", "[" * 9999)):
        (folder / f"{name}.json").write_text(text)
    answers = read_bisections(tmp_path)
    assert [each.headline for each in answers] == ["new", "old"]
    assert answers[0].page == "bisections/new.html"
    assert read_bisections(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("key", ["headline", "command"])
def test_files_of_others_hide_no_answer(tmp_path: Path, key: str) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    good = {"headline": "x", "command": "authprobe bisect x"}
    old = folder / "old.json"
    old.write_text(json.dumps(good))
    os.utime(old, (1e9, 1e9))
    for number in range(150):
        (folder / f"{number}.json").write_text("{}")
        (folder / f"link{number}.json").symlink_to("nowhere")
    (folder / "long.json").write_text(json.dumps(good | {key: "authprobe " + "a" * 9_000_000}))
    assert [each.page for each in read_bisections(tmp_path)] == ["bisections/old.html"]


def test_the_report_links_to_the_pages_of_bisections(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / "x.json").write_text('{"headline": "2.1.121 is bad", "command": "authprobe bisect"}')
    answers: tuple[SavedBisection, ...] = read_bisections(tmp_path)
    page = Page(report.report_content(make_run(), bisections=answers))
    assert "bisections/x.html" in page.values("href")
    assert "2.1.121 is bad" in page.text
    assert "Bisections" not in report.report_content(make_run())


@pytest.mark.parametrize(
    "command",
    ["rm -rf ~", "authprobe bisect; rm -rf ~", "authprobe $(id)", "authprobe 'x", "authprobe\nid"],
)
def test_an_answer_with_another_command_is_left_out(tmp_path: Path, command: str) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / "x.json").write_text(json.dumps({"headline": "x", "command": command}))
    assert read_bisections(tmp_path) == ()


@pytest.mark.parametrize("hostile", ['"><script>', "javascript:alert(1)"])
def test_a_hostile_file_name_stays_a_path_in_the_folder(tmp_path: Path, hostile: str) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / f"{hostile.replace('/', '')}.json").write_text(
        '{"headline": "x", "command": "authprobe y"}'
    )
    page = Page(report.report_content(make_run(), bisections=read_bisections(tmp_path)))
    (link,) = [href for href in page.values("href") if href.endswith(".html")]
    assert link.startswith("bisections/")
