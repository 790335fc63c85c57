"""Thousands of requests of a client that does not stop: outputs stay quick and small."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from authprobe.core.claude_api import API
from authprobe.diff.runs import diff_runs
from authprobe.observation.model import Outcome
from authprobe.report.formats.har import har
from authprobe.report.html.diff_page import diff_page
from authprobe.report.html.report import report_page
from authprobe.run.model import Run
from tests.support.make import make_exchange, make_observation, make_record, make_run
from tests.support.speed import processor_time_below

NUMBER: Final = 6000
LIMIT: Final = 6.0
"""Seconds of the processor: a few times what is needed, and a fraction of quadratic time."""
TOKEN: Final = "/v1/oauth/token"
REQUESTS: Final[dict[str, Callable[[int], dict[str, Any]]]] = {
    "bodies": lambda n: {"body": f"sha256:{n}"},
    "flags": lambda n: {"betas": (f"b{n}", "c"), "body": "sha256:0"},
    "credentials": lambda n: {"credential": f"access-token-{n}", "credential_header": "x"},
    "refreshes": lambda n: {"path": TOKEN, "credential": f"refresh-token-{n}"},
    "loops": lambda n: {"path": (TOKEN, "/v1/messages")[n % 2], "status": (200, 401)[n % 2]},
    "token endpoints": lambda n: {"path": f"/{n}{TOKEN}"},
    "hosts and paths": lambda n: {"host": f"h{n}.example", "path": f"/v1/{n}", "status": n % 600},
    "no pattern": lambda n: {"path": f"/v1/{n * n * 7 % 11}", "status": (200, 401)[n * n % 3 % 2]},
}


def run_with(kind: str, outcome: Outcome) -> Run:
    """Return a run with a case that made thousands of requests."""
    changes = map(REQUESTS[kind], range(NUMBER))
    exchanges = tuple(
        make_exchange(**{"host": API, "at": n / 100} | each) for n, each in enumerate(changes)
    )
    observation = make_observation(exchanges=exchanges, outcome=outcome)
    return make_run(make_record(observation=observation))


@pytest.mark.parametrize("kind", REQUESTS)
def test_no_output_takes_long_or_grows_without_end(kind: str) -> None:
    before, after = (run_with(kind, outcome) for outcome in (Outcome.ACCEPTED, Outcome.REJECTED))
    with processor_time_below(LIMIT):
        page = report_page(after)
        changes = str(diff_page(diff_runs(before, after), None))
    assert len(page) < 1_500_000
    assert len(changes) < 500_000
    assert len(har(after, after.cases[0])) < 12_000_000
