"""The route table: the rules of every method, host and path that the backend answers.

The rules of a route are tried in order and the first that applies gives the answer; if none
applies, the request is denied. The last rule of a route answers valid requests. Ids of refusals by
the API begin with A, those of refusals during login and by the token endpoint with B.
"""

from collections.abc import Mapping
from typing import Final

from authprobe.core.claude_api import (
    API,
    BEDROCK,
    CLAUDE_AI,
    CLAUDE_COM,
    CONSOLE,
    HOSTS,
    MESSAGES_PATH,
    OAUTH_BETA,
    PLATFORM,
    PROFILE_PATH,
    TOKEN_PATH,
)
from authprobe.emulator.rules import (
    authorize,
    batches,
    bedrock,
    completions,
    credentials,
    edge,
    error_codes,
    federation,
    files,
    inference,
    limits,
    models,
    paging,
    profile,
    request_body,
    side_calls,
    token_endpoint,
)
from authprobe.emulator.rules.base import Rule
from authprobe.emulator.rules.messages import BEFORE_INFERENCE, MESSAGES
from authprobe.emulator.rules.route_table import Route, RouteTable

__all__ = [
    "API",
    "CLAUDE_AI",
    "CLAUDE_COM",
    "CONSOLE",
    "EVERYWHERE",
    "HOSTS",
    "NOT_PRODUCED",
    "OAUTH_BETA",
    "PLATFORM",
    "ROUTES",
    "RULES",
    "TOKEN_PATH",
    "TOKEN_PATHS",
]

EVERYWHERE: Final = edge.EDGE
"""Rules on demand that a fault can trigger on any route, including unknown ones."""

_BEFORE_RESOURCES: Final = (
    *credentials.CREDENTIALS,
    federation.SCOPE_MISSING,
    *limits.LIMIT_RULES,
    *error_codes.CODE_RULES,
    *edge.STANDARD[1:],
)
"""Refusals that are tried before a request for a resource of the API succeeds."""
_BEFORE_MODELS: Final = (*_BEFORE_RESOURCES, credentials.MODELS_SCOPE_MISSING)
_BEFORE_BATCH: Final = (*_BEFORE_RESOURCES, batches.BATCH_UNKNOWN)
_BEFORE_FILES: Final = (*_BEFORE_RESOURCES, files.FLAG_MISSING)
_BEFORE_FILE: Final = (*_BEFORE_FILES, files.FILE_UNKNOWN)
_BEFORE_ACCOUNT_DATA: Final = (*credentials.BEARER, federation.SCOPE_MISSING)

_BATCHES: Final = "/v1/messages/batches"
_BATCH: Final = f"{_BATCHES}/{{batch_id}}"
_FILE: Final = "/v1/files/{file_id}"

