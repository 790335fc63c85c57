"""Tests of Ctrl-C while the command starts."""

import signal
from pathlib import Path

import pytest

from authprobe.start import quit_on_interrupt, raise_on_interrupt
from tests.support.command import command, run

INTERRUPTER = """
import signal, sys

signal.signal(signal.SIGINT, signal.{handler})

class Interrupter:
    def find_spec(self, name, *_):
        if name == "{module}":
            sys.meta_path.remove(self)
            exec("signal.raise_signal(signal.SIGINT)")

sys.meta_path.insert(0, Interrupter())
"""
"""Module that Python imports when it starts: Ctrl-C comes as another module is imported, within
code that is a string, as dataclasses have it."""
MODULES = ("authprobe.cli", "click", "authprobe.cli.group", "authprobe.cli.schema")


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_ctrl_c_during_an_import_ends_without_a_traceback(tmp_path: Path, module: str) -> None:
    text = INTERRUPTER.format(handler="default_int_handler", module=module)
    (tmp_path / "sitecustomize.py").write_text(text)
    argv = command("schema")
    ended = run(cwd=tmp_path, argv=argv, PYTHONPATH=str(tmp_path))
    assert (ended.code, ended.out, ended.err) == (2, "", "interrupted\n")


@pytest.mark.slow
def test_ctrl_c_is_ignored_where_it_was_ignored_before(tmp_path: Path) -> None:
    text = INTERRUPTER.format(handler="SIG_IGN", module="click")
    (tmp_path / "sitecustomize.py").write_text(text)
    ended = run(cwd=tmp_path, argv=command("--version"), PYTHONPATH=str(tmp_path))
    assert (ended.code, ended.err) == (0, "")


def test_the_handler_of_a_program_stays() -> None:
    def of_the_program(number: int, frame: object) -> None:
        pass

    previous = signal.signal(signal.SIGINT, of_the_program)
    try:
        quit_on_interrupt()
        raise_on_interrupt()
        assert signal.getsignal(signal.SIGINT) is of_the_program
    finally:
        signal.signal(signal.SIGINT, previous)
