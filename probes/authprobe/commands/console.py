"""The console on which commands print tables."""

from rich.console import Console


class OutputConsole(Console):
    """A console on stdout that tells if nobody reads it any more."""

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError: rich would end the process with 1, which means a failure here."""
        raise BrokenPipeError
