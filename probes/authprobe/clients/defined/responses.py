"""Observation of a server's response to authprobe's own request."""

import dataclasses
import http.client

from authprobe.clients.defined import readings
from authprobe.clients.defined.preparation import Preparation
from authprobe.clients.defined.program import observe_report
from authprobe.clients.defined.readings import Output
from authprobe.clients.defined.request import Response
from authprobe.clients.observe import MAX_DETAIL_LENGTH, ClientReport, without_request_id
from authprobe.observation.model import Observation
from authprobe.scenario.client_definitions import ENDS_WELL, ClientDefinition


def observe_response(
    preparation: Preparation, response: Response, *, stdout: str, stderr: str, began: float
) -> Observation:
    """Return the observation of a response, with the log of the server until then."""
    sandbox = preparation.sandbox
    output = Output(
        home=sandbox.home_folder,
        stdout=stdout,
        stderr=stderr,
        response=response.text,
        status=response.status,
    )
    report = read_report(preparation.definition, response, output)
    # A status of success is no reason for a refusal: the backend's is.
    is_told = (report.status or 0) >= http.client.BAD_REQUEST
    observation = observe_report(
        sandbox,
        report if is_told else dataclasses.replace(report, status=None),
        began=began,
        exit_code=None,
        version=None,
    )
    told_type = response.error_type if report.is_error else None
    return dataclasses.replace(
        observation,
        reported_status=report.status,
        error_type=told_type and sandbox.redactor.cut(told_type, MAX_DETAIL_LENGTH),
    )


def read_report(definition: ClientDefinition, response: Response, output: Output) -> ClientReport:
    """Return what the server tells its user: by the readings of its definition, or by the status
    and the body of the response.
    """
    accepted = definition.accepted
    is_error = (
        response.is_error if accepted == ENDS_WELL else not readings.meets_all(accepted, output)
    )
    message = readings.read_text(definition.message, output) or response.error_message
    if is_error and not message:
        message = response.text
    return ClientReport(
        is_error=is_error,
        message=without_request_id(message) if message else None,
        status=readings.read_status(definition.status, output) or response.status,
    )
