"""The unmodified `claude`, asked one short question with a credential of the user.

A setup-token or a key goes into a private, empty home. The stored login is used in its place, by
the user's own program, and only if nothing can renew it: a renewal elsewhere, or one that is lost,
would sign the user out. Of its file only the dates are read.
"""

import dataclasses
import datetime
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from authprobe.clients.base import Laboratory
from authprobe.clients.process.children import LauncherConnection
from authprobe.core.claude_api import API, CONSOLE, PLATFORM
from authprobe.core.client_kinds import VARIABLES, Via
from authprobe.core.client_variables import CLIENT_VARIABLES, ValueKind
from authprobe.core.directions import DIRECT, Directions
from authprobe.core.login_renewal import MEASURED_UNTIL, LoginCommand, may_renew
from authprobe.core.temporary_folder import temporary_folder
from authprobe.emulator.state.clock import Clock
from authprobe.emulator.state.tokens import TokenStore
from authprobe.errors import ClientError
from authprobe.live.claude_result import ClaudeReading
from authprobe.live.claude_run import ClaudeQuestion, ClaudeRun, LoginPlace, run_claude
from authprobe.live.gate import HTTPS_PORT, ConnectGate, ProxyFor
from authprobe.live.guards import value_problem
from authprobe.live.laboratory import LiveLaboratory, live_of
from authprobe.live.plan import CLAUDE_REQUESTS
from authprobe.live.requests import value_of
from authprobe.live.stored_login import (
    LoginDates,
    UnreadableLoginError,
    digest_login,
    is_being_renewed,
    read_login_dates,
)
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.scenario.clients import INSTALLED
from authprobe.scenario.live import (
    STORED,
    SUBSCRIPTION_TOKENS,
    is_anthropic,
    is_loopback,
    too_old,
)
from authprobe.scenario.model import Credential
from authprobe.service.answer import NotAsked
from authprobe.settings import claude_config_folder

NO_VERDICT: Final = {
    Outcome.THROTTLED: NotAsked.THROTTLED,
    Outcome.OVERLOADED: NotAsked.SERVER,
    Outcome.SERVER_ERROR: NotAsked.SERVER,
    Outcome.UNREACHABLE: NotAsked.CONNECTION,
}
"""Outcomes that say nothing about a credential, and the reasons that authprobe gives for them."""
RENEWAL_MARGIN: Final = datetime.timedelta(minutes=10)
"""Time left below which a login is not used: twice that at which clients renew one."""
RENEWAL_HOSTS: Final = frozenset({PLATFORM, CONSOLE})
"""Hosts of the token endpoint; the gate lets nobody to them unless a login may be renewed."""
NOT_TRIED: Final = "renewable, not tried"
BASE_URL: Final = "ANTHROPIC_BASE_URL"
RENEW_HINT: Final = "start claude once to renew it, or allow it with --allow-renewal"
LOCKED: Final = "another claude is renewing the stored login; ask again in a minute"
UNMEASURED: Final = (
    f"claude {{}} is newer than {MEASURED_UNTIL}, the last version that was measured, and might "
    "renew the stored login; use a newer authprobe, or allow it with --allow-renewal"
)
UNDATED: Final = f"{NOT_TRIED}: the stored login does not say when it expires; {RENEW_HINT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The way of a live case to the service, and to what the user has."""

    value_of: Callable[[Credential], str]
    """Returns the value of a credential of the case."""
    config_folder: Path
    """Folder of the user's own Claude Code."""
    allow_renewal: bool = False
    directions: Directions = DIRECT
    proxy_for: ProxyFor = lambda host: None
    take: Callable[[], None] = lambda: None
    """Takes the requests of the client from the budget, or raises ClientError."""
    authority: Path | None = None
    """PEM file of a further certificate authority that the client must trust."""


class _NotTriedError(Exception):
    """The stored login could be renewed by being used, so it is not; the message is one line."""


