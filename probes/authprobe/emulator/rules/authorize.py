"""The authorization page: it approves at once, or says in HTML what the request lacks.

Who signs in is not modelled: whoever gets here is the one made-up user.
"""

import re
import urllib.parse
from collections import defaultdict
from typing import Final

from authprobe.core.claude_api import CONSOLE, PLATFORM
from authprobe.emulator.config import AccountState
from authprobe.emulator.rules.base import Answer, RequestContext, RuleCertainty, page, rule
from authprobe.emulator.state.state import CODE_LIFETIME, Code
from authprobe.emulator.state.tokens import LOGIN_SCOPES, SETUP_TOKEN_SCOPES

AUTHORIZE_PATH: Final = "/oauth/authorize"
CALLBACK_PATH: Final = "/oauth/code/callback"
CALLBACKS: Final = tuple(f"https://{host}{CALLBACK_PATH}" for host in (PLATFORM, CONSOLE))
LOOPBACK: Final = re.compile(r"http://(localhost|127\.0\.0\.1)(:\d{1,5})?/callback")
"""Redirects of a client that listens itself (RFC 8252, 7.3)."""
SCOPES: Final = frozenset(
    {
        "org:create_api_key",
        "org:service_key_inference",
        "user:ccr_inference",
        "user:file_upload",
        "user:inference",
        "user:mcp_servers",
        "user:office",
        "user:profile",
        "user:sessions:claude_code",
        "user:voice",
    }
)
"""Every scope that reports name: anthropics/claude-code#93216, apache/maka#2949."""
CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""RFC 7636, 4.2: a SHA-256 in base64url."""
SHORT_SCOPES: Final = {"I": SETUP_TOKEN_SCOPES, "z-": LOGIN_SCOPES}
SHORT_LINK: Final = re.compile(rf"({'|'.join(SHORT_SCOPES)})({CHALLENGE.pattern})")
"""What `claude setup-token` and `claude auth login` print at 2.1.330."""
_SEEN_IN_A_BROWSER: Final = "Invalid OAuth Request"


def _scopes(request: RequestContext) -> tuple[str, ...]:
    return tuple(request.parameters.get("scope", "").split())


def _redirect_supported(request: RequestContext) -> bool:
    uri = request.parameters.get("redirect_uri", "")
    return uri in CALLBACKS or LOOPBACK.fullmatch(uri) is not None


def _state_missing(request: RequestContext) -> bool:
    """The parameter state is absent."""
    return not request.parameters.get("state")


def _challenge_missing(request: RequestContext) -> bool:
    """The parameter code_challenge is absent, or is no S256 challenge."""
    s256 = request.parameters.get("code_challenge_method") == "S256"
    return not s256 or not CHALLENGE.fullmatch(request.parameters.get("code_challenge", ""))


def _scope_missing(request: RequestContext) -> bool:
    """The parameter scope is absent."""
    return not _scopes(request)


def _redirect_missing(request: RequestContext) -> bool:
    """The parameter redirect_uri is absent."""
    return not request.parameters.get("redirect_uri")


def _scope_unknown(request: RequestContext) -> bool:
    """A scope is none of those that are known, as when a copied address was wrapped."""
    return not SCOPES.issuperset(_scopes(request))


def _redirect_unsupported(request: RequestContext) -> bool:
    """The redirect is not registered for the client."""
    return not _redirect_supported(request)


def _no_subscription(request: RequestContext) -> bool:
    """The account in the browser has no plan that includes Claude Code."""
    return request.state.standing is AccountState.NO_SUBSCRIPTION


def _lacks(request: RequestContext) -> tuple[str, ...]:
    response_type, client_id = map(request.parameters.get, ("response_type", "client_id"))
    return ("response_type",) * (response_type != "code") + ("client_id",) * (not client_id)


def _complete(request: RequestContext) -> bool:
    """A complete request: the browser is sent back with a code."""
    return not _lacks(request)


def _short_link(request: RequestContext) -> tuple[tuple[str, ...], str] | None:
    """Scopes and challenge of a link that has nothing else in it."""
    found = SHORT_LINK.fullmatch(request.query)
    return (SHORT_SCOPES[found[1]], found[2]) if found else None


def scopes_asked(request: RequestContext) -> tuple[str, ...]:
    """The scopes that an authorization is asked for with; none of a request of another kind."""
    if not request.path.endswith(AUTHORIZE_PATH):
        return ()
    short = _short_link(request)
    return short[0] if short else _scopes(request)


def _is_short_link(request: RequestContext) -> bool:
    """A short link, of a letter for the scopes and a challenge: the code is shown at once."""
    return _short_link(request) is not None


def _show_code(request: RequestContext) -> Answer:
    found = _short_link(request)
    assert found is not None  # noqa: S101 - it was the condition
    code = request.state.give_code(
        Code(
            client_id=None,
            redirect_uri=CALLBACKS[0],
            challenge=found[1],
            state=None,
            scopes=found[0],
            expires_at=request.now + CODE_LIFETIME,
        )
    )
    # The client wants two halves. It has told nobody its state, and takes any.
    return page(200, "Authentication Code", f"{code}#{found[1]}")


def _redirect(request: RequestContext) -> Answer:
    """Back to the client, with a code and its state (RFC 6749, 4.1.2)."""
    asked = defaultdict(str, request.parameters)  # lacks something if a refusal is left out
    code = request.state.give_code(
        Code(
            client_id=asked["client_id"],
            redirect_uri=asked["redirect_uri"],
            challenge=asked["code_challenge"],
            state=asked["state"],
            scopes=_scopes(request),
            expires_at=request.now + CODE_LIFETIME,
        )
    )
    query = urllib.parse.urlencode({"code": code, "state": asked["state"]})
    back = urllib.parse.quote(asked["redirect_uri"], safe=":/?&=%[]")
    return Answer(status=302, headers={"location": f"{back}?{query}"})


def _page_lacks(request: RequestContext) -> tuple[str, ...]:
    return tuple(name for name in ("code", "state") if not request.parameters.get(name))


def _code_and_state(request: RequestContext) -> bool:
    """The page from which a user copies the code."""
    return not _page_lacks(request)


def _code_page(request: RequestContext) -> Answer:
    """`code#state`, as users paste it (anthropics/claude-code#20325)."""
    known = request.state.find_code(request.parameters["code"]) is not None
    text = (
        f"{request.parameters['code']}#{request.parameters['state']}" if known else "no such code"
    )
    return page(200, "Authentication Code", _plain(text))


def _unknown_scopes(request: RequestContext) -> Answer:
    unknown = [scope for scope in _scopes(request) if scope not in SCOPES]
    return page(400, _SEEN_IN_A_BROWSER, _plain(f"Unknown scope: {', '.join(unknown)}"))


def _unsupported_redirect(request: RequestContext) -> Answer:
    uri = request.parameters.get("redirect_uri", "")
    return page(400, _SEEN_IN_A_BROWSER, _plain(f"Redirect URI {uri} is not supported by client."))


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# The status of these pages is not reported: people saw them in a browser. RFC 6749, 4.1.2.1 asks
# that the user is told and not sent back.
STATE_MISSING: Final = rule(
    "B14",
    _state_missing,
    page(400, _SEEN_IN_A_BROWSER, "Missing state parameter"),
    "anthropics/claude-code#77966",
    seen="2026-07-16",
    certainty=RuleCertainty.ONCE,
)
CHALLENGE_MISSING: Final = rule(
    "B15",
    _challenge_missing,
    page(400, _SEEN_IN_A_BROWSER, "Missing code_challenge parameter"),
    "anthropics/claude-code#20728",
    seen="2026-01-25",
    certainty=RuleCertainty.ONCE,
)
SCOPE_MISSING: Final = rule(
    "B16",
    _scope_missing,
    page(400, _SEEN_IN_A_BROWSER, "Missing scope parameter"),
    "anthropics/claude-code#70506",
    seen="2026-06",
    certainty=RuleCertainty.ONCE,
)
REDIRECT_MISSING: Final = rule(
    "B17",
    _redirect_missing,
    page(400, _SEEN_IN_A_BROWSER, "Missing redirect_uri parameter"),
    "anthropics/claude-code#47152",
    seen="2026-04",
    certainty=RuleCertainty.ONCE,
)
SCOPE_UNKNOWN: Final = rule(
    "B18",
    _scope_unknown,
    _unknown_scopes,
    "anthropics/claude-code#20325",
    "anthropics/claude-code#26874",
    "anthropics/claude-code#41677",
    seen=("2026-01-23", "2026-03-31"),
)
REDIRECT_UNSUPPORTED: Final = rule(
    "B19",
    _redirect_unsupported,
    _unsupported_redirect,
    "anthropics/claude-code#36015",
    "anthropics/claude-code#36215",
    "anthropics/claude-code#93216",
    seen=("2026-03-19", "2026-09-09"),
)
PLAN_NEEDED: Final = rule(
    "B20",
    _no_subscription,
    page(403, "Max or Pro account required"),
    "anthropics/claude-code#36922",
    "anthropics/claude-code#47152",
    seen=("2026-03-21", "2026-04"),
)
AUTHORIZED: Final = rule(
    "authorize",
    _complete,
    _redirect,
    "anthropics/claude-code#20325",
    "anthropics/claude-code#93216",
    "www.rfc-editor.org/rfc/rfc6749#section-4.1",
    seen=("2026-01-23", "2026-09-09"),
    lacks=_lacks,
)
CODE_SHOWN: Final = rule(
    "code-page",
    _code_and_state,
    _code_page,
    "anthropics/claude-code#20325",
    "anthropics/claude-code#36015",
    seen=("2026-01-23", "2026-03-19"),
    lacks=_page_lacks,
)
SHORT: Final = rule(
    "authorize-short",
    _is_short_link,
    _show_code,
    "www.npmjs.com/package/@anthropic-ai/claude-code/v/2.1.330",
    seen="2026-11-23",
    certainty=RuleCertainty.OBSERVED,
    passes=True,
)
AUTHORIZE: Final = (
    PLAN_NEEDED,
    SHORT,
    STATE_MISSING,
    CHALLENGE_MISSING,
    SCOPE_MISSING,
    REDIRECT_MISSING,
    SCOPE_UNKNOWN,
    REDIRECT_UNSUPPORTED,
    AUTHORIZED,
)
