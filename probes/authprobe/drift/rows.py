"""The rows: every question that a comparison may send to the service."""

import functools
from collections.abc import Mapping
from typing import Any, Final

from authprobe.core.claude_api import (
    API,
    CLAUDE_AI,
    CLAUDE_COM,
    CONSOLE,
    MESSAGES_PATH,
    OAUTH_BETA,
    PLATFORM,
    PROFILE_PATH,
    TOKEN_PATH,
)
from authprobe.drift.model import DriftRow, Values
from authprobe.service.question import ServiceQuestion

VERSION: Final = "2023-06-01"
NEW_VERSION: Final = "2026-10-21"
"""Second value of `anthropic-version` that the SDKs send (platform.claude.com/docs, versioning)."""
FEDERATION_BETA: Final = "oidc-federation-2026-04-01"
MODELS_PATH: Final = "/v1/models"
MADE_UP_MODEL: Final = "claude-made-up"
"""Model of a request that is refused for its key before any model is looked for."""
NOTHING: Final = "nothing"
MADE_UP_KEY: Final = "a made-up API key"
MADE_UP_BEARER: Final = "a made-up bearer token"
OWN_KEY: Final = "your API key"


def _get_models(
    values: Values,
    *,
    key: str | None = None,
    bearer: str | None = None,
    version: str | None = VERSION,
    beta: str | None = None,
    query: str = "",
) -> ServiceQuestion:
    """Return the request for the list of models; `key` and `bearer` name fields of the values."""
    headers = {}
    if key:
        headers["x-api-key"] = getattr(values, key)
    if bearer:
        headers["authorization"] = f"Bearer {getattr(values, bearer)}"
    if version:
        headers["anthropic-version"] = version
    if beta:
        headers["anthropic-beta"] = beta
    return ServiceQuestion(host=API, path=MODELS_PATH + query, headers=headers)


def _post_message(values: Values) -> ServiceQuestion:
    return ServiceQuestion(
        method="POST",
        host=API,
        path=MESSAGES_PATH,
        headers={"x-api-key": values.api_key, "anthropic-version": VERSION},
        body=_message(MADE_UP_MODEL) | {"max_tokens": 1},
    )


def _message(model: str) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "ping"}]}


def _get_profile(values: Values) -> ServiceQuestion:
    headers = {"authorization": f"Bearer {values.access_token}", "anthropic-beta": OAUTH_BETA}
    return ServiceQuestion(host=API, path=PROFILE_PATH, headers=headers)


def _refresh(values: Values) -> ServiceQuestion:
    # Without `client_id`: authprobe has none, and uses no other client's.
    body = {"grant_type": "refresh_token", "refresh_token": values.refresh_token}
    return ServiceQuestion(method="POST", host=PLATFORM, path=TOKEN_PATH, body=body)


def _ask_console(values: Values, path: str) -> ServiceQuestion:
    return ServiceQuestion(method="POST", host=CONSOLE, path=path, body={})


def _federate(values: Values) -> ServiceQuestion:
    return ServiceQuestion(
        method="POST",
        host=API,
        path=TOKEN_PATH,
        headers={"anthropic-beta": f"{OAUTH_BETA},{FEDERATION_BETA}"},
        body={
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": values.assertion,
            **values.federation_ids,
        },
    )


def _authorize(values: Values) -> ServiceQuestion:
    return ServiceQuestion(host=CLAUDE_AI, path="/oauth/authorize")


def _hello(values: Values) -> ServiceQuestion:
    return ServiceQuestion(host=API, path="/api/hello")


def _count_tokens(values: Values) -> ServiceQuestion:
    return ServiceQuestion(
        method="POST",
        host=API,
        path=f"{MESSAGES_PATH}/count_tokens",
        headers={"x-api-key": values.own_key, "anthropic-version": VERSION},
        body=_message(values.model),
    )


_own_models = functools.partial(_get_models, key="own_key", query="?limit=1")

