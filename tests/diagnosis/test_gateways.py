"""Facts about requests to gateways and hosts of one's own."""

import dataclasses

from authprobe.diagnosis.diagnose import diagnose
from authprobe.diagnosis.observation_facts import missing_host, symptom_from_observation
from authprobe.diagnosis.symptom import FactKind
from authprobe.observation.model import Outcome
from authprobe.report.model.relevance import matters
from tests.support.make import make_exchange, make_observation, make_record

GATEWAY = make_exchange(
    host="llm.corp.example",
    path="/anthropic/v1/messages",
    status=401,
    rule="gateway:unknown-key",
    message="gateway: unknown key",
)
TELEMETRY = make_exchange(
    host="otel.corp.example", path="/v1/traces", status=200, rule="host:empty"
)
NOTHING = make_exchange(
    method="CONNECT", host="no.corp.example", path="", status=502, rule="host:nothing"
)
UNKNOWN = make_exchange(method="CONNECT", host="x.example", path="", status=502, rule="deny:host")


def test_a_refusal_of_a_gateway_is_the_symptom() -> None:
    exchanges = (NOTHING, UNKNOWN, GATEWAY)
    symptom = symptom_from_observation(
        make_observation(outcome=Outcome.REJECTED, status=401, exchanges=exchanges)
    )
    hosts = [fact for each in symptom.fact_sets for fact in each.facts.get(FactKind.HOST, ())]
    assert hosts == ["llm.corp.example"]


def test_a_gateway_that_was_reached_is_not_missing() -> None:
    refused = {"outcome": Outcome.REJECTED, "egress_refused": ("x.example",)}
    assert missing_host(make_observation(exchanges=(UNKNOWN,), **refused)) == "x.example"
    assert missing_host(make_observation(exchanges=(UNKNOWN, NOTHING), **refused)) == "x.example"
    assert missing_host(make_observation(exchanges=(UNKNOWN, GATEWAY), **refused)) is None


def test_only_requests_to_the_gateway_matter_for_authentication() -> None:
    assert [matters(each) for each in (GATEWAY, TELEMETRY, NOTHING)] == [True, False, False]


def test_a_refusal_of_a_gateway_itself_has_no_cause_at_the_service() -> None:
    verdict = make_record().verdict
    seen = make_observation(outcome=Outcome.REJECTED, status=401, exchanges=(GATEWAY,))
    assert diagnose(seen, verdict) is None
    by_service = make_exchange(status=401, rule="A02", message="invalid x-api-key")
    assert diagnose(dataclasses.replace(seen, exchanges=(GATEWAY, by_service)), verdict)
