"""The user's own secrets of a run, by the names of their variables: values that nothing shows."""

from collections.abc import Iterable, Mapping

from authprobe.core.secret_values import secret_value_problem
from authprobe.errors import SettingsError
from authprobe.plan.case import Case
from authprobe.redaction.redactor import Redactor
from authprobe.scenario.live import VARIABLE_PREFIX
from authprobe.scenario.model import Credential


class Secrets:
    """Values by the names of their variables; its repr has the names only."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self._values)})"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables that have a value."""
        return tuple(self._values)

    def value(self, credential: Credential) -> str | None:
        """Return the value of a credential of the user; None: its variable is missing or empty."""
        return self._values.get(_variable(credential) or "")

    def learn(self, redactor: Redactor) -> None:
        """Let a redactor redact every value as the name of its variable."""
        for name, value in self._values.items():
            redactor.learn(name, value)


def read_secrets(cases: Iterable[Case], environment: Mapping[str, str]) -> Secrets:
    """Return the secrets that live cases name; a missing or empty variable has none.

    Raises:
        SettingsError: a value is no usable secret; the message has nothing of it.
    """
    names = {
        name
        for case in cases
        if case.live is not None
        for credential in case.credentials
        if (name := _variable(credential)) is not None
    }
    values = {name: value for name in sorted(names) if (value := environment.get(name))}
    for name, value in values.items():
        if (problem := secret_value_problem(value)) is not None:
            raise SettingsError(f"{name}: the value of this variable {problem}; nothing was asked")
    return Secrets(values)


def _variable(credential: Credential) -> str | None:
    source = credential.source or ""
    return source.removeprefix(VARIABLE_PREFIX) if source.startswith(VARIABLE_PREFIX) else None
