"""Tests of the requests that Claude Code makes beside its task."""

import pytest

from authprobe.emulator.catalogue import FAULT_NAMES
from authprobe.emulator.rules.base import RuleCertainty
from authprobe.emulator.rules.routes import API, RULES
from authprobe.emulator.rules.side_calls import SIDE_CALLS
from authprobe.observation.model import Exchange
from authprobe.report.model.relevance import matters
from tests.support.requests import GOOD, RequestSpec
from tests.support.rule_examples import EXPIRED, REVOKED, UNKNOWN


@pytest.mark.parametrize(("method", "path"), SIDE_CALLS)
@pytest.mark.parametrize("credential", [EXPIRED, REVOKED, UNKNOWN])
def test_a_side_call_never_accepts_a_credential_that_is_not_valid(
    method: str, path: str, credential: tuple[object, object]
) -> None:
    spec = RequestSpec(target=(method, API, path), bearer=credential)  # type: ignore[arg-type]
    backend = spec.backend()
    assert backend.answer(spec.request(backend)).answer.status == 404


@pytest.mark.parametrize(("method", "path"), SIDE_CALLS)
def test_a_side_call_does_not_matter_for_authentication(method: str, path: str) -> None:
    spec = RequestSpec(target=(method, API, path), bearer=GOOD)
    backend = spec.backend()
    request = spec.request(backend)
    record = backend.recorder.begin(request)
    decision = backend.answer(request)
    backend.recorder.end(record, decision)
    [exchange] = backend.log.exchanges
    assert RULES[decision.rule].certainty is RuleCertainty.BACKGROUND
    assert not matters(exchange)
    assert decision.rule not in FAULT_NAMES


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/messages", True),
        ("/v1/models/m", True),
        ("/v1/messages/batches/b/results", True),
        ("/api/oauth/profile", True),
        ("/api/hello", False),
        ("/api/eval/sdk-x", False),
        ("/nowhere", False),
    ],
)
def test_requests_to_known_paths_matter(path: str, expected: bool) -> None:
    exchange = Exchange(method="GET", host=API, path=path, credential_header=None, credential=None)
    assert matters(exchange) is expected
