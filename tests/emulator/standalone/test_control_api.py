"""Every request of the control API, as a test in another language sends it."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authprobe.emulator.config import AccountState, TokenKind, TokenState
from authprobe.emulator.rules.routes import RULES
from authprobe.emulator.server.network import Network
from authprobe.emulator.standalone.control_api import BODY_LIMIT_BYTES, requests
from authprobe.emulator.standalone.emulator import Emulator, emulate
from authprobe.emulator.state.tokens import PREFIXES
from tests.support.wire import TIMEOUT

JSON = {"content-type": "application/json"}
MESSAGES = {"model": "m", "max_tokens": 1, "messages": []}
TAKING_JSON = ["PUT /backend", "PATCH /backend", "POST /tokens", "POST /faults", "POST /clock"]
TOKEN = "sk-ant-oat01-" + "of-somebody-else-" * 3


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as opened:
        yield opened


@pytest.fixture(autouse=True)
def nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Every traceback of the server goes to its log."""
    yield
    noted = [note for note in caplog.records if note.levelno >= logging.ERROR]
    assert [note.getMessage() for note in noted] == []


class Api:
    """The control API of an emulator."""

    def __init__(self, emulator: Emulator, client: httpx.Client) -> None:
        self.emulator = emulator
        self.client = client
        self.url = emulator.control_url or ""

    def send(self, request: str, value: object = None, **headers: str) -> httpx.Response:
        """Any request, with a value as JSON if there is one."""
        content = None if value is None else json.dumps(value).encode()
        return self.raw(request, content, **(JSON if content else {}), **headers)

    def raw(self, request: str, content: bytes | None, **headers: str) -> httpx.Response:
        """Any request with this body."""
        method, _, path = request.partition(" ")
        url = self.url + path
        return self.client.request(method, url, content=content, headers=headers)

    def ok(self, request: str, value: object = None) -> Any:
        """What is answered to a request that is good."""
        answer = self.send(request, value)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def refused(self, request: str, value: object = None, *, status: int = 400) -> str:
        """What is said to a request that is not good."""
        answer = self.send(request, value)
        assert answer.status_code == status, answer.text
        assert list(answer.json()) == ["error"]
        return str(answer.json()["error"])

    def messages(self, value: str) -> int:
        """The status that a token gets at the service."""
        headers = {"anthropic-version": "2023-06-01", "x-api-key": value}
        url = f"{self.emulator.base_url}/v1/messages"
        return self.client.post(url, headers=headers, json=MESSAGES).status_code


@pytest.fixture
def api(network: Network) -> Iterator[Api]:
    with emulate(network=network, control_port=0) as emulator, asking() as client:
        yield Api(emulator, client)


def asking() -> httpx.Client:
    return httpx.Client(trust_env=False, timeout=TIMEOUT)


# --- what it does ---------------------------------------------------------------------------------


def test_the_overview_says_where_everything_is_and_what_can_be_asked(api: Api) -> None:
    found = api.ok("GET /")
    emulator = api.emulator
    assert found["base_url"] == found["proxy_url"] == emulator.base_url
    assert found["https_url"] == emulator.https_url
    assert found["ca_file"] == str(emulator.ca_file)
    assert (found["standing"], found["counts_as_claude_code"]) == ("active", False)
    assert found["requests"] == {f"{method} {path}": text for method, path, text in requests()}
    assert all(found["requests"].values())


def test_every_request_of_the_overview_is_there(api: Api) -> None:
    api.ok("POST /tokens", {})
    for method, path, _ in requests():
        request = f"{method} {path.replace('{slot}', 'access-token')}"
        assert api.send(request).status_code in ((415,) if request in TAKING_JSON else (200,))


