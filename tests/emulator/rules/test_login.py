"""Tests of signing in as a client does: authorization code with PKCE, and federation."""

import contextlib
import datetime
import re
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import AccountState, Backend, TokenKind
from authprobe.emulator.rules.routes import (
    API,
    CLAUDE_AI,
    CLAUDE_COM,
    CONSOLE,
    OAUTH_BETA,
    PLATFORM,
    TOKEN_PATH,
)
from authprobe.emulator.server.network import Network
from authprobe.errors import SettingsError
from authprobe.redaction.redactor import find_token
from tests.support.requests import (
    AUTHORIZING,
    CLIENT_ID,
    EXCHANGING,
    FEDERATING,
    MESSAGE,
    REDIRECT,
    SPRING,
    client_for,
    html,
)

PAGES = {
    "claude.ai": f"https://{CLAUDE_AI}/oauth/authorize",
    "claude.com": f"https://{CLAUDE_COM}/cai/oauth/authorize",
    "platform": f"https://{PLATFORM}/oauth/authorize",
    "console": f"https://{CONSOLE}/oauth/authorize",
}
CODE_PAGES = [f"https://{host}/oauth/code/callback" for host in (PLATFORM, CONSOLE)]
HOUR = 3600
DAY = 24 * HOUR


@dataclass(frozen=True)
class Browser:
    """A client, and the browser of its user, at one backend."""

    backend: CaseBackend
    client: httpx.Client

    def authorize(self, page: str = "claude.ai", **changes: str | None) -> httpx.Response:
        """Request the authorization page; a parameter that is None is left out."""
        parameters = {name: value for name, value in (AUTHORIZING | changes).items() if value}
        return self.client.get(PAGES[page], params=parameters)

    def code(self, page: str = "claude.ai", **changes: str | None) -> str:
        """Return the code with which the page redirects the browser."""
        return redirect_parameters(self.authorize(page, **changes))["code"]

    def exchange(self, code: str, **changes: str) -> httpx.Response:
        """Exchange a code at the token endpoint."""
        return self.request_tokens(EXCHANGING | {"code": code} | changes)

    def refresh(self, token: str) -> httpx.Response:
        """Exchange a refresh token at the token endpoint."""
        fields = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": token}
        return self.request_tokens(fields)

    def request_tokens(self, fields: dict[str, str], host: str = PLATFORM) -> httpx.Response:
        """Send these fields to the token endpoint of a host."""
        return self.client.post(f"https://{host}{TOKEN_PATH}", json=fields)

    def login(self, **changes: str | None) -> dict[str, Any]:
        """Log in and return the token response."""
        answer = self.exchange(self.code("claude.ai", **changes))
        assert answer.status_code == 200
        tokens: dict[str, Any] = answer.json()
        return tokens

    def rule_for(self, token: str, method: str, path: str) -> str | None:
        """Return the rule that answers a request with this Bearer token."""
        headers = {
            "authorization": f"Bearer {token}",
            "anthropic-beta": OAUTH_BETA,
            "anthropic-version": "2023-06-01",
        }
        body = MESSAGE if method == "POST" else None
        self.client.request(method, f"https://{API}{path}", headers=headers, json=body)
        return self.last_rule

    def rules_for(self, token: str) -> dict[str, str | None]:
        """Return the rules that answer requests for a message and for the token's owner."""
        return {
            "messages": self.rule_for(token, "POST", "/v1/messages"),
            "profile": self.rule_for(token, "GET", "/api/oauth/profile"),
            "usage": self.rule_for(token, "GET", "/api/oauth/usage"),
            "roles": self.rule_for(token, "GET", "/api/oauth/claude_cli/roles"),
        }

    @property
    def last_rule(self) -> str | None:
        """The rule that answered the last request."""
        return self.backend.log.exchanges[-1].rule

    def advance(self, seconds: float) -> None:
        """Advance the backend's clock."""
        self.backend.state.clock.advance(seconds)


def redirect_parameters(answer: httpx.Response) -> dict[str, str]:
    """Return the parameters with which the browser is redirected to the client."""
    assert answer.status_code == 302
    address, _, query = answer.headers["location"].partition("?")
    assert address == answer.request.url.params["redirect_uri"]
    return dict(urllib.parse.parse_qsl(query, strict_parsing=True))


