"""Build observations from a client's report to its user and the exchanges of the backend."""

import dataclasses
import re
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from authprobe.clients.base import Sandbox
from authprobe.core.claude_api import is_inference_path
from authprobe.emulator.rules.routes import API
from authprobe.errors import ClientError
from authprobe.observation.model import Exchange, Observation, Outcome, status_outcome

MAX_MESSAGE_LENGTH: Final = 2000
MAX_DETAIL_LENGTH: Final = 500
ERROR_LINE: Final = re.compile(
    r"(?:[A-Za-z.]*(?:Error|Exception)|panic|fatal)\b.*\S", re.IGNORECASE
)
PRODUCT_VERSION: Final = re.compile(r"[/ ](?=[0-9])")
"""Separator between product and version: `claude-cli/2.1.31`, `Anthropic/Python 2.12.0`."""
REQUEST_ID: Final = re.compile(r"\breq_\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientReport:
    """A client's final report to its user."""

    is_error: bool
    message: str | None
    status: int | None = None


def inference_requests(exchanges: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
    """Return the requests to a model."""
    return tuple(exchange for exchange in exchanges if is_inference_path(exchange.path))


def last_inference(exchanges: tuple[Exchange, ...]) -> Exchange | None:
    """Return the last inference request, or None."""
    requests = inference_requests(exchanges)
    return requests[-1] if requests else None


def could_not_connect(exchanges: Iterable[Exchange], apis: Collection[str]) -> bool:
    """Return True if a connection to one of these hosts failed before the host answered.

    One that breaks off later is a side request that the client left unfinished when it exited,
    unless a fault of the backend broke it.
    """
    answered: set[str] = set()
    for exchange in exchanges:
        if exchange.host in apis and exchange.method == "CONNECT":
            if exchange.faults or exchange.host not in answered:
                return True
        elif exchange.status is not None:
            answered.add(exchange.host)
    return False


def observe(
    sandbox: Sandbox,
    report: ClientReport,
    *,
    began: float,
    exit_code: int | None,
    version: str | None,
) -> Observation:
    """Return the observation of a client that exited and gave its user a report."""
    exchanges = sandbox.exchanges
    last = last_inference(exchanges)
    apis = {API, *filter(sandbox.backend.emulates, sandbox.case.backend.hosts)}
    status = report.status or (last.status if last else None)
    detail = None
    if not report.is_error:
        outcome = Outcome.ACCEPTED
    elif last is None and could_not_connect(exchanges, apis):
        outcome, detail = Outcome.UNREACHABLE, "the client could not connect"
    elif last is None:
        outcome, detail = Outcome.REJECTED, "refused by the client itself: it asked no model"
    elif status is None or status < 400:
        outcome, detail = Outcome.UNREACHABLE, "the client gave up without a refusal"
    else:
        outcome = status_outcome(status)
    refused = report.is_error and last is not None
    return Observation(
        outcome=outcome,
        status=status,
        reported_status=report.status,
        error_type=last.error_type if refused and last else None,
        message=sandbox.redactor.cut(report.message, MAX_MESSAGE_LENGTH)
        if report.message
        else None,
        exit_code=exit_code,
        elapsed=round(time.monotonic() - began, 3),
        detail=detail,
        exchanges=exchanges,
        egress_refused=sandbox.backend.log.egress_refused,
        client_version=version,
    )


def incomplete_observation(
    sandbox: Sandbox,
    outcome: Outcome,
    detail: str,
    *,
    began: float,
    exit_code: int | None = None,
    version: str | None = None,
) -> Observation:
    """Return the observation of a client without a readable report."""
    last = last_inference(sandbox.exchanges)
    return Observation(
        outcome=outcome,
        status=last.status if last else None,
        error_type=last.error_type if last else None,
        exit_code=exit_code,
        elapsed=round(time.monotonic() - began, 3),
        detail=sandbox.redactor.cut(detail, MAX_DETAIL_LENGTH),
        exchanges=sandbox.exchanges,
        egress_refused=sandbox.backend.log.egress_refused,
        client_version=version,
    )


def add_remark(observation: Observation, remark: str) -> Observation:
    """Return the observation with a remark at the end of its detail."""
    detail = f"{observation.detail}; {remark}" if observation.detail else remark
    return dataclasses.replace(observation, detail=detail)


def mention_unrecorded(sandbox: Sandbox, observation: Observation) -> Observation:
    """Return the observation with a remark on the requests that are not recorded, if any."""
    count = sandbox.backend.log.dropped
    if count == 0:
        return observation
    return add_remark(observation, f"{count:,} further requests are not recorded")


def last_error_line(output: str) -> str:
    """Return the most informative line of a program's output: the last error, else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if ERROR_LINE.match(line)]
    return (errors or lines or ["it said nothing"])[-1]


def without_request_id(text: str) -> str:
    """Replace the request id, which differs on each run."""
    return REQUEST_ID.sub("[request-id]", text)


def product_versions(exchanges: tuple[Exchange, ...], products: tuple[str, ...]) -> frozenset[str]:
    """Return the versions of these products in the User-Agents of all requests."""
    names_and_versions = [
        PRODUCT_VERSION.split(product, maxsplit=1)
        for exchange in exchanges
        for product in exchange.products
    ]
    return frozenset(version for name, version in names_and_versions if name in products)


def verified_version(
    exchanges: tuple[Exchange, ...], products: tuple[str, ...], installed: str
) -> str:
    """Return the installed version, after comparing it with the User-Agents of all requests.

    Raises:
        ClientError: another version sent a request.
    """
    if wrong := product_versions(exchanges, products) - {installed}:
        raise ClientError(f"asked for {installed}, but {', '.join(sorted(wrong))} ran")
    return installed
