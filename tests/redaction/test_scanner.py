"""Scanner: matches, their places, and data that cannot be scanned."""

import bz2
import gzip
import html
import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.redaction import redactor as redactor_module
from authprobe.redaction import scanner as module
from authprobe.redaction.canary import Canary
from authprobe.redaction.publishing import ArtifactGuard, SecretFoundError
from authprobe.redaction.redactor import (
    BLOCK_LENGTH,
    LONG_TEXT_LENGTH,
    MIN_WORD_REPETITION,
    Redactor,
)
from authprobe.redaction.scanner import (
    UNSCANNED,
    RecordScan,
    SecretMatch,
    scan_data,
    scan_text,
)
from tests.support.leaking_claude import ENCODINGS
from tests.support.speed import processor_time_below

TOKEN = "sk-ant-oat01-x3Pq9ZbT-aL7vK2mW_sQ8rJ5nYc4Hd6Gf1Ue0BtXiRoMzNpDhSkVlCgFw"
PLAIN = "xQ7pL2vN8rT4wZ6bK1mD"
PARTS = ("beginning", "end", "middle")
CODE = st.text("ABCDEFGHabcdefgh0123456789_-", min_size=24, max_size=80).filter(
    lambda text: all(len(set(text[at : at + 12])) >= 4 for at in range(len(text) - 11))
)


def redactor_with(value: str = TOKEN) -> Redactor:
    """Return a redactor that has learned this value as `key`."""
    redactor = Redactor()
    redactor.learn("key", value)
    return redactor


def names(matches: tuple[SecretMatch, ...]) -> set[str]:
    """Return the names of the matches."""
    return {match.name for match in matches}


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_learned_value_is_found_by_its_slot_in_any_spelling(name: str) -> None:
    (match,) = scan_text(f"one\ntwo {ENCODINGS[name](TOKEN)} three", redactor_with())
    assert (match.name, match.place.partition(",")[0]) == ("key", "line 2")
    assert TOKEN[13:25] not in str(match)


@pytest.mark.parametrize("name", [name for name in ENCODINGS if name not in PARTS])
def test_an_unknown_token_is_found_in_any_spelling(name: str) -> None:
    assert names(scan_text(f"two {ENCODINGS[name](TOKEN)} three")) & {"token"}


