"""Hosts of one's own: what they require, change and send back, and what is recorded."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from authprobe.core.claude_api import API
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import (
    Backend,
    CredentialTreatment,
    ErrorForm,
    ErrorRewrite,
    Fault,
    Holds,
    Host,
    Proxy,
    Requirement,
    Service,
    Strip,
    TokenKind,
    TokenState,
)
from authprobe.emulator.decision import Decision
from authprobe.emulator.gateway import Act
from authprobe.emulator.rules.base import RequestContext
from authprobe.observation.model import Exchange, RewrittenError
from tests.support.requests import MESSAGE

NAME = "llm.corp.example"
OWN_KEY = Requirement(form="Bearer", holds=Holds.GATEWAY_KEY)
BODY = MESSAGE | {"model": "claude-sonnet-5-5"}


def backend_with(host: Host | Service, **fields: Any) -> CaseBackend:
    return CaseBackend(Backend(hosts={NAME: host}, **fields))


def ask(
    backend: CaseBackend,
    path: str = "/v1/messages",
    *,
    host: str = NAME,
    body: Mapping[str, Any] = BODY,
    method: str = "POST",
    **headers: str,
) -> tuple[Decision, Exchange]:
    """Send a request; return the decision and the record."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = RequestContext(
        method=method,
        host=host,
        path=path,
        headers={"anthropic-version": "2023-06-01", **names},
        body=json.dumps(body).encode(),
        state=backend.state,
    )
    record = backend.recorder.begin(request)
    decision = backend.answer(request)
    backend.recorder.end(record, decision)
    return decision, record.exchange


def key(
    backend: CaseBackend,
    kind: TokenKind = TokenKind.GATEWAY_KEY,
    state: TokenState = TokenState.VALID,
) -> str:
    return backend.tokens.make(kind, state).value


def test_a_gateway_applies_the_rules_of_the_api_and_is_recorded_by_its_own_name() -> None:
    backend = backend_with(Host())
    decision, exchange = ask(backend, x_api_key=key(backend, TokenKind.API_KEY))
    assert (decision.rule, decision.answer.status) == ("messages", 200)
    assert (exchange.host, exchange.path, exchange.credential) == (NAME, "/v1/messages", "api-key")
    assert exchange.gateway == ()
    decision, exchange = ask(backend, x_api_key="sk-ant-api03-other")
    assert (decision.rule, exchange.host) == ("A02", NAME)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/anthropic/v1/messages", "messages"),
        ("/v1/messages", "gateway:wrong-prefix"),
        ("/anthropicv1/messages", "gateway:wrong-prefix"),
        ("/anthropic", "gateway:wrong-prefix"),
    ],
)
def test_a_prefix_is_required_and_removed(path: str, rule: str) -> None:
    backend = backend_with(Host(prefix="/anthropic"))
    decision, exchange = ask(backend, path, x_api_key=key(backend, TokenKind.API_KEY))
    assert (decision.rule, exchange.path) == (rule, path)


@pytest.mark.parametrize(
    ("state", "rule"),
    [
        (TokenState.VALID, "messages"),
        (TokenState.UNKNOWN, "gateway:unknown-key"),
        (TokenState.EXPIRED, "gateway:expired-key"),
        (TokenState.REVOKED, "gateway:revoked-key"),
    ],
)
def test_a_gateway_judges_its_own_key(state: TokenState, rule: str) -> None:
    backend = backend_with(Host(requires=OWN_KEY, credential=CredentialTreatment.REPLACE))
    decision, exchange = ask(backend, authorization=f"Bearer {key(backend, state=state)}")
    assert decision.rule == exchange.rule == rule
    assert decision.answer.status == (200 if rule == "messages" else 401)
    assert (exchange.credential, exchange.credential_header) == ("gateway-key", "authorization")
    assert exchange.headers["authorization"] == "Bearer [redacted:gateway-key]"


@pytest.mark.parametrize(
    ("headers", "rule"),
    [
        ({}, "gateway:missing-header"),
        ({"authorization": ""}, "gateway:missing-header"),
        ({"authorization": "Basic abc"}, "gateway:wrong-form"),
        ({"authorization": "Bearer "}, "gateway:wrong-form"),
        ({"authorization": "Bearer of nothing"}, "gateway:unknown-key"),
    ],
)
def test_a_gateway_refuses_what_does_not_meet_its_requirement(
    headers: dict[str, str], rule: str
) -> None:
    backend = backend_with(Host(requires=(OWN_KEY,)))
    decision, _ = ask(backend, **headers)  # type: ignore[arg-type]
    assert (decision.rule, decision.answer.status) == (rule, 401)


