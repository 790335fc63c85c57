"""Signing in as a client does: authorization code with PKCE, federation, and how each ends."""

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
    REDIRECT,
    SPRING,
    html,
    served,
)

PAGES = {
    "claude.ai": f"https://{CLAUDE_AI}/oauth/authorize",
    "claude.com": f"https://{CLAUDE_COM}/cai/oauth/authorize",
    "platform": f"https://{PLATFORM}/oauth/authorize",
    "console": f"https://{CONSOLE}/oauth/authorize",
}
SHOWN = [f"https://{host}/oauth/code/callback" for host in (PLATFORM, CONSOLE)]
HOUR = 3600
DAY = 24 * HOUR


@dataclass(frozen=True)
class Browser:
    """A client and its user's browser, at one backend."""

    backend: CaseBackend
    client: httpx.Client

    def authorize(self, page: str = "claude.ai", **changes: str | None) -> httpx.Response:
        """What the page says; None leaves a parameter out."""
        asked = {name: value for name, value in (AUTHORIZING | changes).items() if value}
        return self.client.get(PAGES[page], params=asked)

    def code(self, page: str = "claude.ai", **changes: str | None) -> str:
        """The code with which the browser is sent back."""
        return sent_back(self.authorize(page, **changes))["code"]

    def exchange(self, code: str, **changes: str) -> httpx.Response:
        """What the token endpoint says to a code."""
        return self.ask_tokens(EXCHANGING | {"code": code} | changes)

    def refresh(self, token: str) -> httpx.Response:
        """What it says to a refresh token."""
        fields = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": token}
        return self.ask_tokens(fields)

    def ask_tokens(self, fields: dict[str, str], host: str = PLATFORM) -> httpx.Response:
        """What a token endpoint says to these fields."""
        return self.client.post(f"https://{host}{TOKEN_PATH}", json=fields)

    def login(self, **changes: str | None) -> dict[str, Any]:
        """The tokens of a new login."""
        answer = self.exchange(self.code("claude.ai", **changes))
        assert answer.status_code == 200
        tokens: dict[str, Any] = answer.json()
        return tokens

    def rule_for(self, token: str, method: str, path: str) -> str | None:
        """The rule that answers a request with this Bearer token."""
        headers = {
            "authorization": f"Bearer {token}",
            "anthropic-beta": OAUTH_BETA,
            "anthropic-version": "2023-06-01",
        }
        self.client.request(method, f"https://{API}{path}", headers=headers)
        return self.last

    def rules_for(self, token: str) -> dict[str, str | None]:
        """The rules that answer requests for a message, and about its owner."""
        return {
            "messages": self.rule_for(token, "POST", "/v1/messages"),
            "profile": self.rule_for(token, "GET", "/api/oauth/profile"),
            "usage": self.rule_for(token, "GET", "/api/oauth/usage"),
            "roles": self.rule_for(token, "GET", "/api/oauth/claude_cli/roles"),
        }

    @property
    def last(self) -> str | None:
        """The rule that answered last."""
        return self.backend.exchanges[-1].rule

    def advance(self, seconds: float) -> None:
        """Let the backend's time pass."""
        self.backend.state.clock.advance(seconds)


def sent_back(answer: httpx.Response) -> dict[str, str]:
    """The parameters with which the browser goes back to the client."""
    assert answer.status_code == 302
    address, _, query = answer.headers["location"].partition("?")
    assert address == answer.request.url.params["redirect_uri"]
    return dict(urllib.parse.parse_qsl(query, strict_parsing=True))


Opened = Callable[..., Browser]
PASSES = {"messages": "messages", "profile": "profile", "usage": "usage", "roles": "roles"}


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as opened:
        yield opened


@pytest.fixture
def opened(network: Network) -> Iterator[Opened]:
    """Browsers at backends that are set up so; nothing that they did may leave a token behind."""
    browsers = []
    with contextlib.ExitStack() as stack:

        def opening(**setup: Any) -> Browser:
            values: dict[str, Any] = {"date": SPRING, "counts_as_claude_code": True}
            backend = CaseBackend(Backend(**(values | setup)))
            browser = Browser(backend, stack.enter_context(served(network, backend)))
            browsers.append(browser)
            return browser

        yield opening
    for browser in browsers:
        assert find_token(repr(browser.backend.exchanges)) is None


