"""Facts of a recorded observation: one fact set for each failed exchange, one for the client.

Counterpart of `text_facts`, which reads the same facts from text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from authprobe.core.claude_api import (
    HOSTS,
    LOOPBACK,
    PLATFORM,
    TOKEN_PATH_SUFFIX,
    is_inference_path,
)
from authprobe.diagnosis.phrases import WordIndex
from authprobe.diagnosis.symptom import Evidence, Fact, FactKind, FactSet, Symptom, group_facts
from authprobe.emulator.gateway import RULE_PREFIX, Act
from authprobe.observation.findings import has_error_message
from authprobe.observation.model import Exchange, LoginState, Observation, Outcome

MIN_CLOCK_OFFSET: Final = 60.0
"""Seconds; a smaller difference is within the time that a response takes."""
MAX_USUAL_RESPONSE_BYTES: Final = 32 * 1024 * 1024
"""Larger than any response of the API."""
ERROR_CODE: Final = re.compile(r"\b([A-Z][A-Z_]{4,}|ConnectionRefused|FailedToOpenSocket)\b")
CLAUDE_CODE_PRODUCT: Final = re.compile(r"claude-(?:cli|code)/(\d+\.\d+\.\d+)")


def symptom_from_observation(
    observation: Observation, *, holds_key: bool = False, events: Iterable[tuple[str, str]] = ()
) -> Symptom:
    """Return the facts of an observation; ids of the emulator's rules are not among them.

    If the client is a gateway that `holds_key`, the credentials of its requests are its own.
    `events`, with the evidence for each, are known of its case.
    """
    # Other hosts, such as those of telemetry, refuse requests in every run without consequence.
    api_hosts = {exchange.host for exchange in observation.exchanges if is_emulated(exchange)}
    exchanges = [
        _exchange_facts(exchange, observation, holds_key=holds_key)
        for exchange in observation.exchanges
        if _failed(exchange) and (not api_hosts or exchange.host in api_hosts)
    ]
    return Symptom(
        fact_sets=(*exchanges, _client_facts(observation, events)),
        version=_version(observation),
    )


def is_emulated(exchange: Exchange) -> bool:
    """Return True for the hosts of Claude, and for a gateway of one's own that was reached."""
    is_gateway = exchange.path != "" and not (exchange.rule or "").startswith(("deny:", "host:"))
    return exchange.host in HOSTS or is_gateway


def _failed(exchange: Exchange) -> bool:
    return (
        exchange.status is None
        or exchange.status >= 400
        or exchange.error_type is not None
        or not exchange.complete
        or bool(list(_events(exchange)))
    )


def is_gateway_refusal(exchange: Exchange) -> bool:
    """Return True for a refusal by a gateway of one's own itself: the API was not asked."""
    return (exchange.rule or "").startswith(RULE_PREFIX)


def _exchange_facts(exchange: Exchange, observation: Observation, *, holds_key: bool) -> FactSet:
    """Return the facts of an exchange; of an error that a gateway rewrote, those of the first."""
    evidence = _describe(exchange)
    if rewritten := exchange.rewritten:
        answer = {
            name: getattr(rewritten, name)
            for name in ("status", "error_type", "error_code", "message")
        }
        sent = exchange.status
        exchange = replace(exchange, **answer, content_type=None)
        evidence = Evidence(f"{_describe(exchange)}, which the gateway rewrote to {sent}")
    elif holds_key and _is_told_otherwise(exchange, observation):
        told = f"of which the gateway made {observation.status}"
        evidence = Evidence(f"{evidence}, {told}")
        exchange = replace(exchange, gateway=(*exchange.gateway, Act.REWROTE_ERROR))
    text = exchange.message or ""
    facts = (
        *_request_facts(exchange, evidence),
        *_response_facts(exchange, evidence),
        *((FactKind.EVENT, event, evidence) for event in _gateway_events(exchange, holds_key)),
    )
    return FactSet(facts=group_facts(facts), text=text, words=WordIndex(text))


def _is_told_otherwise(exchange: Exchange, observation: Observation) -> bool:
    """Return True if the user of a gateway got another status than the API's refusal."""
    asked = (each for each in reversed(observation.exchanges) if is_inference_path(each.path))
    return (
        exchange is next(asked, None)
        and (exchange.status or 0) >= 400
        and (observation.status or 0) >= 400
        and observation.status != exchange.status
    )


def _gateway_events(exchange: Exchange, holds_key: bool) -> Iterator[str]:
    """Yield what a gateway did to the request and its answer."""
    if is_gateway_refusal(exchange):
        yield "gateway-refused"
    is_replaced = Act.REPLACED_CREDENTIAL in exchange.gateway
    if is_replaced or (holds_key and exchange.host == LOOPBACK):
        yield "gateway-credential"
    for act in (Act.STRIPPED_BETA, Act.STRIPPED_HEADER, Act.REWROTE_ERROR):
        if act in exchange.gateway:
            yield act.value


def _request_facts(exchange: Exchange, evidence: Evidence) -> Iterator[Fact]:
    yield FactKind.HOST, exchange.host, evidence
    yield FactKind.PATH, exchange.path, evidence
    if is_gateway_refusal(exchange):
        return  # what the API thinks of the credential is not known
    slot = re.sub(r"-\d+$", "", exchange.credential or "none")
    yield FactKind.CREDENTIAL, slot, evidence
    yield FactKind.HEADER, exchange.credential_header or "none", evidence
    for flag in exchange.betas or ("none",):
        yield FactKind.BETA, flag, evidence