def test_the_backend_begins_anew(api: Api) -> None:
    key = api.ok("POST /tokens", {"kind": "api-key"})["value"]
    api.ok("POST /faults", "A30")
    assert api.messages(key) == 529
    found = api.ok("PUT /backend", {"date": "2026-05-17", "standing": "no-subscription"})
    assert found["clock"] == "2026-05-17T12:00:00+00:00"
    assert found["standing"] == "no-subscription"
    assert (api.ok("GET /tokens"), api.ok("GET /faults")) == ([], [])
    assert api.ok("GET /exchanges") == {"exchanges": [], "egress_refused": []}
    assert api.ok("PUT /backend", {})["standing"] == "active"
    assert api.messages(key) == 401


def test_the_switches_change_and_the_rest_is_kept(api: Api) -> None:
    key = api.ok("POST /tokens", {"kind": "api-key"})["value"]
    found = api.ok("PATCH /backend", {"standing": "organization-disabled", "reuse_revokes": True})
    assert (found["standing"], found["reuse_revokes"]) == ("organization-disabled", True)
    assert api.messages(key) >= 400
    found = api.ok("PATCH /backend", {"standing": "active", "counts_as_claude_code": True})
    assert found["reuse_revokes"] is found["counts_as_claude_code"] is True
    assert api.ok("PATCH /backend", {})["counts_as_claude_code"] is True
    assert api.messages(key) == 200


@pytest.mark.parametrize("kind", list(PREFIXES))
def test_a_token_is_issued_and_shown_once(api: Api, kind: TokenKind) -> None:
    asked = {"kind": kind, "scopes": ["user:profile"], "lifetime": 60, "state": "valid"}
    answer = api.send("POST /tokens", asked)
    assert answer.status_code == 201
    made = answer.json()
    assert made.pop("value").startswith(PREFIXES[kind])
    expires_at = made.pop("expires_at")
    assert expires_at.endswith("+00:00")
    assert made == {"slot": kind, "kind": kind, "state": "valid", "scopes": ["user:profile"]}
    assert api.ok("GET /tokens") == [made | {"expires_at": expires_at}]


@pytest.mark.parametrize("state", [s for s in TokenState if s is not TokenState.BLANKED])
def test_a_token_is_issued_in_each_state(api: Api, state: TokenState) -> None:
    made = api.ok("POST /tokens", {"kind": "api-key", "state": state})
    assert made["state"] == state
    assert (api.messages(made["value"]) == 200) is (state is TokenState.VALID)


def test_a_login_is_two_tokens(api: Api) -> None:
    access, refresh = api.ok("POST /tokens", {"kind": "login", "state": "expired"})
    assert (access["kind"], access["state"]) == ("access-token", "expired")
    assert (refresh["kind"], refresh["state"]) == ("refresh-token", "valid")
    asked = {"grant_type": "refresh_token", "refresh_token": refresh["value"], "client_id": "x"}
    url = f"{api.emulator.base_url}/v1/oauth/token"
    assert api.client.post(url, json=asked).status_code == 200


@pytest.mark.parametrize(("how", "state"), [("expire", "expired"), ("revoke", "revoked")])
def test_a_token_ends(api: Api, how: str, state: str) -> None:
    key = api.ok("POST /tokens", {"kind": "api-key"})["value"]
    assert api.messages(key) == 200
    for each in (how, "expire", "revoke"):  # the first counts
        assert api.ok(f"POST /tokens/api-key/{each}")["state"] == state
    assert api.messages(key) == 401
    assert [token["state"] for token in api.ok("GET /tokens")] == [state]


def test_faults_are_armed_and_cleared(api: Api) -> None:
    key = api.ok("POST /tokens", {"kind": "api-key"})["value"]
    fault = {"name": "A30", "seconds": None, "times": 1, "after": 1, "host": None, "path": None}
    assert api.ok("POST /faults", {"name": "A30", "times": 1, "after": 1}) == [fault]
    assert api.ok("GET /faults") == [fault]
    assert [api.messages(key) for _ in range(3)] == [200, 529, 200]
    api.ok("POST /faults", "A22")
    assert api.messages(key) == 429
    assert api.ok("DELETE /faults") == []
    assert api.messages(key) == 200