@given(value=CODE, name=st.sampled_from(sorted(ENCODINGS)), before=st.text(max_size=9))
def test_a_value_without_token_format_is_found_and_replaced(
    value: str, name: str, before: str
) -> None:
    if name in PARTS and len(value) < 60:
        return
    redactor, text = redactor_with(value), f"{before}!{ENCODINGS[name](value)}!"
    assert "key" in names(scan_text(text, redactor))
    assert scan_text(redactor(text), redactor) == ()


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_secret_is_found_in_a_long_repetitive_report(name: str) -> None:
    line = '<tr><td class="passed">a case that passed</td><td>/v1/messages</td></tr>\n'
    lines = line * (LONG_TEXT_LENGTH // len(line) + 1)
    assert scan_text(lines, redactor_with()) == ()
    assert names(scan_text(f"{lines}\nx {ENCODINGS[name](TOKEN)} y\n{lines}", redactor_with())) == {
        "key"
    }


def json_report(message: str) -> str:
    """Return a report of many cases with equal keys and values, the last with this message."""
    cases = [{"id": f"a/{n}", "statuses": [401, 200], "message": None} for n in range(200)]
    return json.dumps([*cases, {"id": "a/last", "message": message}, *cases], indent=1)


def html_report(message: str) -> str:
    """Return the same as a page, without line ends between the elements."""
    rows = (f"<tr><th>a/{n}</th><td>accepted 200</td><td>passed</td></tr>" for n in range(200))
    return f"{''.join(rows)}<tr><th>a/last</th><td>{html.escape(message)}</td></tr>{''.join(rows)}"


@pytest.mark.parametrize("report", [json_report, html_report])
@pytest.mark.parametrize("block_length", [BLOCK_LENGTH, 4_000])
@pytest.mark.parametrize("repetition", [MIN_WORD_REPETITION, 1_000])
def test_a_secret_is_found_in_one_of_many_similar_cases(
    report: Callable[[str], str],
    block_length: int,
    repetition: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redactor_module, "LONG_TEXT_LENGTH", 8_000)
    monkeypatch.setattr(redactor_module, "BLOCK_LENGTH", block_length)
    monkeypatch.setattr(redactor_module, "MIN_WORD_REPETITION", repetition)
    assert redactor_with()._is_clean_fast(report("nothing"))
    assert scan_text(report("nothing"), redactor_with()) == ()
    for name, spell in ENCODINGS.items():
        message = f"x {spell(TOKEN)} y"
        assert names(scan_text(report(message), redactor_with())) == {"key"}, name


def test_equal_parts_of_a_report_are_read_once() -> None:
    text = json_report("nothing")
    blocks = list(redactor_module._blocks(text))
    assert sum(map(len, blocks)) < len(text) / 4
    assert [block.count("a/last") for block in blocks] == [1]
    assert [block.count('"a/7",') for block in blocks] == [1]


def json_record(number: int, message: str) -> str:
    """Return a record on one line, of which most is equal in all."""
    record = {"id": f"a/{number}", "statuses": [401, 200], "message": message, "detail": None}
    return json.dumps(record, separators=(",", ":"))


@pytest.mark.parametrize("name", [name for name in ENCODINGS if name not in PARTS])
def test_a_token_is_found_in_one_of_many_similar_records(name: str) -> None:
    scan = RecordScan()
    for number in range(3):
        assert not scan.has_credential(json_record(number, "nothing"))
    for number in range(2):
        assert scan.has_credential(json_record(number, f"x {ENCODINGS[name](TOKEN)} y"))
    assert not scan.has_credential(json_record(0, "nothing"))


def test_equal_members_of_records_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    monkeypatch.setattr(module, "MAX_CLEAN_MEMBERS", 10)
    monkeypatch.setattr(module, "scan_text", texts.append)
    scan = RecordScan()
    for number in range(20):
        scan.has_credential(json_record(number, "nothing"))
    assert texts[1] == '{"id":"a/1"'
    assert 1 < sum("nothing" in text for text in texts) < 5, "not all are remembered"


def test_a_secret_is_found_when_many_values_are_learned() -> None:
    redactor = redactor_with()
    for number in range(200):
        redactor.learn(f"slot-{number}", f"sk-ant-api03-{number:064x}")
    for name, spell in ENCODINGS.items():
        assert "key" in names(scan_text(f"x {spell(TOKEN)} y", redactor)), name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhdXRocHJvYmUifQ.c2lnbmF0dXJlLTE", "jwt"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZC0x", "authorization"),
        ('{"authorization": "Bearer abcdef0123456789abcdef"}', "authorization"),
        ("x-api-key: abcdef0123456789abcdef", "authorization"),
        ("X-Amz-Security-Token: abcdef0123456789abcdef", "authorization"),
        ("Proxy-Authorization: abcdef0123456789abcdef", "authorization"),
        ("https://user:pa55word@registry.example.org/x", "password"),
        ("//registry.example.org/:_authToken=npm_" + "a1B2" * 9, "token"),
        ("ghp_" + "a1B2" * 9, "token"),
        *((f"sk-ant-{kind}-AbCdEfGh12345", "token") for kind in ("api03", "admin01", "sid02")),
    ],
)
def test_credential_formats_are_found_and_replaced(text: str, name: str) -> None:
    assert names(scan_text(text)) == {name}
    redacted = Redactor()(text)
    assert f"[redacted:{name}]" in redacted
    assert scan_text(redacted) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer [redacted:access-token]",
        "Authorization: required for each of the requests",
        "the Bearer authentication-of-this-service is needed",
        "x-api-key: your-key-goes-here-of-course",
        "https://example.org:8080/a@b",
        "https://user:[redacted:password]@example.org",
        "https://user@example.org/x:y",
        "eyJ is how a token begins. It.has.dots.",
        "npm_config_userconfig and npm_lifecycle_event",
        "it begins with sk-ant-oat01-\nand goes on with words",
        "sk-ant-oat01-\n0123456",
        "-" * 200,
        "sha256:" + "0123456789abcdef" * 4,
        "node_modules/@anthropic-ai/claude-code/vendor/ripgrep/x64-linux/rg",
    ],
)
def test_similar_text_that_is_no_credential_is_not_found(text: str) -> None:
    assert scan_text(text) == ()
    assert Redactor()(text) == text


def test_redaction_of_a_token_before_a_line_break_keeps_the_next_word() -> None:
    assert Redactor()(f"{TOKEN}\nPlease log in") == "[redacted:token]\nPlease log in"