@pytest.fixture
def browser(opened: Opened) -> Browser:
    return opened()


# --- the code -------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("redirect", [REDIRECT, "http://127.0.0.1:1/callback", *SHOWN])
def test_a_browser_is_sent_back_with_a_code(browser: Browser, page: str, redirect: str) -> None:
    back = sent_back(browser.authorize(page, redirect_uri=redirect, state="a state & more"))
    assert back.keys() == {"code", "state"}
    assert back["state"] == "a state & more"
    exchanged = browser.exchange(back["code"], redirect_uri=redirect, state="a state & more")
    assert (exchanged.status_code, browser.last) == (200, "code")


@pytest.mark.parametrize("callback", SHOWN)
def test_a_page_shows_the_code_to_copy(browser: Browser, callback: str) -> None:
    answer = browser.authorize("platform", redirect_uri=callback)
    page = browser.client.get(answer.headers["location"])
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    [pasted] = re.findall("<p>(.*)</p>", page.text)
    code, _, state = pasted.partition("#")
    assert state == AUTHORIZING["state"]
    assert browser.exchange(code, redirect_uri=callback, state=state).status_code == 200
    assert code not in repr(browser.backend.exchanges)


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
def test_an_incomplete_request_is_told_in_the_browser(
    browser: Browser,
    page: str,
    rule: str,
    status: int,
    title: str,
    text: str,
    changes: dict[str, str | None],
) -> None:
    answer = browser.authorize(page, **changes)
    assert (browser.last, answer.status_code) == (rule, status)
    assert answer.text == html(title, text)
    assert "location" not in answer.headers


@pytest.mark.parametrize("page", PAGES)
def test_an_account_without_a_plan_is_told_so(opened: Opened, page: str) -> None:
    browser = opened(standing=AccountState.NO_SUBSCRIPTION)
    answer = browser.authorize(page)
    assert (browser.last, answer.status_code) == ("B20", 403)
    assert answer.text == html("Max or Pro account required")


EVIL = "<script>&\"'</script>"


def test_what_a_page_repeats_is_escaped(browser: Browser) -> None:
    pages = [
        browser.authorize(scope=EVIL),
        browser.authorize(redirect_uri=EVIL),
        browser.client.get(SHOWN[0], params={"code": browser.code(), "state": EVIL}),
        browser.client.get(SHOWN[0], params={"code": EVIL, "state": EVIL}),
    ]
    assert [seen.rule for seen in browser.backend.exchanges if seen.rule != "authorize"] == [
        *("B18", "B19", "code-page", "code-page")
    ]
    for page in pages:
        assert "<script" not in page.text
    assert [page.text.count("&lt;script&gt;&amp;") for page in pages] == [1, 1, 1, 0]


def test_a_page_repeats_no_code_that_nobody_gave_out(browser: Browser) -> None:
    code = browser.code()
    assert browser.exchange(code).status_code == 200
    for unknown in (code, "somebody-else-s-code"):
        page = browser.client.get(SHOWN[0], params={"code": unknown, "state": "s"})
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
    assert (answer.status_code, browser.last) == (200, "authorize-short")
    [pasted] = re.findall("<p>(.*)</p>", answer.text)
    code = pasted.partition("#")[0]
    # The link names no redirect: it is the page that shows the code.
    assert browser.exchange(code).status_code == 400
    assert browser.last == "redirect-mismatch"
    assert browser.exchange(code, redirect_uri=SHOWN[0], code_verifier="x").status_code == 400
    tokens = browser.exchange(code, redirect_uri=SHOWN[0], state="of the client").json()
    assert tokens["scope"] == scope
    assert ("refresh_token" in tokens) is ("user:profile" in scope)
    assert code not in repr(browser.backend.exchanges)


