import subprocess
from pathlib import Path

from authprobe.core.escaping import is_visible
from tests.support.command import command, environment, run


def test_a_reader_that_has_read_enough_is_no_bug(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("emulator", "--rules"),
        env=environment(tmp_path / "home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 1


def test_an_argument_is_quoted_without_control_characters(tmp_path: Path) -> None:
    for words in (
        ["\x1b[2J\u202e"],
        ["history", "--\x1b[2J\u202e"],
        ["emulator", "--port", "\x9b"],
    ):
        ended = run(*words, cwd=tmp_path)
        assert ended.code == 4
        assert all(character == "\n" or is_visible(character) for character in ended.err)
