"""Rules of the authorization page: it approves at once, or refuses with an HTML page.

Signing in is not modelled: every visitor is the one made-up user.
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
"""Redirect to a client that listens on a loopback port (RFC 8252, 7.3)."""
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
"""Every scope named in reports: anthropics/claude-code#93216, apache/maka#2949."""
CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""RFC 7636, 4.2: a SHA-256 in base64url."""
SHORT_SCOPES: Final = {"I": SETUP_TOKEN_SCOPES, "z-": LOGIN_SCOPES}
SHORT_LINK: Final = re.compile(rf"({'|'.join(SHORT_SCOPES)})({CHALLENGE.pattern})")
"""Query of the links that `claude setup-token` and `claude auth login` print in 2.1.330."""
_ERROR_TITLE: Final = "Invalid OAuth Request"


def _scopes(request: RequestContext) -> tuple[str, ...]:
    return tuple(request.parameters.get("scope", "").split())


def _redirect_supported(request: RequestContext) -> bool:
    uri = request.parameters.get("redirect_uri", "")
    return uri in CALLBACKS or LOOPBACK.fullmatch(uri) is not None


def _state_missing(request: RequestContext) -> bool:
    """The parameter state is absent."""
    return not request.parameters.get("state")


def _challenge_missing(request: RequestContext) -> bool:
    """The parameter code_challenge is absent or not an S256 challenge."""
    s256 = request.parameters.get("code_challenge_method") == "S256"
    return not s256 or not CHALLENGE.fullmatch(request.parameters.get("code_challenge", ""))


def _scope_missing(request: RequestContext) -> bool:
    """The parameter scope is absent."""
    return not _scopes(request)


def _redirect_missing(request: RequestContext) -> bool:
    """The parameter redirect_uri is absent."""
    return not request.parameters.get("redirect_uri")


def _scope_unknown(request: RequestContext) -> bool:
    """A scope is unknown, for example because a line break split the copied URL."""
    return not SCOPES.issuperset(_scopes(request))


def _redirect_unsupported(request: RequestContext) -> bool:
    """The redirect is not registered for the client."""
    return not _redirect_supported(request)


def _no_subscription(request: RequestContext) -> bool:
    """The account that is signed in to the browser has no plan that includes Claude Code."""
    return request.state.standing is AccountState.NO_SUBSCRIPTION


def _missing(request: RequestContext) -> tuple[str, ...]:
    response_type, client_id = map(request.parameters.get, ("response_type", "client_id"))
    return ("response_type",) * (response_type != "code") + ("client_id",) * (not client_id)


def _complete(request: RequestContext) -> bool:
    """The request is complete; the browser is redirected to the client with a code."""
    return not _missing(request)


def _short_link(request: RequestContext) -> tuple[tuple[str, ...], str] | None:
    """Return the scopes and the challenge of a short link; None: the query is not one."""
    match = SHORT_LINK.fullmatch(request.query)
    return (SHORT_SCOPES[match[1]], match[2]) if match else None


def requested_scopes(request: RequestContext) -> tuple[str, ...]:
    """Return the scopes of an authorization request; empty for any other request."""
    if not request.path.endswith(AUTHORIZE_PATH):
        return ()
    short = _short_link(request)
    return short[0] if short else _scopes(request)


def _is_short_link(request: RequestContext) -> bool:
    """The query is a short link, a code for the scopes and a challenge; the page shows the code."""
    return _short_link(request) is not None


def _show_code(request: RequestContext) -> Answer:
    link = _short_link(request)
    assert link is not None  # noqa: S101 - it was the condition
    scopes, challenge = link
    code = request.state.give_code(
        Code(
            client_id=None,
            redirect_uri=CALLBACKS[0],
            challenge=challenge,
            state=None,
            scopes=scopes,
            expires_at=request.now + CODE_LIFETIME,
        )
    )
    # The client expects `code#state`. A short link contains no state, so the client accepts any.
    return page(200, "Authentication Code", f"{code}#{challenge}")


def _redirect(request: RequestContext) -> Answer:
    """Return a redirect to the client with a code and the client's state (RFC 6749, 4.1.2)."""
    # A parameter may be missing if the rule that refuses such requests is broken on purpose.
    parameters = defaultdict(str, request.parameters)
    code = request.state.give_code(
        Code(
            client_id=parameters["client_id"],
            redirect_uri=parameters["redirect_uri"],
            challenge=parameters["code_challenge"],
            state=parameters["state"],
            scopes=_scopes(request),
            expires_at=request.now + CODE_LIFETIME,
        )
    )
    query = urllib.parse.urlencode({"code": code, "state": parameters["state"]})
    redirect_uri = urllib.parse.quote(parameters["redirect_uri"], safe=":/?&=%[]")
    return Answer(status=302, headers={"location": f"{redirect_uri}?{query}"})


