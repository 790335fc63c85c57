"""Malicious files: each is rejected with one line, quickly and in little memory."""

import io
import os
import tracemalloc
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authprobe.documents import source
from authprobe.documents.document import MAX_PROBLEMS
from authprobe.errors import ScenarioError
from authprobe.scenario.load import load_file
from tests.support.scenario_files import FULL, SMALL, changed, error_messages
from tests.support.speed import processor_time_below

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MANY_KEYS = ", ".join(f"k{index}: 1" for index in range(3000))
MERGED_LAUGHS = f"a: &a {{{MANY_KEYS}}}\n" + "".join(f"b{n}: {{<<: *a}}\n" for n in range(3000))
TOO_MANY = "more than 20,000 keys and values, counting aliases at each use"
EMPTY = "1:1: the file is empty; a scenario starts with its 'id'"


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test runs with libyaml, and as where PyYAML was built without it."""
    if request.param == "python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML was built without libyaml")
    return str(request.param)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", EMPTY),
        (" \n# nothing\n", EMPTY),
        ("---\n", EMPTY),
        ("~", EMPTY),
        ("- a", "1:1: a scenario must be a mapping, not a list; write 'key: value' lines"),
        ("a", "1:1: a scenario must be a mapping, not text; write 'key: value' lines"),
        (
            SMALL + "---\n" + SMALL,
            "8:1: a second document starts here; put each document in its own file",
        ),
        (SMALL + "tags: !foo [a]", "8:7: the tag '!foo' is not allowed; leave it out"),
        (
            SMALL + "anchors: !!python/object/apply:os.system [id]",
            "8:10: the tag '!!python/object/apply:os.system' is not allowed; leave it out",
        ),
        (SMALL + "anchors: !!str 5", "8:10: the tag '!!str' is not allowed; leave it out"),
        (SMALL + "anchors: ! 5", "8:10: the tag '!' is not allowed; leave it out"),
        (LAUGHS, f"5:8: {TOO_MANY}"),
        (f"a: &a {{{MANY_KEYS}}}\n" + "b: {<<: *a}\n" * 10, f"6:9: {TOO_MANY}"),
        ("id: &a [*a]", "1:9: the alias '*a' is inside its own anchor"),
        ("id: &a {<<: *a}", "1:13: the alias '*a' is inside its own anchor"),
        ("id: *b", "1:5: no anchor '&b' precedes this alias"),
        (SMALL + "<<: 5", "8:5: '<<' takes a mapping, not the number 5"),
        (SMALL + "<<: {}\n<<: {}", "9:1: the key '<<' is also in line 8; merge both in one list"),
        (SMALL + "'id': again", "8:1: the key 'id' is also in line 1"),
        (SMALL + "200: a", "8:1: a key must be text, not the number 200; put it in quotes"),
        (SMALL + "null: a", "8:1: a key must be text, not nothing; put it in quotes"),
        (SMALL + "[a]: b", "8:1: a key must be text, not a list or a mapping"),
        ("[" * 10_000, "1:51: nested deeper than 50 levels"),
        ("{a: " * 10_000, "1:198: nested deeper than 50 levels"),
        (
            "".join(" " * depth + "a:\n" for depth in range(200)),
            "50:50: nested deeper than 50 levels",
        ),
        (b"\xef\xbb\xbf" + SMALL.encode() + b"'id': again", "8:1: the key 'id' is also in line 1"),
        (
            SMALL.encode() + b"tags: [\xe9]",
            "8:8: byte 0xe9 at offset 228 is not UTF-8; save the file as UTF-8",
        ),
        (SMALL.encode("utf-16"), "1:1: the file is UTF-16; save it as UTF-8"),
        (SMALL.encode("utf-32"), "1:1: the file is UTF-32; save it as UTF-8"),
        (
            SMALL + "# \0",
            "8:3: the control character U+0000; leave it out, or write it as an escape",
        ),
        (
            SMALL + "# \x1b[31m",
            "8:3: the control character U+001B; leave it out, or write it as an escape",
        ),
        (
            SMALL + "# \u2028",
            "8:3: the control character U+2028; leave it out, or write it as an escape",
        ),
        (
            SMALL + 'anchors: "\\e[31m"',
            "8:10: the text contains the control character U+001B; leave it out",
        ),
        (SMALL + "tags: [\u202eabc]", "8:8: '\\u202eabc' is not a name; use a-z, 0-9 and . + _ -"),
        (SMALL + "tags: ['a\n\n\n  b']", "8:8: 'a\\n\\nb' is not a name; use a-z, 0-9 and . + _ -"),
        (SMALL + f"tags: [{'Ab' * 400_000}]", "8:8: item 1 of 'tags' is longer than 80 characters"),
        (
            SMALL + "limit: " + "9" * 100_000,
            f"8:8: 'limit' must be a number, not the text '{'9' * 59}…'; leave out the quotes",
        ),
        (
            b"a: " + b"x" * (10 << 20),
            "1:1: larger than 1,048,576 bytes (limit)",
        ),
        ("a: [1,\nb: 2", "not YAML: while parsing a flow sequence, "),
        ("a: b: c", "1:5: not YAML: mapping values are not allowed "),
        ('a: "\\q"', "not YAML: while "),
        ("a:\n\t- b", "2:1: not YAML: while scanning for the next token, "),
        ("a: @b", "1:4: not YAML: while scanning for the next token, "),
        ("k" * 1_000_000 + ": 1", "1:1000001: not YAML: mapping values are not allowed "),
    ],
)
def test_a_malicious_file_is_rejected_in_one_line(
    tmp_path: Path, text: str | bytes, expected: str
) -> None:
    with processor_time_below(2):
        messages = error_messages(tmp_path, text)
    assert len(messages) == 1
    assert expected in messages[0]


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("a:\n\t- b", "; indent with spaces, not tabs"),
        ("a: @b", "; put the text in quotes"),
        ("a: b: c", '; put text that contains ": " in quotes'),
        ('a: "\\q"', "; use single quotes for a literal backslash"),
        ("a: [1,\n\nb: 2", " (it began in line 1)"),
    ],
)
def test_a_parser_error_ends_with_a_remedy(tmp_path: Path, text: str, remedy: str) -> None:
    assert error_messages(tmp_path, text)[0].endswith(remedy)


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS,
        MERGED_LAUGHS,
        changed(
            "endpoint: [api]", f"endpoint: [{'api, ' * 4000}], headers: [{'default, ' * 4000}]"
        ),
        changed("endpoint: [api]", f"endpoint: [{', '.join(f'e{n}' for n in range(9000))}]"),
        changed(
            "{api: {",
            "{" + ", ".join(f"e{n}: {{url: https://x}}" for n in range(3000)) + ", api: {",
        ),
        SMALL + "\n".join(f"key{n}: 1" for n in range(9000)),
        SMALL + f"exclude: [{'{}, ' * 9000}]",
        SMALL + f"include: [{'{client: raw-http}, ' * 1000}]",
    ],
)
def test_a_large_file_takes_little_time(tmp_path: Path, text: str) -> None:
    with processor_time_below(2):
        messages = error_messages(tmp_path, text)
    assert 0 < len(messages) <= MAX_PROBLEMS + 1


@pytest.mark.parametrize("text", [LAUGHS, MERGED_LAUGHS], ids=["aliases", "merges"])
def test_aliases_are_counted_not_expanded(tmp_path: Path, text: str) -> None:
    tracemalloc.start()
    try:
        assert TOO_MANY in error_messages(tmp_path, text)[0]
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_too_many_errors_end_with_a_note(tmp_path: Path) -> None:
    messages = error_messages(tmp_path, SMALL + "\n".join(f"key{n}: 1" for n in range(200)))
    assert len(messages) == MAX_PROBLEMS + 1
    assert messages[-1] == "107:1: too many errors; only the first 100 are shown"


@pytest.mark.parametrize("kind", ["fifo", "folder", "link to nothing", "link to itself", "device"])
def test_only_a_regular_file_is_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "it.yaml"
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "link to nothing":
            path.symlink_to("nothing")
        case "link to itself":
            path.symlink_to("it.yaml")
        case _:
            path.symlink_to("/dev/zero")
    reasons = {
        "fifo": "not a regular file",
        "folder": "a directory, not a file",
        "link to nothing": "a broken symbolic link",
        "link to itself": "cannot be read: Too many levels of symbolic links",
        "device": "not a regular file",
    }
    with pytest.raises(ScenarioError) as caught:
        load_file(path)
    assert caught.value.messages == (f"{path}:1:1: {reasons[kind]}",)


def test_file_that_would_make_its_reader_wait_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Waiting(io.FileIO):  # as /proc/kmsg, a regular file by its mode
        def read(self, size: int | None = -1, /) -> bytes:
            return None  # type: ignore[return-value]  # as RawIOBase documents

    path = tmp_path / "it.yaml"
    path.write_text(SMALL)
    monkeypatch.setattr(source, "open", lambda path, *_, **__: Waiting(path), raising=False)
    with pytest.raises(ScenarioError) as caught:
        load_file(path)
    assert caught.value.messages == (f"{path}:1:1: cannot be read: it has no content yet",)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_read_permission_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "it.yaml"
    path.write_text(SMALL)
    path.chmod(0)
    with pytest.raises(ScenarioError, match="cannot be read: Permission denied"):
        load_file(path)


@pytest.mark.parametrize("name", ["a\nb.yaml", "a\x1b[31m.yaml", "a\0b.yaml", "\udcff.yaml"])
def test_a_strange_name_is_shown_escaped(tmp_path: Path, name: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_file(tmp_path / name)
    assert str(caught.value).isprintable()


def _assert_only_error_messages(folder: Path, content: bytes) -> None:
    for message in error_messages(folder, content):
        assert message.isprintable()  # so it is one line
        place, _, text = message.partition(": ")
        line, column = map(int, place.split(":"))
        assert line >= 1
        assert column >= 1
        assert text


_HYPOTHESIS = settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(st.binary() | st.text().map(lambda text: text.encode(errors="surrogatepass")))
@_HYPOTHESIS
def test_any_bytes_raise_nothing_but_error_messages(tmp_path: Path, content: bytes) -> None:
    _assert_only_error_messages(tmp_path, content)


@given(
    place=st.integers(0, len(FULL)),
    length=st.integers(0, 30),
    text=st.text(max_size=10) | st.text("{}[]:,-*&!<> \n\t'\"\\#|%@?~5a", max_size=10),
)
@_HYPOTHESIS
def test_any_change_of_a_scenario_raises_nothing_but_error_messages(
    tmp_path: Path, place: int, length: int, text: str
) -> None:
    changed = FULL[:place] + text + FULL[place + length :]
    _assert_only_error_messages(tmp_path, changed.encode(errors="surrogatepass"))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)


@given(
    key=st.sampled_from(sorted(yaml.safe_load(FULL))), value=_JSON, inner=st.sampled_from(["", "a"])
)
@_HYPOTHESIS
def test_any_value_of_a_key_raises_nothing_but_error_messages(
    tmp_path: Path, key: str, value: object, inner: str
) -> None:
    data = yaml.safe_load(FULL) | {key: {inner: value} if inner else value}
    _assert_only_error_messages(tmp_path, yaml.safe_dump(data).encode(errors="surrogatepass"))