def probe(laboratory: Laboratory, case: Case) -> Observation:
    """Ask the question of a live case, and return its observation.

    Raises:
        ClientError: nothing was asked, and why.
    """
    live = live_of(laboratory)
    host, _ = _target(case.environment.get(BASE_URL))
    for credential in case.credentials:
        if (problem := value_problem(case, credential, live.secrets)) is not None:
            raise ClientError(f"not asked: {problem}")
    if live.asker.has_ended(host):
        raise ClientError(f"not asked: {host} throttled an earlier request")
    tokens = TokenStore(laboratory.redactor, Clock())
    with temporary_folder("authorities-", laboratory.scratch) as folder:
        access = Access(
            value_of=lambda credential: value_of(live, credential, tokens),
            config_folder=claude_config_folder(),
            allow_renewal=live.allow_renewal,
            directions=live.directions,
            proxy_for=live.proxies.url,
            authority=_authority_file(live, folder),
            take=lambda: live.take(CLAUDE_REQUESTS),
        )
        observation = ask_claude(laboratory, case, access)
    if observation.outcome is Outcome.THROTTLED:
        live.asker.end(host)
    return _judged_as_own_request(observation)


def _judged_as_own_request(observation: Observation) -> Observation:
    """Return an observation that is no verdict if it tells nothing about the credential.

    The same answers end a request of authprobe's own without a verdict.
    """
    reason = NO_VERDICT.get(observation.outcome)
    if reason is None:
        return observation
    status = f" (status {observation.status})" if observation.status else ""
    detail = f"could not be asked: {reason}{status}"
    if observation.detail:
        detail += f"; {observation.detail}"
    return dataclasses.replace(observation, outcome=Outcome.UNAVAILABLE, detail=detail)


def _authority_file(live: LiveLaboratory, folder: Path) -> Path | None:
    """Write the further authorities that the user trusts; None: there are none."""
    texts = list(live.authorities)
    if live.directions.authority is not None:
        texts.append(live.directions.authority.read_text())
    if not texts:
        return None
    path = folder / "authorities.pem"
    path.write_text("\n".join(texts))
    return path


def ask_claude(laboratory: Laboratory, case: Case, access: Access) -> Observation:
    """Ask the question of a live case, and return its observation.

    Raises:
        ClientError: the case cannot be asked on this machine.
    """
    began = time.monotonic()
    base_url = case.environment.get(BASE_URL)
    host, door = _target(base_url)
    _check_hosts(case, host)
    installed = laboratory.cache.get(case.client)
    if (reason := too_old(installed.version)) is not None:
        raise ClientError(reason)
    try:
        login = _login_place(case, access, installed.version)
    except _NotTriedError as reason:
        elapsed = round(time.monotonic() - began, 3)
        return Observation(outcome=Outcome.UNAVAILABLE, detail=str(reason), elapsed=elapsed)
    variables, secrets = _credential_variables(case, access)
    access.take()
    hosts = frozenset() if door else frozenset({host})
    if login is not None and login.may_renew:
        hosts |= RENEWAL_HOSTS
    question = ClaudeQuestion(
        variables={**_scenario_variables(case), **variables},
        secrets=secrets,
        is_bare=all(credential.via is Via.API_KEY_VARIABLE for credential in case.credentials),
        login=login,
        door=door,
        limit=case.limit,
    )
    gate = ConnectGate(hosts, access.directions, access.proxy_for)
    children = laboratory.children
    digest = digest_login(login.folder, children) if login else None
    with run_claude(children, installed, question, gate=gate, authority=access.authority) as run:
        return ClaudeReading(
            run=run,
            host=f"{host}:{door[1]}" if door else host,
            redactor=laboratory.redactor,
            secrets=secrets,
            version=installed.version,
            remarks=_login_remarks(login, digest, run, children),
        ).observation()