def _missing_on_code_page(request: RequestContext) -> tuple[str, ...]:
    return tuple(name for name in ("code", "state") if not request.parameters.get(name))


def _code_and_state(request: RequestContext) -> bool:
    """The code and the state are present; the page shows them for the user to copy."""
    return not _missing_on_code_page(request)


def _code_page(request: RequestContext) -> Answer:
    """Return the page with `code#state`, as users paste it (anthropics/claude-code#20325)."""
    is_issued = request.state.find_code(request.parameters["code"]) is not None
    text = (
        f"{request.parameters['code']}#{request.parameters['state']}"
        if is_issued
        else "no such code"
    )
    return page(200, "Authentication Code", _escape(text))


def _unknown_scopes(request: RequestContext) -> Answer:
    unknown = [scope for scope in _scopes(request) if scope not in SCOPES]
    return page(400, _ERROR_TITLE, _escape(f"Unknown scope: {', '.join(unknown)}"))


def _unsupported_redirect(request: RequestContext) -> Answer:
    uri = request.parameters.get("redirect_uri", "")
    return page(400, _ERROR_TITLE, _escape(f"Redirect URI {uri} is not supported by client."))


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# Users saw these pages in a browser, so no report has their status. RFC 6749, 4.1.2.1 requires that
# the server informs the user and does not redirect.
STATE_MISSING: Final = rule(
    "B14",
    _state_missing,
    page(400, _ERROR_TITLE, "Missing state parameter"),
    "anthropics/claude-code#77966",
    seen="2026-07-16",
    certainty=RuleCertainty.ONCE,
)
CHALLENGE_MISSING: Final = rule(
    "B15",
    _challenge_missing,
    page(400, _ERROR_TITLE, "Missing code_challenge parameter"),
    "anthropics/claude-code#20728",
    seen="2026-01-25",
    certainty=RuleCertainty.ONCE,
)
SCOPE_MISSING: Final = rule(
    "B16",
    _scope_missing,
    page(400, _ERROR_TITLE, "Missing scope parameter"),
    "anthropics/claude-code#70506",
    seen="2026-06",
    certainty=RuleCertainty.ONCE,
)
REDIRECT_MISSING: Final = rule(
    "B17",
    _redirect_missing,
    page(400, _ERROR_TITLE, "Missing redirect_uri parameter"),
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
    missing=_missing,
)
CODE_SHOWN: Final = rule(
    "code-page",
    _code_and_state,
    _code_page,
    "anthropics/claude-code#20325",
    "anthropics/claude-code#36015",
    seen=("2026-01-23", "2026-03-19"),
    missing=_missing_on_code_page,
)
SHORT: Final = rule(
    "authorize-short",
    _is_short_link,
    _show_code,
    "www.npmjs.com/package/@anthropic-ai/claude-code/v/2.1.330",
    seen="2026-11-23",
    certainty=RuleCertainty.OBSERVED,
    answers_success=True,
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