OpenBrowser = Callable[..., Browser]
SUCCESSES = {"messages": "messages", "profile": "profile", "usage": "usage", "roles": "roles"}


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture
def open_browser(network: Network) -> Iterator[OpenBrowser]:
    """Yield a function that opens a browser at a new backend with the given configuration.

    Afterwards, check that no recorded exchange contains a token.
    """
    browsers = []
    with contextlib.ExitStack() as stack:

        def open_one(**setup: Any) -> Browser:
            values: dict[str, Any] = {"date": SPRING, "counts_as_claude_code": True}
            backend = CaseBackend(Backend(**(values | setup)))
            browser = Browser(backend, stack.enter_context(client_for(network, backend)))
            browsers.append(browser)
            return browser

        yield open_one
    for browser in browsers:
        assert find_token(repr(browser.backend.log.exchanges)) is None


@pytest.fixture
def browser(open_browser: OpenBrowser) -> Browser:
    return open_browser()


# --- the code -------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("redirect", [REDIRECT, "http://127.0.0.1:1/callback", *CODE_PAGES])
def test_a_browser_is_redirected_with_a_code(browser: Browser, page: str, redirect: str) -> None:
    answer = browser.authorize(page, redirect_uri=redirect, state="a state & more")
    parameters = redirect_parameters(answer)
    assert parameters.keys() == {"code", "state"}
    assert parameters["state"] == "a state & more"
    exchange = browser.exchange(parameters["code"], redirect_uri=redirect, state="a state & more")
    assert (exchange.status_code, browser.last_rule) == (200, "code")


@pytest.mark.parametrize("callback", CODE_PAGES)
def test_a_page_shows_the_code_to_copy(browser: Browser, callback: str) -> None:
    answer = browser.authorize("platform", redirect_uri=callback)
    page = browser.client.get(answer.headers["location"])
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    [pasted] = re.findall("<p>(.*)</p>", page.text)
    code, _, state = pasted.partition("#")
    assert state == AUTHORIZING["state"]
    assert browser.exchange(code, redirect_uri=callback, state=state).status_code == 200
    assert code not in repr(browser.backend.log.exchanges)


@pytest.mark.parametrize(
    ("rule", "status", "title", "text", "changes"),
    [
        ("B14", 400, "Invalid OAuth Request", "Missing state parameter", {"state": None}),
        (
            *("B15", 400, "Invalid OAuth Request", "Missing code_challenge parameter"),
            {"code_challenge": None},
        ),
        (
            *("B15", 400, "Invalid OAuth Request", "Missing code_challenge parameter"),
            {"code_challenge_method": "plain"},
        ),
        (
            *("B15", 400, "Invalid OAuth Request", "Missing code_challenge parameter"),
            {"code_challenge": "too-short"},
        ),
        ("B16", 400, "Invalid OAuth Request", "Missing scope parameter", {"scope": None}),
        (
            *("B17", 400, "Invalid OAuth Request", "Missing redirect_uri parameter"),
            {"redirect_uri": None},
        ),
        (
            *("B18", 400, "Invalid OAuth Request", "Unknown scope: org%3Acreate_api_key"),
            {"scope": "user:profile org%3Acreate_api_key"},
        ),
        (
            *("B19", 400, "Invalid OAuth Request"),
            "Redirect URI http://example.org/callback is not supported by client.",
            {"redirect_uri": "http://example.org/callback"},
        ),
        (
            *("B19", 400, "Invalid OAuth Request"),
            "Redirect URI http://localhost.example.org/callback is not supported by client.",
            {"redirect_uri": "http://localhost.example.org/callback"},
        ),
    ],
)
@pytest.mark.parametrize("page", PAGES)
def test_an_invalid_request_is_refused_on_a_page_in_the_browser(
    browser: Browser,
    page: str,
    rule: str,
    status: int,
    title: str,
    text: str,
    changes: dict[str, str | None],
) -> None:
    answer = browser.authorize(page, **changes)
    assert (browser.last_rule, answer.status_code) == (rule, status)
    assert answer.text == html(title, text)
    assert "location" not in answer.headers


