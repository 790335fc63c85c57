"""The gateways of docs/scenarios.md, and the bundled one, with requests of authprobe itself."""

from pathlib import Path

from authprobe.clients.base import Laboratory
from authprobe.engine.probe import probe_case
from authprobe.plan.case import Case, expand
from authprobe.scenario.load import load_file
from authprobe.verdict.judge import judge
from authprobe.verdict.model import Status
from tests.support.command import PROJECT
from tests.support.examples import gateway_example


def cases(path: Path, *, of_authprobe: bool) -> list[Case]:
    """Return the cases of authprobe's own requests, or those of other clients."""
    return [case for case in expand(load_file(path)) if case.client.is_authprobe is of_authprobe]


def failures(laboratory: Laboratory, cases: list[Case]) -> dict[str, str]:
    """Return what differs from the expectation, by case."""
    verdicts = {case.id: judge(case, probe_case(laboratory, case)) for case in cases}
    return {
        id: str(verdict.mismatches)
        for id, verdict in verdicts.items()
        if verdict.status is not Status.PASSED
    }


def test_requests_to_the_gateway_of_the_documentation(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    names = ("gateway.yaml", "header-gateway.yaml")
    paths = [gateway_example(tmp_path, name) for name in names]
    requests = [case for path in paths for case in cases(path, of_authprobe=True)]
    assert len(requests) == 4
    assert failures(laboratory, requests) == {}


def test_requests_to_the_bundled_gateway(laboratory: Laboratory) -> None:
    requests = cases(PROJECT / "scenarios/own-gateway.yaml", of_authprobe=True)
    assert len(requests) == 11
    assert failures(laboratory, requests) == {}