_ROUTES: Final[Mapping[Route, tuple[Rule, ...]]] = {
    ("POST", API, MESSAGES_PATH): MESSAGES,
    ("POST", API, "/v1/messages/count_tokens"): (
        *BEFORE_INFERENCE,
        inference.BETA_DROPPED,
        inference.BETA_UNKNOWN,
        *request_body.BODY,
        inference.TOKEN_COUNT,
    ),
    ("POST", API, "/v1/complete"): (*BEFORE_INFERENCE, completions.COMPLETION),
    ("GET", API, "/v1/models"): (*_BEFORE_MODELS, paging.LIMIT_INVALID, models.MODELS),
    ("GET", API, "/v1/models/{model_id}"): (
        *_BEFORE_MODELS,
        models.MODEL_UNKNOWN,
        models.MODEL,
    ),
    ("POST", API, _BATCHES): (
        *BEFORE_INFERENCE,
        batches.BATCH_INVALID,
        batches.BATCH_CREATED,
    ),
    ("GET", API, _BATCHES): (*_BEFORE_RESOURCES, paging.LIMIT_INVALID, batches.BATCHES),
    ("GET", API, _BATCH): (*_BEFORE_BATCH, batches.BATCH),
    ("DELETE", API, _BATCH): (
        *_BEFORE_BATCH,
        batches.DELETE_TOO_EARLY,
        batches.BATCH_DELETED,
    ),
    ("POST", API, f"{_BATCH}/cancel"): (
        *_BEFORE_BATCH,
        batches.CANCEL_TOO_LATE,
        batches.BATCH_CANCELED,
    ),
    ("GET", API, f"{_BATCH}/results"): (
        *_BEFORE_BATCH,
        batches.RESULTS_MISSING,
        batches.RESULTS,
    ),
    ("POST", API, "/v1/files"): (
        edge.TOO_LARGE,
        *_BEFORE_FILES,
        files.FORM_INVALID,
        files.FILE_CREATED,
    ),
    ("GET", API, "/v1/files"): (
        *_BEFORE_FILES,
        paging.LIMIT_INVALID,
        files.CURSOR_OF_BETA,
        files.FILES,
    ),
    ("GET", API, _FILE): (*_BEFORE_FILE, files.FILE),
    ("DELETE", API, _FILE): (*_BEFORE_FILE, files.FILE_DELETED),
    ("GET", API, f"{_FILE}/content"): (
        *_BEFORE_FILE,
        files.FILE_EXPIRED,
        files.NOT_DOWNLOADABLE,
        files.DOWNLOAD,
    ),
    ("GET", API, PROFILE_PATH): (
        *_BEFORE_ACCOUNT_DATA,
        credentials.PROFILE_SCOPE_MISSING,
        credentials.PROFILE_OR_OFFICE_MISSING,
        profile.PROFILE,
    ),
    ("GET", API, "/api/oauth/usage"): (
        credentials.FLAG_MISSING,
        *_BEFORE_ACCOUNT_DATA,
        credentials.PROFILE_SCOPE_MISSING,
        limits.USAGE_LIMIT,
        profile.USAGE,
    ),
    ("GET", API, "/api/oauth/claude_cli/roles"): (
        *_BEFORE_ACCOUNT_DATA,
        profile.ROLES_FAIL,
        profile.ROLES,
    ),
    **{
        (method, API, path): (background,)
        for (method, path), background in side_calls.SIDE_CALLS.items()
    },
    ("GET", BEDROCK, "/inference-profiles"): (bedrock.PROFILES,),
    ("POST", BEDROCK, bedrock.INVOKE): bedrock.BEDROCK_RULES,
    ("POST", BEDROCK, bedrock.STREAM): bedrock.BEDROCK_RULES,
    ("GET", API, "/api/hello"): (edge.HELLO,),
    ("HEAD", API, "/api/hello"): (edge.HELLO,),
    ("GET", CONSOLE, "/v1/oauth/hello"): (edge.HELLO,),
    ("GET", PLATFORM, "/v1/oauth/hello"): (edge.HELLO,),
    ("POST", API, TOKEN_PATH): federation.FEDERATION,
    ("POST", CONSOLE, "/api/oauth/token"): (token_endpoint.WRONG_PATH,),
    ("POST", CONSOLE, TOKEN_PATH): token_endpoint.AT_CONSOLE,
    ("POST", PLATFORM, TOKEN_PATH): token_endpoint.AT_PLATFORM,
    ("POST", CLAUDE_AI, TOKEN_PATH): token_endpoint.AT_CLAUDE_AI,
    ("GET", CLAUDE_AI, "/oauth/authorize"): authorize.AUTHORIZE,
    ("GET", CLAUDE_COM, "/cai/oauth/authorize"): authorize.AUTHORIZE,
    ("GET", CONSOLE, "/oauth/authorize"): authorize.AUTHORIZE,
    ("GET", PLATFORM, "/oauth/authorize"): authorize.AUTHORIZE,
    ("GET", CONSOLE, authorize.CALLBACK_PATH): (authorize.CODE_SHOWN,),
    ("GET", PLATFORM, authorize.CALLBACK_PATH): (authorize.CODE_SHOWN,),
}

ROUTES: Final = RouteTable(_ROUTES)

RULES: Final[Mapping[str, Rule]] = {
    rule.id: rule for rules in (EVERYWHERE, *ROUTES.values()) for rule in rules
}
REFUSALS: Final = frozenset(rule.id for rule in RULES.values() if not rule.answers_success)
TOKEN_PATHS: Final = frozenset(path for _, _, path in ROUTES if path.endswith("/oauth/token"))

NOT_PRODUCED: Final[Mapping[str, str]] = {
    "A39": "text that interactive Claude Code prints for an answer of rule A12 or A13",
    "A40": "text that `claude -p` prints for an answer of rule A12 or A13",
    "B21": "text that the client prints for an answer of rule B04, or for a code that was pasted "
    "without the part after `#`",
    "B26": "a TLS error of the client; use the fault untrusted-certificate",
    "B27": "a TLS error of the client; use the fault untrusted-certificate or expired-certificate",
    "B28": "text that the client prints if it reaches no host; use the fault name-not-found",
}
"""Known refusals that no server answer produces, with the reason."""
