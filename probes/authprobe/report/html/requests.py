"""Requests as static HTML, in their order, and what is known of the rules that answered them."""

from collections.abc import Callable, Iterable, Sequence
from string import ascii_uppercase
from typing import Final

from authprobe.emulator.catalogue import rows
from authprobe.emulator.rules.routes import RULES
from authprobe.observation.model import Exchange
from authprobe.report.html.elements import code, facts, safe, source, table
from authprobe.report.model import phrases

_REQUESTS_SHOWN: Final = 200


def requests(exchanges: Sequence[Exchange]) -> str:
    """Each request in its order, with what it was answered."""
    if not exchanges:
        return "<p>None reached the backend.</p>"
    in_sight = exchanges[:_REQUESTS_SHOWN]
    sets = tuple(dict.fromkeys(exchange.betas for exchange in in_sight if exchange.betas))
    labels = [label for label, _ in _COLUMNS]
    rows = [[draw(exchange, sets) for _, draw in _COLUMNS] for exchange in in_sight]
    more = len(exchanges) - _REQUESTS_SHOWN
    rest = f"<p>… ({phrases.plural(more, 'more request')} in results.json)</p>" if more > 0 else ""
    flags = facts(tuple((f"Flags {_name(sets, betas)}", ", ".join(betas)) for betas in sets))
    return table("Requests", labels, rows, kind="ap-wire") + rest + (flags if sets else "")


def _name(sets: Sequence[tuple[str, ...]], betas: tuple[str, ...]) -> str:
    """A letter for a set of flags, which most requests of a client share."""
    place = sets.index(betas)
    letter = ascii_uppercase[place % len(ascii_uppercase)]
    return letter * (1 + place // len(ascii_uppercase))


def _betas(exchange: Exchange, sets: Sequence[tuple[str, ...]]) -> str:
    if not exchange.betas:
        return "none"
    return f"{_name(sets, exchange.betas)} ({len(exchange.betas)})"


def _path(exchange: Exchange) -> str:
    """The path, and what an authorization was asked for with."""
    scopes = f"scopes: {', '.join(exchange.scopes)}" if exchange.scopes else ""
    return code(exchange.path) + (f"<small>{safe(scopes)}</small>" if scopes else "")


def _rule(exchange: Exchange) -> str:
    """Which rule answered, or came nearest, and what went wrong on demand."""
    drawn = code(exchange.rule)
    if exchange.rule in RULES:
        drawn = f'<a href="#rule-{exchange.rule}">{drawn}</a>'
    if exchange.nearest:
        drawn += f"<small>{safe(phrases.nearest_words(exchange))}</small>"
    if exchange.faults:
        drawn += f"<small>fault: {safe(', '.join(exchange.faults))}</small>"
    return drawn


_COLUMNS: Final[tuple[tuple[str, Callable[[Exchange, Sequence[tuple[str, ...]]], str]], ...]] = (
    ("At (s)", lambda x, _: f"{x.at:.2f}"),
    ("Method", lambda x, _: safe(x.method)),
    ("Host", lambda x, _: safe(x.host)),
    ("Path", lambda x, _: _path(x)),
    ("Credential", lambda x, _: safe(phrases.sent_words(x))),
    ("Flags", _betas),
    ("Status", lambda x, _: safe(phrases.status_number(x))),
    ("Told", lambda x, _: safe(phrases.told_words(x))),
    ("Rule", lambda x, _: _rule(x)),
)


def rules(exchanges: Iterable[Exchange]) -> str:
    """What is known of the emulator's rules that answered, and who says so."""
    used = {exchange.rule for exchange in exchanges}
    known = [row for row in rows() if row.id in used]
    if not known:
        return ""
    lines = (
        (
            f'<code id="rule-{row.id}">{row.id}</code>',
            safe(row.words),
            safe(row.last_seen),
            safe(row.certainty),
            " ".join(map(source, row.sources)),
        )
        for row in known
    )
    labels = ("Rule", "Condition", "Last seen", "Certainty", "Sources")
    title = f"Rules of the emulator that answered ({len(known)})"
    return f"<h2>{title}</h2>{table('Rules of the emulator', labels, lines)}"
