"""What all commands have in common: how their troubles are told, and how a size is given."""

import io
import sys

import click

from authprobe.core.byte_sizes import parse_size
from authprobe.errors import ExitCode, ProbesError

click.UsageError.exit_code = ExitCode.USAGE  # 2, its own, is an interrupted run here


class CommandGroup(click.Group):
    """Prints our own troubles in one line each, with the exit code that stands for them."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        if isinstance(sys.stdout, io.TextIOWrapper):  # what it cannot show does not end a command
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except ProbesError as error:
            click.echo(str(error), err=True)
            ctx.exit(ExitCode.USAGE)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(ExitCode.INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001 - a bug, told without what it may quote
            click.echo(_told(error), err=True, nl=False)
            ctx.exit(ExitCode.BUG)


def _told(error: Exception) -> str:
    import traceback

    from authprobe.redaction.redactor import Redactor

    return Redactor()("".join(traceback.format_exception(error)))


class Size(click.ParamType[int]):
    """A size such as `5G`, in bytes."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The bytes that it means."""
        try:
            return parse_size(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
