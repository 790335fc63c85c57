"""The unmodified `claude`, asked one short question with a credential of the user.

A setup-token or a key goes into a private, empty home. The stored login is used in its place, by
the user's own program, and only if nothing can renew it: a renewal elsewhere, or one that is lost,
would sign the user out. Of its file only the dates are read.
"""

import datetime
import time
from typing import Final

from authprobe.clients.base import Laboratory
from authprobe.clients.process.children import LauncherConnection
from authprobe.core.claude_api import CONSOLE, PLATFORM
from authprobe.core.client_kinds import Via
from authprobe.core.login_renewal import MEASURED_UNTIL, LoginCommand, may_renew
from authprobe.core.version_ranges import INSTALLED
from authprobe.errors import ClientError
from authprobe.live.claude_result import ClaudeReading
from authprobe.live.claude_run import ClaudeQuestion, ClaudeRun, LoginPlace, run_claude
from authprobe.live.client_traces import ClientTraces
from authprobe.live.clients import (
    Access,
    ask_client,
    check_hosts,
    credential_variables,
    scenario_variables,
    target,
)
from authprobe.live.gate import ConnectGate
from authprobe.live.plan import CLAUDE_REQUESTS
from authprobe.live.stored_login import (
    LoginDates,
    UnreadableLoginError,
    digest_login,
    is_being_renewed,
    is_unchanged,
    read_login_dates,
)
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.scenario.live import BASE_URL, STORED, too_old

RENEWAL_MARGIN: Final = datetime.timedelta(minutes=10)
"""Time left below which a login is not used: twice that at which clients renew one."""
RENEWAL_HOSTS: Final = frozenset({PLATFORM, CONSOLE})
"""Hosts of the token endpoint; the gate lets nobody to them unless a login may be renewed."""
NOT_TRIED: Final = "renewable, not tried"
RENEW_HINT: Final = "start claude once to renew it, or allow it with --allow-renewal"
UNMEASURED: Final = (
    f"claude {{}} is newer than {MEASURED_UNTIL}, the last version that was measured, and might "
    "renew the stored login; use a newer authprobe, or allow it with --allow-renewal"
)


class _NotTriedError(Exception):
    """The stored login could be renewed by being used, so it is not; the message is one line."""


def probe(laboratory: Laboratory, case: Case) -> Observation:
    """Ask the question of a live case, and return its observation.

    Raises:
        ClientError: nothing was asked, and why.
    """
    return ask_client(laboratory, case, ask_claude, requests=CLAUDE_REQUESTS)


def ask_claude(laboratory: Laboratory, case: Case, access: Access) -> Observation:
    """Ask the question of a live case, and return its observation.

    Raises:
        ClientError: the case cannot be asked on this machine.
    """
    began = time.monotonic()
    host, door = target(case.environment.get(BASE_URL))
    check_hosts(case, host)
    installed = laboratory.cache.get(case.client)
    if (reason := too_old(installed.version)) is not None:
        raise ClientError(reason)
    try:
        login = _login_place(case, access, installed.version)
    except _NotTriedError as reason:
        elapsed = round(time.monotonic() - began, 3)
        return Observation(outcome=Outcome.UNAVAILABLE, detail=str(reason), elapsed=elapsed)
    variables, secrets = credential_variables(case, access)
    access.take()
    hosts = frozenset() if door else frozenset({host})
    if login is not None and login.may_renew:
        hosts |= RENEWAL_HOSTS
    question = ClaudeQuestion(
        variables={**scenario_variables(case), **variables},
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
            traces=ClientTraces(
                result=run.result,
                home_folder=run.home_folder,
                gate_counts=run.gate,
                host=f"{host}:{door[1]}" if door else host,
                redactor=laboratory.redactor,
                secrets=secrets,
            ),
            version=installed.version,
            remarks=_login_remarks(login, digest, run, children),
        ).observation()


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
    is_same = is_unchanged(login.folder, digest, children)
    change = "is unchanged" if is_same else "has changed meanwhile"
    return (*remarks, f"the file of the stored login {change}")