@pytest.mark.parametrize("page", PAGES)
def test_an_account_without_a_plan_is_refused_on_a_page(
    open_browser: OpenBrowser, page: str
) -> None:
    browser = open_browser(standing=AccountState.NO_SUBSCRIPTION)
    answer = browser.authorize(page)
    assert (browser.last_rule, answer.status_code) == ("B20", 403)
    assert answer.text == html("Max or Pro account required")


SCRIPT = "<script>&\"'</script>"


def test_a_page_escapes_the_parameters_it_shows(browser: Browser) -> None:
    pages = [
        browser.authorize(scope=SCRIPT),
        browser.authorize(redirect_uri=SCRIPT),
        browser.client.get(CODE_PAGES[0], params={"code": browser.code(), "state": SCRIPT}),
        browser.client.get(CODE_PAGES[0], params={"code": SCRIPT, "state": SCRIPT}),
    ]
    rules = [exchange.rule for exchange in browser.backend.log.exchanges]
    assert [rule for rule in rules if rule != "authorize"] == [
        *("B18", "B19", "code-page", "code-page")
    ]
    for page in pages:
        assert "<script" not in page.text
    assert [page.text.count("&lt;script&gt;&amp;") for page in pages] == [1, 1, 1, 0]


def test_the_code_page_shows_only_unused_codes_of_this_backend(browser: Browser) -> None:
    used_code = browser.code()
    assert browser.exchange(used_code).status_code == 200
    for code in (used_code, "a-foreign-code"):
        page = browser.client.get(CODE_PAGES[0], params={"code": code, "state": "s"})
        assert page.text == html("Authentication Code", "no such code")


@pytest.mark.parametrize(
    ("letter", "scope"),
    [
        ("I", "user:inference"),
        ("z-", "user:inference user:profile user:sessions:claude_code user:mcp_servers"),
    ],
)
@pytest.mark.parametrize("page", PAGES)
def test_a_short_link_shows_a_code(browser: Browser, page: str, letter: str, scope: str) -> None:
    answer = browser.client.get(f"{PAGES[page]}?{letter}{AUTHORIZING['code_challenge']}")
    assert (answer.status_code, browser.last_rule) == (200, "authorize-short")
    [pasted] = re.findall("<p>(.*)</p>", answer.text)
    code = pasted.partition("#")[0]
    # The link contains no redirect; the code is bound to the page that shows it.
    assert browser.exchange(code).status_code == 400
    assert browser.last_rule == "redirect-mismatch"
    assert browser.exchange(code, redirect_uri=CODE_PAGES[0], code_verifier="x").status_code == 400
    tokens = browser.exchange(code, redirect_uri=CODE_PAGES[0], state="of the client").json()
    assert tokens["scope"] == scope
    assert ("refresh_token" in tokens) is ("user:profile" in scope)
    assert code not in repr(browser.backend.log.exchanges)


# --- the tokens it is exchanged for ---------------------------------------------------------------


def test_a_login_gets_tokens_that_every_endpoint_accepts(browser: Browser) -> None:
    tokens = browser.login()
    assert tokens.pop("access_token").startswith("sk-ant-oat01-")
    assert tokens.pop("refresh_token").startswith("sk-ant-ort01-")
    assert tokens == {
        "token_type": "Bearer",
        "expires_in": 8 * HOUR,
        "refresh_token_expires_in": 30 * DAY,
        "scope": "user:inference user:profile",
    }
    assert browser.rules_for(browser.login()["access_token"]) == SUCCESSES


def test_a_refreshed_login_keeps_its_scopes(browser: Browser) -> None:
    first = browser.login(scope="user:profile user:inference user:file_upload")
    second = browser.refresh(first["refresh_token"]).json()
    assert second["scope"] == first["scope"] == "user:profile user:inference user:file_upload"
    assert len({*first.values(), *second.values()} - {*first.values()}) == 2
    assert browser.rules_for(second["access_token"]) == SUCCESSES
    assert browser.rules_for(first["access_token"]) == SUCCESSES


