"""What `check` says of single definitions: endpoints, credentials, header sets, expectations."""

import re
import warnings
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from authprobe.core.client_kinds import VARIABLES, Flow, Via
from authprobe.documents.source import KEY, KeyPath, PathProblem, choices, escape, quote, remedy
from authprobe.emulator.catalogue import check_fault
from authprobe.emulator.config import Backend, TokenKind, TokenState
from authprobe.errors import SettingsError
from authprobe.observation.findings import finding_meanings
from authprobe.scenario.checks.variables import check_variables
from authprobe.scenario.matrix import rules
from authprobe.scenario.model import (
    DEFAULT,
    NO_CREDENTIAL,
    Credential,
    Expectation,
    Form,
    Scenario,
    TextRule,
)

_MAX_PATTERN: Final = 1000
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")  # RFC 9110, 5.5, less obs-text and tabs
_OURS: Final = frozenset({"user-agent", "authorization", "x-api-key", "host", "cookie", "x-app"})
_OUR_PREFIXES: Final = ("x-stainless-", "x-claude-")
_ONLY: Final = {
    Via.CREDENTIALS_FILE: (TokenKind.LOGIN,),
    Via.BODY: (TokenKind.REFRESH_TOKEN, TokenKind.IDENTITY_TOKEN),
    Via.REFRESH_TOKEN_VARIABLE: (TokenKind.REFRESH_TOKEN,),
    Via.IDENTITY_TOKEN_VARIABLE: (TokenKind.IDENTITY_TOKEN,),
    Via.IDENTITY_TOKEN_FILE_VARIABLE: (TokenKind.IDENTITY_TOKEN,),
}
"""Ways that are for some kinds of token, which have no other."""
_SPECIAL: Final = {
    TokenState.BLANKED: (TokenKind.LOGIN,),
    TokenState.USED: (TokenKind.REFRESH_TOKEN, TokenKind.LOGIN),
}
"""States of some kinds of token only."""
_FILE_FORMS: Final = (
    Form.SCOPES_AS_TEXT,
    Form.SCOPES_AS_NUMBER,
    Form.EXPIRY_IN_SECONDS,
    Form.EXPIRY_ZERO,
    Form.EXPIRY_AHEAD,
    Form.NO_REFRESH_TOKEN,
    Form.UNKNOWN_REFRESH_TOKEN,
)
_VALUE_FORMS: Final = (Form.LINE_BREAK, Form.TRAILING_LINE_BREAK, Form.WIDE_CHARACTER)
_FORMS: Final = {
    **dict.fromkeys(VARIABLES, _VALUE_FORMS),
    Via.CUSTOM_HEADERS_VARIABLE: (Form.X_API_KEY_LINE, *_VALUE_FORMS),
    Via.CREDENTIALS_FILE: _FILE_FORMS,
    Via.API_KEY_HELPER: (Form.FAILING, Form.SLOW, Form.CHATTY, Form.SILENT),
}
"""The forms that each way has, where it has any."""
_FORMLESS: Final = {
    **dict.fromkeys(TokenState, (Form.EXPIRY_AHEAD,)),
    TokenState.EXPIRED: (),
    TokenState.BLANKED: _FILE_FORMS,
    TokenState.USED: (
        Form.EXPIRY_AHEAD,
        Form.EXPIRY_ZERO,
        Form.NO_REFRESH_TOKEN,
        Form.UNKNOWN_REFRESH_TOKEN,
    ),
}
"""Forms that a stored login in this state cannot have: it has no such token, or another state."""
_ALIKE: Final = (
    ("headers", "headers", "backends"),
    ("headers", "headers", "environments"),
    ("a backend", "backends", "environments"),
)
"""Groups whose names stand in the same place of a case id."""
_CREDENTIAL_HEADERS: Final = ("authorization", "x-api-key", "body", "none")


def check_definitions(scenario: Scenario) -> Iterator[PathProblem]:
    """What is wrong with a definition, whoever uses it."""
    for name, endpoint in scenario.endpoints.items():
        yield from _check_url(("endpoints", name, "url"), endpoint.url)
    for name, given in scenario.credentials.items():
        if isinstance(given, Credential):
            yield from _check_credential(("credentials", name), given)
        else:
            yield from _check_together(("credentials", name), given)
    for name, headers in scenario.headers.items():
        yield from _check_headers(("headers", name), headers)
    for name, backend in scenario.backends.items():
        yield from _check_faults(("backends", name, "faults"), backend)
    for name, variables in scenario.environments.items():
        yield from check_variables(("environments", name), variables)
    yield from _check_names(scenario)
    single = isinstance(scenario.expect, Expectation)
    for index, rule in enumerate(rules(scenario)):
        path: KeyPath = ("expect",) if single else ("expect", index, "then")
        yield from _check_expectation(path, rule.then)


def _check_names(scenario: Scenario) -> Iterator[PathProblem]:
    if DEFAULT in scenario.endpoints:
        text = "'default' is where a client goes by itself; choose another name"
        yield ("endpoints", DEFAULT, KEY), text
    if NO_CREDENTIAL in scenario.credentials:
        text = "'none' stands for no credential; choose another name"
        yield ("credentials", NO_CREDENTIAL, KEY), text
    if DEFAULT in scenario.environments:
        text = "'default' is the environment to which nothing is added; choose another name"
        yield ("environments", DEFAULT, KEY), text
    for noun, group, other in _ALIKE:
        both = getattr(scenario, group).keys() & getattr(scenario, other).keys()
        for name in sorted(both - {DEFAULT}):
            text = f"{quote(name)} names {noun} as well; case ids would be the same, choose another"
            yield (other, name, KEY), text
    for group in ("headers", "backends", "environments"):
        for name in getattr(scenario, group).keys() & set(Flow):
            text = f"{quote(name)} is a flow as well; case ids would be the same, choose another"
            yield (group, name, KEY), text


