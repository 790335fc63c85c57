import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from probes.errors import ScenarioError
from probes.observation import Outcome
from probes.scenario.load import load_all, load_file
from probes.scenario.model import Credential, Endpoint, Rule, TextRule, TokenKind, TokenState, Via
from probes.scenario.yamltree import Items, Mapping, Node, compose
from tests.scenario.files import FULL, SMALL, changed, complaints, load_text


def test_a_full_file_becomes_a_scenario(tmp_path: Path) -> None:
    scenario = load_text(tmp_path, FULL)
    assert scenario.id == "full"
    assert scenario.limit == 12.5
    assert scenario.credentials["expired"] == Credential(
        token=TokenKind.ACCESS_TOKEN, state=TokenState.EXPIRED, via=Via.BEARER
    )
    assert scenario.headers["beta"] == {
        "anthropic-beta": "oauth-2025-04-20",
        "anthropic-version": None,
    }
    assert scenario.backends["july"].date == datetime.date(2026, 7, 1)
    assert isinstance(scenario.expect, tuple)
    assert isinstance(scenario.expect[1], Rule)
    assert scenario.expect[1].then.message == TextRule(matches="has (expired|ended)")


def test_a_merged_anchor_gives_what_is_not_said_again(tmp_path: Path) -> None:
    merged = load_text(
        tmp_path,
        changed(
            "{api: {url: https://api.example.org}}",
            "{api: &a {url: https://x, stream: true}, b: {url: https://y, <<: [{stream: false}, *a]}}",
        ).replace("endpoint: [api]", "endpoint: [api, b]"),
    )
    assert merged.endpoints["b"] == Endpoint(url="https://y", stream=False)


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "2.1.31", "1_000", "12:30:00"])
def test_only_yaml_1_2_words_are_more_than_text(tmp_path: Path, word: str) -> None:
    assert load_text(tmp_path, changed("A small scenario", word)).title == word


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "title: A",
            "tilte: A",
            "2:1: unknown key 'tilte'; did you mean 'title'?",
        ),
        ("why: It shows the shape.\n", "", "1:1: the key 'why' is missing"),
        ("outcome: rejected", "status: 401", "7:9: the key 'outcome' is missing"),
        ("rejected", "acepted", "7:19: 'acepted' is not an outcome; did you mean 'accepted'?"),
        ("rejected", "5", "7:19: 'outcome' must be an outcome, not the number 5"),
        (
            "endpoint: [api]",
            "endpiont: [api]",
            "6:29: unknown key 'endpiont'; did you mean 'endpoint'?",
        ),
        ("A small scenario", "2.10", "2:8: 'title' must be text, not the number 2.10; put it in quotes"),
        ("A small scenario", "true", "2:8: 'title' must be text, not true; put it in quotes"),
        ("A small scenario", "2026-02-19", "2:8: 'title' must be text, not the date 2026-02-19; put it in quotes"),
        ("A small scenario", "", "2:7: 'title' must be text, not nothing"),
        ("A small scenario", "''", "2:8: 'title' must not be empty"),
        ("A small scenario", "[a]", "2:1: 'title' must be text, not a list"),
        ("[https://example.org/issue/1]", "[]", "4:1: 'sources' must have at least one item"),
        ("[https://example.org/issue/1]", "[5]", "4:11: item 1 of 'sources' must be text, not the number 5; put it in quotes"),
        ("[https://example.org/issue/1]", "x", "4:10: 'sources' must be a list, not the text 'x'; put it in [ ]"),
        ("[https://example.org/issue/1]", "{a: b}", "4:1: 'sources' must be a list, not a mapping"),
        ("small\n", "Small\n", "1:5: 'Small' is not a name; use a-z, 0-9 and . + _ -"),
        ("small\n", "s" * 81 + "\n", "1:5: 'id' is longer than 80 characters"),
        ("{api: {url", "{aPi: {url", "5:13: 'aPi' is not a name; use a-z, 0-9 and . + _ -"),
        ("[raw-http]", "[raw http]", "6:19: 'raw http' is not a client; write kind@version, as in claude-code@2.1.31"),
        (
            "https://api.example.org",
            "api.example.org",
            "5:23: 'api.example.org' is not an address; "
            "write one as https://api.anthropic.com, without user, query or spaces",
        ),
        ("https://api.example.org", "https://x, stream: yes", "5:42: 'stream' must be true or false, not the text 'yes'; did you mean true?"),
        ("https://api.example.org", "https://x, stream: 'false'", "5:42: 'stream' must be true or false, not the text 'false'; leave out the quotes"),
        ("https://api.example.org", "https://x, stream: 1", "5:42: 'stream' must be true or false, not the number 1"),
        ("{api: {url: https://api.example.org}}", "[]", "5:1: 'endpoints' must be a mapping, not a list; write 'key: value' lines"),
        ("{client: [raw-http], endpoint: [api]}", "", "6:8: 'matrix' must be a mapping, not nothing; write 'key: value' lines"),
        ("rejected", "rejected, status: '401'", "7:37: 'status' must be a whole number, not the text '401'; leave out the quotes"),
        ("rejected", "rejected, status: 401.5", "7:37: 'status' must be a whole number, not the number 401.5"),
        ("rejected}", "rejected}\nlimit: 0", "8:8: 'limit' must be greater than 0, not the number 0"),
        ("rejected}", "rejected}\nlimit: 601", "8:8: 'limit' must be at most 600, not the number 601"),
        ("rejected}", "rejected}\nlimit: true", "8:8: 'limit' must be a number, not true"),
        ("rejected}", "rejected}\nlimit: .inf", "8:8: 'limit' must be a number, not the text '.inf'"),
        ("rejected}", "rejected}\nbackends: {a: {date: 20260219}}", "8:22: 'date' must be a date as 2026-02-19, not the number 20260219"),
        ("rejected}", "rejected}\nbackends: {a: {date: '2026-02-19'}}", "8:22: 'date' must be a date as 2026-02-19, not the text '2026-02-19'; leave out the quotes"),
        ("rejected}", "rejected}\nbackends: {a: {date: 2026-02-30}}", "8:22: 'date' must be a date as 2026-02-19, not the text '2026-02-30'"),
        ("rejected}", "rejected}\nbackends: {a: {delay: -1}}", "8:23: 'delay' must be at least 0, not the number -1"),
        ("rejected}", "rejected}\ntitle: Twice", "8:1: the key 'title' is also in line 2"),
        ("rejected}", "rejected}\nexclude: [" + "{}, " * 101 + "]", "8:1: 'exclude' must have at most 100 items"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_structure_is_shown_where_it_is(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert complaints(tmp_path, changed(old, new)) == [expected]


@pytest.mark.parametrize(
    ("expect", "expected"),
    [
        ("5", "7:9: 'expect' must be a list or a mapping, not the number 5"),
        ("[]", "7:1: 'expect' must have at least one item"),
        ("[5]", "7:10: item 1 of 'expect' must be a mapping, not the number 5; write 'key: value' lines"),
        ("{}", "7:9: the key 'outcome' is missing"),
        ("[{then: {outcome: x}}]", "7:19: 'x' is not an outcome; use 'accepted', 'rejected', 'not-found', 'throttled', 'overloaded', 'server-error', 'unreachable', 'timed-out', 'crashed' or 'unavailable'"),
        ("{outcome: rejected, message: 5}", "7:38: 'message' must be text, not the number 5; put it in quotes"),
        ("{outcome: rejected, message: [a]}", "7:29: 'message' must be text or a mapping, not a list"),
        ("{outcome: rejected, message: {contain: a}}", "7:39: unknown key 'contain'; did you mean 'contains'?"),
        ("[{when: {client: {a: b}}, then: {outcome: rejected}}]", "7:18: 'client' must be a list or text, not a mapping"),
        ("[{when: {client: raw_http}, then: {outcome: rejected}}]", "7:26: 'raw_http' is not a client; write kind@version, as in claude-code@2.1.31"),
        ("[{when: {client: [5]}, then: {outcome: rejected}}]", "7:27: item 1 of 'client' must be text, not the number 5; put it in quotes"),
    ],
)  # fmt: skip
def test_of_a_union_only_the_branch_that_was_meant_is_spoken_of(
    tmp_path: Path, expect: str, expected: str
) -> None:
    assert complaints(tmp_path, changed("{outcome: rejected}", expect)) == [expected]


def test_an_unknown_key_without_a_near_one_brings_the_allowed_keys(tmp_path: Path) -> None:
    text = changed("{url: https://api.example.org}", "{url: https://x, zzz: 1}")
    assert complaints(tmp_path, text) == [
        "5:36: unknown key 'zzz'; use 'url', 'request' or 'stream'"
    ]


@pytest.mark.parametrize("text", [SMALL, FULL], ids=["small", "full"])
def test_every_mistyped_key_is_pointed_at_and_the_right_one_named(
    tmp_path: Path, text: str
) -> None:
    lines = text.splitlines()
    for line, column, key in _keys(compose(text).root):
        mistyped = key + key[-1]
        before = lines[line - 1]
        lines[line - 1] = before[: column - 1] + mistyped + before[column - 1 + len(key) :]
        assert complaints(tmp_path, "\n".join(lines)) == [
            f"{line}:{column}: unknown key '{mistyped}'; did you mean '{key}'?"
        ]
        lines[line - 1] = before


def _keys(node: Node, inside: str = "") -> Iterator[tuple[int, int, str]]:
    """The keys that the model names, and where they are; not those that an author chooses."""
    if isinstance(node, Items):
        for item in node.nodes:
            yield from _keys(item, inside)
    if isinstance(node, Mapping):
        chosen = inside in {"endpoints", "credentials", "headers", "backends", "anchors"}
        for key, value in node.nodes.items():
            if not chosen:
                yield node.keys[key].line, node.keys[key].column, key
            if inside != "anchors":
                yield from _keys(value, "" if chosen else key)


def test_all_complaints_about_all_files_come_at_once_sorted(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(changed("rejected", "x1") + "title: again\n")
    (tmp_path / "a.yml").write_text(changed("small\n", "5\n") + "limt: 5\n")
    (tmp_path / "c.txt").write_text("not looked at")
    with pytest.raises(ScenarioError) as caught:
        load_all([tmp_path / "b.yaml", tmp_path])
    found = [line.removeprefix(f"{tmp_path}/").split(": ")[0] for line in caught.value.complaints]
    assert found == ["a.yml:1:5", "a.yml:8:1", "b.yaml:7:19", "b.yaml:8:1"]


def test_a_folder_means_its_yaml_files_sorted_and_each_once(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("z.yaml", "deep/m.yml", "a.yaml"):
        (tmp_path / name).write_text(changed("id: small", f"id: {Path(name).stem}"))
    (tmp_path / "notes.md").write_text("# Not a scenario")
    loaded = load_all([tmp_path, tmp_path / "a.yaml"])
    assert [scenario.id for scenario in loaded] == ["a", "m", "z"]
    assert load_file(tmp_path / "z.yaml").expect == loaded[0].expect
    assert loaded[0].expect.outcome is Outcome.REJECTED  # type: ignore[union-attr]


def test_the_same_id_in_two_files_is_a_complaint_that_names_both(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL)
    (tmp_path / "b.yaml").write_text("# The same again.\n" + SMALL)
    with pytest.raises(ScenarioError) as caught:
        load_all([tmp_path])
    assert caught.value.complaints == (
        f"{tmp_path}/b.yaml:2:5: the id 'small' is also that of {tmp_path}/a.yaml:1",
    )


def test_a_path_that_holds_nothing_is_a_complaint(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ScenarioError) as caught:
        load_all([tmp_path / "none.yaml", tmp_path / "empty"])
    assert caught.value.complaints == (
        f"{tmp_path}/empty:1:1: there is no *.yaml or *.yml file in this folder",
        f"{tmp_path}/none.yaml:1:1: no such file",
    )
