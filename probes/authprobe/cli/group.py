"""Behaviour that all commands share: error messages, exit codes and the type of a size."""

import io
import sys

import click

from authprobe.core.byte_sizes import parse_size
from authprobe.errors import ExitCode, ProbesError

click.UsageError.exit_code = ExitCode.USAGE  # click's own 2 means an interrupted run here


class CommandGroup(click.Group):
    """A group that turns exceptions into messages on stderr and exit codes."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the chosen command."""
        if isinstance(sys.stdout, io.TextIOWrapper):  # the terminal may not encode every character
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except ProbesError as error:
            click.echo(str(error), err=True)
            ctx.exit(ExitCode.USAGE)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(ExitCode.INTERRUPTED)
        except click.ClickException as error:  # its text may quote an argument
            vars(error)["message"] = _harmless(error.message)
            raise
        except (click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click ends the command quietly, also if `head` has read enough
        except Exception as error:  # noqa: BLE001 - a bug, whose traceback may quote a credential
            click.echo(_redacted_traceback(error), err=True, nl=False)
            ctx.exit(ExitCode.BUG)


def _redacted_traceback(error: Exception) -> str:
    import traceback

    return _harmless("".join(traceback.format_exception(error)))


def _harmless(text: str) -> str:
    """Return the text without credentials, escaped for terminals and CI logs."""
    from authprobe.core.escaping import for_log
    from authprobe.redaction.redactor import Redactor

    return for_log(Redactor()(text))


class Size(click.ParamType[int]):
    """A size in bytes, written as `5G` or `500M`."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number of bytes."""
        try:
            return parse_size(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