def test_a_login_with_the_inference_scope_only_gets_a_setup_token(browser: Browser) -> None:
    token = browser.login(scope="user:inference")
    assert token.pop("access_token").startswith("sk-ant-oat01-")
    assert token == {
        "token_type": "Bearer",
        "expires_in": 365 * DAY,
        "scope": "user:inference",
    }
    [setup_token] = browser.backend.tokens
    assert setup_token.kind is TokenKind.SETUP_TOKEN


@pytest.mark.parametrize(
    ("date", "profile"), [(SPRING, "A15"), (datetime.date(2026, 10, 1), "A16")]
)
def test_a_setup_token_cannot_read_profile_and_usage(
    open_browser: OpenBrowser, date: datetime.date, profile: str
) -> None:
    browser = open_browser(date=date)
    token = browser.login(scope="user:inference")["access_token"]
    # No report says which scope the roles need, so every valid token is accepted there.
    expected = {"messages": "messages", "profile": profile, "usage": "A15", "roles": "roles"}
    assert browser.rules_for(token) == expected


def test_a_login_without_an_inference_scope_gets_no_message(browser: Browser) -> None:
    token = browser.login(scope="user:profile org:create_api_key")["access_token"]
    assert browser.rules_for(token) == SUCCESSES | {"messages": "A17"}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"code_verifier": "another-verifier"}, "B04"),
        ({"code_verifier": AUTHORIZING["code_challenge"]}, "B04"),
        ({"state": "another"}, "B04"),
        ({"client_id": "another"}, "B04"),
        ({"code": "another"}, "B04"),
        ({"redirect_uri": "http://localhost:1/callback"}, "redirect-mismatch"),
        ({"code_verifier": ""}, "B05"),
        ({"state": ""}, "B05"),
    ],
    ids=str,
)
@pytest.mark.parametrize("host", [PLATFORM, CONSOLE, CLAUDE_AI])
def test_a_code_is_refused_unless_all_its_parameters_match(
    browser: Browser, host: str, changes: dict[str, str], rule: str
) -> None:
    fields = EXCHANGING | {"code": browser.code()}
    assert browser.request_tokens(fields | changes, host).status_code == 400
    assert browser.last_rule == rule
    assert list(browser.backend.tokens) == []
    assert browser.request_tokens(fields, host).status_code == 200


def test_a_code_can_be_exchanged_once(browser: Browser) -> None:
    code = browser.code()
    rules = []
    for _ in range(3):
        browser.exchange(code)
        rules.append(browser.last_rule)
    assert rules == ["code", "B04", "B04"]


@pytest.mark.parametrize(("seconds", "rule"), [(599, "code"), (600, "B04")])
def test_a_code_expires_after_ten_minutes(browser: Browser, seconds: int, rule: str) -> None:
    code = browser.code()
    browser.advance(seconds)
    browser.exchange(code)
    assert browser.last_rule == rule


# --- time -----------------------------------------------------------------------------------------


def test_an_access_token_expires_after_eight_hours(browser: Browser) -> None:
    token = browser.login()["access_token"]
    browser.advance(8 * HOUR - 1)
    assert browser.rules_for(token) == SUCCESSES
    browser.advance(1)
    assert set(browser.rules_for(token).values()) == {"A08"}


def test_a_setup_token_expires_after_a_year(browser: Browser) -> None:
    token = browser.login(scope="user:inference")["access_token"]
    browser.advance(365 * DAY - 1)
    assert browser.rule_for(token, "POST", "/v1/messages") == "messages"
    browser.advance(1)
    assert set(browser.rules_for(token).values()) == {"A09"}


@pytest.mark.parametrize(("seconds", "rule"), [(30 * DAY - 1, "refresh"), (30 * DAY, "B03")])
def test_a_refresh_token_expires_after_thirty_days(
    browser: Browser, seconds: int, rule: str
) -> None:
    token = browser.login()["refresh_token"]
    browser.advance(seconds)
    browser.refresh(token)
    assert browser.last_rule == rule


@pytest.mark.parametrize("seconds", [-1, -1e-9, float("nan"), float("inf"), 1e30])
def test_the_clock_refuses_to_go_back_or_out_of_range(browser: Browser, seconds: float) -> None:
    before = browser.backend.now
    with pytest.raises(SettingsError, match="the clock"):
        browser.advance(seconds)
    assert browser.backend.now == before