def test_connections_are_refused_and_taken_while_the_control_goes_on(api: Api) -> None:
    key = api.ok("POST /tokens", {"kind": "api-key"})["value"]
    with asking() as fresh:
        other = Api(api.emulator, fresh)
        api.ok("POST /faults", "connection-refused")
        with pytest.raises(httpx.ConnectError):
            other.messages(key)
        api.ok("DELETE /faults")
        assert other.messages(key) == 200
    with asking() as fresh:
        api.ok("PUT /backend", {"faults": ["connection-refused"]})
        with pytest.raises(httpx.ConnectError):
            Api(api.emulator, fresh).messages(key)


def test_the_clock_moves_on(api: Api) -> None:
    api.ok("PUT /backend", {"date": "2026-05-17"})
    key = api.ok("POST /tokens", {"kind": "api-key", "lifetime": 60})["value"]
    assert api.ok("POST /clock", {"advance": 0.5})["clock"] == "2026-05-17T12:00:00+00:00"
    assert api.messages(key) == 200
    assert api.ok("POST /clock", {"advance": 60})["clock"] == "2026-05-17T12:01:00+00:00"
    assert api.messages(key) == 401


def test_exchanges_are_told_and_forgotten(api: Api) -> None:
    key = api.ok("POST /tokens", {"kind": "api-key"})["value"]
    api.messages(key)
    api.client.get(api.emulator.base_url, headers={"host": "example.org"})
    found = api.ok("GET /exchanges")
    assert [seen["credential"] for seen in found["exchanges"]] == ["api-key", None]
    assert [seen["rule"] for seen in found["exchanges"]] == ["messages", "deny:host"]
    assert found["egress_refused"] == ["example.org"]
    nothing: dict[str, list[object]] = {"exchanges": [], "egress_refused": []}
    assert api.ok("DELETE /exchanges") == nothing == api.ok("GET /exchanges")
    assert api.messages(key) == 200


def test_the_rules_are_told_with_their_sources(api: Api) -> None:
    found = api.ok("GET /rules")
    assert {row["id"] for row in found} == set(RULES)
    assert all(row["sources"] and row["last_seen"] and row["certainty"] for row in found)


