"""Facts about a case that maintainers ask for, as labels and values (pure)."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from authprobe.core.claude_api import asks_model
from authprobe.core.client_kinds import ClientKind, Flow, Via
from authprobe.core.targets import Target
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.observation.model import Exchange
from authprobe.plan.case import COMMAND_FLOW
from authprobe.report.model import phrases
from authprobe.report.model.relevance import matters
from authprobe.run.model import CaseRecord
from authprobe.scenario.bundled_clients import KNOWN_CLIENTS
from authprobe.scenario.clients import kind_name
from authprobe.scenario.model import Credential, Form

EMULATED_REQUEST_ID: Final = "none from the real service: the backend is emulated"
NOT_KEPT: Final = "not kept"
NOT_SEEN: Final = "not seen: nobody ends the TLS connection of a client to the real service"
SURFACES: Final[Mapping[str, str]] = {
    Flow.STDIO: "standard input, as IDE extensions use it",
    Flow.INTERACTIVE: "terminal",
    Flow.AUTH_LOGIN: "terminal",
    Flow.SETUP_TOKEN: "terminal",
}
"""User interface of the flows of `claude` that are not plain commands."""


def client_words(record: CaseRecord) -> str:
    """Describe the client: its versions, the names it sent, and who installed it."""
    if record.client == ClientKind.RAW_HTTP:
        return record.client
    products = {product for e in record.observation.exchanges for product in e.products}
    if record.flow == COMMAND_FLOW:
        named = f"; identified itself as {', '.join(sorted(products))}" if products else ""
        return f"{record.title}{named}"
    is_users_own = record.client.endswith("@installed")
    version = record.client_version or "version unknown"
    is_exact = record.client.partition("@")[2] == version
    words = (
        record.client if is_exact else f"{record.client}, {version}",
        f"identified itself as {', '.join(sorted(products))}" if products else None,
        "installed by the user" if is_users_own else "installed by authprobe",
        _surface(record),
    )
    return "; ".join(word for word in words if word)


def _surface(record: CaseRecord) -> str:
    if record.flow == COMMAND_FLOW:
        return "command of the user"
    kind = kind_name(record.client)
    known = KNOWN_CLIENTS.get(kind)
    usual = known.spec.surface if known else kind
    return record.surface or SURFACES.get(record.flow) or usual


def case_facts(record: CaseRecord, last: str | None) -> phrases.Facts:
    """Return the facts about a case; `last` is the last run in which it was as expected."""
    observation = record.observation
    deciding = deciding_exchange(record)
    sent = credential_words(record, sent=True)
    unsent = credential_words(record, sent=False)
    hidden = hides_requests(record)
    if hidden:
        sent, unsent = (), (*sent, *unsent)
    facts = (
        ("Verdict", phrases.status_words(record.verdict)),
        (
            "Expected",
            ", ".join(f"{n.lower()} {v}" for n, v in phrases.expected_facts(record.expectation)),
        ),
        ("Outcome", phrases.outcome_words(observation)),
        ("Surface", _surface(record)),
        ("Program", record.own_program and f"{record.own_program}, of the user's own"),
        ("Installed with", phrases.companion_words(record)),
        ("Request", _request_words(deciding, hidden=hidden)),
        ("HTTP status", phrases.status_number(observation)),
        ("error.type", observation.error_type or "none"),
        ("Request id", _request_id_words(record) if deciding else None),
        ("Credential used", None if hidden else _used_words(deciding)),
        ("Provided and sent", "; ".join(sent) or None),
        ("Provided" if hidden else "Provided, not sent", "; ".join(unsent) or "none"),
        ("Evidence", phrases.evidence_words(observation)),
        ("Beta flags", ", ".join(deciding.betas) if deciding and deciding.betas else None),
        ("Headers", _header_names(deciding)),
        ("Retry-After", deciding.retry_after if deciding else None),
        ("Clock", _clock(deciding)),
        ("Exit code", None if observation.exit_code is None else str(observation.exit_code)),
        ("Detail", observation.detail),
        ("Stored login afterwards", phrases.login_words(observation.stored_login)),
        ("Fault", record.fault),
        ("Last as expected", last),
    )
    return tuple((label, value) for label, value in facts if value is not None)


def hides_requests(record: CaseRecord) -> bool:
    """Return True if a client asked the real service: then nobody sees its requests."""
    return record.target is Target.LIVE and not record.observation.exchanges


def _request_words(deciding: Exchange | None, *, hidden: bool) -> str:
    if deciding:
        return f"{deciding.method} {deciding.host}{deciding.path}"
    return NOT_SEEN if hidden else "none"


def _used_words(deciding: Exchange | None) -> str:
    return phrases.sent_words(deciding) if deciding else "none"


def _request_id_words(record: CaseRecord) -> str:
    return NOT_KEPT if record.target is Target.LIVE else EMULATED_REQUEST_ID


def deciding_exchange(record: CaseRecord) -> Exchange | None:
    """Return the request that decides the outcome: the last one with the status of the case.

    It is a request to a model, else one that matters for authentication, else any.
    """
    exchanges = record.observation.exchanges
    inference = [e for e in exchanges if asks_model(e.path)]
    candidates = inference or list(filter(matters, exchanges)) or list(exchanges)
    matching = [e for e in candidates if e.status == record.observation.status]
    return next(reversed(matching or candidates), None)


def credential_words(record: CaseRecord, *, sent: bool) -> tuple[str, ...]:
    """Describe the credentials of a case that were sent, or those that were not.

    Names are those of the emulator: the first token of a kind is named like the kind.
    """
    used = {slot for each in record.observation.exchanges for slot in each.sent_slots}
    counts: Counter[str] = Counter()
    words: list[str] = []
    for credential in record.credentials:
        slots = [_slot(kind, counts) for kind in _kinds(credential)]
        if any(slot in used for slot in slots) is sent:
            form = f", {credential.form}" if credential.form else ""
            name = " and ".join(slots) or credential.token
            place = f" via {credential.place}" if credential.via else ""
            words.append(f"{name} ({credential.state}{form}){place}")
    return tuple(words)


def given_slots(record: CaseRecord) -> dict[str, str]:
    """Return the tokens that the client received at the start, by slot, with their states."""
    counts: Counter[str] = Counter()
    return {
        _slot(kind, counts): _state(credential, kind)
        for credential in record.credentials
        for kind in _kinds(credential)
    }


def _state(credential: Credential, kind: str) -> str:
    """Return the state of one token of a credential; a login has two."""
    if credential.token is not TokenKind.LOGIN:
        return credential.state.value
    if kind == TokenKind.ACCESS_TOKEN:
        is_used = credential.state is TokenState.USED
        return (TokenState.EXPIRED if is_used else credential.state).value
    if credential.form is Form.UNKNOWN_REFRESH_TOKEN:
        return TokenState.UNKNOWN.value
    is_used = credential.state is TokenState.USED
    return (TokenState.USED if is_used else TokenState.VALID).value


def _kinds(credential: Credential) -> tuple[str, ...]:
    """Return the kinds of tokens issued for it: a credentials file holds those of a login."""
    if credential.via is not Via.CREDENTIALS_FILE:
        return (credential.token.value,)
    if credential.state is TokenState.BLANKED:
        return ()
    has_refresh_token = credential.form is not Form.NO_REFRESH_TOKEN
    refresh = (TokenKind.REFRESH_TOKEN.value,) if has_refresh_token else ()
    return (TokenKind.ACCESS_TOKEN.value, *refresh)


def _slot(kind: str, counts: Counter[str]) -> str:
    counts[kind] += 1
    return kind if counts[kind] == 1 else f"{kind}-{counts[kind]}"


def _header_names(exchange: Exchange | None) -> str | None:
    return ", ".join(sorted(exchange.headers)) if exchange and exchange.headers else None


def _clock(exchange: Exchange | None) -> str | None:
    if exchange is None or not exchange.clock_offset:
        return None
    word = "ahead of" if exchange.clock_offset > 0 else "behind"
    return f"Date of the response is {abs(exchange.clock_offset):.0f} s {word} this machine's clock"
