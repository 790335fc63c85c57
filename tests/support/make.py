"""Factories of valid values for tests; keywords replace single fields."""

import dataclasses
import datetime
from typing import Any

from authprobe.observation.model import Exchange, Observation, Outcome
from authprobe.plan.case import Case, expand
from authprobe.run.baseline import accept_record
from authprobe.run.model import CaseRecord, Platform, Run, RunShard, Tool
from authprobe.scenario.clients import Client, parse_client
from authprobe.scenario.model import Expectation, Matrix, Scenario
from authprobe.verdict.accepted import Accepted
from authprobe.verdict.model import Status, Verdict


def make_clients(*texts: str) -> tuple[Client, ...]:
    """Return the clients with these spellings."""
    return tuple(map(parse_client, texts))


def make_scenario(**changes: Any) -> Scenario:
    """Return a scenario of one raw HTTP case without a credential."""
    values: dict[str, Any] = {
        "id": "example",
        "title": "An example",
        "why": "It shows the shape.",
        "sources": ("https://example.org/issue/1",),
        "matrix": Matrix(client=make_clients("raw-http")),
        "expect": Expectation(outcome=Outcome.REJECTED),
    }
    return Scenario(**values | changes)


def make_case(**expect: Any) -> Case:
    """Return a case with this expectation, `accepted` by default."""
    return expand(make_scenario(expect=Expectation(**{"outcome": Outcome.ACCEPTED} | expect)))[0]


def make_exchange(**changes: Any) -> Exchange:
    """Return a request to the Messages API that was answered with 200."""
    values: dict[str, Any] = {
        "method": "POST",
        "host": "api.anthropic.com",
        "path": "/v1/messages",
        "credential_header": None,
        "credential": None,
        "status": 200,
    }
    return Exchange(**values | changes)


def make_observation(**changes: Any) -> Observation:
    """Return the observation of an accepted request."""
    values: dict[str, Any] = {"outcome": Outcome.ACCEPTED, "status": 200}
    return Observation(**values | changes)


def make_record(**changes: Any) -> CaseRecord:
    """Return the record of a passed case."""
    values: dict[str, Any] = {
        "id": "example/raw-http/default/none",
        "scenario": "example",
        "title": "An example",
        "client": "raw-http",
        "client_version": "0.1.0",
        "endpoint": "default",
        "credential": "none",
        "headers": "default",
        "backend": "default",
        "fault": None,
        "flow": "request",
        "why": "It shows the shape.",
        "sources": ("https://example.org/issue/1",),
        "expectation": Expectation(outcome=Outcome.ACCEPTED),
        "observation": make_observation(),
        "verdict": Verdict(status=Status.PASSED),
    }
    return CaseRecord(**values | changes)


def make_accepted(record: CaseRecord, **changes: Any) -> Accepted:
    """Return the case as accepted on a past day."""
    accepted = accept_record(record, on=datetime.date(2026, 1, 31), tool="0.0.9")
    return dataclasses.replace(accepted, **changes)


def make_run(*cases: CaseRecord, **changes: Any) -> Run:
    """Return a run of these cases that took a second on a fixed platform."""
    values: dict[str, Any] = {
        "id": "0" * 32,
        "started_at": datetime.datetime(2026, 11, 23, 19, 10, tzinfo=datetime.UTC),
        "elapsed": 1.0,
        "tool": Tool(version="0.1.0"),
        "platform": Platform(system="Linux", machine="x86_64", python="3.11.7"),
        "cases": cases,
    }
    return Run(**values | changes)


def make_shard(index: int, count: int, **changes: Any) -> RunShard:
    """Return the place of a shard with one case, of a run that has as many cases as shards."""
    values: dict[str, Any] = {
        "cases": count,
        "own": 1,
        "plan": "p",
        "weights": "w",
        "baseline": None,
        "known_failures": None,
        "partial": False,
    }
    return RunShard(index=index, count=count, **values | changes)