@pytest.mark.parametrize("path", ["/", "/tokens", "/faults", "/exchanges", "/rules"])
def test_head_is_get_without_a_body(api: Api, path: str) -> None:
    head, whole = api.send(f"HEAD {path}"), api.send(f"GET {path}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]


# --- what it refuses ------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", TAKING_JSON)
@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_only_json_is_read(api: Api, request_: str, kind: str) -> None:
    answer = api.raw(request_, b"{}", **({"content-type": kind} if kind else {}))
    assert answer.status_code == 415
    assert answer.json() == {"error": "send JSON, as content-type: application/json"}


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_is_known_however_it_is_spelled(api: Api, kind: str) -> None:
    assert api.raw("POST /tokens", b"{}", **{"content-type": kind}).status_code == 201


@pytest.mark.parametrize("request_", TAKING_JSON)
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
def test_what_is_not_json_is_said_to_be_so(api: Api, request_: str, body: bytes) -> None:
    answer = api.raw(request_, body, **JSON)
    assert (answer.status_code, answer.json()) == (400, {"error": "the body is not JSON"})
    assert api.ok("GET /tokens") == []


@pytest.mark.parametrize("request_", TAKING_JSON)
@pytest.mark.parametrize("depth", [*range(150, 250, 20), *range(900, 1000, 7)])
def test_no_depth_is_a_trap(api: Api, request_: str, depth: int) -> None:
    assert api.raw(request_, b"[" * depth + b"]" * depth, **JSON).status_code == 400


@pytest.mark.parametrize("request_", TAKING_JSON)
def test_too_much_is_not_read(api: Api, request_: str) -> None:
    body = b"{}" + b" " * BODY_LIMIT_BYTES
    answer = api.raw(request_, body, **JSON)
    assert (answer.status_code, answer.json()) == (413, {"error": "more than 1 MiB"})
    assert api.ok("GET /tokens") == []


@pytest.mark.parametrize("request_", TAKING_JSON)
@pytest.mark.parametrize("value", [[], "x", 5, True, None, {"nothing-like-it": 1}, [{}], "", 1.5])
def test_what_is_no_request_is_refused(api: Api, request_: str, value: object) -> None:
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
    assert "stnading" in api.refused(request_, value)
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
        ("PATCH /backend", {"date": "2026-01-01"}, "there is no 'date' here, but standing, "),
        ("PATCH /backend", {"reuse_revokes": 1}, "reuse_revokes: Input should be a valid bool"),
        ("PATCH /backend", {"counts_as_claude_code": "yes"}, "counts_as_claude_code: Input sh"),
        ("POST /tokens", {"kind": "x"}, "no kind of token 'x'; choose from api-key, access-"),
        ("POST /tokens", {"state": "x"}, "no state of a token 'x'; choose from valid, expired"),
        ("POST /tokens", {"state": "blanked"}, "no state of a token 'blanked'; choose from "),
        ("POST /tokens", {"kind": "login", "state": "x"}, "no state of a token 'x'; choose"),
        ("POST /tokens", {"kind": "login", "lifetime": 5}, "a login takes a state only"),
        ("POST /tokens", {"kind": 5}, "kind and state are texts"),
        ("POST /tokens", {"kind": None}, "kind and state are texts"),
        ("POST /tokens", {"scopes": "user:profile"}, "scopes is a list of texts"),
        ("POST /tokens", {"scopes": [5]}, "scopes is a list of texts"),
        ("POST /tokens", {"lifetime": "60"}, "lifetime is a number of seconds"),
        ("POST /tokens", {"lifetime": True}, "lifetime is a number of seconds"),
        ("POST /faults", "A99", "no such fault: 'A99'; did you mean"),
        ("POST /faults", {}, "name: Field required"),
        ("POST /faults", {"name": "delay", "seconds": "5"}, "seconds: Input should be a valid n"),
        ("POST /faults", {"name": "A30", "times": 0}, "times: Input should be greater than"),
        ("POST /faults", {"name": "reset", "seconds": 1}, "'reset' takes no 'seconds'"),
        ("POST /clock", {}, "advance is a number of seconds"),
        ("POST /clock", {"advance": "5"}, "advance is a number of seconds"),
        ("POST /clock", {"advance": True}, "advance is a number of seconds"),
        ("POST /clock", {"advance": -1}, "the clock only moves forward"),
    ],
)
def test_a_complaint_says_what_is_wrong(
    api: Api, request_: str, value: object, complaint: str
) -> None:
    assert complaint in api.refused(request_, value)


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e400", "1e308", "1" + "0" * 400]
)
def test_no_number_is_too_strange(api: Api, number: str) -> None:
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
    assert api.messages(key) == 200


def test_a_long_text_is_not_said_again(api: Api) -> None:
    for request, value in (
        ("POST /tokens", {"kind": "x" * 500_000}),
        ("POST /tokens", {"x" * 500_000: 1}),
        ("POST /faults", "x" * 500_000),
        ("PUT /backend", {"x" * 500_000: 1}),
        ("PATCH /backend", {"standing": "x" * 500_000}),
    ):
        assert len(api.refused(request, value)) < 600
    assert len(api.refused(f"POST /tokens/{'x' * 5000}/expire", status=404)) < 600
    assert len(api.refused(f"GET /{'x' * 5000}", status=404)) < 600


@pytest.mark.parametrize("slot", ["api-key", "%ED%A0%80", "%00", "..", "x y", "%F0%9F%94%91"])
@pytest.mark.parametrize("how", ["expire", "revoke"])
def test_a_token_that_is_not_there(api: Api, slot: str, how: str) -> None:
    said = api.refused(f"POST /tokens/{slot}/{how}", status=404)
    assert said.startswith(("there is no token '", "there is no POST /"))


