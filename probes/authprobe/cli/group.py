"""Behaviour that all commands share: error messages and exit codes."""

import importlib
import io
import re
import sys
from collections.abc import Iterable, Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final, cast

import click

from authprobe.core.standard_streams import (
    OUTPUT_ERRORS,
    discard_output,
    drop_lost_messages,
    open_missing_streams,
)
from authprobe.errors import ExitCode, ProbesError
from authprobe.start import raise_on_interrupt

click.UsageError.exit_code = ExitCode.USAGE  # click's own 2 means an interrupted run here


class CommandGroup(click.Group):
    """A group that turns exceptions into messages on stderr and exit codes."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line; the output is flushed here, where its errors can be told."""
        open_missing_streams()
        drop_lost_messages()
        try:
            try:
                return super().main(*args, **options)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:  # `head` has read enough
            discard_output()
            sys.exit(ExitCode.BROKEN_PIPE)
        except OSError as error:
            if not _is_output_error(error):
                raise
            discard_output()
            click.echo(f"the output cannot be written: {error.strerror}", err=True)
            sys.exit(ExitCode.USAGE)

    def invoke(self, ctx: click.Context) -> object:
        """Run the chosen command."""
        if isinstance(sys.stdout, io.TextIOWrapper):  # the terminal may not encode every character
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            if ctx.parent is None:
                raise_on_interrupt()
                self._set_defaults(ctx)
            return super().invoke(ctx)
        except ProbesError as error:
            hint = self._client_hint(ctx, str(error))
            click.echo(f"{error}{hint}{_sources(ctx, str(error))}", err=True)
            ctx.exit(ExitCode.USAGE)
        except KeyboardInterrupt:
            # CPython ends by the signal, and not with the exit code, if this exception has left
            # code that was a string, as the methods of dataclasses are, until more such code runs.
            exec("")  # noqa: S102 - nothing
            click.echo("interrupted", err=True)
            ctx.exit(ExitCode.INTERRUPTED)
        except click.ClickException as error:  # its text may quote an argument
            if ctx.parent is None:  # else the group around this one adds them
                hint = self._client_hint(ctx, error.message)
                sources = _sources(ctx, error.format_message())
                vars(error)["message"] = _harmless(error.message) + hint + sources
            raise
        except BrokenPipeError:  # `head` has read enough; click's 1 means a failure here
            discard_output()
            ctx.exit(ExitCode.BROKEN_PIPE)
        except (click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if isinstance(error, OSError) and _is_output_error(error):
                raise
            if _is_missing_folder(error):
                click.echo("the working directory was deleted; change to another one", err=True)
                ctx.exit(ExitCode.USAGE)
            click.echo(_redacted_traceback(error), err=True, nl=False)
            ctx.exit(ExitCode.BUG)

    def _set_defaults(self, ctx: click.Context) -> None:
        """Let variables and files set options, and warn of variables that set nothing."""
        from authprobe.cli.configured import CommandDefaults, unknown_variables

        # click only reads it, although its type is mutable.
        ctx.default_map = cast("MutableMapping[str, Any]", CommandDefaults(self))
        for line in unknown_variables(self):
            click.echo(f"warning: {line}", err=True)

    def _client_hint(self, ctx: click.Context, message: str) -> str:
        """Return what to add to an error about a client that was given without `--client`."""
        match = _NO_ARGUMENT.match(message)
        command = self.commands.get(ctx.invoked_subcommand or "")
        if match is None or command is None:
            return ""
        from authprobe.scenario.bundled_clients import KNOWN_CLIENTS
        from authprobe.scenario.clients import kind_name

        word = match[1] or match[2]
        takes_client = any("--client" in parameter.opts for parameter in command.params)
        is_client = takes_client and kind_name(word) in KNOWN_CLIENTS
        return f"; to name a client, write --client {_harmless(word)}" if is_client else ""


_NO_ARGUMENT: Final = re.compile(
    r"Got unexpected extra arguments? \((\S+)[ )]|(\S+):1:1: no such file$"
)
"""Error about an argument that the command does not take, or that is no file."""


def _sources(ctx: click.Context, message: str) -> str:
    """Return lines to append to an error: what set the options that it names."""
    defaults = ctx.find_root().default_map
    lines = getattr(defaults, "sources_in", lambda text: ())(message)
    return "".join(f"\n{_harmless(line)}" for line in lines)


def _is_output_error(error: OSError) -> bool:
    """Return True for an error of a stream: those of files have a name."""
    return error.errno in OUTPUT_ERRORS and error.filename is None


def _is_missing_folder(error: Exception) -> bool:
    """Return True for an error of the working directory: those of files have a name."""
    if not isinstance(error, FileNotFoundError) or error.filename is not None:
        return False
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _redacted_traceback(error: Exception) -> str:
    import traceback

    return _harmless("".join(traceback.format_exception(error)))


def _harmless(text: str) -> str:
    """Return the text without credentials, escaped for terminals and CI logs."""
    from authprobe.core.escaping import for_log
    from authprobe.redaction.redactor import Redactor

    return for_log(Redactor()(text))


class CommandModules(MutableMapping[str, click.Command]):
    """Commands by name, each of a function with that name in its own module of `authprobe.cli`.

    A module is imported when its command is looked up: a start needs one of them.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._commands: dict[str, click.Command | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> click.Command:
        command = self._commands[name]
        if command is None:
            module = importlib.import_module(f"authprobe.cli.{name}")
            command = self._commands[name] = getattr(module, name)
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        del self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)