def _check_url(path: KeyPath, url: str) -> Iterator[PathProblem]:
    try:
        parts = urlsplit(url)
        usable = parts.port != 0 and bool(parts.hostname)
    except ValueError:  # the port, or the brackets of an IPv6 address
        usable = False
    if not usable:
        yield path, f"{quote(url)} is not an address; write one as https://api.anthropic.com"


def _check_credential(path: KeyPath, credential: Credential) -> Iterator[PathProblem]:
    token, state = credential.token, credential.state
    key, via = "via", credential.via
    if via is Via.SETTINGS_ENV:
        if credential.variable not in VARIABLES:
            text = f"'settings-env' sets a 'variable': {choices(VARIABLES)}"
            yield (*path, "via" if credential.variable is None else "variable"), text
            return
        key, via = "variable", credential.variable
    elif credential.variable is not None:
        text = f"'variable' is for 'settings-env' only, and 'via' is {quote(via)}"
        yield (*path, "variable"), text
    ways = [way for way, kinds in _ONLY.items() if token in kinds]
    if via in _ONLY and token not in _ONLY[via]:
        only = " or ".join(map(_article, _ONLY[via]))
        yield (*path, key), f"{quote(via)} is for {only}, not for {_article(token)}"
    elif ways and via not in ways:
        text = f"{_article(token)} is handed over via {choices(ways)}, not {quote(via)}"
        yield (*path, key), text
    yield from _check_form(path, credential, via)
    if token not in _SPECIAL.get(state, TokenKind):
        only = " or ".join(map(_article, _SPECIAL[state]))
        yield (*path, "state"), f"only {only} can be {quote(state)}, not {_article(token)}"


def _check_form(path: KeyPath, credential: Credential, via: Via) -> Iterator[PathProblem]:
    form, forms = credential.form, _FORMS.get(via, ())
    if form is None:
        return
    if form not in forms:
        hint = f"; its forms are {choices(forms)}" if forms else ""
        yield (*path, "form"), f"what is handed over via {quote(via)} is never {quote(form)}{hint}"
    elif form in _FORMLESS.get(credential.state, ()):
        text = f"a login that is {quote(credential.state)} cannot be {quote(form)} as well"
        yield (*path, "form"), text


def _check_together(path: KeyPath, given: tuple[Credential, ...]) -> Iterator[PathProblem]:
    places: set[str] = set()
    for index, credential in enumerate(given):
        yield from _check_credential((*path, index), credential)
        if credential.place in places:
            text = f"{quote(credential.place)} hands over one credential, and has one already"
            yield (*path, index, "via"), text
        places.add(credential.place)


def _article(token: TokenKind) -> str:
    return f"an {token}" if token[0] in "aeiou" else f"a {token}"


def _check_headers(path: KeyPath, headers: dict[str, str | None]) -> Iterator[PathProblem]:
    seen: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        if not _TOKEN.fullmatch(name):
            yield (*path, name, KEY), f"{quote(name)} is not a header name (RFC 9110, 5.6.2)"
        elif key in _OURS or key.startswith(_OUR_PREFIXES):
            yield (
                (*path, name, KEY),
                f"the header {quote(name)} cannot be set: authprobe's requests always identify "
                "themselves as authprobe, and credentials are set under 'credentials'",
            )
        elif key in seen:
            yield (*path, name, KEY), f"{quote(name)} is the same header as {quote(seen[key])}"
        seen.setdefault(key, name)
        if value and not _VALUE.fullmatch(value):
            text = "printable ASCII, without spaces around it"
            yield (*path, name), f"the value {quote(value)} of a header must be {text}"


def _check_faults(path: KeyPath, backend: Backend) -> Iterator[PathProblem]:
    for index, fault in enumerate(backend.faults):
        try:
            check_fault(fault)
        except SettingsError as error:
            yield (*path, index), str(error)


def _check_expectation(path: KeyPath, expectation: Expectation) -> Iterator[PathProblem]:
    for key in ("message", "detail"):
        if isinstance(rule := getattr(expectation, key), TextRule):
            yield from _check_text_rule((*path, key), rule)
    known = finding_meanings()
    for key in ("findings", "no_findings"):
        for index, name in enumerate(getattr(expectation, key)):
            if name not in known:
                text = f"{quote(name)} is not a finding{remedy(name, known)}"
                yield (*path, key, index), text
    for key in ("requests", "no_requests"):
        for index, request in enumerate(getattr(expectation, key)):
            header = request.credential_header
            if header is not None and header not in _CREDENTIAL_HEADERS:
                text = f"{quote(header)} carries no credential{remedy(header, _CREDENTIAL_HEADERS)}"
                yield (*path, key, index, "credential_header"), text


def _check_text_rule(path: KeyPath, rule: TextRule) -> Iterator[PathProblem]:
    if (rule.contains is None) == (rule.matches is None):
        yield path, f"{quote(str(path[-1]))} must have one of 'contains' and 'matches'"
    if rule.matches is None:
        return
    if len(rule.matches) > _MAX_PATTERN:
        yield (*path, "matches"), f"a regular expression of more than {_MAX_PATTERN:,} characters"
    elif (reason := _regex_fault(rule.matches)) is not None:
        text = f"{quote(rule.matches)} is not a regular expression: {escape(reason)[:100]}"
        yield (*path, "matches"), text


def _regex_fault(pattern: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python only warns of would be said at every use
            re.compile(pattern)
    except (re.error, Warning, OverflowError, RecursionError) as error:
        return str(error)
    return None
