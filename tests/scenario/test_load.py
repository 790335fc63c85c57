import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe.core.client_kinds import Via
from authprobe.documents.node_tree import Items, Mapping, Node, compose
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.errors import ScenarioError
from authprobe.observation.model import Outcome
from authprobe.scenario.load import load_all, load_file
from authprobe.scenario.model import Credential, Endpoint, ExpectationRule, TextRule
from authprobe.scenario.vocabulary import SCENARIO
from tests.support.scenario_files import FULL, SMALL, changed, error_messages, load_text


def test_a_file_with_every_key_is_loaded(tmp_path: Path) -> None:
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
    assert isinstance(scenario.expect[1], ExpectationRule)
    assert scenario.expect[1].then.message == TextRule(matches="has (expired|ended)")


def test_a_merged_anchor_supplies_the_omitted_keys(tmp_path: Path) -> None:
    merged = load_text(
        tmp_path,
        changed(
            "{api: {url: https://api.example.org}}",
            "{api: &a {url: https://x, stream: true}, b: {<<: [{stream: false}, *a], url: https://y}}",
        ).replace("endpoint: [api]", "endpoint: [api, b]"),
    )
    assert merged.endpoints["b"] == Endpoint(url="https://y", stream=False)


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "2.1.31", "1_000", "12:30:00"])
def test_words_outside_yaml_1_2_are_text(tmp_path: Path, word: str) -> None:
    assert load_text(tmp_path, changed("A small scenario", word)).title == word


def test_an_unknown_key_without_a_similar_one_lists_the_allowed_keys(tmp_path: Path) -> None:
    text = changed("{url: https://api.example.org}", "{url: https://x, zzz: 1}")
    assert error_messages(tmp_path, text) == [
        "5:35: unknown key 'zzz'; use 'url', 'request', 'stream' or 'model'"
    ]


@pytest.mark.parametrize("text", [SMALL, FULL], ids=["small", "full"])
def test_every_mistyped_key_is_located_with_a_suggestion(tmp_path: Path, text: str) -> None:
    lines = text.splitlines()
    for line, column, key in _keys(compose(text, SCENARIO).root):
        mistyped = key + key[-1]
        before = lines[line - 1]
        lines[line - 1] = before[: column - 1] + mistyped + before[column - 1 + len(key) :]
        assert error_messages(tmp_path, "\n".join(lines)) == [
            f"{line}:{column}: unknown key '{mistyped}'; did you mean '{key}'?"
        ]
        lines[line - 1] = before


def _keys(node: Node, inside: str = "") -> Iterator[tuple[int, int, str]]:
    """Yield the keys of the model with their positions, without names that an author chooses."""
    if isinstance(node, Items):
        for item in node.nodes:
            yield from _keys(item, inside)
    if isinstance(node, Mapping):
        groups = {"endpoints", "credentials", "headers", "backends", "environments", "anchors"}
        named_by_author = inside in groups
        for key, value in node.nodes.items():
            if not named_by_author:
                yield node.keys[key].line, node.keys[key].column, key
            if inside != "anchors":
                # A set of headers or variables has a name of its own, and then those of its items.
                sets = inside in {"headers", "environments"}
                within = inside if sets else "" if named_by_author else key
                yield from _keys(value, within)


def test_all_errors_in_all_files_are_reported_at_once_sorted(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(changed("rejected", "x1") + "title: again\n")
    (tmp_path / "a.yml").write_text(changed("small\n", "5\n") + "limt: 5\n")
    (tmp_path / "c.txt").write_text("not looked at")
    with pytest.raises(ScenarioError) as caught:
        load_all([tmp_path / "b.yaml", tmp_path])
    positions = [line.removeprefix(f"{tmp_path}/").split(": ")[0] for line in caught.value.messages]
    assert positions == ["a.yml:1:5", "a.yml:8:1", "b.yaml:7:19", "b.yaml:8:1"]


def test_a_directory_stands_for_its_yaml_files_sorted_and_each_once(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("z.yaml", "deep/m.yml", "a.yaml"):
        (tmp_path / name).write_text(changed("id: small", f"id: {Path(name).stem}"))
    (tmp_path / "notes.md").write_text("# Not a scenario")
    loaded = load_all([tmp_path, tmp_path / "a.yaml"])
    assert [scenario.id for scenario in loaded] == ["a", "m", "z"]
    assert load_file(tmp_path / "z.yaml").expect == loaded[0].expect
    assert loaded[0].expect.outcome is Outcome.REJECTED  # type: ignore[union-attr]


def test_a_duplicate_id_is_reported_with_both_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL)
    (tmp_path / "b.yaml").write_text("# The same again.\n" + SMALL)
    with pytest.raises(ScenarioError) as caught:
        load_all([tmp_path])
    assert caught.value.messages == (
        f"{tmp_path}/b.yaml:2:5: the id 'small' is also that of {tmp_path}/a.yaml:1",
    )


def test_a_missing_file_or_empty_directory_is_reported(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ScenarioError) as caught:
        load_all([tmp_path / "none.yaml", tmp_path / "empty"])
    assert caught.value.messages == (
        f"{tmp_path}/empty:1:1: no *.yaml or *.yml file in this directory",
        f"{tmp_path}/none.yaml:1:1: no such file",
    )
