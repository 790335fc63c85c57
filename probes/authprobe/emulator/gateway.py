"""A gateway of one's own: what it requires, what it changes on the way, and what it sends back."""

import enum
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from authprobe.core.claude_api import API, BEDROCK
from authprobe.emulator.config import (
    CredentialTreatment,
    ErrorForm,
    ErrorRewrite,
    Holds,
    Host,
    Requirement,
    Service,
    TokenKind,
    TokenState,
)
from authprobe.emulator.decision import Decision
from authprobe.emulator.other_apis import API_OF_SERVICE, openai_error
from authprobe.emulator.rules.base import Answer, RequestContext, refusal

HOST_EMPTY: Final = "host:empty"
"""Rule of a host that serves `empty`."""
HOST_NOTHING: Final = "host:nothing"
"""Rule of a host that serves `nothing`."""
RULE_PREFIX: Final = "gateway:"
"""Beginning of the ids of refusals by a gateway itself."""
MISSING_HEADER: Final = "gateway:missing-header"
WRONG_FORM: Final = "gateway:wrong-form"
NOT_A_CLAUDE_CREDENTIAL: Final = "gateway:not-a-claude-credential"
WRONG_PREFIX: Final = "gateway:wrong-prefix"
WRONG_PATH: Final = "gateway:wrong-path"
KEY_RULES: Final = {
    TokenState.EXPIRED: "gateway:expired-key",
    TokenState.REVOKED: "gateway:revoked-key",
}
"""Rules for keys that the gateway knows; any other that is not valid is unknown."""
UNKNOWN_KEY: Final = "gateway:unknown-key"
CLAUDE_CREDENTIAL: Final = re.compile(r"sk-ant-(?:api|oat)\d\d-.+", re.DOTALL)
CREDENTIAL_HEADERS: Final = ("authorization", "x-api-key")


class Act(enum.StrEnum):
    """Act of a gateway, as recorded."""

    STRIPPED_HEADER = "stripped-header"
    STRIPPED_BETA = "stripped-beta"
    REPLACED_CREDENTIAL = "replaced-credential"
    TRANSLATED = "translated"
    """From and to another API."""
    REWROTE_ERROR = "rewrote-error"
    ADDED_LATENCY = "added-latency"


@dataclass(frozen=True, slots=True)
class Passage:
    """A request as the gateway passes it on, and what it changed."""

    request: RequestContext
    acts: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True)
class Gateway:
    """A host of one's own that answers requests."""

    host: Host

    def answer(
        self,
        request: RequestContext,
        upstream: Callable[[RequestContext], Decision],
        own: Callable[[str, Answer], Decision],
    ) -> Decision:
        """Return the answer to a request: its own, or that of the API, as the gateway alters it.

        `own` makes a decision of the gateway's own refusals and answers.
        """
        if self.host.serves is Service.EMPTY:
            return self._delayed(own(HOST_EMPTY, Answer(status=200, body={}, identified=False)))
        refused = next(self._refusals(request), None)
        passage = None if refused else self._pass_on(request)
        if passage is None:
            rule, answer = refused or _refuse(404, WRONG_PATH, f"no such path: {request.path}")
            return self._delayed(self._rewrite(own(rule, answer)))
        decision = upstream(passage.request)
        decision = decision._replace(gateway=passage.acts)
        if decision.denial is None:
            decision = self._rewrite(decision)
        return self._delayed(self._translate_back(decision, passage.request))

    def _refusals(self, request: RequestContext) -> Iterator[tuple[str, Answer]]:
        """Yield the gateway's own refusals of a request: ids of rules, and answers."""
        if not request.path.startswith(f"{self._prefix}/"):
            text = f"no such path: {request.path}; this gateway is at {self._prefix}"
            yield _refuse(404, WRONG_PREFIX, text)
        for requirement in self.host.requirements:
            yield from _unmet(requirement, request)

    @property
    def _prefix(self) -> str:
        return self.host.prefix or ""

    def _pass_on(self, request: RequestContext) -> Passage | None:
        """Return the request as the API gets it; None: the gateway's API has no such path."""
        path = request.path.removeprefix(self._prefix)
        name = request.requested_host or request.host
        inner = replace(request, host=API, path=path, requested_host=name)
        acts: list[Act] = []
        if (api := API_OF_SERVICE.get(self.host.serves)) is not None:
            translated = api.to_messages(inner)
            if translated is None:
                return None
            inner = translated
            acts.append(Act.TRANSLATED)
        elif self.host.serves is Service.BEDROCK:
            inner = replace(inner, host=BEDROCK)
        headers = dict(inner.headers)
        for name in self.host.strips.headers:
            if headers.pop(name.lower(), None) is not None:
                acts.append(Act.STRIPPED_HEADER)
        if any(flag in self.host.strips.betas for flag in inner.betas):
            acts.append(Act.STRIPPED_BETA)
            rest = [flag for flag in inner.betas if flag not in self.host.strips.betas]
            headers.pop("anthropic-beta")
            headers |= {"anthropic-beta": ",".join(rest)} if rest else {}
        if self.host.credential is CredentialTreatment.REPLACE:
            acts.append(Act.REPLACED_CREDENTIAL)
            headers = {n: v for n, v in headers.items() if n not in CREDENTIAL_HEADERS}
            headers["x-api-key"] = request.state.gateway_key
        return Passage(replace(inner, headers=headers), tuple(dict.fromkeys(acts)))

    def _translate_back(self, decision: Decision, request: RequestContext) -> Decision:
        api = API_OF_SERVICE.get(self.host.serves)
        if api is None or decision.answer.status >= 400:
            return decision
        return decision._replace(answer=api.from_messages(request, decision.answer))

    def _rewrite(self, decision: Decision) -> Decision:
        """Return the decision with its error as the gateway rewrites it."""
        answer = decision.answer
        if answer.status < 400:
            return decision
        if self.host.serves is Service.CHAT_COMPLETIONS:
            kind, message = answer.error_type or "api_error", answer.message or ""
            answer = openai_error(answer.status, kind, message, answer.headers)
        rewrite = next((x for x in self.host.rewrites if x.status in (None, answer.status)), None)
        if rewrite is None:
            return decision._replace(answer=answer)
        return decision._replace(
            answer=rewritten(rewrite, answer),
            gateway=(*decision.gateway, Act.REWROTE_ERROR),
            rewritten=answer,
        )

    def _delayed(self, decision: Decision) -> Decision:
        if not self.host.latency:
            return decision
        return decision._replace(
            delay=decision.delay + self.host.latency,
            gateway=(*decision.gateway, Act.ADDED_LATENCY),
        )


