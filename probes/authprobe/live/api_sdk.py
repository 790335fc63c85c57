"""An unmodified API SDK, asked one short question with an API key of the user.

A driver program calls it. Nobody looks into TLS: the evidence is what the SDK tells its user, and
the counts of the gate. A token of a subscription is never given to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from authprobe.clients.base import (
    DRIVERS,
    SYSTEM_PATH,
    TEMPORARY_FOLDER,
    WORK_FOLDER,
    Laboratory,
    find_program,
)
from authprobe.clients.installation.installed_client import InstalledClient
from authprobe.clients.observe import MAX_DETAIL_LENGTH, MAX_MESSAGE_LENGTH, last_error_line
from authprobe.clients.process.child import CompletedChild, ExitReason
from authprobe.clients.process.children import Visibility
from authprobe.clients.process.required_files import visible_files
from authprobe.clients.sdk.api_sdk import CONNECTION_ERRORS, NO_CREDENTIAL_ERROR, read_output
from authprobe.clients.sdk.driver import read_last_object
from authprobe.core.client_kinds import Registry
from authprobe.core.isolation import CA_VARIABLES
from authprobe.live.client_traces import ClientTraces
from authprobe.live.clients import (
    Access,
    ask_client,
    check_hosts,
    credential_variables,
    scenario_variables,
    target,
)
from authprobe.live.collector import ERROR_TYPE
from authprobe.live.gate import ConnectGate
from authprobe.live.gated_container import GatedContainer, check_isolation, open_gated_container
from authprobe.live.plan import MESSAGE_USD, SDK_REQUESTS
from authprobe.observation.model import Cost, EvidenceSource, Observation, Outcome, status_outcome
from authprobe.plan.case import Case
from authprobe.scenario.live import BASE_URL, is_anthropic
from authprobe.settings import private_folders

DRIVER: Final = "anthropic_sdk_live"


def probe(laboratory: Laboratory, case: Case) -> Observation:
    """Ask the question of a live case, and return its observation.

    Raises:
        ClientError: nothing was asked, and why.
    """
    return ask_client(laboratory, case, ask_api_sdk, requests=SDK_REQUESTS)


def ask_api_sdk(laboratory: Laboratory, case: Case, access: Access) -> Observation:
    """Ask the question of a live case, and return its observation.

    Raises:
        ClientError: the case cannot be asked on this machine.
    """
    host, door = target(case.environment.get(BASE_URL))
    check_hosts(case, host)
    check_isolation(laboratory.children)
    installed = laboratory.cache.get(case.client)
    credential, secrets = credential_variables(case, access)
    variables = {**scenario_variables(case), **credential}
    access.take()
    gate = ConnectGate(
        frozenset() if door else frozenset({host}), access.directions, access.proxy_for
    )
    argv, programs = _command(installed)
    visibility = Visibility(
        read_only=(*visible_files(programs), installed.folder, DRIVERS),
        hidden=private_folders(),
        ca_file=access.authority,
    )
    with open_gated_container(laboratory.children, visibility, gate, door) as gated:
        container = gated.container
        for name in (TEMPORARY_FOLDER, WORK_FOLDER):
            (container.home_folder / name).mkdir(mode=0o700, exist_ok=True)
        environment = _environment(gated, variables, is_direct=door is not None)
        if access.authority is not None:
            environment |= dict.fromkeys(CA_VARIABLES, str(container.ca_file))
        result = container.run(
            argv, env=environment, cwd=container.home / WORK_FOLDER, limit=case.limit
        )
        limit = container.end()
        traces = ClientTraces(
            result=result,
            home_folder=container.home_folder,
            gate_counts=gate.counts,
            host=f"{host}:{door[1]}" if door else host,
            redactor=laboratory.redactor,
            secrets=secrets,
        )
        return ApiSdkReading(
            traces=traces, version=installed.version, limit=limit, is_anthropic=is_anthropic(host)
        ).observation()


def _command(installed: InstalledClient) -> tuple[list[str | Path], list[Path]]:
    """Return the command that starts the driver, and its programs."""
    if installed.package and installed.package.registry is Registry.PYPI:
        return [installed.program, "-I", DRIVERS / f"{DRIVER}.py"], [installed.program]
    node = find_program("node")
    return [node, DRIVERS / f"{DRIVER}.mjs", installed.folder], [node]


def _environment(
    gated: GatedContainer, variables: Mapping[str, str], *, is_direct: bool
) -> dict[str, str]:
    """Return the whole environment of the driver; a gateway on this machine needs no proxy."""
    home = gated.container.home
    return {
        **variables,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": SYSTEM_PATH,
        "TMPDIR": str(home / TEMPORARY_FOLDER),
        **({} if is_direct else gated.proxy_variables()),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSdkReading:
    """A finished run of the driver, and what is needed to read it."""

    traces: ClientTraces
    version: str
    limit: str | None = None
    """Resource limit that the client exceeded."""
    is_anthropic: bool = True
    """True: the host is Anthropic's, which answers an error with its type."""

    def observation(self) -> Observation:
        """Return the observation."""
        result, gate = self.traces.result, self.traces.gate
        document = read_last_object(result.stdout) or {}
        output = read_output(result.stdout)
        report = output.report if output else None
        error_type = _error_type(document)
        outcome, detail = self._outcome(error_type)
        is_accepted = outcome is Outcome.ACCEPTED
        status = 200 if is_accepted else report.status if report else None
        message = report.message if report and report.is_error else None
        requests = document.get("requests")
        observation = Observation(
            outcome=outcome,
            status=status,
            reported_status=report.status if report else None,
            error_type=error_type,
            message=self.traces.clean(message, MAX_MESSAGE_LENGTH),
            exit_code=result.exit_code if _has_exited(result) else None,
            elapsed=round(result.elapsed, 3),
            detail=self.traces.clean(detail, MAX_DETAIL_LENGTH),
            egress_refused=tuple(sorted({each.host for each in gate if each.refused})),
            client_version=self.version,
            evidence=tuple(
                source
                for source, is_there in (
                    (EvidenceSource.RESULT, report is not None),
                    (EvidenceSource.GATE, bool(gate)),
                )
                if is_there
            ),
            gate=gate,
            cost=Cost(
                requests=requests if type(requests) is int else None,
                estimated_usd=MESSAGE_USD if is_accepted else 0.0,
            ),
        )
        return self.traces.searched(observation)

    def _outcome(self, error_type: str | None) -> tuple[Outcome, str | None]:
        """Return the outcome, and why if the SDK does not tell it by a status."""
        result, asked = self.traces.result, self.traces.asked
        if self.limit:
            return Outcome.CRASHED, f"it exceeded a limit of authprobe: {self.limit}"
        if not _has_exited(result):
            return Outcome.TIMED_OUT, f"still running after {result.elapsed:.0f} s"
        output = read_output(result.stdout)
        if output is None:
            reason = last_error_line(result.stderr.strip() or result.stdout)
            return Outcome.CRASHED, f"ended with exit code {result.exit_code}: {reason}"
        report = output.report
        if not report.is_error:
            if asked.received:
                return Outcome.ACCEPTED, None
            return Outcome.CRASHED, self.traces.nothing_received
        if report.status is not None and report.status >= 400:
            if self.is_anthropic and error_type is None:
                # The service names the type of each error; what is between does not.
                return Outcome.UNAVAILABLE, "could not be asked: an answer without an error type"
            return status_outcome(report.status), None
        if report.status is not None and report.status >= 300:
            return status_outcome(report.status), "a redirect, which is not followed"
        if asked.failure:
            return Outcome.UNREACHABLE, self.traces.unreachable
        message = report.message or ""
        if message.startswith(CONNECTION_ERRORS):
            return Outcome.UNREACHABLE, "the client could not connect"
        if not asked.connections and NO_CREDENTIAL_ERROR.match(message):
            return Outcome.REJECTED, "refused by the client itself: it asked no host of the case"
        return Outcome.CRASHED, message


def _has_exited(result: CompletedChild) -> bool:
    return result.exit_reason is ExitReason.EXITED


def _error_type(document: Mapping[str, Any]) -> str | None:
    """Return the type in the body of the error that the SDK raised."""
    match document:
        case {"error": {"body": {"error": {"type": str(value)}}}} if ERROR_TYPE.fullmatch(value):
            return value
    return None