def test_the_api_and_other_gateways_refuse_the_key_of_a_gateway() -> None:
    backend = backend_with(Host())
    value = key(backend)
    assert ask(backend, authorization=f"Bearer {value}")[0].rule == "A05"
    assert ask(backend, x_api_key=value, host=API)[0].rule == "A02"


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (TokenKind.API_KEY, "messages"),
        (TokenKind.GATEWAY_KEY, "gateway:not-a-claude-credential"),
        (TokenKind.REFRESH_TOKEN, "gateway:not-a-claude-credential"),
    ],
)
def test_a_gateway_can_require_a_credential_for_claude(kind: TokenKind, rule: str) -> None:
    backend = backend_with(
        Host(requires=Requirement(header="X-Api-Key", holds=Holds.CLAUDE_CREDENTIAL))
    )
    assert ask(backend, x_api_key=key(backend, kind))[0].rule == rule


def test_a_gateway_replaces_every_credential_by_a_valid_key() -> None:
    backend = backend_with(Host(credential=CredentialTreatment.REPLACE))
    expired = key(backend, TokenKind.ACCESS_TOKEN, TokenState.EXPIRED)
    decision, exchange = ask(backend, authorization=f"Bearer {expired}")
    assert decision.rule == "messages"
    assert (exchange.credential, exchange.gateway) == ("access-token", (Act.REPLACED_CREDENTIAL,))
    ask(backend)
    assert len([each for each in backend.tokens if each.kind is TokenKind.API_KEY]) == 1


def test_a_gateway_strips_headers_and_flags() -> None:
    backend = backend_with(Host(strips=Strip(headers=("X-Corp-Key",), betas=("oauth-2025-04-20",))))
    token = f"Bearer {key(backend, TokenKind.ACCESS_TOKEN)}"
    decision, exchange = ask(
        backend, authorization=token, anthropic_beta="oauth-2025-04-20", x_corp_key="secret"
    )
    assert decision.rule == "A04"  # the flag did not arrive
    assert exchange.betas == ("oauth-2025-04-20",)  # but was sent
    assert exchange.gateway == (Act.STRIPPED_HEADER, Act.STRIPPED_BETA)
    assert exchange.headers["x-corp-key"] == "present"
    _, exchange = ask(backend, authorization=token, anthropic_beta="another")
    assert exchange.gateway == ()


@pytest.mark.parametrize(
    ("rewrite", "status", "body"),
    [
        (ErrorRewrite(status=529, becomes=503, form=ErrorForm.TEXT), 503, "Overloaded"),
        (ErrorRewrite(becomes=500, form=ErrorForm.TEXT, message="no"), 500, "no"),
        (
            ErrorRewrite(form=ErrorForm.OPENAI),
            529,
            {
                "error": {
                    "message": "Overloaded",
                    "type": "overloaded_error",
                    "param": None,
                    "code": None,
                }
            },
        ),
        (ErrorRewrite(status=529, becomes=502), 502, None),
        (ErrorRewrite(status=401, becomes=502), 529, None),
    ],
)
def test_a_gateway_rewrites_errors(rewrite: ErrorRewrite, status: int, body: Any) -> None:
    backend = backend_with(
        Host(errors=rewrite, credential=CredentialTreatment.REPLACE), faults=("A30",)
    )
    decision, exchange = ask(backend)
    assert (decision.rule, decision.answer.status, exchange.status) == ("A30", status, status)
    if body is not None:
        assert decision.answer.body == body
    is_rewritten = status != 529 or body is not None
    assert (Act.REWROTE_ERROR in exchange.gateway) == is_rewritten
    first = RewrittenError(status=529, error_type="overloaded_error", message="Overloaded")
    assert exchange.rewritten == (first if is_rewritten else None)


def test_a_denial_is_never_rewritten() -> None:
    backend = backend_with(Host(errors=ErrorRewrite(becomes=500)))
    decision, _ = ask(backend, "/v1/unknown")
    assert (decision.rule, decision.answer.status) == ("deny:route", 404)


def test_latency_delays_answers_and_refusals() -> None:
    backend = backend_with(Host(latency=1.5, requires=OWN_KEY))
    decision, exchange = ask(backend)
    assert (decision.delay, exchange.gateway) == (1.5, (Act.ADDED_LATENCY,))


def test_faults_can_be_limited_to_a_gateway() -> None:
    faults = (Fault(name="A30", host=NAME), Fault(name="reset", host=NAME))
    backend = backend_with(Host(), faults=faults)
    value = key(backend, TokenKind.API_KEY)
    decision, _ = ask(backend, x_api_key=value)
    assert (decision.rule, [fault.name for fault in decision.faults]) == ("A30", ["A30", "reset"])
    assert ask(backend, x_api_key=value, host=API)[0].rule == "messages"
    empty = backend_with(Service.EMPTY, faults=faults)
    assert [fault.name for fault in ask(empty)[0].faults] == ["reset"]