def test_a_match_names_its_place_and_decoding_steps() -> None:
    (match,) = scan_text("x\n  y " + ENCODINGS["percent"](TOKEN), redactor_with())
    assert str(match) == "key, at line 2, column 5 (unescaped)"
    (match,) = scan_text("x " + ENCODINGS["base64 in base64"](TOKEN))
    assert match.decoding_steps[0] == match.decoding_steps[-1] == "base64"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_bytes_are_scanned_in_any_encoding(encoding: str) -> None:
    assert names(scan_data(f"x {TOKEN} y".encode(encoding), redactor_with())) == {"key"}


def test_in_binary_data_the_place_is_a_byte_offset() -> None:
    (match,) = scan_data(b"\xff\xfa" + TOKEN.encode())
    assert match.place == "byte 2"


def zipped(**members: bytes) -> bytes:
    """Return a zip archive of these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def test_nested_archives_are_unpacked() -> None:
    data = gzip.compress(b"nothing") + gzip.compress(zipped(a=b"x", b=f"\n {TOKEN}".encode()))
    (match,) = scan_data(gzip.compress(zipped(a=b"x", b=f"\n {TOKEN}".encode())), redactor_with())
    assert str(match) == "key, at unpacked, 'b', line 2, column 2"
    assert scan_data(gzip.compress(b"x") + gzip.compress(b"y")) == ()
    assert names(scan_data(gzip.compress(b"x") + gzip.compress(TOKEN.encode()))) == {"token"}
    assert names(scan_data(data[:-20])) == {UNSCANNED}


@pytest.mark.parametrize("module", [bz2, lzma])
def test_other_compressed_files_are_unpacked(module: Any) -> None:
    (match,) = scan_data(module.compress(f"\n {TOKEN}".encode() * 2), redactor_with())[:1]
    assert str(match) == "key, at unpacked, line 2, column 2"
    both = module.compress(b"x") + module.compress(f"{TOKEN} {TOKEN}".encode())
    assert names(scan_data(both)) == {"token"}
    assert scan_data(module.compress(b"x")) == ()


def test_many_streams_of_xz_with_padding_are_unpacked_in_linear_time() -> None:
    padding = bytes(module.XZ_READ_BYTES * 2)
    token = lzma.compress(f"{TOKEN} ".encode() * 9) + padding
    with processor_time_below(15):
        assert names(scan_data(lzma.compress(b"") * 200_000 + padding + token)) == {"token"}


def test_xz_data_that_asks_for_much_memory_is_not_unpacked() -> None:
    data = bytearray(lzma.compress(b"x"))
    assert data[14:16] == b"\x21\x01"  # LZMA2, and one byte for the size of its dictionary
    data[16] = 38  # 2 GiB
    end = 12 + data[12] * 4
    data[end : end + 4] = zlib.crc32(data[12:end]).to_bytes(4, "little")
    assert UNSCANNED in names(scan_data(bytes(data)))


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(TOKEN.encode() * 9)[:-12],
        bz2.compress(TOKEN.encode() * 9)[:-12],
        lzma.compress(TOKEN.encode() * 9)[:-12],
        b"PK\x03\x04 but not an archive",
        zipped(a=zipped(a=zipped(a=zipped(a=zipped(a=b"x"))))),
    ],
    ids=[
        "truncated gzip",
        "truncated bzip2",
        "truncated xz",
        "not an archive",
        "nested too deeply",
    ],
)
def test_data_that_cannot_be_unpacked_is_reported(data: bytes) -> None:
    assert UNSCANNED in names(scan_data(data))


def test_data_over_the_size_limit_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCAN_LIMIT_BYTES", 1000)
    for size, reported in ((1000, set()), (1001, {UNSCANNED})):
        scan = module._FileScan(Redactor(), remaining_bytes=1000)
        assert names(tuple(scan.scan(b"x" * size, "", 1))) == reported
    assert names(scan_text("x" * 1001)) == {UNSCANNED}
    assert scan_text("x" * 1000) == ()


def test_a_decompression_bomb_is_not_unpacked() -> None:
    with processor_time_below(30):
        bomb = gzip.compress(gzip.compress(bytes(80 * 1024 * 1024)))
        assert UNSCANNED in names(scan_data(bomb))


@pytest.mark.slow
def test_an_archive_whose_members_share_one_stream_is_not_unpacked_for_each() -> None:
    data = zipped(**{f"m{number:04}": bytes(30 * 1024 * 1024) for number in range(1)})
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entries, count = data[start:end] * 2000, (2000).to_bytes(2, "little") * 2
    size = len(entries).to_bytes(4, "little")
    bomb = data[:start] + entries + b"PK\x05\x06" + bytes(4) + count + size + data[end + 16 :]
    matches = scan_data(bomb)
    assert str(matches[-1]) == "data that could not be scanned: all members after the first 3"
    assert len(matches) < 5


def test_many_small_members_are_scanned_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_MEMBERS", 3)
    data = zipped(**{f"m{number}": b"x" for number in range(5)})
    (match,) = scan_data(data)
    assert str(match) == "data that could not be scanned: all members after the first 3"


def test_redactor_and_scanner_find_the_canary() -> None:
    assert Canary(Redactor()).problems() == ()


def test_a_broken_redactor_blocks_publishing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guard = ArtifactGuard()
    monkeypatch.setattr(Redactor, "__call__", lambda self, text: text)
    with pytest.raises(SecretFoundError, match="a canary written as base64 was not replaced"):
        guard.publish(Path("/nowhere"), {"clean.json": "{}"})


def test_a_broken_scanner_blocks_publishing(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = ArtifactGuard()
    monkeypatch.setattr(Redactor, "find", lambda self, text: iter(()))
    with pytest.raises(SecretFoundError, match="a canary written as JSON was not found"):
        guard.publish(Path("/nowhere"), {"clean.json": "{}"})


def test_an_artifact_with_a_credential_is_withheld_naming_slot_and_place(tmp_path: Path) -> None:
    guard = ArtifactGuard()
    guard.redactor.learn("refresh-token", TOKEN)
    guard.redactor.learn("authorization-code", PLAIN)
    hidden = json.dumps({"message": f"{ENCODINGS['percent'](TOKEN)} {PLAIN}"}, indent=1)
    with pytest.raises(SecretFoundError) as error:
        guard.publish(tmp_path, {"results.json": hidden, "clean.md": "nothing"})
    assert str(error.value) == (
        "results.json was not written: it contains "
        "refresh-token, at line 2, column 14 (unescaped); "
        "authorization-code, at line 2, column 93"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["clean.md"]


def test_a_zip_archive_after_a_program_is_opened() -> None:
    (match,) = scan_data(b"MZ\x90\0 unpack me" + zipped(a=TOKEN.encode()))
    assert (match.name, match.place) == ("token", "'a', line 1, column 1")
    assert scan_data(b"\x7fELF PK\x05\x06" + bytes(100)) == ()


def with_member(data: bytes, *, flags: int | None = None, version: int | None = None) -> bytes:
    """Return an archive with other fields in its central directory (APPNOTE, 4.3.12)."""
    changed, start = bytearray(data), data.index(b"PK\x01\x02")
    if version is not None:
        changed[start + 6 : start + 8] = version.to_bytes(2, "little")
    if flags is not None:
        changed[start + 8 : start + 10] = flags.to_bytes(2, "little")
    return bytes(changed)


NOT_UTF8 = with_member(zipped(ab=b"x").replace(b"ab", b"\xff\xfe"), flags=1 << 11)
"""A member whose name is said to be UTF-8."""
LATER_VERSION = with_member(zipped(a=b"x"), version=90)


def with_later_directory(data: bytes) -> bytes:
    """Return an archive whose directory is said to be after its place (APPNOTE, 4.3.16)."""
    changed = bytearray(data)
    place = data.rindex(b"PK\x05\x06") + 16
    offset = int.from_bytes(data[place : place + 4], "little")
    changed[place : place + 4] = (offset + 5).to_bytes(4, "little")
    return bytes(changed)


def test_a_member_before_the_beginning_of_the_archive_is_reported() -> None:
    first, second = scan_data(with_later_directory(zipped(a=b"x", b=b"y")))
    assert first.place.endswith("'a', encrypted, damaged or of unknown compression")
    assert second.place == "data that could not be scanned: a damaged zip archive"


@pytest.mark.parametrize("data", [NOT_UTF8, LATER_VERSION], ids=["name", "version"])
@pytest.mark.parametrize("before", [b"", b"MZ\x90\0 unpack me"], ids=["archive", "program"])
def test_an_archive_that_cannot_be_read_is_reported(data: bytes, before: bytes) -> None:
    (match,) = scan_data(before + data)
    assert str(match) == "data that could not be scanned: a damaged zip archive"


def test_a_damaged_member_does_not_hide_the_next_one() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", b"some text " * 20)
        archive.writestr("b", TOKEN)
    damaged = bytearray(file.getvalue())
    start = 30 + len("a") + 9  # the local header, the name, and the properties of LZMA
    damaged[start : start + 8] = b"\xff" * 8
    unscanned, match = scan_data(bytes(damaged))
    assert str(unscanned).endswith("'a', encrypted, damaged or of unknown compression")
    assert (match.name, match.place) == ("token", "'b', line 1, column 1")
