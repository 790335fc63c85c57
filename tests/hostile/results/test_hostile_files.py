"""Hostile files in the place of our own: commands end soon, in one line, and harm nothing."""

import re
import time
from pathlib import Path
from typing import Final

import pytest

from tests.hostile.results.hostile_files import FILES, RESULTS, HostileFile
from tests.support.command import command_server, environment

LIMIT: Final = 60.0
"""Seconds, of which a busy machine needs most to start Python."""
MEMORY_BYTES: Final = 2_000_000_000
CANARY: Final = "made-up words of the user\n"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_hostile_file_ends_a_command_with_one_line(tmp_path: Path, file: HostileFile) -> None:
    victim = tmp_path / "victim"
    victim.write_text(CANARY)
    (tmp_path / "good.json").write_text(RESULTS)
    file.make(tmp_path / file.path)
    before = {path.name for path in tmp_path.iterdir()} | {"home"}
    mode = (tmp_path / file.path).lstat().st_mode
    began = time.monotonic()
    ended = command_server().run(
        "authprobe",
        file.command,
        tmp_path,
        environment(tmp_path / "home"),
        limit=LIMIT,
        memory_bytes=MEMORY_BYTES,
    )
    assert time.monotonic() - began < LIMIT
    assert (ended.code, ended.out) == (file.code, "")
    words = ended.err.removeprefix("ERROR: no case was run\n").removesuffix("\n")
    assert re.fullmatch(file.error, words, re.DOTALL), words
    assert len(words.splitlines()) <= (1 if file.code else 2)
    assert CANARY.strip() not in ended.err
    assert victim.read_text() == CANARY
    assert {path.name for path in tmp_path.iterdir()} == before
    assert (tmp_path / file.path).lstat().st_mode == mode