def test_a_host_that_serves_empty_answers_everything() -> None:
    decision, exchange = ask(backend_with(Service.EMPTY), "/any", method="PUT")
    assert (decision.rule, decision.answer.status, decision.answer.body) == ("host:empty", 200, {})
    assert exchange.host == NAME


def test_a_host_that_serves_nothing_is_expected() -> None:
    backend = backend_with(Service.NOTHING)
    backend.recorder.add_refused_connection("CONNECT", NAME)
    backend.recorder.add_refused_connection("CONNECT", "other.example")
    assert backend.log.egress_refused == ("other.example",)
    assert [exchange.rule for exchange in backend.log.exchanges] == ["host:nothing", "deny:host"]


def test_a_required_header_with_the_key_is_recorded_as_the_credential() -> None:
    backend = backend_with(
        Host(
            requires=Requirement(header="X-Corp-Key", holds=Holds.GATEWAY_KEY),
            credential=CredentialTreatment.REPLACE,
        )
    )
    _, exchange = ask(backend, x_corp_key=key(backend))
    assert (exchange.credential, exchange.credential_header) == ("gateway-key", "x-corp-key")
    assert exchange.headers["x-corp-key"] == "[redacted:gateway-key]"


def test_further_headers_are_recorded_without_their_values() -> None:
    backend = CaseBackend(Backend(hosts={NAME: Host()}), headers=("X-Team", "Authorization"))
    _, exchange = ask(backend, x_team="payments", x_other="value", authorization="Bearer abc")
    assert exchange.headers["x-team"] == "present"
    assert "x-other" not in exchange.headers


def test_secret_and_personal_headers_are_recorded_without_their_values() -> None:
    backend = CaseBackend(Backend())
    _, exchange = ask(
        backend,
        host=API,
        x_amz_security_token="IQoJb3JpZ2luX2VjEXAMPLE",
        proxy_authorization="Basic dXNlcjpwYXNz",
        anthropic_workspace_id="wrkspc_01EXAMPLE",
    )
    names = ("x-amz-security-token", "proxy-authorization", "anthropic-workspace-id")
    assert [exchange.headers[name] for name in names] == ["present"] * 3


def chat(backend: CaseBackend, *, stream: bool = False, path: str = "/v1/chat/completions") -> Any:
    body = {"model": "claude-sonnet-5-5", "stream": stream, "messages": MESSAGE["messages"]}
    return ask(backend, path, body=body)[0]


def test_a_gateway_speaks_chat_completions() -> None:
    backend = backend_with(
        Host(serves=Service.CHAT_COMPLETIONS, credential=CredentialTreatment.REPLACE)
    )
    answer = chat(backend).answer
    assert answer.body["choices"][0]["message"]["content"] == "pong"
    assert answer.body["usage"]["total_tokens"] == 2
    names_and_data = chat(backend, stream=True).answer.events
    assert {name for name, _ in names_and_data} == {""}
    assert names_and_data[-1][1] == "[DONE]"
    assert [data["choices"][0]["delta"].get("content") for _, data in names_and_data[:-1]] == [
        "",
        "pong",
        None,
    ]
    assert chat(backend, path="/v1/messages").rule == "gateway:wrong-path"


def test_errors_of_chat_completions_have_the_envelope_of_openai() -> None:
    decision = chat(backend_with(Host(serves=Service.CHAT_COMPLETIONS)))
    assert (decision.rule, decision.answer.status) == ("A01", 401)
    assert set(decision.answer.body["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize("verb", ["rawPredict", "streamRawPredict"])
def test_a_gateway_has_the_paths_of_vertex(prefix: str, verb: str) -> None:
    backend = backend_with(Host(serves=Service.VERTEX, credential=CredentialTreatment.REPLACE))
    model = "claude-sonnet-5-5"
    path = f"{prefix}/projects/p/locations/us-east5/publishers/anthropic/models/{model}:{verb}"
    body = {
        **{name: MESSAGE[name] for name in ("messages", "max_tokens")},
        **{"anthropic_version": "vertex-2023-10-16", "stream": verb.startswith("stream")},
    }
    decision, exchange = ask(backend, path, body=body)
    assert decision.rule == "messages"
    assert decision.answer.body["model"] == model  # type: ignore[index, call-overload]
    assert exchange.body is not None
    assert ask(backend, "/v1/messages")[0].rule == "gateway:wrong-path"


def test_the_proxy_of_a_case_can_replace_the_credential() -> None:
    backend = CaseBackend(Backend(proxy=Proxy(credential=CredentialTreatment.REPLACE)))
    decision, exchange = ask(backend, host=API, x_api_key="sk-ant-api03-placeholder")
    assert (decision.rule, exchange.host, exchange.credential) == ("messages", API, "foreign")
    assert exchange.gateway == (Act.REPLACED_CREDENTIAL,)
    decision, exchange = ask(backend, "/v1/oauth/token", host="platform.claude.com")
    assert exchange.gateway == ()
