"""The credentials of `authprobe emulator --issue`: KIND[:STATE[:VARIABLE[:FORM]]]."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.clients.credentials import Handover, deliver_credentials
from authprobe.core.client_kinds import VARIABLES, Via
from authprobe.core.suggestions import did_you_mean
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.emulator.standalone.control import choose
from authprobe.emulator.state.tokens import PREFIXES
from authprobe.errors import SettingsError
from authprobe.scenario.checks.definitions import check_credential
from authprobe.scenario.model import Credential, Form

SYNTAX: Final = "KIND[:STATE[:VARIABLE[:FORM]]]"
DEFAULT_VARIABLES: Final = {
    TokenKind.API_KEY: "ANTHROPIC_API_KEY",
    TokenKind.ACCESS_TOKEN: "CLAUDE_CODE_OAUTH_TOKEN",
    TokenKind.SETUP_TOKEN: "CLAUDE_CODE_OAUTH_TOKEN",
}
"""Variable in which programs look for a token (code.claude.com/docs/en/env-vars)."""
FILES: Final = (Via.CREDENTIALS_FILE, Via.API_KEY_HELPER)
"""Places in the private home."""
KNOWN_PLACES: Final = (*VARIABLES, *FILES)
"""Places that a scenario knows as well."""
HOME_PLACES: Final = (*FILES, Via.IDENTITY_TOKEN_FILE_VARIABLE)
VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
MAX_ISSUED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCredential:
    """A made-up credential: its kind and state, and where the command finds it."""

    kind: TokenKind
    state: TokenState = TokenState.VALID
    variable: str = ""
    """Variable, or place in the private home; empty: the usual one of its kind."""
    form: Form | None = None

    @property
    def place(self) -> str:
        """Variable or place; empty for a kind without a usual one."""
        usual = DEFAULT_VARIABLES.get(self.kind, "")
        return self.variable or (Via.CREDENTIALS_FILE if self.kind is TokenKind.LOGIN else usual)

    @property
    def needs_home(self) -> bool:
        """True if it is a file in the private home of the command, or is used through one."""
        return self.place in HOME_PLACES

    @property
    def name(self) -> str:
        """Name in the id of a case, such as `expired-api-key`."""
        state = () if self.state is TokenState.VALID else (self.state.value,)
        variable = () if not self.variable else ("in", self.variable.lower())
        return "-".join((*state, self.kind.value, *filter(None, [self.form]), *variable))

    @property
    def text(self) -> str:
        """The value of the option, without empty parts at its end."""
        state = "" if self.state is TokenState.VALID else self.state.value
        return ":".join((self.kind.value, state, self.variable, self.form or "")).rstrip(":")

    @property
    def credential(self) -> Credential:
        """The same as a scenario says it, without a variable that no scenario knows."""
        via = Via(self.place) if self.place in KNOWN_PLACES else None
        return Credential(token=self.kind, state=self.state, via=via, form=self.form)


def parse_issued(texts: Sequence[str]) -> tuple[IssuedCredential, ...]:
    """Return the credentials that these values of the option name.

    Raises:
        SettingsError: one is invalid, or two have the same place.
    """
    if len(texts) > MAX_ISSUED:
        raise SettingsError(f"--issue is given {len(texts)} times; at most {MAX_ISSUED} are issued")
    issued = tuple(map(_parse, texts))
    places: set[str] = set()
    for each in issued:
        place = each.variable or (each.place if each.needs_home else "")
        if place in places:
            raise SettingsError(
                f"--issue {each.text}: {place} holds one credential, and already has another; "
                "name another variable"
            )
        places |= {place} - {""}
    return issued


def _parse(text: str) -> IssuedCredential:
    kind, state, variable, form, *more = (*text.split(":"), "", "", "")
    if any(more):
        raise SettingsError(f"--issue {text[:200]}: too many parts; write {SYNTAX}")
    allowed = (*PREFIXES, TokenKind.LOGIN)
    try:
        issued = IssuedCredential(
            kind=choose(TokenKind, kind, "token kind", allowed),
            state=choose(TokenState, state, "token state") if state else TokenState.VALID,
            variable=variable,
            form=choose(Form, form, "form") if form else None,
        )
    except SettingsError as error:
        raise SettingsError(f"--issue: {error}; write {SYNTAX}") from None
    if variable and variable not in FILES and not VARIABLE_NAME.fullmatch(variable):
        hint = did_you_mean(variable, FILES, otherwise="use letters, digits and _, such as MY_KEY")
        raise SettingsError(f"--issue: '{variable[:80]}' is not the name of a variable{hint}")
    for problem in _problems(issued):
        raise SettingsError(f"--issue {issued.text}: {problem}")
    return issued


def _problems(issued: IssuedCredential) -> Iterable[str]:
    """Yield what a scenario could not say either; a variable of one's own may hold any token."""
    if issued.kind is TokenKind.LOGIN and issued.place != Via.CREDENTIALS_FILE:
        yield f"a login is handed over via '{Via.CREDENTIALS_FILE}', not '{issued.variable}'"
        return
    is_own = issued.place not in KNOWN_PLACES
    credential = issued.credential
    if is_own:
        credential = dataclasses.replace(credential, via=Via.API_KEY_VARIABLE)
    for path, problem in check_credential((), credential):
        if not (is_own and path[-1:] == ("via",)):
            yield problem


def check_home(issued: Iterable[IssuedCredential], *, has_home: bool) -> None:
    """Raise if a credential is a file, and no command with a private home would read it.

    Raises:
        SettingsError: there is one.
    """
    for each in issued:
        if each.needs_home and not has_home:
            raise SettingsError(
                f"--issue {each.text}: it is a file in the private home of a command; add one "
                "after --, without --no-isolation"
            )


def issue_variables(
    issued: Iterable[IssuedCredential], backend: CaseBackend, taken: Mapping[str, str]
) -> dict[str, str]:
    """Issue the credentials that are no files, and return their variables.

    Raises:
        SettingsError: a variable is one of the emulator's own, which are `taken`.
    """
    handover = Handover(backend=backend, home=Path(), home_folder=Path())
    variables: dict[str, str] = {}
    for each in issued:
        if each.needs_home:
            continue
        if each.variable in taken:
            raise SettingsError(
                f"--issue {each.text}: the emulator sets {each.variable} itself; name another "
                "variable"
            )
        before = {token.slot for token in backend.tokens}
        values = handover.variables(each.place, each.credential)
        slot = next(token.slot for token in backend.tokens if token.slot not in before)
        own_name = f"AUTHPROBE_{slot.upper().replace('-', '_')}"
        is_other = not each.place or (not each.variable and each.place in variables)
        variables |= {own_name: values[each.place]} if is_other else values
    return variables


def issue_files(
    issued: Iterable[IssuedCredential], backend: CaseBackend, *, home: Path, home_folder: Path
) -> dict[str, str]:
    """Issue the credentials that are files in a private home; return the variables for them."""
    credentials = [each.credential for each in issued if each.needs_home]
    return deliver_credentials(credentials, backend, home=home, home_folder=home_folder)
