"""Texts of a client, without what says who its user is."""

import pytest

from authprobe.live.claude_result import read_cost, read_error_type
from authprobe.live.client_traces import without_body

BODY = '{"type":"error","error":{"type":"x","message":"no {thing}"},"request_id":"req_cafe"}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pong", "pong"),
        (
            f"API Error: 401 {BODY} · Run /login",
            "API Error: 401 no {thing} · Run /login",
        ),
        (f"{BODY} and {BODY}", "no {thing} and no {thing}"),
        ('failed: {"id": "cafe"}.', "failed: [body]."),
        ('failed: {"error": "cafe"}', "failed: [body]"),
        ('cut: {"error": {"message": "cafe', "cut: [body]"),
        ("cut: " + '{"a":' * 50_000, "cut: [body]"),
        ("many: " + "{} " * 5_000, "many: " + "[body] " * 5_000),
    ],
)
def test_body_is_replaced_by_its_message(text: str, expected: str) -> None:
    assert without_body(text) == expected


@pytest.mark.parametrize(
    ("stdout", "cost"),
    [
        ('{"is_error": false, "total_cost_usd": 0.5}', 0.5),
        ('{"is_error": false, "cost_usd": 1}', 1.0),
        ('[{"type": "system"}, {"is_error": false, "total_cost_usd": 0.25}]', 0.25),
        ('{"is_error": false, "total_cost_usd": "0.5"}', None),
        ('{"is_error": false, "total_cost_usd": true}', None),
        ('{"is_error": false, "total_cost_usd": -1}', None),
        ('{"is_error": false, "total_cost_usd": NaN}', None),
        ("no report", None),
    ],
)
def test_cost_is_a_number_of_dollars(stdout: str, cost: float | None) -> None:
    assert read_cost(stdout) == cost


def test_only_a_type_of_an_error_is_kept() -> None:
    report = '{"is_error": true, "api_error_type": "%s"}'
    assert read_error_type(report % "rate_limit_error") == "rate_limit_error"
    assert read_error_type(report % "sk-ant-oat01-cafe") is None
    assert read_error_type("no report") is None
