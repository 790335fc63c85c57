"""The control API of a standalone emulator: JSON over HTTP on its own port."""

import dataclasses
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from authprobe.emulator.catalogue import rows
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.emulator.server.asgi import host_of, is_loopback
from authprobe.emulator.standalone.control import BACKEND, FAULT, Control, complaint
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
    """List all addresses, and the requests of this API."""
    state, listener = control.backend.state, control.listener
    return 200, {
        "base_url": listener.proxy_url,
        "https_url": listener.https_url,
        "proxy_url": listener.proxy_url,
        "ca_file": str(control.network.ca_file),
        "clock": state.clock.now.isoformat(timespec="seconds"),
        "standing": state.standing,
        "counts_as_claude_code": state.counts_as_claude_code,
        "reuse_revokes": state.reuse_revokes,
        "requests": {f"{method} {path}": _what(handler) for method, path, handler in _API},
    }


async def _reset(control: Control, request: Request) -> tuple[int, Any]:
    """Reset to the given configuration; all tokens, faults and exchanges are discarded."""
    control.reset(_read(BACKEND, await _json(request)))
    await control.network.settle_here(control.listener)
    return await _overview(control, request)


async def _configure(control: Control, request: Request) -> tuple[int, Any]:
    """Change standing, counts_as_claude_code or reuse_revokes; keep the others."""
    given = await _object(request, "standing", "counts_as_claude_code", "reuse_revokes")
    setup = _read(BACKEND, given)
    values = {name: getattr(setup, name) for name in given}
    control.configure(**values)
    return await _overview(control, request)


async def _tokens(control: Control, request: Request) -> tuple[int, Any]:
    """List every token by its slot name; a value is shown only when its token is issued."""
    return 200, [_described(control, token) for token in control.backend.tokens]


async def _issue(control: Control, request: Request) -> tuple[int, Any]:
    """Issue a token: kind, and optionally state, scopes, lifetime in seconds."""
    given = await _object(request, "kind", "state", "scopes", "lifetime")
    kind, state = given.get("kind", TokenKind.ACCESS_TOKEN), given.get("state", TokenState.VALID)
    scopes, lifetime = given.get("scopes"), given.get("lifetime")
    if not isinstance(kind, str) or not isinstance(state, str):
        raise _RefusedError(400, "kind and state are texts")
    if scopes is not None and not _texts(scopes):
        raise _RefusedError(400, "scopes is a list of texts")
    if lifetime is not None and (
        isinstance(lifetime, bool) or not isinstance(lifetime, int | float)
    ):
        raise _RefusedError(400, "lifetime is a number of seconds")
    if kind == TokenKind.LOGIN:
        if scopes is not None or lifetime is not None:
            raise _RefusedError(400, "a login takes a state only")
        return 201, [_described(control, token, value=True) for token in control.issue_login(state)]
    token = control.issue(kind, state, None if scopes is None else tuple(scopes), lifetime)
    return 201, _described(control, token, value=True)


async def _expire(control: Control, request: Request) -> tuple[int, Any]:
    """Expire a token now."""
    return 200, _described(control, _end(control, request, TokenState.EXPIRED))


async def _revoke(control: Control, request: Request) -> tuple[int, Any]:
    """Revoke a token."""
    return 200, _described(control, _end(control, request, TokenState.REVOKED))


async def _faults(control: Control, request: Request) -> tuple[int, Any]:
    """List the armed faults."""
    return 200, [dataclasses.asdict(fault) for fault in control.backend.faults]


async def _arm(control: Control, request: Request) -> tuple[int, Any]:
    """Arm a fault: a name, or name, seconds, times, after, host, path."""
    control.arm(_read(FAULT, await _json(request)))
    await control.network.settle_here(control.listener)
    return 201, (await _faults(control, request))[1]


async def _disarm(control: Control, request: Request) -> tuple[int, Any]:
    """Disarm all faults."""
    control.disarm()
    await control.network.settle_here(control.listener)
    return 200, []


async def _clock(control: Control, request: Request) -> tuple[int, Any]:
    """Advance the clock by `advance` seconds."""
    given = await _object(request, "advance")
    seconds = given.get("advance")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise _RefusedError(400, "advance is a number of seconds")
    control.advance(seconds)
    return 200, {"clock": control.backend.now.isoformat(timespec="seconds")}


