"""Card of a run for sharing: a heat map of clients and outcomes, of 1200 by 630 pixels."""

from collections.abc import Iterator
from typing import Final

from authprobe.core.escaping import one_line
from authprobe.observation.model import Outcome
from authprobe.report.files import TITLE
from authprobe.report.html.elements import Html
from authprobe.report.model.matrix import headline
from authprobe.report.model.outcome_table import OutcomeRow, OutcomeTable, outcome_table
from authprobe.report.model.phrases import plural
from authprobe.report.svg.badge import COLORS, day_of, result_words
from authprobe.run.model import Run
from authprobe.verdict.model import Status

WIDTH, HEIGHT = 1200, 630
MAX_ROWS: Final = 9
MAX_LABEL_LENGTH: Final = 31
MARGIN: Final = 48
LABELS_END: Final = 430
HEAD_Y: Final = 208
HEADING_SIZE: Final = 15
ROWS_HEIGHT: Final = 340
"""Pixels for all rows and their sum, of which few are higher than many."""
MAX_ROW_HEIGHT: Final = 85
FOOT: Final = "authprobe: real Claude clients, made-up credentials"
LEGEND: Final = "Passed means as expected, also where a refusal is expected."
FONTS: Final = "Verdana,DejaVu Sans,Liberation Sans,Noto Sans,Helvetica,Arial,sans-serif"
RED: Final = COLORS[Status.FAILED]
OUTCOME_COLORS: Final = {
    Outcome.ACCEPTED: ("#d3e5fb", "#0b3d73"),
    Outcome.REJECTED: ("#fbe0b5", "#5e3a00"),
    Outcome.THROTTLED: ("#cfeee0", "#0c4a33"),
    Outcome.OVERLOADED: ("#e6efb5", "#434b00"),
    Outcome.NOT_FOUND: ("#fff1a8", "#574a00"),
    Outcome.SERVER_ERROR: ("#f9d3e3", "#75103f"),
    Outcome.UNREACHABLE: ("#dfe3e8", "#33404d"),
    Outcome.TIMED_OUT: ("#5b3a8c", "#ffffff"),
    Outcome.CRASHED: ("#1f2328", "#ffffff"),
    Outcome.UNAVAILABLE: ("#f6f8fa", "#57606a"),
}
"""Background and text, as in the heat map of the report (report/html/report.css)."""
_SVG: Final = Html(
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    'viewBox="0 0 {width} {height}" role="img" aria-labelledby="title desc" '
    'font-family="{fonts}">'
    '<title id="title">{title}</title><desc id="desc">{description}</desc>'
    '<rect width="{width}" height="{height}" fill="#ffffff"/>'
    '<rect width="{width}" height="12" fill="{color}"/>{content}</svg>\n'
)
_TEXT: Final = Html(
    '<text x="{x}" y="{y}" font-size="{size}" fill="{fill}" text-anchor="{anchor}" '
    'font-weight="{weight}">{text}</text>'
)
_SLANTED: Final = Html(
    '<text transform="translate({x} {y}) rotate(24)" font-size="{size}" fill="#1f2328" '
    'text-anchor="end">{text}</text>'
)
_CELL: Final = Html(
    '<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" fill="{fill}"/>{text}'
)
_LINE: Final = Html('<path d="M{x} {y}H{end}" stroke="#d0d7de"/>')


def card_svg(run: Run) -> str:
    """Return the card as an SVG image that loads nothing."""
    table = outcome_table(run, MAX_ROWS)
    result = result_words(run)
    return str(
        _SVG.format(
            width=WIDTH,
            height=HEIGHT,
            fonts=FONTS,
            title=f"{TITLE}: {result}, {day_of(run)}",
            description=f"{LEGEND} {_description(table)}",
            color=COLORS[headline(run).status],
            content=Html("").join(
                (
                    _text(MARGIN, 72, TITLE, size=38, weight="bold"),
                    _text(
                        MARGIN,
                        116,
                        _shorten(result, 60),
                        size=26,
                        fill=COLORS[headline(run).status],
                        weight="bold",
                    ),
                    _text(MARGIN, 150, _facts(run), size=18, fill="#57606a"),
                    *_table(table),
                    _text(MARGIN, HEIGHT - 26, FOOT, size=16, fill="#57606a"),
                    _text(
                        WIDTH - MARGIN,
                        HEIGHT - 26,
                        LEGEND,
                        size=16,
                        fill="#57606a",
                        anchor="end",
                    ),
                )
            ),
        )
    )