# --- what it is exchanged for ---------------------------------------------------------------------


def test_a_login_gets_tokens_that_work_everywhere(browser: Browser) -> None:
    tokens = browser.login()
    assert tokens.pop("access_token").startswith("sk-ant-oat01-")
    assert tokens.pop("refresh_token").startswith("sk-ant-ort01-")
    assert tokens == {
        "token_type": "Bearer",
        "expires_in": 8 * HOUR,
        "refresh_token_expires_in": 30 * DAY,
        "scope": "user:inference user:profile",
    }
    assert browser.rules_for(browser.login()["access_token"]) == PASSES


def test_a_refreshed_login_keeps_its_scopes(browser: Browser) -> None:
    first = browser.login(scope="user:profile user:inference user:file_upload")
    second = browser.refresh(first["refresh_token"]).json()
    assert second["scope"] == first["scope"] == "user:profile user:inference user:file_upload"
    assert len({*first.values(), *second.values()} - {*first.values()}) == 2
    assert browser.rules_for(second["access_token"]) == PASSES
    assert browser.rules_for(first["access_token"]) == PASSES


def test_a_setup_token_is_for_messages_only(browser: Browser) -> None:
    token = browser.login(scope="user:inference")
    assert token.pop("access_token").startswith("sk-ant-oat01-")
    assert token == {
        "token_type": "Bearer",
        "expires_in": 365 * DAY,
        "scope": "user:inference",
    }
    [made] = browser.backend.tokens
    assert made.kind is TokenKind.SETUP_TOKEN


@pytest.mark.parametrize(
    ("date", "profile"), [(SPRING, "A15"), (datetime.date(2026, 10, 1), "A16")]
)
def test_a_setup_token_is_refused_about_its_owner(
    opened: Opened, date: datetime.date, profile: str
) -> None:
    browser = opened(date=date)
    token = browser.login(scope="user:inference")["access_token"]
    # Nothing is reported of roles and scopes: there it is good as any.
    expected = {"messages": "messages", "profile": profile, "usage": "A15", "roles": "roles"}
    assert browser.rules_for(token) == expected


def test_a_login_without_inference_gets_no_message(browser: Browser) -> None:
    token = browser.login(scope="user:profile org:create_api_key")["access_token"]
    assert browser.rules_for(token) == PASSES | {"messages": "A17"}


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
def test_a_code_needs_all_that_it_was_asked_for_with(
    browser: Browser, host: str, changes: dict[str, str], rule: str
) -> None:
    fields = EXCHANGING | {"code": browser.code()}
    assert browser.ask_tokens(fields | changes, host).status_code == 400
    assert browser.last == rule
    assert list(browser.backend.tokens) == []
    assert browser.ask_tokens(fields, host).status_code == 200


def test_a_code_works_once(browser: Browser) -> None:
    code = browser.code()
    rules = []
    for _ in range(3):
        browser.exchange(code)
        rules.append(browser.last)
    assert rules == ["code", "B04", "B04"]


@pytest.mark.parametrize(("seconds", "rule"), [(599, "code"), (600, "B04")])
def test_a_code_is_good_for_ten_minutes(browser: Browser, seconds: int, rule: str) -> None:
    code = browser.code()
    browser.advance(seconds)
    browser.exchange(code)
    assert browser.last == rule


# --- time -----------------------------------------------------------------------------------------


def test_an_access_token_is_good_for_eight_hours(browser: Browser) -> None:
    token = browser.login()["access_token"]
    browser.advance(8 * HOUR - 1)
    assert browser.rules_for(token) == PASSES
    browser.advance(1)
    assert set(browser.rules_for(token).values()) == {"A08"}


def test_a_setup_token_is_good_for_a_year(browser: Browser) -> None:
    token = browser.login(scope="user:inference")["access_token"]
    browser.advance(365 * DAY - 1)
    assert browser.rule_for(token, "POST", "/v1/messages") == "messages"
    browser.advance(1)
    assert set(browser.rules_for(token).values()) == {"A09"}