def _target(base_url: str | None) -> tuple[str, tuple[str, int] | None]:
    """Return the host that is asked, and the address of its door if it is on this machine.

    Raises:
        ClientError: the gate does not let anybody there.
    """
    if base_url is None:
        return API, None
    try:
        parts = urlsplit(base_url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise ClientError(f"{BASE_URL} is not an address") from None
    if is_loopback(host):
        return host, (host, port or (HTTPS_PORT if parts.scheme == "https" else 80))
    if parts.scheme != "https" or port not in (None, HTTPS_PORT):
        raise ClientError(
            f"{BASE_URL}: the gate lets nobody but https on port {HTTPS_PORT} through"
        )
    return host, None


def _check_hosts(case: Case, host: str) -> None:
    """Raise unless the host may be asked, with these credentials.

    The scenario was checked for the same; this holds for cases made by other code.

    Raises:
        ClientError: it must not.
    """
    if case.live is None or host not in case.live.hosts:
        raise ClientError(f"the host {host} is not among the hosts of 'live'")
    for credential in case.credentials:
        if credential.hosts is not None and host not in credential.hosts:
            raise ClientError(f"the credential is not for {host}")
        if credential.token in SUBSCRIPTION_TOKENS and not is_anthropic(host):
            raise ClientError(f"a token of a subscription is not sent to {host}")


def _credential_variables(case: Case, access: Access) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Return the variables of the credentials, and their secret values.

    Raises:
        ClientError: a credential would be handed over in another way.
    """
    variables: dict[str, str] = {}
    secrets = []
    for credential in case.credentials:
        if credential.source == STORED:
            continue
        if credential.via not in VARIABLES:
            raise ClientError("a secret of the user is handed over by a variable only")
        value = access.value_of(credential)
        secrets.append(value)
        variables[credential.via] = value
        if credential.via is Via.CUSTOM_HEADERS_VARIABLE:
            header = credential.header
            variables[credential.via] = (
                f"{header}: {value}" if header else f"Authorization: Bearer {value}"
            )
    return variables, tuple(secrets)


def _scenario_variables(case: Case) -> Mapping[str, str]:
    """Return the further variables of the scenario.

    Raises:
        ClientError: one of them exists on the emulator only.
    """
    for name in case.environment:
        variable = CLIENT_VARIABLES.get(name)
        if variable is None or variable.value is ValueKind.HOME_PATH or variable.reaches_out:
            raise ClientError(f"the variable {name} exists on the emulator only")
    if case.settings_env:
        raise ClientError("a settings file exists on the emulator only")
    return case.environment


def _login_place(case: Case, access: Access, version: str) -> LoginPlace | None:
    """Return the place of the stored login; None: the case uses another credential.

    Raises:
        ClientError: there is none, or another program than the user's own would use it.
        _NotTriedError: using it could renew it.
    """
    if not any(credential.source == STORED for credential in case.credentials):
        return None
    if case.client.version != INSTALLED:
        raise ClientError(f"the stored login is for claude-code@{INSTALLED} only")
    if len(case.credentials) > 1:
        raise ClientError("the stored login is used alone")
    try:
        dates = read_login_dates(access.config_folder)
    except UnreadableLoginError as error:
        raise ClientError(f"the stored login: {error}") from None
    if not access.allow_renewal:
        if is_being_renewed(access.config_folder):
            raise _NotTriedError(
                "another claude is renewing the stored login; ask again in a minute"
            )
        _check_time_left(dates, version)
    return LoginPlace(folder=access.config_folder, may_renew=access.allow_renewal)


def _check_time_left(dates: LoginDates, version: str) -> None:
    """Raise if a client would renew the login, or might soon.

    Raises:
        _NotTriedError: it would.
    """
    if not dates.has_refresh_token:
        return  # nothing can be renewed, and clients ignore the expiry (measured with 2.1.332)
    left = dates.time_left(datetime.datetime.now(datetime.UTC))
    if left is None:
        raise _NotTriedError(
            f"{NOT_TRIED}: the stored login does not say when it expires; {RENEW_HINT}"
        )
    if left <= datetime.timedelta():
        raise _NotTriedError(f"{NOT_TRIED}: the stored login has expired; {RENEW_HINT}")
    minutes = left.total_seconds() / 60
    if left <= RENEWAL_MARGIN:
        raise _NotTriedError(
            f"{NOT_TRIED}: the stored login expires in {minutes:.1f} minutes; {RENEW_HINT}"
        )
    # Without a 401: after one, clients try to renew any login, which the gate refuses.
    if may_renew(LoginCommand.PROMPT, version, minutes_left=minutes, access_refused=False):
        raise _NotTriedError(UNMEASURED.format(version))


def _login_remarks(
    login: LoginPlace | None, digest: str | None, run: ClaudeRun, children: LauncherConnection
) -> tuple[str, ...]:
    """Return what happened to the stored login meanwhile."""
    if login is None:
        return ()
    remarks = []
    if any(count.refused for count in run.gate if count.host in RENEWAL_HOSTS):
        remarks.append("the client tried to renew the stored login, which the gate refused")
    is_same = digest_login(login.folder, children) == digest
    change = "is unchanged" if is_same else "has changed meanwhile"
    return (*remarks, f"the file of the stored login {change}")
