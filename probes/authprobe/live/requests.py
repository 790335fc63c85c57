"""Requests of authprobe's own to the real service, with the user's secrets or made-up ones.

Names of headers are kept, values are not. Nothing is sent twice, and no redirect is followed.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import authprobe
from authprobe.clients.base import Laboratory
from authprobe.core.client_kinds import Via
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.emulator.state.clock import Clock
from authprobe.emulator.state.tokens import TokenStore
from authprobe.errors import ClientError
from authprobe.live.guards import value_problem
from authprobe.live.laboratory import LiveLaboratory, live_of
from authprobe.live.personal import without_ids
from authprobe.live.plan import MESSAGE_USD
from authprobe.observation.model import (
    PRESENT,
    Cost,
    EvidenceSource,
    Exchange,
    Observation,
    Outcome,
    status_outcome,
)
from authprobe.plan.case import Case
from authprobe.scenario.model import QUESTIONS, Credential, Endpoint, Request
from authprobe.service.answer import NotAsked, ServiceAnswer
from authprobe.service.question import ServiceQuestion

API_VERSION: Final = "2023-06-01"
MODELS_PATH: Final = "/v1/models"
LIMIT: Final = "?limit=1"
"""Query of a list of models, of which the first is enough."""
QUESTION_PATHS: Final = ("/v1/messages/count_tokens", "/v1/messages")
MESSAGES: Final = ({"role": "user", "content": "ping"},)
_BETA: Final = "anthropic-beta"
_AUTHORIZATION: Final = "authorization"
_API_KEY: Final = "x-api-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCredential:
    """The credential of a request, and where it stands."""

    header: str | None = None
    """`authorization`, `x-api-key`, another header, or `body`; None: there is none."""
    slot: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, str] = field(default_factory=dict, repr=False)


def probe(laboratory: Laboratory, case: Case) -> Observation:
    """Send the case's request, after that for a model if it names none, and return what came.

    Raises:
        ClientError: nothing was asked, and why.
    """
    live, endpoint = live_of(laboratory), case.endpoint
    if endpoint is None:
        raise ClientError("not asked: the case has no endpoint")
    credential = _credential(laboratory, live, case)
    conversation = _Conversation(live, case, credential)
    model = endpoint.model
    if endpoint.request in QUESTIONS and model is None:
        answer = conversation.ask("GET", _models_path(endpoint) + LIMIT)
        model = answer.model
        if answer.not_asked or answer.status != 200:
            return conversation.observation("the list of models, which is asked first, was refused")
        if model is None:
            return conversation.observation(
                "the list of models names none that can be asked; name one in the endpoint",
                unavailable=True,
            )
    conversation.ask(_method(endpoint), _path(endpoint), _body(endpoint, model, credential))
    return conversation.observation()


@dataclass(slots=True)
class _Conversation:
    """The requests of one case, and their answers."""

    live: LiveLaboratory
    case: Case
    credential: SentCredential
    _exchanges: list[Exchange] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)
    _answer: ServiceAnswer = field(default_factory=lambda: ServiceAnswer(not_asked=NotAsked.BUDGET))

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> ServiceAnswer:
        """Send one request and keep what is recorded of it."""
        parts = urlsplit(self.case.endpoint.url if self.case.endpoint else "")
        question = ServiceQuestion(
            method=method,
            host=parts.hostname or "",
            path=path,
            headers=_headers(self.case, self.credential),
            body=body,
            port=parts.port,
            scheme=parts.scheme,
        )
        at, left = time.monotonic(), self.live.budget.left
        self._answer = self.live.asker.ask(question)
        if self.live.budget.left < left:  # otherwise it was not sent
            self._exchanges.append(self._exchange(question, self._answer, at))
        return self._answer

    def _exchange(self, question: ServiceQuestion, answer: ServiceAnswer, at: float) -> Exchange:
        names = {name.lower(): value for name, value in question.headers.items()}
        betas = tuple(filter(None, names.get(_BETA, "").replace(" ", "").split(",")))
        return Exchange(
            method=question.method,
            host=question.host,
            path=question.path.partition("?")[0],
            credential_header=self.credential.header,
            credential=self.credential.slot,
            betas=betas,
            status=answer.status,
            elapsed=round(time.monotonic() - at, 3),
            at=round(at - self._began, 3),
            error_type=answer.error_type,
            message=answer.message and without_ids(answer.message),
            headers=dict.fromkeys(sorted(names), PRESENT),
            retry_after=None if answer.retry_after is None else str(answer.retry_after),
            content_type=answer.content_type,
            clock_offset=round(answer.date_offset or 0.0),
            response_headers=tuple(sorted(answer.headers)),
        )

    def observation(self, detail: str | None = None, *, unavailable: bool = False) -> Observation:
        """Return what the last answer shows; of one that cannot be judged, that and its reason."""
        answer, endpoint = self._answer, self.case.endpoint
        reason = _reason(answer)
        if answer.status is None or reason or unavailable:
            outcome = Outcome.UNAVAILABLE
            detail = reason or detail
        else:
            outcome = status_outcome(answer.status)
            if 300 <= answer.status < 400:
                detail = "a redirect, which is not followed"
        sent = any(e.path.endswith(QUESTION_PATHS[1]) for e in self._exchanges)
        is_message = endpoint is not None and endpoint.request is Request.MESSAGES and sent
        return Observation(
            outcome=outcome,
            status=answer.status,
            error_type=answer.error_type,
            message=answer.message and without_ids(answer.message),
            elapsed=round(time.monotonic() - self._began, 3),
            detail=detail,
            exchanges=tuple(self._exchanges),
            client_version=authprobe.__version__,
            evidence=(EvidenceSource.REQUEST,) if self._exchanges else (),
            cost=Cost(
                requests=len(self._exchanges),
                estimated_usd=MESSAGE_USD if is_message and answer.status == 200 else 0.0,
            ),
        )


def _reason(answer: ServiceAnswer) -> str | None:
    """Return why an answer does not tell how the service answers; None: it does."""
    if answer.not_asked is None:
        return None
    words = f"could not be asked: {answer.not_asked}"
    if answer.status is not None:
        words += f" (status {answer.status})"
    return f"{words}: {answer.problem}" if answer.problem else words


def _credential(laboratory: Laboratory, live: LiveLaboratory, case: Case) -> SentCredential:
    """Return the credentials of a case in their places.

    Raises:
        ClientError: there is no value, or it must not be sent there.
    """
    sent = SentCredential()
    tokens = TokenStore(laboratory.redactor, Clock())
    for credential in case.credentials:
        if (problem := value_problem(case, credential, live.secrets)) is not None:
            raise ClientError(f"not asked: {problem}")
        value = value_of(live, credential, tokens)
        header, headers, body = _placed(credential, value)
        is_beside = credential.token is TokenKind.WORKSPACE_ID
        sent = SentCredential(
            header=sent.header or (None if is_beside else header),
            slot=sent.slot or (None if is_beside else credential.token.value),
            headers={**sent.headers, **headers},
            body={**sent.body, **body},
        )
    return sent


def value_of(live: LiveLaboratory, credential: Credential, tokens: TokenStore) -> str:
    """Return the value of a credential: the user's own, or one that is made up.

    Raises:
        ClientError: the user has none.
    """
    if credential.source is None:
        # Random, and nobody's: only its form is that of a real one.
        return tokens.make(credential.token, TokenState.UNKNOWN).value
    value = live.secrets.value(credential)
    if not value:
        name = credential.source.partition(":")[2]
        raise ClientError(f"not asked: the variable {name} is not set, or empty")
    return value


def _placed(credential: Credential, value: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return where a credential stands, with the headers or the fields of the body for it."""
    match credential.via:
        case Via.X_API_KEY:
            return _API_KEY, {_API_KEY: value}, {}
        case Via.HEADER:
            name = (credential.header or "").lower()
            return name, {name: value}, {}
        case Via.BODY:
            return "body", {}, {"refresh_token": value}
    return _AUTHORIZATION, {_AUTHORIZATION: f"Bearer {value}"}, {}