@pytest.mark.parametrize(
    "request_",
    [
        *("GET /nothing", "POST /", "DELETE /tokens", "GET /tokens/api-key/expire", "GET /backend"),
        *("POST /tokens/api-key/explode", "OPTIONS /tokens", "GET //", "GET /%ED%A0%80"),
    ],
)
def test_another_place_is_answered_with_those_that_are_there(api: Api, request_: str) -> None:
    said = api.refused(request_, status=404)
    for method, path, _ in requests():
        assert f"{method} {path}" in said


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "127.0.0.1.evil.example"])
@pytest.mark.parametrize("request_", ["GET /", "GET /tokens", "POST /tokens"])
def test_a_page_that_calls_loopback_by_its_own_name_gets_nothing(
    api: Api, host: str, request_: str
) -> None:
    answer = api.raw(request_, b"{}", host=host, **JSON)
    assert answer.status_code == 403
    assert "loopback only" in answer.json()["error"]
    assert api.ok("GET /tokens") == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:1", "127.0.0.2"])
def test_every_name_of_loopback_will_do(api: Api, host: str) -> None:
    assert api.send("GET /", host=host).status_code == 200


def test_a_page_of_another_site_ends_no_token(api: Api) -> None:
    api.ok("POST /tokens", {"kind": "api-key"})
    for origin in ("http://evil.example", "null"):
        assert api.send("POST /tokens/api-key/revoke", origin=origin).status_code == 403
    assert [token["state"] for token in api.ok("GET /tokens")] == ["valid"]


def test_a_token_is_shown_when_it_is_issued_and_only_then(api: Api) -> None:
    made = [api.ok("POST /tokens", {"kind": kind})["value"] for kind in PREFIXES]
    made += [token["value"] for token in api.ok("POST /tokens", {"kind": "login"})]
    said = []
    for value in (*made, TOKEN):
        api.messages(value)
        api.client.get(f"{api.emulator.base_url}/{value}", headers={"host": f"{value}.example"})
        said += [
            api.refused("POST /tokens", {"kind": value}),
            api.refused("POST /tokens", {"state": f"x{value}"}),
            api.refused("POST /tokens", {value: 1}),
            api.refused("POST /faults", {"name": "A30", value: 1}),
            api.refused("POST /faults", value),
            api.refused("PUT /backend", {value: 1}),
            api.refused("PATCH /backend", {value: 1}),
            api.refused("PATCH /backend", {"standing": value}),
            api.refused(f"POST /tokens/{value}/explode", status=404),
            api.refused(f"GET /{value}", status=404),
        ]
    said.append(api.refused(f"POST /tokens/{TOKEN}/expire", status=404))
    said += [api.send(f"POST /tokens/{value}/expire").text for value in made]
    said += [api.send(f"GET {path}").text for path in ("/", "/tokens", "/faults", "/exchanges")]
    whole = "\n".join(said)
    assert TOKEN not in whole
    assert "sk-ant-" not in whole
    assert not [value for value in made if value in whole]
    assert [token["state"] for token in api.ok("GET /tokens")] == ["expired"] * len(made)


# --- anything at all ------------------------------------------------------------------------------

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
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    request=st.sampled_from([*TAKING_JSON, "POST /tokens/access-token/revoke", "DELETE /faults"]),
    value=ANYTHING | st.dictionaries(NAMES, WORDS | ANYTHING, max_size=4),
)
def test_nothing_that_is_sent_breaks_it(api: Api, request: str, value: object) -> None:
    answer = api.raw(request, json.dumps(value).encode(), **JSON)
    assert answer.status_code in (200, 201, 400, 404), answer.text
    assert answer.json() is not None
    for path in ("/", "/tokens", "/faults"):
        assert api.send(f"GET {path}").status_code == 200
