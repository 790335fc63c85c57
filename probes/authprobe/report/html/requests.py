"""Requests as static HTML, in order, and the emulator's rules that answered them."""

from collections.abc import Callable, Iterable, Sequence
from string import ascii_uppercase
from typing import Final

from authprobe.emulator.catalogue import rows as catalogue
from authprobe.emulator.rules.routes import RULES
from authprobe.observation.model import Exchange
from authprobe.report.html.elements import Html, code, facts, source, table
from authprobe.report.model import phrases

MAX_REQUESTS: Final = 200
"""Requests of one case in the table."""

FlagSets = Sequence[tuple[str, ...]]
"""The distinct sets of beta flags in a table of requests."""


def requests(exchanges: Sequence[Exchange]) -> Html:
    """Return the requests in order, each with its response."""
    if not exchanges:
        return Html("<p>None reached the backend.</p>")
    listed = exchanges[:MAX_REQUESTS]
    sets = tuple(dict.fromkeys(exchange.betas for exchange in listed if exchange.betas))
    rows = ([cell(exchange, sets) for _, cell in _COLUMNS] for exchange in listed)
    more = len(exchanges) - MAX_REQUESTS
    parts = [table("Requests", [head for head, _ in _COLUMNS], rows, kind="ap-wire")]
    if more > 0:
        words = phrases.plural(more, "more request")
        parts.append(Html("<p>… ({} in results.json)</p>").format(words))
    if sets:
        parts.append(facts((f"Flags {_letter(sets, flags)}", ", ".join(flags)) for flags in sets))
    return Html().join(parts)


def _letter(sets: FlagSets, flags: tuple[str, ...]) -> str:
    """Return the letter of a set of flags: most requests of a client repeat the same set."""
    index = sets.index(flags)
    letter = ascii_uppercase[index % len(ascii_uppercase)]
    return letter * (1 + index // len(ascii_uppercase))


def _betas(exchange: Exchange, sets: FlagSets) -> str:
    if not exchange.betas:
        return "none"
    return f"{_letter(sets, exchange.betas)} ({len(exchange.betas)})"


def _path(exchange: Exchange) -> Html:
    """Return the path, and the scopes of an authorization request."""
    scopes = f"scopes: {', '.join(exchange.scopes)}" if exchange.scopes else ""
    return code(exchange.path) + _small(scopes)


def _rule(exchange: Exchange) -> Html:
    """Return the rule that answered or came nearest, and the faults that were armed."""
    cell = code(exchange.rule)
    if exchange.rule in RULES:
        cell = Html('<a href="#rule-{}">{}</a>').format(exchange.rule, cell)
    if exchange.nearest:
        cell += _small(phrases.nearest_words(exchange))
    if exchange.faults:
        cell += _small(f"fault: {', '.join(exchange.faults)}")
    return cell


def _small(text: str) -> Html:
    return Html("<small>{}</small>").format(text) if text else Html()


_COLUMNS: Final[tuple[tuple[str, Callable[[Exchange, FlagSets], str]], ...]] = (
    ("At (s)", lambda x, _: f"{x.at:.2f}"),
    ("Method", lambda x, _: x.method),
    ("Host", lambda x, _: x.host),
    ("Path", lambda x, _: _path(x)),
    ("Credential", lambda x, _: phrases.sent_words(x)),
    ("Flags", _betas),
    ("Status", lambda x, _: phrases.status_number(x)),
    ("Error", lambda x, _: phrases.error_words(x)),
    ("Rule", lambda x, _: _rule(x)),
)


def rules(exchanges: Iterable[Exchange]) -> Html:
    """Return the emulator's rules that answered, with their sources; nothing if none did."""
    ids = {exchange.rule for exchange in exchanges}
    listed = [row for row in catalogue() if row.id in ids]
    if not listed:
        return Html()
    rows = (
        (
            Html('<code id="rule-{0}">{0}</code>').format(row.id),
            row.condition_text,
            row.last_seen,
            row.certainty,
            Html(" ").join(map(source, row.sources)),
        )
        for row in listed
    )
    heads = ("Rule", "Condition", "Last seen", "Certainty", "Sources")
    return Html("<h2>Rules of the emulator that answered ({})</h2>{}").format(
        len(listed), table("Rules of the emulator", heads, rows)
    )