def _headers(case: Case, credential: SentCredential) -> dict[str, str]:
    is_exchange = case.endpoint is not None and case.endpoint.request is Request.REFRESH
    headers: dict[str, str | None] = {} if is_exchange else {"anthropic-version": API_VERSION}
    headers |= {name.lower(): value for name, value in case.headers.items()}
    headers |= credential.headers  # last, so that no scenario replaces it
    return {name: value for name, value in headers.items() if value is not None}


def _method(endpoint: Endpoint) -> str:
    return "GET" if endpoint.request is Request.MODELS else "POST"


def _path(endpoint: Endpoint) -> str:
    path = urlsplit(endpoint.url).path or "/"
    return path + LIMIT if endpoint.request is Request.MODELS else path


def _models_path(endpoint: Endpoint) -> str:
    """Return the path of the list of models beside that of a question, below the same prefix.

    Raises:
        ClientError: it is not known.
    """
    path = urlsplit(endpoint.url).path
    for question in QUESTION_PATHS:
        if path.endswith(question):
            return path.removesuffix(question) + MODELS_PATH
    raise ClientError(
        f"not asked: the path {path or '/'} does not end with {QUESTION_PATHS[1]}, so the list of "
        "models is unknown; name a model in the endpoint"
    )


def _body(
    endpoint: Endpoint, model: str | None, credential: SentCredential
) -> dict[str, Any] | None:
    match endpoint.request:
        case Request.MESSAGES:
            return {"model": model, "messages": list(MESSAGES), "max_tokens": 1}
        case Request.COUNT_TOKENS:
            return {"model": model, "messages": list(MESSAGES)}
        case Request.REFRESH:
            # Without `client_id`: authprobe has none, and uses no other client's.
            return {"grant_type": "refresh_token", **credential.body}
    return None
