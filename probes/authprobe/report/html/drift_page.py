"""The page of a comparison with the service: differences, equal rows, and the network."""

from collections.abc import Iterator

from authprobe.drift.model import Drift, Kind, RowResult
from authprobe.report import drift as words
from authprobe.report.html.document import document
from authprobe.report.html.elements import Html, bullets, code, facts, lines, table
from authprobe.report.html.rendering import render
from authprobe.report.model.phrases import plural
from authprobe.service.answer import PhaseSeconds

PHASES = ("name", "connect", "tls", "first_byte")


def drift_page(drift: Drift, command: str, path: str) -> Html:
    """Return the whole page; `command` asks again, `path` is that of the comparison's JSON."""
    rows = words.sorted_rows(drift)
    body = render(
        "drift.html",
        headline=words.headline(drift),
        step=words.next_step(drift, path),
        about=tuple(_about(drift, command)),
        counts=[
            (kind.value, words.KIND_WORDS[kind], len(drift.of_kind(kind)), words.MEANINGS[kind])
            for kind in Kind
        ],
        symbols={kind.value: symbol for kind, symbol in words.SYMBOLS.items()},
        groups=[
            (kind.value, words.KIND_WORDS[kind], words.MEANINGS[kind], results)
            for kind in Kind
            if kind is not Kind.SAME and (results := [r for r in rows if r.kind is kind])
        ],
        facts_of=_facts,
        details_of=lambda result: bullets(words.details(result)),
        result_words=words.result_words,
        same=_same_table([result for result in rows if result.kind is Kind.SAME]),
        network=_network_table(drift),
    )
    return document("Drift: the service beside the emulator", body, style="drift.css")


def _about(drift: Drift, command: str) -> Iterator[tuple[str, str]]:
    yield (
        "Asked",
        f"{drift.started_at:%Y-%m-%d %H:%M} UTC, with {plural(drift.requests, 'request')}",
    )
    if drift.confirms:
        yield "Confirms", f"the comparison of {drift.confirms:%Y-%m-%d %H:%M} UTC"
    yield "Compared with", f"the emulator of authprobe {drift.authprobe}"
    yield "Run again", code(command)


def _facts(result: RowResult) -> Html:
    """Return both answers of a row that changed; of any other, what was asked on one line."""
    row = result.row
    rules = f"{', '.join(row.rules)}, last seen {words.last_seen(row)}" if row.rules else ""
    if result.kind is not Kind.CHANGED:
        answer = words.answer_words(result.answer) if result.answer.status else ""
        parts = (row.host, f"sent: {row.sends}", answer, rules)
        return Html("<p><small>{}</small></p>").format(" · ".join(filter(None, parts)))
    pairs = (
        ("Host", code(row.host)),
        ("Sent", row.sends),
        ("Emulator", words.answer_words(result.expected)),
        ("Service", words.answer_words(result.answer)),
        ("Rule", rules),
    )
    return facts(pairs)


def _same_table(results: list[RowResult]) -> Html:
    if not results:
        return Html("<p>None.</p>")
    rows = (
        (
            each.row.id,
            lines((each.row.title, code(each.row.host))),
            ", ".join(each.row.rules),
            words.answer_words(each.answer),
            words.last_seen(each.row),
        )
        for each in results
    )
    return table("Rows that are the same", ("Row", "Asked", "Rule", "Answer", "Last seen"), rows)


def _network_table(drift: Drift) -> Html:
    """Return how each host was reached: where every host fails alike, it is the network."""
    by_host = {result.row.host: result for result in reversed(drift.rows)}
    rows = (_network_row(by_host[host]) for host in dict.fromkeys(r.row.host for r in drift.rows))
    heads = ("Host", "TLS", "Certificate", "Name", "Connect", "TLS", "First byte")
    return table("How the hosts were reached", heads, rows)


def _network_row(result: RowResult) -> tuple[str, ...]:
    answer = result.answer
    certificate = ""
    if answer.tls is not None:
        certificate = lines((", ".join(answer.tls.issuer), f"until {answer.tls.not_after}"))
    return (
        code(result.row.host),
        answer.tls.version if answer.tls else "none",
        certificate,
        *_phases(answer.seconds),
    )


def _phases(seconds: PhaseSeconds) -> Iterator[str]:
    for phase in PHASES:
        value: float | None = getattr(seconds, phase)
        yield "" if value is None else f"{value * 1000:.0f} ms"
