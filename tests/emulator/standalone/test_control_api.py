"""Tests of every request of the control API, sent as a test in another language would."""

import contextlib
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authprobe.commands.request_log import log_exchange
from authprobe.emulator.config import AccountState, TokenKind, TokenState
from authprobe.emulator.rules.routes import RULES
from authprobe.emulator.server.http_server import MAX_CONNECTIONS
from authprobe.emulator.server.network import Network
from authprobe.emulator.standalone.control_api import BODY_LIMIT_BYTES, requests
from authprobe.emulator.standalone.emulator import Emulator, emulate, parts_of
from authprobe.emulator.state.tokens import PREFIXES
from tests.support.requests import MESSAGE
from tests.support.waiting import wait_until
from tests.support.wire import TIMEOUT, connect, exchange, read_all

JSON = {"content-type": "application/json"}
JSON_REQUESTS = [
    *("PUT /backend", "PATCH /backend"),
    *("POST /tokens", "POST /resources", "POST /faults", "POST /answers", "POST /clock"),
]
TOKEN = "sk-ant-oat01-" + "of-another-service-" * 3


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture(autouse=True)
def no_error_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check that no error was logged; every traceback of the server goes to its log."""
    yield
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in errors] == []


class Api:
    """A client of the control API of an emulator."""

    def __init__(self, emulator: Emulator, client: httpx.Client) -> None:
        self.emulator = emulator
        self.client = client
        self.url = emulator.control_url or ""

    def send(self, request: str, value: object = None, **headers: str) -> httpx.Response:
        """Send a request, with a value as JSON if there is one."""
        content = None if value is None else json.dumps(value).encode()
        return self.raw(request, content, **(JSON if content else {}), **headers)

    def raw(self, request: str, content: bytes | None, **headers: str) -> httpx.Response:
        """Send a request with this body, and with the token unless a header replaces it."""
        method, _, path = request.partition(" ")
        url = self.url + path
        headers = {"authorization": f"Bearer {self.emulator.control_token}"} | headers
        return self.client.request(method, url, content=content, headers=headers)

    def ok(self, request: str, value: object = None) -> Any:
        """Send a request that must succeed and return the answer."""
        answer = self.send(request, value)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def error(self, request: str, value: object = None, *, status: int = 400) -> str:
        """Send a request that must be refused and return the error message."""
        answer = self.send(request, value)
        assert answer.status_code == status, answer.text
        assert list(answer.json()) == ["error"]
        return str(answer.json()["error"])

    def message_status(self, value: str) -> int:
        """Send a message request with this API key to the service and return the status."""
        headers = {"anthropic-version": "2023-06-01", "x-api-key": value}
        url = f"{self.emulator.base_url}/v1/messages"
        return self.client.post(url, headers=headers, json=MESSAGE).status_code


@pytest.fixture
def api(network: Network) -> Iterator[Api]:
    with emulate(network=network, control_port=0) as emulator, http_client() as client:
        yield Api(emulator, client)


def http_client() -> httpx.Client:
    return httpx.Client(trust_env=False, timeout=TIMEOUT)


# --- requests -------------------------------------------------------------------------------------


def test_the_overview_has_addresses_configuration_and_requests(api: Api) -> None:
    answer = api.ok("GET /")
    emulator = api.emulator
    assert answer["base_url"] == answer["proxy_url"] == emulator.base_url
    assert answer["https_url"] == emulator.https_url
    assert answer["ca_file"] == str(emulator.ca_file)
    assert (answer["standing"], answer["counts_as_claude_code"]) == ("active", False)
    assert answer["requests"] == {f"{method} {path}": text for method, path, text in requests()}
    assert all(answer["requests"].values())


def test_every_request_of_the_overview_exists(api: Api) -> None:
    api.ok("POST /tokens", {})
    for method, path, _ in requests():
        request = f"{method} {path.replace('{slot}', 'access-token')}"
        assert api.send(request).status_code in ((415,) if request in JSON_REQUESTS else (200,))


def test_put_backend_resets_everything(api: Api) -> None:
    key = api.ok("POST /tokens", {"kind": "api-key"})["value"]
    api.ok("POST /faults", "A30")
    assert api.message_status(key) == 529
    answer = api.ok("PUT /backend", {"date": "2026-05-17", "standing": "no-subscription"})
    assert answer["clock"] == "2026-05-17T12:00:00+00:00"
    assert answer["standing"] == "no-subscription"
    assert (api.ok("GET /tokens"), api.ok("GET /faults")) == ([], [])
    assert api.ok("GET /exchanges") == {"exchanges": [], "egress_refused": []}
    assert api.ok("PUT /backend", {})["standing"] == "active"
    assert api.message_status(key) == 401


def test_patch_backend_changes_only_the_given_keys(api: Api) -> None:
    key = api.ok("POST /tokens", {"kind": "api-key"})["value"]
    answer = api.ok("PATCH /backend", {"standing": "organization-disabled", "reuse_revokes": True})
    assert (answer["standing"], answer["reuse_revokes"]) == ("organization-disabled", True)
    assert api.message_status(key) >= 400
    answer = api.ok("PATCH /backend", {"standing": "active", "counts_as_claude_code": True})
    assert answer["reuse_revokes"] is answer["counts_as_claude_code"] is True
    assert api.ok("PATCH /backend", {})["counts_as_claude_code"] is True
    assert api.message_status(key) == 200


@pytest.mark.parametrize("kind", list(PREFIXES))
def test_a_token_value_is_shown_when_it_is_issued_but_not_later(api: Api, kind: TokenKind) -> None:
    fields = {"kind": kind, "scopes": ["user:profile"], "lifetime": 60, "state": "valid"}
    answer = api.send("POST /tokens", fields)
    assert answer.status_code == 201
    token = answer.json()
    assert token.pop("value").startswith(PREFIXES[kind])
    expires_at = token.pop("expires_at")
    assert expires_at.endswith("+00:00")
    assert token == {"slot": kind, "kind": kind, "state": "valid", "scopes": ["user:profile"]}
    assert api.ok("GET /tokens") == [token | {"expires_at": expires_at}]


@pytest.mark.parametrize("state", [s for s in TokenState if s is not TokenState.BLANKED])
def test_a_token_is_issued_in_every_state(api: Api, state: TokenState) -> None:
    token = api.ok("POST /tokens", {"kind": "api-key", "state": state})
    assert token["state"] == state
    assert (api.message_status(token["value"]) == 200) is (state is TokenState.VALID)


def test_a_token_has_a_chosen_value(api: Api) -> None:
    token = api.ok("POST /tokens", {"kind": "api-key", "value": "my-test-key"})
    assert token["value"] == "my-test-key"
    assert api.message_status("my-test-key") == 200
    for fields in ({"value": 1}, {"value": "my-test-key"}, {"kind": "login", "value": "my-key-2"}):
        assert api.send("POST /tokens", fields).status_code == 400
    refusal = api.send("POST /tokens", {"value": TOKEN})
    assert (refusal.status_code, TOKEN in refusal.text) == (400, False)


def test_a_resource_is_put_in_place(api: Api) -> None:
    for fields in (
        {"kind": "model", "id": "our-model"},
        {"kind": "batch", "id": "b", "ended": True},
        {"kind": "file", "id": "f", "content": "text"},
    ):
        assert api.ok("POST /resources", fields) == {"kind": fields["kind"], "id": fields["id"]}
    for wrong in (
        {"kind": "x", "id": "a"},
        {"kind": "model"},
        {"kind": "model", "id": "a/b"},
        {"kind": "model", "id": ""},
        {"kind": "model", "id": "a", "ended": True},
        {"kind": "batch", "id": "a", "ended": 1},
        {"kind": "batch", "id": "a", "content": "x"},
        {"kind": "file", "id": "a", "content": 1},
    ):
        assert api.send("POST /resources", wrong).status_code == 400


def test_a_login_is_an_access_token_and_its_refresh_token(api: Api) -> None:
    access, refresh = api.ok("POST /tokens", {"kind": "login", "state": "expired"})
    assert (access["kind"], access["state"]) == ("access-token", "expired")
    assert (refresh["kind"], refresh["state"]) == ("refresh-token", "valid")
    fields = {"grant_type": "refresh_token", "refresh_token": refresh["value"], "client_id": "x"}
    url = f"{api.emulator.base_url}/v1/oauth/token"
    assert api.client.post(url, json=fields).status_code == 200


@pytest.mark.parametrize(("action", "state"), [("expire", "expired"), ("revoke", "revoked")])
def test_a_token_can_be_ended_once(api: Api, action: str, state: str) -> None:
    key = api.ok("POST /tokens", {"kind": "api-key"})["value"]
    assert api.message_status(key) == 200
    for each in (action, "expire", "revoke"):  # only the first has an effect
        assert api.ok(f"POST /tokens/api-key/{each}")["state"] == state
    assert api.message_status(key) == 401
    assert [token["state"] for token in api.ok("GET /tokens")] == [state]


def test_faults_are_armed_and_disarmed(api: Api) -> None:
    key = api.ok("POST /tokens", {"kind": "api-key"})["value"]
    fault = {"name": "A30", "seconds": None, "times": 1, "after": 1, "host": None, "path": None}
    assert api.ok("POST /faults", {"name": "A30", "times": 1, "after": 1}) == [fault]
    assert api.ok("GET /faults") == [fault]
    assert [api.message_status(key) for _ in range(3)] == [200, 529, 200]
    api.ok("POST /faults", "A22")
    assert api.message_status(key) == 429
    assert api.ok("DELETE /faults") == []
    assert api.message_status(key) == 200


def test_the_control_api_stays_open_while_the_service_refuses_connections(api: Api) -> None:
    key = api.ok("POST /tokens", {"kind": "api-key"})["value"]
    with http_client() as client:
        other = Api(api.emulator, client)
        api.ok("POST /faults", "connection-refused")
        with pytest.raises(httpx.ConnectError):
            other.message_status(key)
        api.ok("DELETE /faults")
        assert other.message_status(key) == 200
    with http_client() as client:
        api.ok("PUT /backend", {"faults": ["connection-refused"]})
        with pytest.raises(httpx.ConnectError):
            Api(api.emulator, client).message_status(key)


def test_post_clock_advances_the_clock(api: Api) -> None:
    api.ok("PUT /backend", {"date": "2026-05-17"})
    key = api.ok("POST /tokens", {"kind": "api-key", "lifetime": 60})["value"]
    assert api.ok("POST /clock", {"advance": 0.5})["clock"] == "2026-05-17T12:00:00+00:00"
    assert api.message_status(key) == 200
    assert api.ok("POST /clock", {"advance": 60})["clock"] == "2026-05-17T12:01:00+00:00"
    assert api.message_status(key) == 401


def test_exchanges_are_listed_and_discarded(api: Api) -> None:
    key = api.ok("POST /tokens", {"kind": "api-key"})["value"]
    api.message_status(key)
    api.client.get(api.emulator.base_url, headers={"host": "example.org"})
    answer = api.ok("GET /exchanges")
    assert [exchange["credential"] for exchange in answer["exchanges"]] == ["api-key", None]
    assert [exchange["rule"] for exchange in answer["exchanges"]] == ["messages", "deny:host"]
    assert answer["egress_refused"] == ["example.org"]
    empty: dict[str, list[object]] = {"exchanges": [], "egress_refused": []}
    assert api.ok("DELETE /exchanges") == empty == api.ok("GET /exchanges")
    assert api.message_status(key) == 200


def test_the_rules_are_listed_with_their_sources(api: Api) -> None:
    answer = api.ok("GET /rules")
    assert {row["id"] for row in answer} == set(RULES)
    assert all(row["sources"] and row["last_seen"] and row["certainty"] for row in answer)


@pytest.mark.parametrize("path", ["/", "/tokens", "/faults", "/exchanges", "/rules"])
def test_head_answers_like_get_without_a_body(api: Api, path: str) -> None:
    head, get = api.send(f"HEAD {path}"), api.send(f"GET {path}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", JSON_REQUESTS)
@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_of_another_content_type_is_refused(api: Api, request_: str, kind: str) -> None:
    answer = api.raw(request_, b"{}", **({"content-type": kind} if kind else {}))
    assert answer.status_code == 415
    assert answer.json() == {
        "error": "not JSON; send a JSON body with content-type: application/json"
    }


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_the_content_type_may_have_parameters_and_capitals(api: Api, kind: str) -> None:
    assert api.raw("POST /tokens", b"{}", **{"content-type": kind}).status_code == 201


@pytest.mark.parametrize("request_", JSON_REQUESTS)
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"x", b"{", b'{"a": 1,}', b"\xff\xfe", b"\x00", b"[" * 100_000),
        *(b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        *(rb'{"\ud800": 1}', rb'{"kind": "\ud800"}', rb'{"scopes": ["\udfff"]}', rb'"\ud800"'),
        b'{"advance": 1' + b"0" * 5000 + b"}",
    ],
    ids=lambda body: f"{len(body)}:{body[:12]!r}",
)
def test_malformed_json_is_refused(api: Api, request_: str, body: bytes) -> None:
    answer = api.raw(request_, body, **JSON)
    assert (answer.status_code, answer.json()) == (400, {"error": "the body is not valid JSON"})
    assert api.ok("GET /tokens") == []


@pytest.mark.parametrize("request_", JSON_REQUESTS)
@pytest.mark.parametrize("depth", [*range(150, 250, 20), *range(900, 1000, 7)])
def test_deeply_nested_json_is_refused(api: Api, request_: str, depth: int) -> None:
    assert api.raw(request_, b"[" * depth + b"]" * depth, **JSON).status_code == 400


@pytest.mark.parametrize("request_", JSON_REQUESTS)
def test_a_body_above_the_limit_is_refused(api: Api, request_: str) -> None:
    body = b"{}" + b" " * BODY_LIMIT_BYTES
    answer = api.raw(request_, body, **JSON)
    assert answer.status_code == 413
    assert answer.json() == {"error": "the body is too large; send at most 1 MiB"}
    assert api.ok("GET /tokens") == []


@pytest.mark.parametrize("request_", JSON_REQUESTS)
@pytest.mark.parametrize("value", [[], "x", 5, True, None, {"nothing-like-it": 1}, [{}], "", 1.5])
def test_json_of_the_wrong_type_is_refused(api: Api, request_: str, value: object) -> None:
    answer = api.raw(request_, json.dumps(value).encode(), **JSON)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("request_", "value"),
    [
        ("PUT /backend", {"stnading": "active"}),
        ("PUT /backend", {"faults": [{"name": "A30", "stnading": 1}]}),
        ("PATCH /backend", {"standing": "active", "stnading": "active"}),
        ("POST /tokens", {"stnading": 1}),
        ("POST /faults", {"name": "A30", "stnading": 1}),
        ("POST /clock", {"advance": 1, "stnading": 1}),
    ],
)
def test_an_unknown_key_is_named(api: Api, request_: str, value: object) -> None:
    assert "stnading" in api.error(request_, value)
    assert (api.ok("GET /faults"), api.ok("GET /tokens")) == ([], [])


@pytest.mark.parametrize(
    ("request_", "value", "complaint"),
    [
        ("PUT /backend", {"date": "nonsense"}, "date: Input should be a valid date"),
        ("PUT /backend", {"date": 0}, "date: "),
        ("PUT /backend", {"standing": "x"}, "standing: Input should be 'active', "),
        ("PUT /backend", {"faults": "A30"}, "faults: Input should be a valid array"),
        ("PUT /backend", {"faults": ["A99"]}, "no such fault: 'A99'; did you mean"),
        ("PATCH /backend", {"standing": None}, "standing: Input should be 'active', "),
        ("PATCH /backend", {"date": "2026-01-01"}, "unknown key 'date'; choose from standing, "),
        ("PATCH /backend", {"reuse_revokes": 1}, "reuse_revokes: Input should be a valid bool"),
        ("PATCH /backend", {"counts_as_claude_code": "yes"}, "counts_as_claude_code: Input sh"),
        ("POST /tokens", {"kind": "x"}, "no such token kind: 'x'; choose from api-key, access-"),
        ("POST /tokens", {"state": "x"}, "no such token state: 'x'; choose from valid, expired"),
        ("POST /tokens", {"state": "blanked"}, "no such token state: 'blanked'; choose from "),
        ("POST /tokens", {"kind": "login", "state": "x"}, "no such token state: 'x'; choose"),
        ("POST /tokens", {"kind": "login", "lifetime": 5}, "a login takes only a state"),
        ("POST /tokens", {"kind": 5}, "kind and state must be strings"),
        ("POST /tokens", {"kind": None}, "kind and state must be strings"),
        ("POST /tokens", {"scopes": "user:profile"}, "scopes must be a list of strings"),
        ("POST /tokens", {"scopes": [5]}, "scopes must be a list of strings"),
        ("POST /tokens", {"lifetime": "60"}, "lifetime must be a number of seconds"),
        ("POST /tokens", {"lifetime": True}, "lifetime must be a number of seconds"),
        ("POST /faults", "A99", "no such fault: 'A99'; did you mean"),
        ("POST /faults", {}, "name: Field required"),
        ("POST /faults", {"name": "delay", "seconds": "5"}, "seconds: Input should be a valid n"),
        ("POST /faults", {"name": "A30", "times": 0}, "times: Input should be greater than"),
        ("POST /faults", {"name": "reset", "seconds": 1}, "'reset' takes no 'seconds'"),
        ("POST /clock", {}, "advance must be a number of seconds"),
        ("POST /clock", {"advance": "5"}, "advance must be a number of seconds"),
        ("POST /clock", {"advance": True}, "advance must be a number of seconds"),
        ("POST /clock", {"advance": -1}, "it only moves forward"),
    ],
)
def test_an_error_message_names_the_problem(
    api: Api, request_: str, value: object, complaint: str
) -> None:
    assert complaint in api.error(request_, value)


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e400", "1e308", "1" + "0" * 400]
)
def test_an_extreme_number_is_refused(api: Api, number: str) -> None:
    key = api.ok("POST /tokens", {"kind": "api-key"})["value"]
    for request, body in (
        ("POST /clock", '{"advance": %s}'),
        ("POST /tokens", '{"lifetime": %s}'),
        ("POST /faults", '{"name": "delay", "seconds": %s}'),
        ("POST /faults", '{"name": "delay", "times": %s}'),
        ("PUT /backend", '{"faults": [{"name": "delay", "seconds": %s}]}'),
    ):
        answer = api.raw(request, (body % number).encode(), **JSON)
        assert answer.status_code == 400
        assert answer.json()["error"]
    assert api.message_status(key) == 200


def test_an_error_message_shortens_long_values(api: Api) -> None:
    for request, value in (
        ("POST /tokens", {"kind": "x" * 500_000}),
        ("POST /tokens", {"x" * 500_000: 1}),
        ("POST /faults", "x" * 500_000),
        ("PUT /backend", {"x" * 500_000: 1}),
        ("PATCH /backend", {"standing": "x" * 500_000}),
    ):
        assert len(api.error(request, value)) < 600
    assert len(api.error(f"POST /tokens/{'x' * 5000}/expire", status=404)) < 600
    assert len(api.error(f"GET /{'x' * 5000}", status=404)) < 600


@pytest.mark.parametrize("slot", ["api-key", "%ED%A0%80", "%00", "..", "x y", "%F0%9F%94%91"])
@pytest.mark.parametrize("action", ["expire", "revoke"])
def test_an_unknown_token_is_refused(api: Api, slot: str, action: str) -> None:
    message = api.error(f"POST /tokens/{slot}/{action}", status=404)
    assert message.startswith(("no such token: '", "no such request: POST /"))


@pytest.mark.parametrize(
    "request_",
    [
        *("GET /nothing", "POST /", "DELETE /tokens", "GET /tokens/api-key/expire", "GET /backend"),
        *("POST /tokens/api-key/explode", "OPTIONS /tokens", "GET //", "GET /%ED%A0%80"),
    ],
)
def test_an_unknown_request_lists_the_known_ones(api: Api, request_: str) -> None:
    message = api.error(request_, status=404)
    for method, path, _ in requests():
        assert f"{method} {path}" in message


# --- who may use it -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer x",
        "Basic {token}",
        "{token}",
        "Bearer {token}x",
        "Bearer é",
    ],
)
@pytest.mark.parametrize("request_", ["GET /", "POST /tokens", "DELETE /exchanges", "GET /nothing"])
def test_a_request_without_the_token_is_refused(
    api: Api, authorization: str, request_: str
) -> None:
    value = authorization.format(token=api.emulator.control_token)
    method, _, path = request_.partition(" ")
    answer = api.client.request(
        method, api.url + path, headers=httpx.Headers(JSON | {"authorization": value}, "latin-1")
    )
    assert answer.status_code == 401
    assert "send `authorization: Bearer $AUTHPROBE_CONTROL_TOKEN`" in answer.json()["error"]
    assert api.emulator.control_token not in answer.text
    assert api.ok("GET /tokens") == []


def test_every_emulator_has_a_token_of_its_own(network: Network, api: Api) -> None:
    with emulate(network=network, control_port=0) as other:
        assert len(other.control_token) > 40
        headers = {"authorization": f"Bearer {other.control_token}"}
        assert api.send("GET /", **headers).status_code == 401


def test_the_token_is_compared_in_constant_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        pairs.append((one, other))
        return False

    monkeypatch.setattr("secrets.compare_digest", compare_digest)
    assert api.send("GET /").status_code == 401
    token = api.emulator.control_token.encode()
    assert pairs == [(token, token)]


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example:{port}", "evil.example", "", "127.0.0.1.evil.example:{port}"),
        *("127.0.0.1", "127.0.0.1:1", "localhost:80", "[::1]", "[::1]:1", "0.0.0.0:{port}"),
        *("127.0.0.1:{port}, evil.example", "127.0.0.1:{port}@evil.example", "127.0.0.1:0{port}"),
    ],
)
@pytest.mark.parametrize("request_", ["GET /", "GET /tokens", "POST /tokens"])
def test_a_request_through_another_host_name_is_refused(api: Api, host: str, request_: str) -> None:
    answer = api.raw(request_, b"{}", host=host.format(port=httpx.URL(api.url).port), **JSON)
    assert answer.status_code == 403
    assert "by its URL" in answer.json()["error"]
    assert api.ok("GET /tokens") == []


@pytest.mark.parametrize(
    "host", ["localhost:{port}", "LOCALHOST:{port}", "127.0.0.1:{port}", "[::1]:{port}"]
)
def test_every_loopback_name_with_the_port_is_accepted(api: Api, host: str) -> None:
    host = host.format(port=httpx.URL(api.url).port)
    assert api.send("GET /", host=host).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "{url}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": ""},
    ],
    ids=str,
)
def test_a_request_of_a_web_page_is_refused(api: Api, headers: dict[str, str]) -> None:
    api.ok("POST /tokens", {"kind": "api-key"})
    values = {name: value.format(url=api.url) for name, value in headers.items()}
    for request in ("GET /", "GET /tokens", "POST /tokens/api-key/revoke"):
        answer = api.send(request, **values)
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert [token["state"] for token in api.ok("GET /tokens")] == ["valid"]


def test_a_preflight_of_a_browser_is_refused(api: Api) -> None:
    asked = {"access-control-request-method": "POST", "origin": "http://evil.example"}
    answer = api.client.request("OPTIONS", f"{api.url}/tokens", headers=asked)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_method_in_a_header_is_ignored(api: Api) -> None:
    api.ok("POST /faults", "A30")
    names = ("x-http-method-override", "x-http-method", "x-method-override")
    for name in names:
        assert len(api.send("GET /faults", **{name: "DELETE"}).json()) == 1
        api.send("GET /faults?_method=DELETE")
    assert len(api.ok("GET /faults")) == 1


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET /tokens HTTP/1.0\r\n", 403),
        ("GET /tokens HTTP/1.1\r\n", 403),
        ("GET /tokens HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nhost: evil.example\r\n", 403),
        ("GET http://evil.example/tokens HTTP/1.1\r\nhost: evil.example\r\n", 403),
        ("GET http://127.0.0.1:{port}/tokens HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n", 401),
        ("GET /tokens HTTP/1.0\r\nhost: 127.0.0.1:{port}\r\n", 401),
        ("GET //127.0.0.1/tokens HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n", 401),
        ("CONNECT 127.0.0.1:{port} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n", 400),
        ("GET /tokens HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer\r\n", 401),
    ],
    ids=ascii,
)
def test_a_request_in_an_unusual_form_needs_the_token_too(api: Api, head: str, status: int) -> None:
    port = httpx.URL(api.url).port or 0
    request = f"{head.format(port=port)}connection: close\r\n\r\n"
    assert exchange(port, request.encode()).startswith(f"HTTP/1.1 {status} ".encode())


def test_no_record_contains_the_token_of_the_api(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    token = api.emulator.control_token
    for _ in range(2):
        parts_of(api.emulator).listener.backend.recorder.watch = log_exchange
        api.client.get(f"{api.emulator.base_url}/{token}", headers={"x-api-key": token})
        assert len(api.emulator.exchanges) == 1
        assert token not in repr(api.emulator.exchanges) + capsys.readouterr().err
        assert token not in api.send("GET /").text
        api.emulator.reset()


def test_connections_that_send_nothing_keep_nobody_out(api: Api) -> None:
    port = httpx.URL(api.url).port or 0
    with contextlib.ExitStack() as stack:
        channels = [stack.enter_context(connect(port)) for _ in range(MAX_CONNECTIONS + 5)]
        assert [read_all(channel) for channel in channels[:5]] == [b""] * 5
        assert api.send("GET /").status_code == 200
    wait_until(lambda: api.send("GET /").status_code == 200)


@pytest.mark.parametrize("body", [b"", b"content-length: 1000\r\n"])
@pytest.mark.parametrize(("field", "status"), [(b"", b"401"), (b"origin: null\r\n", b"403")])
def test_the_connection_of_a_refused_request_closes(
    api: Api, body: bytes, field: bytes, status: bytes
) -> None:
    url = httpx.URL(api.url)
    head = f"POST /tokens HTTP/1.1\r\nhost: {url.netloc.decode()}\r\n".encode()
    with connect(url.port or 0) as channel:
        channel.sendall(head + field + body + b"\r\n")
        answer = read_all(channel)
    assert answer.startswith(b"HTTP/1.1 %s " % status)
    assert b"\r\nconnection: close\r\n" in answer


@pytest.mark.parametrize("body", [b"", b"content-length: 1000\r\n"])
def test_connections_that_were_refused_keep_nobody_out(api: Api, body: bytes) -> None:
    url = httpx.URL(api.url)
    head = f"POST /tokens HTTP/1.1\r\nhost: {url.netloc.decode()}\r\n".encode()
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS):
            channel = stack.enter_context(connect(url.port or 0))
            channel.sendall(head + body + b"\r\n")
            assert channel.recv(1000).startswith(b"HTTP/1.1 401 ")
        with http_client() as client:
            assert Api(api.emulator, client).send("GET /").status_code == 200


def test_no_answer_contains_a_token_except_when_it_is_issued(api: Api) -> None:
    values = [api.ok("POST /tokens", {"kind": kind})["value"] for kind in PREFIXES]
    values += [token["value"] for token in api.ok("POST /tokens", {"kind": "login"})]
    answers = []
    for value in (*values, TOKEN):
        api.message_status(value)
        api.client.get(f"{api.emulator.base_url}/{value}", headers={"host": f"{value}.example"})
        answers += [
            api.error("POST /tokens", {"kind": value}),
            api.error("POST /tokens", {"state": f"x{value}"}),
            api.error("POST /tokens", {value: 1}),
            api.error("POST /faults", {"name": "A30", value: 1}),
            api.error("POST /faults", value),
            api.error("PUT /backend", {value: 1}),
            api.error("PATCH /backend", {value: 1}),
            api.error("PATCH /backend", {"standing": value}),
            api.error(f"POST /tokens/{value}/explode", status=404),
            api.error(f"GET /{value}", status=404),
        ]
    answers.append(api.error(f"POST /tokens/{TOKEN}/expire", status=404))
    answers += [api.send(f"POST /tokens/{value}/expire").text for value in values]
    answers += [api.send(f"GET {path}").text for path in ("/", "/tokens", "/faults", "/exchanges")]
    text = "\n".join(answers)
    assert TOKEN not in text
    assert "sk-ant-" not in text
    assert not [value for value in values if value in text]
    assert [token["state"] for token in api.ok("GET /tokens")] == ["expired"] * len(values)


# --- arbitrary requests ---------------------------------------------------------------------------

NAMES = st.sampled_from(
    [
        *("kind", "state", "scopes", "lifetime", "name", "seconds", "times", "after", "host"),
        *("path", "advance", "date", "standing", "faults", "reuse_revokes"),
        "counts_as_claude_code",
    ]
)
WORDS = st.sampled_from(
    [
        *TokenKind,
        *TokenState,
        *AccountState,
        "A30",
        "delay",
        "clock-skew",
        "2026-01-01",
        "9999-12-31",
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    request=st.sampled_from([*JSON_REQUESTS, "POST /tokens/access-token/revoke", "DELETE /faults"]),
    value=ANYTHING | st.dictionaries(NAMES, WORDS | ANYTHING, max_size=4),
)
def test_arbitrary_json_never_breaks_the_api(api: Api, request: str, value: object) -> None:
    answer = api.raw(request, json.dumps(value).encode(), **JSON)
    assert answer.status_code in (200, 201, 400, 404), answer.text
    assert answer.json() is not None
    for path in ("/", "/tokens", "/faults"):
        assert api.send(f"GET {path}").status_code == 200