async def _exchanges(control: Control, request: Request) -> tuple[int, Any]:
    """List the newest 10,000 requests with their answers; tokens by slot name."""
    backend = control.backend
    exchanges = [dataclasses.asdict(exchange) for exchange in backend.exchanges]
    return 200, {"exchanges": exchanges, "egress_refused": backend.egress_refused}


async def _forget(control: Control, request: Request) -> tuple[int, Any]:
    """Discard the recorded exchanges."""
    control.backend.forget_exchanges()
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
    ("GET", "/faults", _faults),
    ("POST", "/faults", _arm),
    ("DELETE", "/faults", _disarm),
    ("POST", "/clock", _clock),
    ("GET", "/exchanges", _exchanges),
    ("DELETE", "/exchanges", _forget),
    ("GET", "/rules", _rules),
)


def requests() -> list[tuple[str, str, str]]:
    """Return method, path and meaning of each request of the API."""
    return [(method, path, _what(handler)) for method, path, handler in _API]


def application(control: Control) -> Starlette:
    """Return the API as an ASGI application."""
    routes: dict[str, dict[str, Handler]] = {}
    for method, path, handler in _API:
        routes.setdefault(path, {})[method] = handler
    return Starlette(
        routes=[
            Route(path, _endpoint(control, handlers), methods=list(handlers))
            for path, handlers in routes.items()
        ],
        exception_handlers={404: _not_here, 405: _not_here},
    )


def _endpoint(
    control: Control, handlers: Mapping[str, Handler]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if _of_a_page(request):
            return _error(403, "this is for loopback only, and not for pages in a browser")
        method = "GET" if request.method == "HEAD" else request.method
        try:
            status, value = await handlers[method](control, request)
        except _RefusedError as error:
            return _error(error.status, str(error))
        except SettingsError as error:
            return _error(400, str(error))
        return JSONResponse(value, status)

    return endpoint


def _of_a_page(request: Request) -> bool:
    """Refuse requests of web pages, which reach loopback by a host name of their own or from
    another origin.
    """
    host = host_of(request.headers.get("host", ""))
    return not is_loopback(host) or "origin" in request.headers


async def _not_here(request: Request, error: Exception) -> Response:
    known = ", ".join(f"{method} {path}" for method, path, _ in _API)
    path = Redactor()(request.url.path)[:80]
    return _error(404, f"there is no {request.method} {path} here, but {known}")


def _error(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)


async def _json(request: Request) -> Any:
    # Only with this type does a browser ask before it sends what another site has written.
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise _RefusedError(415, "send JSON, as content-type: application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            raise _RefusedError(413, "more than 1 MiB")
    try:
        value = json.loads(body)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
        return value
    except (ValueError, RecursionError):
        raise _RefusedError(400, "the body is not JSON") from None


async def _object(request: Request, *names: str) -> dict[str, Any]:
    value = await _json(request)
    if not isinstance(value, dict):
        raise _RefusedError(400, f"send an object with any of {', '.join(names)}")
    if unknown := [Redactor()(name)[:80] for name in value if name not in names]:
        raise _RefusedError(400, f"there is no '{unknown[0]}' here, but {', '.join(names)}")
    return value


def _read(adapter: TypeAdapter[Any], value: object) -> Any:
    try:
        return adapter.validate_json(json.dumps(value))
    except ValidationError as error:
        raise _RefusedError(400, complaint(error)) from None


def _end(control: Control, request: Request, how: TokenState) -> Token:
    slot = request.path_params["slot"]
    try:
        return control.end(slot, how)
    except SettingsError as error:
        raise _RefusedError(404, str(error)) from None


def _described(control: Control, token: Token, *, value: bool = False) -> dict[str, Any]:
    expires_at = token.expires_at
    described: dict[str, Any] = {
        "slot": token.slot,
        "kind": token.kind,
        "state": control.state(token),
        "scopes": token.scopes,
        "expires_at": expires_at and expires_at.isoformat(timespec="seconds"),
    }
    return described | {"value": token.value} if value else described


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _what(handler: Handler) -> str:
    return " ".join((handler.__doc__ or "").split())
