import dataclasses
import datetime
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.compatibility.table import (
    CompatibilityTable,
    Feature,
    Provenance,
    VersionEvidence,
    gaps,
    intervals,
)
from authprobe.report.html.version_axis import make_axis
from authprobe.report.html.version_line import colours, segments
from authprobe.report.html.versions_page import versions_page
from tests.compatibility.test_table import PUBLISHED, evidence, histories, make_evidence, make_table
from tests.report.html.test_report import HOSTILE, Page

COMMAND = Provenance(
    at=datetime.datetime(2026, 11, 26, 21, 36, tzinfo=datetime.UTC),
    tool="0.1.0",
    platform="Linux x86_64",
    command="authprobe versions --count 70",
    elapsed=3843.2,
    probes=1210,
    installs=130,
    disk_peak_bytes=3_010_000_000,
)
UNCERTAIN = "changes from no to yes between 1.0.3 and 1.0.9"


def feature(*items: VersionEvidence, **changes: Any) -> Feature:
    """Return a feature with the evidence of these versions."""
    (example,) = make_table().features
    fields: dict[str, Any] = {
        "intervals": intervals(PUBLISHED, items),
        "gaps": gaps(items),
        "evidence": items,
    }
    return dataclasses.replace(example, **fields | changes)


def page_of(*features: Feature, **changes: object) -> Page:
    """Return the parsed page."""
    return Page(drawn(*features, **changes))


def drawn(*features: Feature, **changes: object) -> str:
    return versions_page(make_table(features=features, **changes))


def parts(*items: VersionEvidence) -> list[tuple[str, int, int]]:
    """Return the kind, first position and end of each segment."""
    axis = make_axis(PUBLISHED)
    return [(each.kind, each.first, each.end) for each in segments(feature(*items), axis)]


def table_text(page: str) -> list[list[str]]:
    """Return the cells of the first table, row by row."""
    body = page.split("<tbody>")[1].split("</tbody>")[0]
    return [
        [re.sub("<[^>]+>", "", cell).strip() for cell in row.split("</td>")[:-1]]
        for row in body.split("</tr>")[:-1]
    ]


def test_the_page_loads_nothing() -> None:
    page = page_of(feature(*evidence(v0="no", v1="yes")))
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not re.search(r"url\(|@import", page.text)
    (policy,) = [value for value in page.values("content") if "default-src" in value]
    assert policy.startswith("default-src 'none'; script-src 'none'; style-src 'sha256-")
    assert page.values("lang") == ["en"]