# --- a refresh token that is used twice -----------------------------------------------------------


@pytest.mark.parametrize(
    ("revokes", "access", "refresh"), [(False, "messages", "refresh"), (True, "A10", "B03")]
)
def test_a_reused_refresh_token_revokes_its_login_if_configured(
    open_browser: OpenBrowser, revokes: bool, access: str, refresh: str
) -> None:
    browser = open_browser(reuse_revokes=revokes)
    first, other = browser.login(), browser.login()
    second = browser.refresh(first["refresh_token"]).json()
    assert browser.rule_for(first["access_token"], "POST", "/v1/messages") == "messages"

    assert browser.refresh(first["refresh_token"]).status_code == 400
    assert browser.last_rule == "B03"
    for tokens in (first, second):
        assert browser.rule_for(tokens["access_token"], "POST", "/v1/messages") == access
    browser.refresh(second["refresh_token"])
    assert browser.last_rule == refresh
    assert browser.rule_for(other["access_token"], "POST", "/v1/messages") == "messages"
    browser.refresh(other["refresh_token"])
    assert browser.last_rule == "refresh"


@pytest.mark.parametrize(("revokes", "rule"), [(False, "messages"), (True, "A10")])
def test_a_refresh_revokes_the_access_token_before_it_if_configured(
    open_browser: OpenBrowser, revokes: bool, rule: str
) -> None:
    browser = open_browser(refresh_revokes_access=revokes)
    first, other = browser.login(), browser.login()
    second = browser.refresh(first["refresh_token"]).json()
    assert browser.rule_for(first["access_token"], "POST", "/v1/messages") == rule
    for tokens in (second, other):
        assert browser.rule_for(tokens["access_token"], "POST", "/v1/messages") == "messages"


# --- federation -----------------------------------------------------------------------------------


def test_a_workload_gets_a_token_for_messages(browser: Browser) -> None:
    identity = browser.backend.tokens.make(TokenKind.IDENTITY_TOKEN).value
    answer = browser.request_tokens(FEDERATING | {"assertion": identity}, API)
    body = answer.json()
    token = body.pop("access_token")
    assert (answer.status_code, browser.last_rule) == (200, "federate")
    assert body == {"token_type": "Bearer", "expires_in": HOUR, "scope": "workspace:developer"}
    expected = {"messages": "messages", "profile": "B25", "usage": "B25", "roles": "B25"}
    assert browser.rules_for(token) == expected

    browser.request_tokens(FEDERATING | {"assertion": identity}, API)
    assert browser.last_rule == "B23"
    assert browser.rule_for(token, "POST", "/v1/messages") == "messages"
    browser.advance(HOUR)
    assert set(browser.rules_for(token).values()) == {"A08"}


def test_a_workload_does_not_count_as_a_third_party(open_browser: OpenBrowser) -> None:
    browser = open_browser(counts_as_claude_code=False)
    identity = browser.backend.tokens.make(TokenKind.IDENTITY_TOKEN).value
    token = browser.request_tokens(FEDERATING | {"assertion": identity}, API).json()["access_token"]
    assert browser.rule_for(token, "POST", "/v1/messages") == "messages"
    subscription = browser.login()["access_token"]
    assert browser.rule_for(subscription, "POST", "/v1/messages") == "A18"


@pytest.mark.parametrize("kind", [TokenKind.ACCESS_TOKEN, TokenKind.API_KEY, None])
def test_only_an_identity_token_is_accepted_as_an_assertion(
    browser: Browser, kind: TokenKind | None
) -> None:
    value = browser.backend.tokens.make(kind).value if kind else "a.foreign.jwt"
    answer = browser.request_tokens(FEDERATING | {"assertion": value}, API)
    assert (answer.status_code, browser.last_rule) == (401, "B23")


def test_an_identity_token_is_refused_as_a_bearer_token(browser: Browser) -> None:
    identity = browser.backend.tokens.make(TokenKind.IDENTITY_TOKEN).value
    assert set(browser.rules_for(identity).values()) == {"A05"}
