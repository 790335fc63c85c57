"""authprobe's own request to a server, and its response."""

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from authprobe.clients.defined.loopback_http import LoopbackRequest, send
from authprobe.clients.process.children import LauncherConnection
from authprobe.clients.raw_http import MESSAGES_BODY, USER_AGENT, read_error
from authprobe.core.client_kinds import Via
from authprobe.errors import ClientError
from authprobe.scenario.client_definitions import FrontRequest, RequestBody

API_VERSION: Final = "2023-06-01"
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110, 5.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Response of a server."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """Body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def is_error(self) -> bool:
        """True for a status of an error."""
        return self.status >= http.client.BAD_REQUEST

    @property
    def error_type(self) -> str | None:
        """Type of the error in the body; None: there is none, or it is no error."""
        return read_error(self.body)[0] if self.is_error else None

    @property
    def error_message(self) -> str | None:
        """Message of the error in the body, or the whole body; None: it is no error."""
        return read_error(self.body)[1] if self.is_error else None


def ask(
    children: LauncherConnection, port: int, request: LoopbackRequest, *, limit: float
) -> Response:
    """Send a request to a server, and return the response.

    Raises:
        OSError: the connection is refused or lost, or the limit in seconds is exceeded.
        http.client.HTTPException: the response is not HTTP.
    """
    status, body = send(children, port, request, limit=limit)
    return Response(status=status, body=body)


def make_request(
    request: FrontRequest,
    *,
    prompt: str,
    defined: Mapping[str, str],
    credentials: Mapping[str, str],
    scenario: Mapping[str, str | None],
) -> LoopbackRequest:
    """Return the request with the headers of the definition, its placeholders replaced.

    Headers of the credentials and of the scenario win over them; a scenario can leave one out.

    Raises:
        ClientError: a header cannot be sent.
    """
    headers: dict[str, str | None] = {}
    if request.body is RequestBody.MESSAGES:
        headers["anthropic-version"] = API_VERSION
    headers |= {name.lower(): value for name, value in defined.items()}
    if bearer := credentials.get(Via.BEARER):
        headers["authorization"] = f"Bearer {bearer}"
    if key := credentials.get(Via.X_API_KEY):
        headers["x-api-key"] = key
    headers |= {name.lower(): value for name, value in scenario.items()}
    headers["user-agent"] = USER_AGENT  # last, so that nothing can replace it
    sent = {name: value for name, value in headers.items() if value is not None}
    for name, value in sent.items():
        if not _VALUE.fullmatch(value):  # of the definition, or of the prompt in it
            raise ClientError(f"its header {name} has a character that no header can carry")
    return LoopbackRequest(path=request.post, body=_body(request, prompt), headers=sent)


def _body(request: FrontRequest, prompt: str) -> dict[str, Any]:
    question = {
        "model": request.model or MESSAGES_BODY["model"],
        "messages": [{"role": "user", "content": prompt}],
    }
    if request.body is RequestBody.MESSAGES:
        question["max_tokens"] = 1
    return question
