"""What maintainers ask for of a case, as labels and values (pure)."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from authprobe.core.claude_api import MESSAGES_PATH
from authprobe.core.client_kinds import CLIENTS, ClientKind, Flow, Via
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.observation.model import Exchange
from authprobe.report.model import phrases
from authprobe.run.model import CaseRecord
from authprobe.scenario.clients import kind_name
from authprobe.scenario.model import Credential, Form

MADE_UP: Final = "none of the service's: the backend is emulated, and makes them up"
SURFACES: Final[Mapping[str, str]] = {
    Flow.STDIO: "standard input, as IDE extensions use it",
    Flow.INTERACTIVE: "terminal",
    Flow.AUTH_LOGIN: "terminal",
    Flow.SETUP_TOKEN: "terminal",
}
"""Where a flow of `claude` is not a command that a script may run as well."""


def client_words(record: CaseRecord) -> str:
    """What ran, at which versions, and how it came here."""
    own = record.client.endswith("@installed")
    named = dict.fromkeys(p for e in record.observation.exchanges for p in e.products)
    if record.client == ClientKind.RAW_HTTP:
        return record.client
    words = (
        f"{record.client}, {record.client_version or 'no version seen'}",
        f"named itself {', '.join(sorted(named))}" if named else None,
        "the user's own" if own else "installed by authprobe",
        _surface(record),
    )
    return "; ".join(word for word in words if word)


def _surface(record: CaseRecord) -> str:
    kind = kind_name(record.client)
    known = kind in list(ClientKind)
    return SURFACES.get(record.flow) or (CLIENTS[ClientKind(kind)].surface if known else kind)


def case_facts(record: CaseRecord, last: str | None) -> phrases.Facts:
    """What maintainers ask for of a case; `last`: when it last was as expected."""
    seen = record.observation
    deciding = deciding_exchange(record)
    sent = given_words(record, sent=True)
    facts = (
        ("Verdict", phrases.status_words(record.verdict)),
        (
            "Expected",
            ", ".join(f"{n.lower()} {v}" for n, v in phrases.expected_facts(record.expectation)),
        ),
        ("Outcome", phrases.outcome_words(seen)),
        ("Surface", _surface(record)),
        ("Request", f"{deciding.method} {deciding.host}{deciding.path}" if deciding else "none"),
        ("HTTP status", phrases.status_number(seen)),
        ("error.type", seen.error_type or "none"),
        ("Request id", MADE_UP if deciding else None),
        ("Credential that won", phrases.sent_words(deciding) if deciding else "none was sent"),
        ("Given and sent", "; ".join(sent) or None),
        ("Also there, not sent", "; ".join(given_words(record, sent=False)) or "none"),
        ("Beta flags", ", ".join(deciding.betas) if deciding and deciding.betas else None),
        ("Headers", _header_names(deciding)),
        ("Retry-After", deciding.retry_after if deciding else None),
        ("Clock", _clock(deciding)),
        ("Exit code", None if seen.exit_code is None else str(seen.exit_code)),
        ("Detail", seen.detail),
        ("Stored login afterwards", phrases.login_words(seen.stored_login)),
        ("Fault", record.fault),
        ("Last as expected", last),
    )
    return tuple((label, value) for label, value in facts if value is not None)


def deciding_exchange(record: CaseRecord) -> Exchange | None:
    """The request whose answer the outcome stands for: the last of that status."""
    made = record.observation.exchanges
    inference = [e for e in made if e.path.startswith(MESSAGES_PATH)] or list(made)
    fitting = [e for e in inference if e.status == record.observation.status]
    return next(reversed(fitting or inference), None)


def given_words(record: CaseRecord, *, sent: bool) -> tuple[str, ...]:
    """Each credential that the client was given, by name and place, if one of it was sent or not.

    The first of a kind is called like the kind, as the emulator names them.
    """
    used = {exchange.credential for exchange in record.observation.exchanges}
    made: Counter[str] = Counter()
    words: list[str] = []
    for given in record.credentials:
        slots = [_slot(kind, made) for kind in _kinds(given)]
        if any(slot in used for slot in slots) is sent:
            form = f", {given.form}" if given.form else ""
            name = " and ".join(slots) or given.token
            words.append(f"{name} ({given.state}{form}) via {given.place}")
    return tuple(words)


def _kinds(given: Credential) -> tuple[str, ...]:
    """The tokens that are made for it: for the credentials file those of a login."""
    if given.via is not Via.CREDENTIALS_FILE:
        return (given.token.value,)
    if given.state is TokenState.BLANKED:
        return ()
    refresh = () if given.form is Form.NO_REFRESH_TOKEN else (TokenKind.REFRESH_TOKEN.value,)
    return (TokenKind.ACCESS_TOKEN.value, *refresh)


def _slot(kind: str, made: Counter[str]) -> str:
    made[kind] += 1
    return kind if made[kind] == 1 else f"{kind}-{made[kind]}"


def _header_names(exchange: Exchange | None) -> str | None:
    return ", ".join(sorted(exchange.headers)) if exchange and exchange.headers else None


def _clock(exchange: Exchange | None) -> str | None:
    if exchange is None or not exchange.clock_offset:
        return None
    word = "ahead of" if exchange.clock_offset > 0 else "behind"
    return f"the answer's Date is {abs(exchange.clock_offset):.0f} s {word} this machine's clock"