def _facts(run: Run) -> str:
    """Return the line about the run as a whole."""
    suite = run.selection.suite
    parts = (
        day_of(run),
        f"authprobe {_shorten(run.tool.version, 20)}",
        f"suite {_shorten(suite, 20)}" if suite else None,
        "the real service" if run.mode == "live" else "emulated backend",
    )
    return " · ".join(filter(None, parts))


def _description(table: OutcomeTable) -> str:
    """Return the table in words, for those who do not see the picture."""
    return "; ".join(
        f"{one_line(row.label)}: "
        + ", ".join(
            [
                *(
                    f"{number:,} {outcome}"
                    for outcome, number in zip(table.outcomes, row.outcomes, strict=True)
                    if number
                ),
                f"{row.failed:,} failed",
            ]
        )
        for row in (*table.rows, table.total)
    )


def _table(table: OutcomeTable) -> Iterator[Html]:
    """Yield the head, the rows and their sum."""
    headings = [*table.outcomes, *(["failed"] if table.total.failed else [])]
    width = (WIDTH - MARGIN - LABELS_END) / max(1, len(headings))
    longest = max(map(len, headings), default=0)
    is_slanted = width < longest * HEADING_SIZE * 0.66
    for column, heading in enumerate(headings):
        x = _center(column, width)
        if is_slanted:
            yield _SLANTED.format(x=x + 6, y=HEAD_Y, size=HEADING_SIZE, text=heading)
        else:
            yield _text(x, HEAD_Y, heading, size=HEADING_SIZE, anchor="middle")
    y = HEAD_Y + 12
    height = min(MAX_ROW_HEIGHT, ROWS_HEIGHT // (len(table.rows) + 1))
    for row in table.rows:
        yield from _row(table, row, y, width, height)
        y += height
    yield _LINE.format(x=MARGIN, y=y + 3, end=WIDTH - MARGIN)
    yield from _row(table, table.total, y + 8, width, height)


def _row(table: OutcomeTable, row: OutcomeRow, y: int, width: float, height: int) -> Iterator[Html]:
    """Yield a row: its label, a cell for each outcome that occurs, and its failures."""
    text_y = y + height // 2 + 5
    label = row.label if row.is_sum else _shorten(row.label, MAX_LABEL_LENGTH)
    weight = "bold" if row.is_sum else "normal"
    yield _text(MARGIN, text_y, label, size=17, weight=weight)
    yield _text(
        LABELS_END - 14,
        text_y,
        plural(row.cases, "case") if row is table.total else f"{row.cases:,}",
        size=15,
        fill="#57606a",
        anchor="end",
    )
    for column, (outcome, number) in enumerate(zip(table.outcomes, row.outcomes, strict=True)):
        if number:
            fill, ink = OUTCOME_COLORS[outcome]
            yield _cell(column, y, width, height, f"{number:,}", fill, ink)
    if row.failed:
        yield _cell(len(table.outcomes), y, width, height, f"{row.failed:,}", RED, "#ffffff")


def _cell(column: int, y: int, width: float, height: int, text: str, fill: str, ink: str) -> Html:
    is_large = height >= MAX_ROW_HEIGHT // 2 and width > len(text) * 17
    size = 26 if is_large else 17
    return _CELL.format(
        x=f"{LABELS_END + column * width + 3:.1f}",
        y=y,
        width=f"{width - 6:.1f}",
        height=height - 4,
        fill=fill,
        text=_text(
            _center(column, width),
            y + height // 2 - 2 + size // 3,
            text,
            size=size,
            fill=ink,
            anchor="middle",
        ),
    )


def _center(column: int, width: float) -> float:
    return round(LABELS_END + (column + 0.5) * width, 1)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int,
    fill: str = "#1f2328",
    anchor: str = "start",
    weight: str = "normal",
) -> Html:
    return _TEXT.format(x=x, y=y, size=size, fill=fill, anchor=anchor, weight=weight, text=text)


def _shorten(text: str, length: int) -> str:
    """Return the text on one line; of a long one, its start and its end, where the version is."""
    text = one_line(text)
    if len(text) <= length:
        return text
    end = length // 2
    return f"{text[: length - end - 1]}…{text[-end:]}"
