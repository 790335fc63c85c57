"""Checks of single definitions: endpoints, credentials, headers, backends, expectations."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, Protocol

from authprobe.core.claude_api import WORKSPACE_HEADER
from authprobe.core.client_kinds import VARIABLES, Flow, Via
from authprobe.core.client_variables import VALUE_PATTERNS, ValueKind
from authprobe.core.targets import Target
from authprobe.documents.source import KEY, KeyPath, PathProblem, choices, quote, remedy
from authprobe.emulator.catalogue import check_fault
from authprobe.emulator.config import Backend, Host, Service, TokenKind, TokenState
from authprobe.errors import SettingsError
from authprobe.observation.findings import finding_meanings
from authprobe.scenario.checks.headers import check_headers, credential_header_problem
from authprobe.scenario.checks.hosts import check_hosts
from authprobe.scenario.checks.text_rules import check_text_rule
from authprobe.scenario.checks.urls import check_url
from authprobe.scenario.checks.variables import check_variables
from authprobe.scenario.matrix import rules
from authprobe.scenario.model import (
    DEFAULT,
    NO_CREDENTIAL,
    QUESTIONS,
    Credential,
    Endpoint,
    Expectation,
    Form,
    PlacedValue,
    Scenario,
    TextRule,
)

_TOKENS_BY_VIA: Final = {
    Via.CREDENTIALS_FILE: (TokenKind.LOGIN,),
    Via.BODY: (TokenKind.REFRESH_TOKEN, TokenKind.IDENTITY_TOKEN),
    Via.REFRESH_TOKEN_VARIABLE: (TokenKind.REFRESH_TOKEN,),
    Via.IDENTITY_TOKEN_VARIABLE: (TokenKind.IDENTITY_TOKEN,),
    Via.IDENTITY_TOKEN_FILE_VARIABLE: (TokenKind.IDENTITY_TOKEN,),
}
"""Ways that are limited to some kinds of token, which are limited to them."""
_TOKENS_BY_STATE: Final = {
    TokenState.BLANKED: (TokenKind.LOGIN,),
    TokenState.USED: (TokenKind.REFRESH_TOKEN, TokenKind.LOGIN),
}
"""States that only some kinds of token can have."""
_FILE_FORMS: Final = (
    Form.CUT_SHORT,
    Form.SCOPES_AS_TEXT,
    Form.SCOPES_AS_NUMBER,
    Form.NO_SCOPES,
    Form.NO_EXPIRY,
    Form.EXPIRY_IN_SECONDS,
    Form.EXPIRY_ZERO,
    Form.EXPIRY_AHEAD,
    Form.NO_REFRESH_TOKEN,
    Form.UNKNOWN_REFRESH_TOKEN,
    Form.REFRESH_LOCKED,
    Form.STALE_REFRESH_LOCK,
)
_VALUE_FORMS: Final = (
    Form.LINE_BREAK,
    Form.TRAILING_LINE_BREAK,
    Form.WIDE_CHARACTER,
    Form.CUT_SHORT,
)
_FORMS_BY_VIA: Final = {
    **dict.fromkeys(VARIABLES, _VALUE_FORMS),
    Via.CUSTOM_HEADERS_VARIABLE: (Form.X_API_KEY_LINE, *_VALUE_FORMS),
    Via.CREDENTIALS_FILE: _FILE_FORMS,
    Via.API_KEY_HELPER: (Form.FAILING, Form.SLOW, Form.CHATTY, Form.SILENT, Form.CUT_SHORT),
    **dict.fromkeys((Via.BEARER, Via.X_API_KEY, Via.HEADER), (Form.CUT_SHORT,)),
}
"""Forms that a credential can have; none for the other ways."""
_VIAS_WITH_HEADER: Final = (Via.HEADER, Via.CUSTOM_HEADERS_VARIABLE)
_VIAS_WITH_FOLDER: Final = (Via.CREDENTIALS_FILE, Via.API_KEY_HELPER, Via.SETTINGS_ENV)
_IMPOSSIBLE_FORMS: Final = {
    **dict.fromkeys(TokenState, (Form.EXPIRY_AHEAD,)),
    TokenState.EXPIRED: (),
    TokenState.BLANKED: _FILE_FORMS,
    TokenState.USED: (
        Form.EXPIRY_AHEAD,
        Form.EXPIRY_ZERO,
        Form.NO_EXPIRY,
        Form.NO_REFRESH_TOKEN,
        Form.UNKNOWN_REFRESH_TOKEN,
    ),
}
"""Forms that contradict the state of a stored login: it lacks the token, or would change state."""
_SHARED_POSITIONS: Final = (
    ("headers", "headers", "backends"),
    ("headers", "headers", "environments"),
    ("a backend", "backends", "environments"),
)
"""A noun, and two groups whose names have the same position in a case id."""
_CREDENTIAL_HEADERS: Final = ("authorization", "x-api-key", "body", "none")


class HasDefinitions(Protocol):
    """A scenario, or a file of definitions."""

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """Endpoints by name; the others likewise."""

    @property
    def credentials(self) -> Mapping[str, tuple[Credential, ...] | Credential]: ...

    @property
    def headers(self) -> Mapping[str, Mapping[str, str | None]]: ...

    @property
    def backends(self) -> Mapping[str, Backend]: ...

    @property
    def environments(self) -> Mapping[str, Mapping[str, str | PlacedValue]]: ...

    @property
    def hosts(self) -> Mapping[str, Host | Service]: ...


def check_definitions(
    scenario: HasDefinitions, hosts: Collection[str] | None = None
) -> Iterator[PathProblem]:
    """Yield the problems of each definition, independent of the cases that use it.

    `hosts` are the names of the hosts of one's own that variables can name; None: the scenarios
    that use a file of definitions may have any.
    """
    for name, endpoint in scenario.endpoints.items():
        yield from check_url(("endpoints", name, "url"), endpoint.url)
        if endpoint.model is not None and endpoint.request not in QUESTIONS:
            message = f"the request {quote(endpoint.request)} has no 'model'"
            yield ("endpoints", name, "model"), message
    for name, definition in scenario.credentials.items():
        if isinstance(definition, Credential):
            yield from check_credential(("credentials", name), definition)
        else:
            yield from _check_several(("credentials", name), definition)
    for name, headers in scenario.headers.items():
        yield from check_headers(("headers", name), headers)
    for name, backend in scenario.backends.items():
        yield from _check_faults(("backends", name, "faults"), backend)
        yield from check_hosts(("backends", name, "hosts"), backend.hosts)
    yield from check_hosts(("hosts",), scenario.hosts)
    for name, variables in scenario.environments.items():
        yield from check_variables(("environments", name), variables, hosts)
    yield from _check_reserved_names(scenario)


def check_expectations(scenario: Scenario, required: Iterable[str] = ()) -> Iterator[PathProblem]:
    """Yield the problems of each expectation; `required` are headers that gateways require."""
    headers = tuple(dict.fromkeys((*_CREDENTIAL_HEADERS, *required)))
    single = isinstance(scenario.expect, Expectation)
    for index, rule in enumerate(rules(scenario)):
        path: KeyPath = ("expect",) if single else ("expect", index, "then")
        yield from _check_expectation(path, rule.then, headers)


def _check_reserved_names(scenario: HasDefinitions) -> Iterator[PathProblem]:
    if DEFAULT in scenario.endpoints:
        message = "'default' stands for the client's own addresses; choose another name"
        yield ("endpoints", DEFAULT, KEY), message
    if NO_CREDENTIAL in scenario.credentials:
        message = "'none' stands for no credential; choose another name"
        yield ("credentials", NO_CREDENTIAL, KEY), message
    if DEFAULT in scenario.environments:
        message = "'default' stands for no further variables; choose another name"
        yield ("environments", DEFAULT, KEY), message


def check_ambiguous_names(scenario: Scenario) -> Iterator[PathProblem]:
    """Yield the names by which two different cases would have the same id."""
    for noun, group, other in _SHARED_POSITIONS:
        both = getattr(scenario, group).keys() & getattr(scenario, other).keys()
        for name in sorted(both - {DEFAULT}):
            message = (
                f"{quote(name)} is also the name of {noun}; "
                "case ids would be the same, choose another"
            )
            yield (other, name, KEY), message
    for group in ("headers", "backends", "environments"):
        for name in getattr(scenario, group).keys() & set(Flow):
            message = f"{quote(name)} is also a flow; case ids would be the same, choose another"
            yield (group, name, KEY), message
        if scenario.live is not None and Target.LIVE in getattr(scenario, group):
            message = "'live' is the end of the ids of live cases; choose another name"
            yield (group, Target.LIVE, KEY), message


def check_credential(path: KeyPath, credential: Credential) -> Iterator[PathProblem]:
    """Yield why a credential cannot be handed over as it says."""
    token, state = credential.token, credential.state
    key, via = "via", credential.via
    if via is Via.SETTINGS_ENV:
        if credential.variable not in VARIABLES:
            message = f"'settings-env' needs a 'variable': {choices(VARIABLES)}"
            yield (*path, "via" if credential.variable is None else "variable"), message
            return
        key, via = "variable", credential.variable
    elif credential.variable is not None:
        message = f"'variable' is only for 'settings-env', but 'via' is {quote(str(via))}"
        yield (*path, "variable"), message
    ways = [way for way, kinds in _TOKENS_BY_VIA.items() if token in kinds]
    if via is None:
        if credential.form is not None:
            yield (*path, "form"), "a form depends on the way; add a 'via'"
    elif via in _TOKENS_BY_VIA and token not in _TOKENS_BY_VIA[via]:
        only = " or ".join(map(_article, _TOKENS_BY_VIA[via]))
        yield (*path, key), f"{quote(via)} is for {only}, not for {_article(token)}"
    elif ways and via not in ways:
        message = f"{_article(token)} is handed over via {choices(ways)}, not {quote(via)}"
        yield (*path, key), message
    if token is TokenKind.WORKSPACE_ID and not _is_in_its_header(credential):
        only = choices(_VIAS_WITH_HEADER)
        yield path, f"{_article(token)} is handed over via {only}, as 'header: {WORKSPACE_HEADER}'"
        return
    if via is not None:
        yield from _check_form(path, credential, via)
    yield from _check_header(path, credential, via)
    if credential.folder is not None:
        yield from _check_folder(path, credential, credential.folder)
    if token not in _TOKENS_BY_STATE.get(state, TokenKind):
        only = " or ".join(map(_article, _TOKENS_BY_STATE[state]))
        yield (*path, "state"), f"only {only} can be {quote(state)}, not {_article(token)}"


def _is_in_its_header(credential: Credential) -> bool:
    is_named = (credential.header or "").lower() == WORKSPACE_HEADER
    return is_named and credential.via in _VIAS_WITH_HEADER


def _check_header(path: KeyPath, credential: Credential, via: Via | None) -> Iterator[PathProblem]:
    header = credential.header
    if header is None:
        if via is Via.HEADER:
            yield (*path, "via"), "'header' needs the name of the header; add a 'header'"
        return
    if via not in _VIAS_WITH_HEADER:
        message = (
            f"'header' is only for {choices(_VIAS_WITH_HEADER)}, but 'via' is {quote(str(via))}"
        )
        yield (*path, "header"), message
    elif credential.form is Form.X_API_KEY_LINE:
        yield (*path, "form"), f"the form {quote(credential.form)} names a header of its own"
    elif (reason := credential_header_problem(header)) is not None:
        yield (*path, "header"), reason


def _check_folder(path: KeyPath, credential: Credential, folder: str) -> Iterator[PathProblem]:
    if credential.via not in _VIAS_WITH_FOLDER:
        message = f"'folder' is only for {choices(_VIAS_WITH_FOLDER)}"
        yield (*path, "folder"), f"{message}, but 'via' is {quote(str(credential.via))}"
    elif not VALUE_PATTERNS[ValueKind.HOME_PATH].fullmatch(folder):
        yield (*path, "folder"), f"'folder' must be {ValueKind.HOME_PATH}, not {quote(folder)}"


def _check_form(path: KeyPath, credential: Credential, via: Via) -> Iterator[PathProblem]:
    form, forms = credential.form, _FORMS_BY_VIA.get(via, ())
    if form is None:
        return
    if form not in forms:
        hint = f"; use {choices(forms)}" if forms else ""
        yield (
            (*path, "form"),
            f"a credential via {quote(via)} cannot have the form {quote(form)}{hint}",
        )
    elif form in _IMPOSSIBLE_FORMS.get(credential.state, ()):
        message = (
            f"a login in the state {quote(credential.state)} cannot have the form {quote(form)}"
        )
        yield (*path, "form"), message


def _check_several(path: KeyPath, credentials: tuple[Credential, ...]) -> Iterator[PathProblem]:
    places: set[str] = set()
    for index, credential in enumerate(credentials):
        yield from check_credential((*path, index), credential)
        if credential.place in places:
            message = f"{quote(credential.place)} holds one credential, and is already used"
            yield (*path, index, "via"), message
        places.add(credential.place)


def _article(token: TokenKind) -> str:
    return f"an {token}" if token[0] in "aeiou" else f"a {token}"


def _check_faults(path: KeyPath, backend: Backend) -> Iterator[PathProblem]:
    for index, fault in enumerate(backend.faults):
        try:
            check_fault(fault)
        except SettingsError as error:
            yield (*path, index), str(error)


def _check_expectation(
    path: KeyPath, expectation: Expectation, headers: tuple[str, ...]
) -> Iterator[PathProblem]:
    for key in ("message", "detail"):
        if isinstance(rule := getattr(expectation, key), TextRule):
            yield from check_text_rule((*path, key), rule)
    finding_names = finding_meanings()
    for key in ("findings", "no_findings"):
        for index, name in enumerate(getattr(expectation, key)):
            if name not in finding_names:
                message = f"{quote(name)} is not a finding{remedy(name, finding_names)}"
                yield (*path, key, index), message
    for key in ("requests", "no_requests"):
        for index, request in enumerate(getattr(expectation, key)):
            header = request.credential_header
            if header is not None and header not in headers:
                hint = remedy(header, headers)
                message = f"{quote(header)} is not a header with a credential{hint}"
                yield (*path, key, index, "credential_header"), message