def test_heading_levels_are_nested() -> None:
    page = page_of(feature(*evidence(v0="no", v1="yes")), feature(title="Other"))
    heads = [tag for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert heads == ["h1", "h2", "h2", "h3", "h3"]


def in_order(text: str, *words: str) -> bool:
    """Return whether the text contains all of these words in this order."""
    positions = [text.index(phrase) for phrase in words]
    return positions == sorted(positions)


FINISHED = "2026-11-26 21:36 UTC, authprobe 0.1.0, Linux x86_64"
EFFORT = "1,210 probes in 64 min 3 s, 130 clients installed, at most 3.01 GB at a time"


def test_a_table_of_one_command_shows_its_effort() -> None:
    text = page_of(feature(), made=(COMMAND,)).text
    assert in_order(text, "authprobe versions --count 70", FINISHED, EFFORT)
    assert text.count(EFFORT) == 1


def test_a_table_of_several_commands_shows_the_total_and_each_effort() -> None:
    earlier = dataclasses.replace(
        COMMAND, command="authprobe versions --count 9", probes=1, elapsed=57.0, installs=0
    )
    assert in_order(
        page_of(feature(), made=(earlier, COMMAND)).text,
        "2 commands",
        "1,211 probes in 65 min 0 s, 130 clients installed, at most 3.01 GB at a time",
        "authprobe versions --count 70",
        EFFORT,
        "authprobe versions --count 9",
        "1 probe in 0 min 57 s",
    )


def test_the_overview_has_the_newest_values_with_links() -> None:
    old = feature(*evidence(v0="no", v1="yes"), id="old", title="Old")
    new = feature(*evidence(v0="no", v7="401"), id="new", title="New")
    text = drawn(old, new)
    overview = text.split("<h2>")[1]
    words = re.sub("<[^>]+>", "", overview)
    assert "Old yes since 1.0.1; last read in 1.0.1" in words
    assert "401 since 1.0.7 or earlier, after 1.0.0" in words
    page = Page(text)
    links = [value[1:] for value in page.values("href") if value.startswith("#")]
    assert links == [value for value in page.values("id") if value in links]
    assert len(links) == 2


def test_each_value_has_a_row_the_newest_first() -> None:
    items = evidence(v0="no", v3="no", v9="yes", v10="no", v23="no")
    assert table_text(drawn(feature(*items))) == [
        ["no", "since 1.0.10", "still in 1.0.23", "1.0.10, 1.0.23"],
        ["yes", "since 1.0.9 or earlier, after 1.0.3", "until 1.0.9", "1.0.9"],
        ["no", "since 1.0.0, the first", "until 1.0.3 or later, before 1.0.9", "1.0.0, 1.0.3"],
    ]


def test_many_versions_are_folded_and_complete() -> None:
    published = tuple(f"1.0.{n}" for n in range(600))
    items = tuple(make_evidence(version, "yes") for version in published)
    one = feature(*items, intervals=intervals(published, items))
    cell = table_text(versions_page(make_table(features=(one,), published=published)))[0][3]
    assert cell.startswith("600, 1.0.0 to 1.0.599")
    assert cell.count(",") == 600
    assert "more characters" not in cell


def test_an_exact_change_has_no_uncertain_segment() -> None:
    assert parts(*evidence(v0="no", v7="no", v8="yes", v23="yes")) == [
        ("value", 0, 8),
        ("value", 8, 24),
    ]


def test_versions_between_two_values_are_an_uncertain_segment() -> None:
    items = evidence(v3="no", v9="yes")
    assert parts(*items) == [("value", 3, 4), ("value", 9, 10), ("doubt", 4, 9)]
    page = page_of(feature(*items))
    (words,) = [value for value in page.values("aria-label") if value.startswith("It. ")]
    assert words == (
        "It. no: since 1.0.3 or earlier, until 1.0.3 or later, before 1.0.9; "
        f"yes: since 1.0.9 or earlier, after 1.0.3; {UNCERTAIN}"
    )
    assert UNCERTAIN in page.values("title")


def test_unreadable_versions_split_a_segment_without_a_change() -> None:
    items = evidence(v0="no", v4=None, v6=None, v9="no", v10=None)
    assert parts(*items) == [("value", 0, 4), ("value", 7, 10), ("gap", 4, 7), ("gap", 10, 11)]
    page = page_of(feature(*items))
    assert "not readable in 2 versions, 1.0.4 to 1.0.6: crashed" in page.text
    assert "not readable in 1.0.10: crashed" in page.text
    assert "not readable in 2 versions, 1.0.4 to 1.0.6: crashed" in page.values("title")


@given(histories)
def test_each_version_has_at_most_one_value(items: tuple[VersionEvidence, ...]) -> None:
    axis = make_axis(PUBLISHED)
    drawn = [
        dict.fromkeys(range(each.first, each.end), each.label)
        for each in segments(feature(*items), axis)
        if each.kind == "value"
    ]
    places = [place for part in drawn for place in part]
    assert len(places) == len(set(places))
    together = {place: value for part in drawn for place, value in part.items()}
    read = {axis.positions[each.version]: each.value for each in items if each.value}
    assert together.items() >= read.items()
    unread = {axis.positions[each.version] for each in items if each.value is None}
    assert not unread & set(together)


def test_probed_versions_have_ticks() -> None:
    text = drawn(feature(*evidence(v0="no", v3=None, v23="no")))
    assert text.count('<path d="M0.5 0v1M3.5 0v1M23.5 0v1"/>') == 2


def test_beginnings_of_minor_versions_are_labelled_where_there_is_room() -> None:
    versions = [f"{line}.{n}" for line in ("0.2", "1.0", "2.0", "2.1") for n in range(30)]
    axis = make_axis(["3.0.0", *versions])
    assert [mark.name for mark in axis.marks()] == ["0.2", "1.0", "2.0", "2.1"]
    many = make_axis(f"{major}.{n}.0" for major in (0, 1) for n in range(100))
    names = [mark.name for mark in many.marks()]
    assert {"0.0", "1.0"} <= set(names)
    assert len(names) < 20


def test_yes_and_no_have_the_same_colour_in_every_feature() -> None:
    first = colours(feature(*evidence(v0="no", v1="yes")))
    second = colours(feature(*evidence(v0="yes", v1="no", v2="yes")))
    assert first == second
    assert first == {"yes": "A", "no": "U"}
    outcomes = colours(feature(*evidence(v0="accepted", v1="timed-out 401", v2="other", v3="yes")))
    assert outcomes["accepted"] == "A"
    assert outcomes["timed-out 401"] == "T"
    assert len(set(outcomes.values())) == 4
    others = colours(feature(*evidence(v0="1", v1="2", v2="none", v3="3")))
    assert len(set(others.values())) == 4


@pytest.mark.parametrize("items", [(), evidence(v1=None)])
def test_a_feature_that_was_never_read_has_no_value(items: tuple[VersionEvidence, ...]) -> None:
    page = page_of(feature(*items))
    assert page.text.count("no value known") == 2
    assert "table" not in page.tags


@pytest.mark.parametrize("published", [(), PUBLISHED])
def test_an_empty_table_is_a_valid_page(published: tuple[str, ...]) -> None:
    assert "There are no features." in page_of(published=published).text
    assert "no version was probed" in page_of(feature(), published=published).text


def test_a_single_version_fills_the_timeline() -> None:
    items = (make_evidence("1.0.0", "yes"),)
    one = feature(*items, intervals=intervals(("1.0.0",), items))
    page = page_of(one, published=("1.0.0",))
    assert "left:min(0.0%,100% - 3px);width:100.0%;--v:var(--A);--i:var(--a)" in page.values(
        "style"
    )
    assert "1 published version, 1.0.0 to 1.0.0" in page.text


def test_an_unpublished_version_has_a_position() -> None:
    items = evidence(v0="no", v1="yes", v2="yes")
    page = page_of(feature(*items), published=("1.0.0", "1.0.2"))
    assert "since 1.0.1" in page.text


def test_hostile_text_stays_text() -> None:
    items = (
        make_evidence("1.0.0", HOSTILE),
        dataclasses.replace(make_evidence("1.0.1", None), reason=HOSTILE),
    )
    words = dict.fromkeys(("id", "title", "case", "field", "contains"), HOSTILE)
    hostile = feature(
        *items, make_evidence("1.0.9", "yes"), **words, sources=(HOSTILE, "javascript:1")
    )
    command = dataclasses.replace(COMMAND, command=HOSTILE, platform=HOSTILE, tool=HOSTILE)
    table: CompatibilityTable = make_table(
        features=(hostile,), client=HOSTILE, made=(command, command)
    )
    text = versions_page(table, data=HOSTILE)
    page = Page(text)
    assert not {"script", "img"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert not [value for value in page.values("href") if value.startswith("javascript")]
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert all(HOSTILE.split("\x1b")[0] in page.text for _ in words)


def test_a_feature_shows_its_case_field_and_sources() -> None:
    sources = ("https://example.org/1", "https://example.org/2")
    page = page_of(feature(*evidence(v0="no"), contains="accepted", sources=sources))
    assert [value for value in page.values("href") if value.startswith("https:")] == list(sources)
    text = " ".join(page.text.split())
    assert "Case example/claude-code@latest/default/none" in text
    assert "Field outcome ; whether its values contain accepted" in text
    assert "1 version, 2 probes in total, last on 2026-11-24" in text


def test_the_page_links_to_the_json_beside_it() -> None:
    text = versions_page(make_table(), data="mine, 100 %.json")
    assert '<a href="mine%2C%20100%20%25.json">mine, 100 %.json</a>' in text
    assert "as JSON" not in versions_page(make_table())


@given(st.sets(st.sampled_from(PUBLISHED)))
def test_ticks_are_within_the_timeline(versions: set[str]) -> None:
    axis = make_axis(PUBLISHED)
    items = [float(place) for place in re.findall(r"M([\d.]+) 0v1", axis.ticks(versions))]
    assert len(items) == len(versions)
    assert all(0 < place < len(PUBLISHED) for place in items)
