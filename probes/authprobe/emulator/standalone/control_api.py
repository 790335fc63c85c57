"""The control API of a standalone emulator: JSON over HTTP on its own port.

It answers only requests with the token of this emulator, so that no other user of the machine can
use it, and only those that no web page in the user's browser can have sent.
"""

import dataclasses
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from authprobe.emulator.catalogue import rows
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.emulator.server.asgi import host_of, is_loopback
from authprobe.emulator.standalone.control import (
    ANSWER,
    BACKEND,
    FAULT,
    Control,
    validation_message,
)
from authprobe.emulator.state.tokens import Token
from authprobe.errors import SettingsError
from authprobe.redaction.redactor import Redactor

BODY_LIMIT_BYTES: Final = 1024 * 1024


class _RefusedError(Exception):
    """An error response of the API."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


Handler = Callable[[Control, Request], Awaitable[tuple[int, Any]]]


async def _overview(control: Control, request: Request) -> tuple[int, Any]:
    """Show all addresses, the configuration, and the requests of this API."""
    state, addresses = control.backend.state, control.addresses
    return 200, {
        "base_url": addresses.base_url,
        "https_url": addresses.https_url,
        "proxy_url": addresses.proxy_url,
        "ca_file": str(control.network.ca_file),
        "clock": state.clock.now.isoformat(timespec="seconds"),
        "standing": state.standing,
        "counts_as_claude_code": state.counts_as_claude_code,
        "reuse_revokes": state.reuse_revokes,
        "refresh_revokes_access": state.refresh_revokes_access,
        "requests": {f"{method} {path}": _summary(handler) for method, path, handler in _API},
    }


async def _reset(control: Control, request: Request) -> tuple[int, Any]:
    """Reset to this configuration; discard all tokens, faults and exchanges."""
    control.reset(_read(BACKEND, await _json(request)))
    await control.network.update_listening_on_loop(control.listener)
    return await _overview(control, request)


async def _configure(control: Control, request: Request) -> tuple[int, Any]:
    """Change the standing or a switch of the configuration; keep everything else."""
    fields = await _object(
        request,
        *("standing", "counts_as_claude_code", "reuse_revokes", "refresh_revokes_access"),
    )
    setup = _read(BACKEND, fields)
    values = {name: getattr(setup, name) for name in fields}
    control.configure(**values)
    return await _overview(control, request)


async def _tokens(control: Control, request: Request) -> tuple[int, Any]:
    """List all tokens by slot name, without their values."""
    return 200, [_describe(control, token) for token in control.backend.tokens]


async def _issue(control: Control, request: Request) -> tuple[int, Any]:
    """Issue a token and show its value; optional: kind, state, scopes, lifetime (s), value."""
    fields = await _object(request, "kind", "state", "scopes", "lifetime", "value")
    kind, state = fields.get("kind", TokenKind.ACCESS_TOKEN), fields.get("state", TokenState.VALID)
    scopes, lifetime = fields.get("scopes"), fields.get("lifetime")
    value = fields.get("value")
    if not isinstance(kind, str) or not isinstance(state, str):
        raise _RefusedError(400, "kind and state must be strings")
    if not isinstance(value, str | None):
        raise _RefusedError(400, "value must be a string")
    if scopes is not None and not _is_string_list(scopes):
        raise _RefusedError(400, "scopes must be a list of strings")
    if lifetime is not None and (
        isinstance(lifetime, bool) or not isinstance(lifetime, int | float)
    ):
        raise _RefusedError(400, "lifetime must be a number of seconds")
    if kind == TokenKind.LOGIN:
        if any(option is not None for option in (scopes, lifetime, value)):
            raise _RefusedError(
                400, "a login takes only a state; leave out scopes, lifetime and value"
            )
        return 201, [_describe(control, token, value=True) for token in control.issue_login(state)]
    scope_list = None if scopes is None else tuple(scopes)
    token = control.issue(kind, state, scope_list, lifetime, value)
    return 201, _describe(control, token, value=True)


async def _expire(control: Control, request: Request) -> tuple[int, Any]:
    """Expire a token now."""
    return 200, _describe(control, _end(control, request, TokenState.EXPIRED))


async def _revoke(control: Control, request: Request) -> tuple[int, Any]:
    """Revoke a token."""
    return 200, _describe(control, _end(control, request, TokenState.REVOKED))


async def _add(control: Control, request: Request) -> tuple[int, Any]:
    """Put a resource in place: its kind (model, batch, file) and id; optional: ended, content."""
    fields = await _object(request, "kind", "id", "ended", "content")
    kind, id, content = fields.get("kind"), fields.get("id"), fields.get("content")
    ended = fields.get("ended", False)
    if not isinstance(kind, str) or not isinstance(id, str):
        raise _RefusedError(400, "kind and id must be strings")
    if not isinstance(ended, bool):
        raise _RefusedError(400, "ended must be true or false")
    if not isinstance(content, str | None):
        raise _RefusedError(400, "content must be a string")
    control.add(kind, id, ended, None if content is None else content.encode("utf-8", "replace"))
    return 201, {"kind": kind, "id": id}


async def _faults(control: Control, request: Request) -> tuple[int, Any]:
    """List the armed faults."""
    return 200, [dataclasses.asdict(fault) for fault in control.backend.faults]


async def _arm(control: Control, request: Request) -> tuple[int, Any]:
    """Arm a fault: its name, or an object with name, seconds, times, after, host, path."""
    control.arm(_read(FAULT, await _json(request)))
    await control.network.update_listening_on_loop(control.listener)
    return 201, (await _faults(control, request))[1]


async def _disarm(control: Control, request: Request) -> tuple[int, Any]:
    """Disarm all faults."""
    control.disarm()
    await control.network.update_listening_on_loop(control.listener)
    return 200, []


async def _answers(control: Control, request: Request) -> tuple[int, Any]:
    """List the answers of the model that are still to be given."""
    return 200, [dataclasses.asdict(answer) for answer in control.backend.state.script]


async def _add_answer(control: Control, request: Request) -> tuple[int, Any]:
    """Add an answer of the model: an object with text, tools, thinking, redacted_thinking,
    stop_reason, prompt, times.
    """
    control.add_answer(_read(ANSWER, await _json(request)))
    return 201, (await _answers(control, request))[1]


async def _clear_answers(control: Control, request: Request) -> tuple[int, Any]:
    """Drop the answers of the model that are left."""
    control.clear_answers()
    return 200, []


async def _clock(control: Control, request: Request) -> tuple[int, Any]:
    """Advance the clock by `advance` seconds."""
    fields = await _object(request, "advance")
    seconds = fields.get("advance")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise _RefusedError(400, "advance must be a number of seconds")
    control.advance(seconds)
    return 200, {"clock": control.backend.now.isoformat(timespec="seconds")}


async def _exchanges(control: Control, request: Request) -> tuple[int, Any]:
    """List the newest 10,000 exchanges (requests with their answers); tokens by slot name."""
    backend = control.backend
    exchanges = [dataclasses.asdict(exchange) for exchange in backend.log.exchanges]
    return 200, {"exchanges": exchanges, "egress_refused": backend.log.egress_refused}


async def _forget(control: Control, request: Request) -> tuple[int, Any]:
    """Discard the recorded exchanges."""
    control.backend.log.clear()
    return await _exchanges(control, request)


async def _rules(control: Control, request: Request) -> tuple[int, Any]:
    """List every rule with its sources."""
    return 200, [dataclasses.asdict(row) for row in rows()]


_API: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", "/", _overview),
    ("PUT", "/backend", _reset),
    ("PATCH", "/backend", _configure),
    ("GET", "/tokens", _tokens),
    ("POST", "/tokens", _issue),
    ("POST", "/tokens/{slot}/expire", _expire),
    ("POST", "/tokens/{slot}/revoke", _revoke),
    ("POST", "/resources", _add),
    ("GET", "/faults", _faults),
    ("POST", "/faults", _arm),
    ("DELETE", "/faults", _disarm),
    ("GET", "/answers", _answers),
    ("POST", "/answers", _add_answer),
    ("DELETE", "/answers", _clear_answers),
    ("POST", "/clock", _clock),
    ("GET", "/exchanges", _exchanges),
    ("DELETE", "/exchanges", _forget),
    ("GET", "/rules", _rules),
)


def requests() -> list[tuple[str, str, str]]:
    """Return the method, the path and a summary of each request of the API."""
    return [(method, path, _summary(handler)) for method, path, handler in _API]


def application(control: Control) -> ASGIApp:
    """Return the API as an ASGI application."""
    routes: dict[str, dict[str, Handler]] = {}
    for method, path, handler in _API:
        routes.setdefault(path, {})[method] = handler
    api = Starlette(
        routes=[
            Route(path, _endpoint(control, handlers), methods=list(handlers))
            for path, handlers in routes.items()
        ],
        exception_handlers={404: _unknown_request, 405: _unknown_request},
    )

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        is_local = control.exposure.access_token is None
        refusal = _refusal(Request(scope), control.token, is_local=is_local)
        await (refusal or api)(scope, receive, send)

    return guarded


def _endpoint(
    control: Control, handlers: Mapping[str, Handler]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        try:
            status, value = await handlers[method](control, request)
        except _RefusedError as error:
            return _error(error.status, str(error))
        except SettingsError as error:
            return _error(400, str(error))
        return JSONResponse(value, status)

    return endpoint


def _refusal(request: Request, token: str, *, is_local: bool = True) -> Response | None:
    """Return the refusal of a request that comes from a web page or has not the token.

    The connection closes: who has no token keeps no place.
    """
    close = {"connection": "close"}
    if _is_from_web_page(request, is_local=is_local):
        text = "refused: call the control API by its URL, and not from a web page"
        return _error(403, text, close)
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    is_known = secrets.compare_digest(value.strip().encode(), token.encode())
    if scheme.lower() == "bearer" and is_known:
        return None
    return _error(
        401,
        "the control API needs its token; send `authorization: Bearer $AUTHPROBE_CONTROL_TOKEN`, "
        "with the variable that the emulator printed or set",
        close,
    )


def _is_from_web_page(request: Request, *, is_local: bool) -> bool:
    """Return True if a web page may have sent the request: from another origin, or through a host
    name of its own that resolves to loopback (DNS rebinding).

    An emulator that is not local is reached by other names and ports.
    """
    hosts = request.headers.getlist("host")
    site = request.headers.get("sec-fetch-site", "none")  # "none": typed into the address bar
    _, port = request.scope["server"]
    return (
        len(hosts) != 1
        or (is_local and not is_loopback(host_of(hosts[0])))
        or (is_local and _port_of(hosts[0]) != str(port))
        or "origin" in request.headers
        or site != "none"
    )


def _port_of(authority: str) -> str:
    """Return the port of `host:port`; of a host alone, that of HTTP."""
    _, _, port = authority.rpartition("]")[2].rpartition(":")
    return port if ":" in authority.rpartition("]")[2] else "80"


async def _unknown_request(request: Request, error: Exception) -> Response:
    choices = ", ".join(f"{method} {path}" for method, path, _ in _API)
    path = Redactor()(request.url.path)[:80]
    return _error(404, f"no such request: {request.method} {path}; choose from {choices}")


def _error(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": text}, status, headers)


async def _json(request: Request) -> Any:
    # A browser sends requests of other sites without asking first, except with this content type.
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise _RefusedError(415, "not JSON; send a JSON body with content-type: application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            raise _RefusedError(413, "the body is too large; send at most 1 MiB")
    try:
        value = json.loads(body)
        json.dumps(value, ensure_ascii=False).encode()  # raises for half a surrogate pair
        return value
    except (ValueError, RecursionError):
        raise _RefusedError(400, "the body is not valid JSON") from None


async def _object(request: Request, *names: str) -> dict[str, Any]:
    value = await _json(request)
    if not isinstance(value, dict):
        raise _RefusedError(
            400, f"the body is not an object; send one with any of {', '.join(names)}"
        )
    if unknown := [Redactor()(name)[:80] for name in value if name not in names]:
        raise _RefusedError(400, f"unknown key '{unknown[0]}'; choose from {', '.join(names)}")
    return value


def _read(adapter: TypeAdapter[Any], value: object) -> Any:
    try:
        return adapter.validate_json(json.dumps(value))
    except ValidationError as error:
        raise _RefusedError(400, validation_message(error)) from None


def _end(control: Control, request: Request, state: TokenState) -> Token:
    slot = request.path_params["slot"]
    try:
        return control.end(slot, state)
    except SettingsError as error:
        raise _RefusedError(404, str(error)) from None


def _describe(control: Control, token: Token, *, value: bool = False) -> dict[str, Any]:
    expires_at = token.expires_at
    description: dict[str, Any] = {
        "slot": token.slot,
        "kind": token.kind,
        "state": control.state(token),
        "scopes": token.scopes,
        "expires_at": expires_at and expires_at.isoformat(timespec="seconds"),
    }
    return description | {"value": token.value} if value else description


def _is_string_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _summary(handler: Handler) -> str:
    return " ".join((handler.__doc__ or "").split())