CONNECTIONS: Final = tuple(
    DriftRow(id=f"L01{part}", title="a TLS connection", host=host, sends=NOTHING)
    for part, host in zip("abcde", (API, PLATFORM, CLAUDE_AI, CLAUDE_COM, CONSOLE), strict=True)
)
MADE_UP: Final = (
    DriftRow(
        id="L02",
        title="models without a credential",
        host=API,
        sends=NOTHING,
        rules=("A01",),
        builder=_get_models,
    ),
    DriftRow(
        id="L03",
        title="models with an API key",
        host=API,
        sends=MADE_UP_KEY,
        rules=("A02",),
        builder=functools.partial(_get_models, key="api_key"),
    ),
    DriftRow(
        id="L04",
        title="models without anthropic-version",
        host=API,
        sends=MADE_UP_KEY,
        rules=("A03", "A02"),
        builder=functools.partial(_get_models, key="api_key", version=None),
        order_of="L03",
    ),
    DriftRow(
        id="L05",
        title="a message with an API key",
        host=API,
        sends=MADE_UP_KEY,
        rules=("A02",),
        builder=_post_message,
    ),
    DriftRow(
        id="L06a",
        title="models with a bearer token and the OAuth flag",
        host=API,
        sends=MADE_UP_BEARER,
        rules=("A07",),
        builder=functools.partial(_get_models, bearer="access_token", beta=OAUTH_BETA),
    ),
    DriftRow(
        id="L06b",
        title="models with a bearer token, without the OAuth flag",
        host=API,
        sends=MADE_UP_BEARER,
        rules=("A04",),
        builder=functools.partial(_get_models, bearer="access_token"),
    ),
    DriftRow(
        id="L07",
        title="the profile of an account",
        host=API,
        sends=MADE_UP_BEARER,
        rules=("A07",),
        builder=_get_profile,
        is_documented=False,
    ),
    DriftRow(
        id="L08",
        title="a refresh without client_id",
        host=PLATFORM,
        sends="a made-up refresh token",
        rules=("B05",),
        builder=_refresh,
    ),
    DriftRow(
        id="L09",
        title="the retired token endpoint",
        host=CONSOLE,
        sends=NOTHING,
        rules=("B01",),
        builder=functools.partial(_ask_console, path=TOKEN_PATH),
    ),
    DriftRow(
        id="L10",
        title="a path that was never the token endpoint",
        host=CONSOLE,
        sends=NOTHING,
        rules=("B02",),
        builder=functools.partial(_ask_console, path="/api/oauth/token"),
    ),
    DriftRow(
        id="L11",
        title="the exchange of an identity token",
        host=API,
        sends="a made-up identity token",
        rules=("B23",),
        builder=_federate,
    ),
    DriftRow(
        id="L12",
        title="the login page without parameters",
        host=CLAUDE_AI,
        sends=NOTHING,
        rules=("B14",),
        builder=_authorize,
        is_page=True,
    ),
    DriftRow(
        id="L13",
        title="the check that claude makes at its start",
        host=API,
        sends=NOTHING,
        rules=("hello",),
        builder=_hello,
    ),
)
WITH_KEY: Final = (
    DriftRow(
        id="L20",
        title="models with a valid API key",
        host=API,
        sends=OWN_KEY,
        rules=("models",),
        builder=_own_models,
        needs_key=True,
    ),
    DriftRow(
        id="L21",
        title="a count of tokens",
        host=API,
        sends=OWN_KEY,
        rules=("count-tokens",),
        builder=_count_tokens,
        needs_key=True,
        needs_model=True,
    ),
    DriftRow(
        id="L23",
        title=f"models with anthropic-version {NEW_VERSION}",
        host=API,
        sends=OWN_KEY,
        rules=("models",),
        builder=functools.partial(_own_models, version=NEW_VERSION),
        needs_key=True,
    ),
)
ROWS: Final[Mapping[str, DriftRow]] = {row.id: row for row in (*CONNECTIONS, *MADE_UP, *WITH_KEY)}
MODEL_ROW: Final = ROWS["L20"]
"""The row whose answer tells a model that the key can use."""
