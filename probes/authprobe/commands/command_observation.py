"""The observation of a command that ran beside the emulator.

Nothing is known of the command: whether it was accepted follows from its exit code and from the
answer to its last request.
"""

import dataclasses
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.clients.credentials import CONFIG_FOLDER, CREDENTIALS_FILE
from authprobe.clients.home_inspection import inspect_home, output_with_tokens
from authprobe.clients.observe import (
    MAX_DETAIL_LENGTH,
    MAX_MESSAGE_LENGTH,
    PRODUCT_VERSION,
    last_error_line,
    last_inference,
)
from authprobe.emulator.case_backend import CaseBackend
from authprobe.observation.model import (
    CLAIMED_SUCCESS,
    COMMAND_SILENT,
    FOREIGN,
    Exchange,
    Observation,
    Outcome,
    status_outcome,
)
from authprobe.redaction.redactor import Redactor
from authprobe.report.model.relevance import matters

NO_REQUEST: Final = "the command made no request to the emulator"
NO_KNOWN_REQUEST: Final = "the command made no request that the emulator has an answer for"
OUTPUT_CUT: Final = "its output is long, and was searched only in part"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedCommand:
    """A command that has ended, or could not be started, and what it left."""

    exit_code: int
    """As a shell reports it."""
    not_started: str | None = None
    """Why it could not be started."""
    interrupted_by: signal.Signals | None = None
    """Signal that asked it to end, and that was passed on to it."""
    elapsed: float = 0.0
    output: tuple[tuple[str, str], ...] = ()
    is_truncated: bool = False
    home_folder: Path | None = None
    """Its private home, which is removed soon; None: it had none."""
    initial_files: frozenset[Path] | None = None
    delivered_slots: frozenset[str] = frozenset()
    has_stored_login: bool = False

    @property
    def is_interrupted(self) -> bool:
        """True if it was asked to end, and did not end well."""
        return self.interrupted_by is not None and self.exit_code != 0

    @property
    def printed(self) -> str:
        """The last stream that it wrote something to, stderr before stdout if it failed."""
        texts = [text.strip() for _, text in self.output]
        stdout, stderr = texts if len(texts) == 2 else ("", "")
        return (stderr or stdout) if self.exit_code else (stdout or stderr)


@dataclass(frozen=True, slots=True)
class _InspectedCommand:
    """A command as `inspect_home` looks at a case."""

    backend: CaseBackend
    home_folder: Path
    initial_files: frozenset[Path] | None
    delivered_slots: frozenset[str]
    has_stored_login: bool
    output: tuple[tuple[str, str], ...]
    shows_setup_token: bool = False
    login_files: tuple[Path, ...] = (Path(CONFIG_FOLDER, CREDENTIALS_FILE),)

    @property
    def redactor(self) -> Redactor:
        """The emulator's redactor."""
        return self.backend.redactor


def observe_command(command: EndedCommand, backend: CaseBackend) -> Observation:
    """Return the observation of a command, while its private home still exists.

    One that made no request was not tested: nobody knows whether it refused itself, or failed.
    """
    exchanges, redactor = backend.log.exchanges, backend.redactor
    last = deciding_request(exchanges)
    outcome, detail = _outcome(command, last, has_requests=bool(exchanges))
    is_error = outcome is not Outcome.ACCEPTED
    remarks = [detail, *_remarks(command, backend)]
    refused = is_error and last is not None and (last.status or 0) >= 400
    observation = Observation(
        outcome=outcome,
        status=last.status if last and last.method != "CONNECT" else None,
        error_type=last.error_type if refused and last else None,
        message=redactor.cut(_message(command), MAX_MESSAGE_LENGTH) if command.printed else None,
        exit_code=command.exit_code,
        elapsed=round(command.elapsed, 3),
        detail=redactor.cut("; ".join(filter(None, remarks)), MAX_DETAIL_LENGTH) or None,
        exchanges=exchanges,
        egress_refused=backend.log.egress_refused,
        client_version=_version(exchanges),
    )
    return _inspected(command, backend, observation)


def deciding_request(exchanges: tuple[Exchange, ...]) -> Exchange | None:
    """Return the last request to a model, or else the last that matters for authentication."""
    if last := last_inference(exchanges):
        return last
    important = [exchange for exchange in exchanges if matters(exchange)]
    return important[-1] if important else None


def lacks_credential(exchanges: tuple[Exchange, ...]) -> bool:
    """Return True if a command made no request, or was refused without a token of the emulator."""
    last = deciding_request(exchanges)
    return last is None or (last.status == 401 and last.credential in (None, FOREIGN))


def _outcome(
    command: EndedCommand, last: Exchange | None, *, has_requests: bool
) -> tuple[Outcome, str | None]:
    """Return the outcome, and what the exit code and the last answer do not say themselves."""
    code = command.exit_code
    if command.not_started is not None:
        return Outcome.UNAVAILABLE, command.not_started
    if last is None:
        reason = NO_KNOWN_REQUEST if has_requests else NO_REQUEST
        return Outcome.UNAVAILABLE, f"{reason}; {_ending(code)}"
    if last.method == "CONNECT":
        return Outcome.UNREACHABLE, f"it could not connect to {last.host}"
    if last.status is None or not last.complete:
        words = "its last request got no complete answer"
        return Outcome.UNREACHABLE, words if code else f"{words}, and it exited 0"
    if last.status >= 300:
        hidden = f"exit code 0: {CLAIMED_SUCCESS}"
        return status_outcome(last.status), None if code else hidden
    if code == 0 or command.is_interrupted:
        return Outcome.ACCEPTED, None
    return Outcome.CRASHED, f"{_ending(code)}, although its last request was accepted"


def _ending(code: int) -> str:
    if code > 128:
        try:
            return f"ended by {signal.Signals(code - 128).name}"
        except ValueError:
            pass
    return f"exit code {code}"


def _remarks(command: EndedCommand, backend: CaseBackend) -> list[str | None]:
    number = command.interrupted_by
    unrecorded = backend.log.dropped
    return [
        f"{number.name} was passed on to it" if number else None,
        f"{unrecorded:,} further requests are not recorded" if unrecorded else None,
        OUTPUT_CUT if command.is_truncated else None,
        COMMAND_SILENT if command.not_started is None and not command.printed else None,
    ]


def _message(command: EndedCommand) -> str:
    """Return what the user read last: the most telling line of a failure, or else all of it."""
    return last_error_line(command.printed) if command.exit_code else command.printed


def _version(exchanges: tuple[Exchange, ...]) -> str | None:
    """Return the version of the supported client that named itself; None: there are several."""
    products = {product for exchange in exchanges for product in exchange.products}
    versions = {PRODUCT_VERSION.split(product, maxsplit=1)[-1] for product in products}
    return versions.pop() if len(versions) == 1 else None


def _inspected(
    command: EndedCommand, backend: CaseBackend, observation: Observation
) -> Observation:
    """Return the observation with the leaks in the output, and those in a private home."""
    if command.not_started is not None:
        return observation
    has_home = command.home_folder is not None and command.initial_files is not None
    inspected = _InspectedCommand(
        backend=backend,
        home_folder=command.home_folder or Path(),
        initial_files=command.initial_files,
        delivered_slots=command.delivered_slots,
        has_stored_login=command.has_stored_login,
        output=command.output,
    )
    if has_home:
        return inspect_home(inspected, observation)
    return dataclasses.replace(observation, leaks=tuple(output_with_tokens(inspected)))
