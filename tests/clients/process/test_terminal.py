"""Python programs in an emulated terminal."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authprobe.clients.process import terminal as terminal_module
from authprobe.clients.process.child import OUTPUT_LIMIT_BYTES, Child, ExitReason, Stdin
from authprobe.clients.process.children import Children
from authprobe.clients.process.terminal import Terminal
from tests.support.speed import processor_time_below
from tests.support.waiting import wait_until

LIMIT = 60.0
ADDRESS = "https://claude.ai/oauth/authorize?code=true"


@contextmanager
def terminal(children: Children, script: str, *arguments: str) -> Iterator[Terminal]:
    """Yield a terminal in which this Python program runs."""
    argv = [sys.executable, "-I", "-c", script, *arguments]
    with children.start(argv, env={}, cwd=Path("/"), stdin=Stdin.TERMINAL) as child:
        yield Terminal(child)


def is_group_alive(group: int) -> bool:
    """Return True if a process of this group is running."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


class FakeChild:
    """Stand-in for a child with this output."""

    def __init__(self, *parts: bytes) -> None:
        self.output = b""
        self.terminal = Terminal(cast(Child, self))
        for part in parts:
            self.output += part
            assert isinstance(self.terminal.lines, tuple)


def lines(*parts: bytes) -> tuple[str, ...]:
    """Return the lines on the screen after this output, drawn part by part."""
    return FakeChild(*parts).terminal.lines


def test_child_has_a_wide_controlling_terminal(children: Children) -> None:
    script = (
        "import os; print(os.isatty(0), os.isatty(1), os.isatty(2), "
        "os.get_terminal_size(), os.tcgetpgrp(0) == os.getpid() == os.getsid(0)); "
        "open('/dev/tty').close()"
    )
    with terminal(children, script) as it:
        result = it.child.wait(LIMIT)
        assert result.exit_code == 0
        assert it.text == "True True True os.terminal_size(columns=500, lines=80) True"


def test_text_is_sent_by_enter(children: Children) -> None:
    script = "import sys; print('>', flush=True); print('got', sys.stdin.readline().upper())"
    with terminal(children, script) as it:
        assert it.wait_for_change(LIMIT)
        it.type("code#state")
        it.wait_until_quiet(0.1, LIMIT)
        assert "got" not in it.text
        it.enter()
        assert it.child.wait(LIMIT).exit_code == 0
        assert it.lines[-1] == "got CODE#STATE"


def test_wait_for_change_times_out_on_an_unchanged_screen(children: Children) -> None:
    with terminal(children, "import time; print('still', flush=True); time.sleep(300)") as it:
        assert it.wait_for_change(LIMIT)
        began = time.monotonic()
        assert not it.wait_for_change(0.2)
        assert 0.2 <= time.monotonic() - began < LIMIT
        assert not it.child.has_exited
        result = it.child.wait(0.0)
        assert (result.exit_reason, result.exit_code) == (ExitReason.TIMED_OUT, -signal.SIGKILL)


def test_wait_for_change_ends_with_the_child(children: Children) -> None:
    with terminal(children, "print('over')") as it:
        while it.wait_for_change(LIMIT):
            pass
        assert it.child.has_exited
        assert it.lines == ("over",)


def test_wait_until_quiet_times_out_on_an_ever_changing_screen(children: Children) -> None:
    with terminal(children, "while True: print('x' * 100, flush=True)") as it:
        began = time.monotonic()
        it.wait_until_quiet(0.5, 1.0)
        assert time.monotonic() - began < LIMIT


def test_endless_output_is_truncated_and_its_child_killed(children: Children) -> None:
    with terminal(children, "while True: print('x' * 499, flush=True)") as it:
        result = it.child.wait(3.0)
        assert len(it.child.output) <= OUTPUT_LIMIT_BYTES
        assert result.exit_reason is ExitReason.TIMED_OUT


def test_descendants_end_with_the_child(children: Children) -> None:
    script = (
        "import os, time\nif os.fork() == 0: time.sleep(300)\nprint(os.getpid(), flush=True)\n"
        "os.read(0, 1)"
    )
    with terminal(children, script) as it:
        assert it.wait_for_change(LIMIT)
        pid = int(it.text)
    wait_until(lambda: not is_group_alive(pid))


