"""Exceptions of authprobe, and its exit codes.

    ProbesError               the user can act: what is wrong, then the remedy
    ├── ScenarioError         every error in one or more YAML files
    ├── SettingsError         an invalid option or environment variable
    ├── RecordError           a results file that cannot be read
    └── HistoryError          a history that cannot be used; never ends a run
    ClientError               raised in `clients/`; the engine records `Outcome.UNAVAILABLE`
    └── InstallError          a client that could not be installed

The answer of a backend is data (`Outcome`), never an exception.
"""

import enum


class ExitCode(enum.IntEnum):
    """Exit codes of a command: those of pytest, then those of authprobe."""

    OK = 0
    FAILURES = 1
    INTERRUPTED = 2
    BUG = 3
    USAGE = 4
    NOTHING_SELECTED = 5
    UNTESTABLE = 6
    """Nothing failed, but a case could not be tested."""
    SECRET_FOUND = 10
    CHANGED = 11
    """The service answers otherwise than the emulator says."""
    NOT_ASKED = 12
    """The service could not be asked, or a secret for it is missing."""
    BROKEN_PIPE = 141
    """Nobody reads the output any more, as shells report the signal SIGPIPE."""


class ProbesError(Exception):
    """An error that the user can act on; `str()` is the text to print.

    It may quote a file or an option, where tokens are pasted by mistake.
    """

    def __str__(self) -> str:
        """Return the text without credentials, escaped for terminals and CI logs."""
        # Imported here because it would slow the start of every command.
        from authprobe.core.escaping import for_log
        from authprobe.redaction.redactor import Redactor

        return for_log(Redactor()(super().__str__()))


class ScenarioError(ProbesError):
    """Errors in scenarios and other YAML files, each as `file:line:column: message`."""

    def __init__(self, messages: tuple[str, ...]) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages


class SettingsError(ProbesError):
    """An invalid option or environment variable."""


class RecordError(ProbesError):
    """A results file that cannot be read."""


class HistoryError(ProbesError):
    """A history that cannot be used, and the remedy."""


class ClientError(Exception):
    """A client that cannot run on this machine; the text is the reason shown to the user."""


class InstallError(ClientError):
    """A client that could not be installed on this machine."""