@pytest.mark.parametrize(("seconds", "rule"), [(30 * DAY - 1, "refresh"), (30 * DAY, "B03")])
def test_a_refresh_token_is_good_for_thirty_days(browser: Browser, seconds: int, rule: str) -> None:
    token = browser.login()["refresh_token"]
    browser.advance(seconds)
    browser.refresh(token)
    assert browser.last == rule


@pytest.mark.parametrize("seconds", [-1, -1e-9, float("nan"), float("inf"), 1e30])
def test_the_clock_moves_forward_only(browser: Browser, seconds: float) -> None:
    before = browser.backend.now
    with pytest.raises(SettingsError, match="the clock"):
        browser.advance(seconds)
    assert browser.backend.now == before


# --- a refresh token that is used twice -----------------------------------------------------------


@pytest.mark.parametrize(
    ("revokes", "access", "refresh"), [(False, "messages", "refresh"), (True, "A10", "B03")]
)
def test_a_reused_refresh_token_may_end_its_login(
    opened: Opened, revokes: bool, access: str, refresh: str
) -> None:
    browser = opened(reuse_revokes=revokes)
    first, other = browser.login(), browser.login()
    second = browser.refresh(first["refresh_token"]).json()
    assert browser.rule_for(first["access_token"], "POST", "/v1/messages") == "messages"

    assert browser.refresh(first["refresh_token"]).status_code == 400
    assert browser.last == "B03"
    for tokens in (first, second):
        assert browser.rule_for(tokens["access_token"], "POST", "/v1/messages") == access
    browser.refresh(second["refresh_token"])
    assert browser.last == refresh
    assert browser.rule_for(other["access_token"], "POST", "/v1/messages") == "messages"
    browser.refresh(other["refresh_token"])
    assert browser.last == "refresh"


# --- federation -----------------------------------------------------------------------------------


def test_a_workload_gets_a_token_for_messages(browser: Browser) -> None:
    identity = browser.backend.tokens.make(TokenKind.IDENTITY_TOKEN).value
    answer = browser.ask_tokens(FEDERATING | {"assertion": identity}, API)
    body = answer.json()
    token = body.pop("access_token")
    assert (answer.status_code, browser.last) == (200, "federate")
    assert body == {"token_type": "Bearer", "expires_in": HOUR, "scope": "workspace:developer"}
    expected = {"messages": "messages", "profile": "B25", "usage": "B25", "roles": "B25"}
    assert browser.rules_for(token) == expected

    browser.ask_tokens(FEDERATING | {"assertion": identity}, API)
    assert browser.last == "B23"
    assert browser.rule_for(token, "POST", "/v1/messages") == "messages"
    browser.advance(HOUR)
    assert set(browser.rules_for(token).values()) == {"A08"}


def test_a_workload_is_no_third_party(opened: Opened) -> None:
    browser = opened(counts_as_claude_code=False)
    identity = browser.backend.tokens.make(TokenKind.IDENTITY_TOKEN).value
    token = browser.ask_tokens(FEDERATING | {"assertion": identity}, API).json()["access_token"]
    assert browser.rule_for(token, "POST", "/v1/messages") == "messages"
    subscription = browser.login()["access_token"]
    assert browser.rule_for(subscription, "POST", "/v1/messages") == "A18"


@pytest.mark.parametrize("kind", [TokenKind.ACCESS_TOKEN, TokenKind.API_KEY, None])
def test_only_an_identity_token_is_an_assertion(browser: Browser, kind: TokenKind | None) -> None:
    value = browser.backend.tokens.make(kind).value if kind else "a.foreign.jwt"
    answer = browser.ask_tokens(FEDERATING | {"assertion": value}, API)
    assert (answer.status_code, browser.last) == (401, "B23")


def test_an_identity_token_is_no_bearer(browser: Browser) -> None:
    identity = browser.backend.tokens.make(TokenKind.IDENTITY_TOKEN).value
    assert set(browser.rules_for(identity).values()) == {"A05"}