def _response_facts(exchange: Exchange, evidence: Evidence) -> Iterator[Fact]:
    if exchange.status is not None and exchange.method != "CONNECT":
        yield FactKind.STATUS, str(exchange.status), evidence
    if exchange.error_type:
        yield FactKind.ERROR_TYPE, exchange.error_type, evidence
    if exchange.error_code:
        yield FactKind.ERROR_TYPE, exchange.error_code, evidence
    if exchange.content_type:
        yield FactKind.CONTENT, exchange.content_type.partition(";")[0], evidence
    elif exchange.size_bytes == 0:
        yield FactKind.CONTENT, "none", evidence
    for event in _events(exchange):
        yield FactKind.EVENT, event, evidence


def _events(exchange: Exchange) -> Iterator[str]:
    if exchange.method == "CONNECT" and exchange.status is None:
        yield "no-handshake"
    elif exchange.method == "CONNECT":
        yield "proxy-refused"
    elif exchange.status is None or not exchange.complete:
        yield "broke-off"
    if abs(exchange.clock_offset) >= MIN_CLOCK_OFFSET:
        yield "clock-offset"
    if exchange.status == 200 and is_inference_path(exchange.path):
        if exchange.size_bytes == 0:
            yield "empty-answer"
        if (exchange.size_bytes or 0) > MAX_USUAL_RESPONSE_BYTES:
            yield "huge-answer"
        if (exchange.content_type or "").startswith("text/html"):
            yield "page-answer"


def _describe(exchange: Exchange) -> Evidence:
    """Return the exchange on one line, as evidence."""
    request = f"{exchange.method} {exchange.host}{exchange.path}"
    if exchange.credential:
        request += f", with {exchange.credential} in {exchange.credential_header}"
    response = f"answered {exchange.status}" if exchange.status is not None else "no answer"
    if not exchange.complete:
        response += ", connection lost during the response"
    if abs(exchange.clock_offset) >= MIN_CLOCK_OFFSET:
        response += f", dated {exchange.clock_offset:+.0f} s from this machine's clock"
    error = ": ".join(part for part in (exchange.error_type, exchange.message) if part)
    return Evidence(f"{request}, {response}" + (f" ({error})" if error else ""))


def _client_facts(observation: Observation, events: Iterable[tuple[str, str]]) -> FactSet:
    """Return the facts in the client's output, and those about the probe as a whole."""
    text = "\n".join(part for part in (observation.message, observation.detail) if part)
    facts = group_facts(
        (
            *_probe_facts(observation, text),
            *((FactKind.EVENT, event, Evidence(evidence)) for event, evidence in events),
        )
    )
    return FactSet(facts=facts, text=text, words=WordIndex(text))


def _probe_facts(observation: Observation, text: str) -> Iterator[Fact]:
    outcome = observation.outcome
    if outcome is not Outcome.CRASHED or not has_error_message(observation):
        # A crash with a message hides nothing: what it says counts.
        yield FactKind.OUTCOME, outcome.value, Evidence(f"outcome {outcome}")
    for match in ERROR_CODE.finditer(text):
        yield FactKind.CODE, match[1], Evidence(text.strip())
    if not observation.exchanges and outcome is not Outcome.ACCEPTED:
        yield FactKind.EVENT, "nothing-asked", Evidence("no request reached the backend")
    if host := missing_host(observation):
        yield FactKind.EVENT, "not-emulated", Evidence(f"the emulator does not have {host}")
    if host := _refused_login_host(observation):
        evidence = Evidence(f"no connection to {host}, while other hosts of Claude answer")
        yield FactKind.EVENT, "login-host-refused", evidence
    if _is_only_refused(observation):
        yield FactKind.EVENT, "only-refused", Evidence("each request was answered by a refusal")
    if _is_blanked(observation):
        evidence = Evidence("the stored login exists, but its tokens are empty")
        yield FactKind.EVENT, "blanked", evidence


def _refused_login_host(observation: Observation) -> str | None:
    """Return the host of the token endpoint if a proxy refuses it alone, as sandboxes do."""
    is_refused = any(
        exchange.method == "CONNECT"
        and exchange.host == PLATFORM
        and (exchange.status is None or exchange.status >= 400)
        for exchange in observation.exchanges
    )
    answered = {e.host for e in observation.exchanges if e.method != "CONNECT" and e.status}
    return PLATFORM if is_refused and answered & {*HOSTS} - {PLATFORM} else None


def missing_host(observation: Observation) -> str | None:
    """Return the host that a failed client asked for in vain; None: it reached an emulated one.

    Beside the API, clients ask other hosts, such as those of telemetry, in every run.
    """
    if observation.outcome is Outcome.ACCEPTED or not observation.egress_refused:
        return None
    reached = any(is_emulated(exchange) for exchange in observation.exchanges)
    return None if reached else observation.egress_refused[0]


def _is_only_refused(observation: Observation) -> bool:
    asked = [each for each in observation.exchanges if is_inference_path(each.path)]
    return bool(asked) and all((e.status or 0) >= 400 and e.complete for e in asked)


def _is_blanked(observation: Observation) -> bool:
    login = observation.stored_login
    # A client empties its stored login after a rejected refresh: then that is the cause.
    refresh_rejected = any(
        exchange.path.endswith(TOKEN_PATH_SUFFIX) and (exchange.status or 0) >= 400
        for exchange in observation.exchanges
    )
    return login is not None and login.state is LoginState.BLANKED and not refresh_rejected


def _version(observation: Observation) -> str | None:
    """Return the version of Claude Code from the first User-Agent that names one."""
    products = (product for exchange in observation.exchanges for product in exchange.products)
    matches = (CLAUDE_CODE_PRODUCT.match(product) for product in products)
    return next((match[1] for match in matches if match), None)
