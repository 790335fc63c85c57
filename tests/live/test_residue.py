"""The search of what a live run wrote for the user's secrets."""

import base64
from pathlib import Path

import pytest

from authprobe.live.residue import search_residue
from authprobe.live.secrets import Secrets

KEY = "sk-ant-api03-" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7"
SECRETS = Secrets({"OUR_KEY": KEY, "GATEWAY_KEY": "plain-4711-words-08-15-of-ours"})


def test_a_clean_folder_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("OUR_KEY is named, not shown")
    residue = search_residue(SECRETS, [tmp_path])
    assert residue.is_clean
    (line,) = residue.lines
    assert line.startswith("nothing of OUR_KEY, GATEWAY_KEY in 1 file (")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (KEY, "OUR_KEY"),
        (KEY.upper(), "OUR_KEY"),
        (KEY[20:36], "OUR_KEY"),
        (base64.b64encode(KEY.encode()).decode(), "OUR_KEY"),
        ("x=plain-4711-words-08-15-of-ours;", "GATEWAY_KEY"),
        ("x=plain-4711-words-08", "GATEWAY_KEY"),
    ],
)
def test_a_secret_is_found_whole_and_in_pieces(content: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "home.bin").write_bytes(b"\xff\x00 " + content.encode() + b" \xff")
    residue = search_residue(SECRETS, [tmp_path])
    assert [found for found, _ in residue.found] == [name]
    assert not residue.is_clean
    (line,) = residue.lines
    assert line.endswith(f"has {name}, whole or in pieces, or cannot be read; delete it")
    assert content not in line
