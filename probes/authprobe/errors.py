"""What can go wrong on our side, and the exit code that says so.

    ProbesError               the user can act: one line, then the remedy
    ├── ScenarioError         every error in one or more YAML files
    ├── SettingsError         an option or an environment variable
    ├── RecordError           a results file that cannot be read
    └── HistoryError          a history that cannot be used; never ends a run
    ClientError               raised in `clients/`, made `Outcome.UNAVAILABLE` by the engine
    └── InstallError          a client could not be installed

What a backend answers is data (`Outcome`), never an exception.
"""

import enum


class ExitCode(enum.IntEnum):
    """pytest's exit codes, and one of our own."""

    OK = 0
    FAILURES = 1
    INTERRUPTED = 2
    BUG = 3
    USAGE = 4
    NOTHING_SELECTED = 5
    SECRET_FOUND = 10


class ProbesError(Exception):
    """A trouble that the user can act on; `str()` is what to print.

    It may quote a file or an option, which are where tokens are pasted by mistake.
    """

    def __str__(self) -> str:
        """Without what looks like a credential, and harmless to a terminal and a CI log."""
        # Imported here: a start without an error has no time for it.
        from authprobe.core.escaping import for_log
        from authprobe.redaction.redactor import Redactor

        return for_log(Redactor()(super().__str__()))


class ScenarioError(ProbesError):
    """Errors in scenario files and the like, each already as `file:line:column: message`."""

    def __init__(self, messages: tuple[str, ...]) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages


class SettingsError(ProbesError):
    """An option or environment variable that cannot be used."""


class RecordError(ProbesError):
    """A results file that cannot be read."""


class HistoryError(ProbesError):
    """A history that cannot be used, and what to do about it."""


class ClientError(Exception):
    """A client that could not be run here; the text is the reason shown to the user."""


class InstallError(ClientError):
    """A client that could not be installed here."""
