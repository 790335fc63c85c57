"""`authprobe badge` and `authprobe card`: pictures of a run, from its results file."""

import json
import struct
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from authprobe.commands import card as card_command
from authprobe.errors import SettingsError
from authprobe.run.model import Run
from authprobe.run.results_file import dump_run
from authprobe.verdict.model import Status, Verdict
from tests.support.command import run
from tests.support.make import make_record, make_run

FAILED = make_record(id="a/b/c/d", client="old", verdict=Verdict(status=Status.FAILED))


def write(folder: Path, value: Run) -> Path:
    path = folder / "results.json"
    path.write_text(dump_run(value))
    return path


@pytest.mark.parametrize("command", ["badge", "card"])
def test_a_picture_is_printed_or_written(command: str, tmp_path: Path) -> None:
    path = write(tmp_path, make_run(make_record(), FAILED))
    printed = run(command, path, cwd=tmp_path)
    assert (printed.code, printed.err) == (0, "")
    ElementTree.fromstring(printed.out)  # noqa: S314 - our own
    assert "1 passed, 1 failed" in printed.out
    assert "2026-11-23" in printed.out
    written = run(command, path, "--out", "new/picture.svg", cwd=tmp_path)
    assert (written.code, written.out, written.err) == (0, "", "")
    assert (tmp_path / "new" / "picture.svg").read_text() == printed.out


def test_the_results_of_the_last_run_are_the_default(tmp_path: Path) -> None:
    ended = run("badge", cwd=tmp_path)
    assert (ended.code, "reports/results.json" in ended.err) == (4, True)
    (tmp_path / "reports").mkdir()
    write(tmp_path / "reports", make_run(make_record()))
    assert run("badge", cwd=tmp_path).code == 0


def test_the_json_is_that_of_a_shields_endpoint(tmp_path: Path) -> None:
    path = write(tmp_path, make_run(FAILED))
    ended = run("badge", path, "--json", "--label", 'é"\n</svg>\u202e', cwd=tmp_path)
    document = json.loads(ended.out)
    assert set(document) == {"schemaVersion", "label", "message", "color", "isError"}
    assert (document["schemaVersion"], document["isError"]) == (1, True)
    assert document["label"].startswith('é" </svg>')
    assert "\u202e" not in ended.out


@pytest.mark.parametrize("command", ["badge", "card"])
@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("/dev/null", "cannot be written"),
        ("file/picture.svg", "is not a directory"),
        ("folder", "folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(
    command: str, out: str, message: str, tmp_path: Path
) -> None:
    path = write(tmp_path, make_run(make_record()))
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    ended = run(command, path, "--out", out, cwd=tmp_path)
    assert ended.code == 4
    assert ended.err.count("\n") == 1
    assert message in ended.err or "must end in .svg or .png" in ended.err


def test_a_picture_with_a_credential_is_not_written(tmp_path: Path) -> None:
    path = write(tmp_path, make_run(make_record()))
    secret = "sk-ant-api03-" + "Zx9" * 9
    ended = run("badge", path, "--label", secret, "--out", "badge.svg", cwd=tmp_path)
    assert ended.code == 10
    assert secret not in ended.err
    assert not (tmp_path / "badge.svg").exists()


def test_a_card_is_a_png_of_its_size(tmp_path: Path) -> None:
    path = write(tmp_path, make_run(FAILED))
    ended = run("card", path, "--out", "card.PNG", cwd=tmp_path)
    if "needs one of the fonts" in ended.err:
        pytest.skip("NO FONT: no PNG can be made here")
    assert (ended.code, ended.err) == (0, "")
    content = (tmp_path / "card.PNG").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (1200, 630)
    empty = card_command.make_png('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    assert len(content) > 20 * len(empty)


def test_a_png_without_the_extra_or_a_font_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class WithoutFonts:
        @staticmethod
        def svg_to_bytes(svg_string: str) -> bytes:
            return b"blank"

    monkeypatch.setitem(sys.modules, "resvg_py", WithoutFonts)
    with pytest.raises(SettingsError, match="needs one of the fonts"):
        card_command.make_png("<svg/>")
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(SettingsError, match=r"pip install 'authprobe\[card\]'"):
        card_command.make_png("<svg/>")