def test_screen_shows_the_final_state() -> None:
    assert lines(b"wait...\r\x1b[2Kdone\r\n", b"\x1b[1A\x1b[32mDONE\x1b[0m") == ("DONE",)


@pytest.mark.parametrize(
    "unknown",
    [
        b"\x1b[?2026h",
        b"\x1b[?u",
        b"\x1b[<u",
        b"\x1b[>1u",
        b"\x1b[>4;2m",
        b"\x1b[>0q",
        b"\x1b[c",
        b"\x1b[38:2::1:2:3m",
        b"\x1bP+q544e\x1b\\",
        b"\x1b_Gi=1;AAAA\x1b\\",
        b"\x1b]0;a title\x07",
        b"\x1b]8;;https://example.org\x1b\\",
        b"\x1b[1;2;3;4;5;6;7;8H",
    ],
)
def test_sequences_of_newer_terminals_are_not_shown(unknown: bytes) -> None:
    text = b"\x1b[Hone " + unknown + b"two"
    screen = lines(text)
    assert [line.replace("one", "").strip() for line in screen] == ["two"]
    assert lines(*(text[i : i + 1] for i in range(len(text)))) == screen


def test_address_is_found_in_text_and_in_hyperlinks() -> None:
    link = f"\x1b]8;id=1;{ADDRESS}\x07sign in here\x1b]8;;\x07\r\n".encode()
    assert FakeChild(link).terminal.addresses == (ADDRESS,)
    assert FakeChild(f"visit:\r\n\r\n  {ADDRESS}\r\n".encode()).terminal.addresses == (ADDRESS,)


def test_address_wider_than_the_screen_is_joined() -> None:
    address = ADDRESS + "&scope=" + "x" * 700
    assert FakeChild(f"{address}\r\nPaste\r\n".encode()).terminal.addresses == (address,)
    assert FakeChild(f"{address[:500]}\r\n{address[500:]}\r\n".encode()).terminal.addresses == (
        address,
    )


@given(st.lists(st.binary() | st.text("\x1b[]?;0123456789Hm\x07P\\", max_size=20).map(str.encode)))
@example([b"\x1b[", b"99999999999999999999A"])
@example([b"\xff\xfe", b"\x1b]8;;"])
def test_arbitrary_output_never_raises(parts: list[bytes]) -> None:
    lines(*parts)


@pytest.mark.slow
@pytest.mark.parametrize(
    "flood",
    [
        b"\x1b#8\x1b[2J",
        b"\x1b[2J",
        b"\x1b[1J\x1b[J",
        b"\n",
        b"\x1b[L\x1b[M",
        b"\x1b[99999@\x1b[99999P",
        b"\x1bM\x1bD",
        b"\x1b",
        b"\x1b[",
        b"\x1b[1:",
        b"\x1bP",
        b"\x1b]8;;",
        b"\x1b]8;;https://a",
        b"1",
        b"\x1b[1;1H\xe4\xb8\xad",
        "a\u0301".encode() * 2,
        "\u0301".encode(),
        b"\x1b[m" + "\u0301".encode(),
        b"\x1b[" + b"1;" * 5000 + b"m",
        b"\xff",
    ],
    ids=lambda flood: ascii(flood[:12]),
)
def test_flood_of_any_output_is_drawn_in_limited_time(
    monkeypatch: pytest.MonkeyPatch, flood: bytes
) -> None:
    monkeypatch.setattr(terminal_module, "MAX_DRAWING_TIME", 0.5)
    with processor_time_below(8):
        fake = FakeChild(b"first\r\n", flood * (OUTPUT_LIMIT_BYTES // len(flood)))
        assert isinstance(fake.terminal.addresses, tuple)


def test_screen_says_that_it_was_not_drawn_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal_module, "MAX_DRAWING_TIME", 0.2)
    assert lines(b"first\r\n" + b"\x1b#8\x1b[2J" * 10_000)[-1] == terminal_module.CUT_LINE