def rewritten(rewrite: ErrorRewrite, answer: Answer) -> Answer:
    """Return an error as a gateway sends it instead."""
    status = rewrite.becomes or answer.status
    message = rewrite.message or answer.message or ""
    match rewrite.form:
        case ErrorForm.TEXT:
            return Answer(
                status=status,
                body=message,
                headers={**answer.headers, "content-type": "text/plain; charset=utf-8"},
                identified=False,
                message=message,
            )
        case ErrorForm.OPENAI:
            return openai_error(status, answer.error_type or "api_error", message, answer.headers)
    if rewrite.message is None:
        return replace(answer, status=status)
    if isinstance(answer.body, Mapping) and "type" not in answer.body:
        return openai_error(status, answer.error_type or "api_error", message, answer.headers)
    return refusal(status, answer.error_type or "api_error", message, headers=dict(answer.headers))


def _unmet(requirement: Requirement, request: RequestContext) -> Iterator[tuple[str, Answer]]:
    """Yield the refusal of a request that does not meet a requirement."""
    name = requirement.header.lower()
    value = request.headers.get(name)
    if not value:
        yield _refuse(401, MISSING_HEADER, f"the header {requirement.header} is required")
        return
    if requirement.form is not None:
        scheme, _, value = value.partition(" ")
        value = value.strip()
        if scheme.lower() != requirement.form.lower() or not value:
            text = f"the header {requirement.header} must be '{requirement.form} ...'"
            yield _refuse(401, WRONG_FORM, text)
            return
    token = request.state.tokens.find(value)
    is_own = token is not None and token.kind is TokenKind.GATEWAY_KEY
    match requirement.holds:
        case Holds.GATEWAY_KEY:
            state = request.state.tokens.state(token) if token and is_own else None
            if state is not TokenState.VALID:
                rule = KEY_RULES.get(state, UNKNOWN_KEY) if state else UNKNOWN_KEY
                what = rule.partition(":")[2].replace("-", " ")
                yield _refuse(401, rule, f"{what} in the header {requirement.header}")
        case Holds.CLAUDE_CREDENTIAL:
            if is_own or not CLAUDE_CREDENTIAL.fullmatch(value):
                text = f"the header {requirement.header} must hold a credential for Claude"
                yield _refuse(401, NOT_A_CLAUDE_CREDENTIAL, text)


def _refuse(status: int, rule: str, text: str) -> tuple[str, Answer]:
    kind = "authentication_error" if status == 401 else "not_found_error"
    return rule, refusal(status, kind, f"gateway: {text}", request_id=None)
