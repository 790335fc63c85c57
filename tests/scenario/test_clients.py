"""The spelling of clients, read and written."""

import pytest

from authprobe.core.client_kinds import ClientKind, Via
from authprobe.scenario.bundled_clients import KNOWN_CLIENTS
from authprobe.scenario.clients import kind_name, parse_client


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("raw-http", "raw-http"),
        ("claude-code", "claude-code@latest"),
        ("claude-code@2.1.31", "claude-code@2.1.31"),
        ("claude-code@>= 2.1  <2.2", "claude-code@>=2.1 <2.2"),
        ("claude-code@installed", "claude-code@installed"),
        ("claude-max-api-proxy", "claude-max-api-proxy@latest+claude-code@latest"),
        ("litellm", "litellm@latest"),
        ("litellm@1.0+claude-code", "litellm@1.0+claude-code@latest"),
    ],
)
def test_a_client_has_one_full_spelling(text: str, full: str) -> None:
    assert str(parse_client(text)) == full
    assert parse_client(full) == parse_client(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("claude", "no such client: 'claude'"),
        ("agent-sdk-node@installed", "only claude-code can be 'installed'"),
        ("claude-code+claude-code", "claude-code brings its own CLI; leave out '+claude-code'"),
        (
            "claude-max-api-proxy+agent-sdk-node",
            "claude-max-api-proxy drives claude-code, not agent-sdk-node",
        ),
        ("litellm+raw-http", "litellm is asked by claude-code, not raw-http"),
        ("claude-code@xx", "'xx' is not a version; write 2.1.31, latest or a range"),
        ("claude-code@2.1", "'2.1' is not a version; write 2.1.31, latest or a range"),
        ("litellm@1.80.0+claude-code@newest", "'newest' is not a version"),
        ("claude-code@>=2.1 <", "'>=2.1 <' is not a version range"),
    ],
)
def test_a_client_that_does_not_exist_is_rejected_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason.replace("+", r"\+")):
        parse_client(text)


@pytest.mark.parametrize("text", ["x", "x@1", "x+y", "x@1+y@2"])
def test_the_kind_comes_before_the_version_and_the_second_client(text: str) -> None:
    assert kind_name(text) == "x"


def test_only_authprobe_and_a_gateway_alone_are_sent_requests_by_authprobe() -> None:
    takers = {kind for kind in KNOWN_CLIENTS if parse_client(kind).takes_request}
    assert takers == {
        *(ClientKind.RAW_HTTP, "litellm", "better-ccflare", "claude-code-router", "portkey")
    }
    assert not parse_client("litellm+claude-code").takes_request


def test_a_gateway_takes_other_credentials_behind_a_client_than_alone() -> None:
    assert Via.BEARER in parse_client("litellm").vias
    assert Via.BEARER not in parse_client("litellm+claude-code").vias
