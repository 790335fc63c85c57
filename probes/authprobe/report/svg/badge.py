"""Badge of a run: its result and its date, as SVG and for shields.io."""

import datetime
import json
from typing import Final

from authprobe.core.escaping import one_line
from authprobe.report.html.elements import Html
from authprobe.report.model.matrix import counts, headline
from authprobe.run.model import Run
from authprobe.verdict.model import Status

MAX_AGE_DAYS: Final = 30
"""Age of a run above which its badge is grey whatever its result: clients have changed since."""
MAX_LABEL_LENGTH: Final = 40
COLORS: Final = {
    Status.PASSED: "#116329",
    Status.FAILED: "#a40e26",
    Status.ERROR: "#7d4e00",
    Status.SKIPPED: "#57606a",
    Status.OBSERVED: "#0550ae",
}
"""Colours on which white text is readable (WCAG 2.2, 1.4.3)."""
OLD_COLOR: Final = "#57606a"
_WIDTHS: Final = {
    **dict.fromkeys("iIl.,:;'|!()[] ftj-", 4.3),
    **dict.fromkeys("mwMW%", 10.4),
    **dict.fromkeys("ABCDEFGHKNOPQRSUVXYZ", 7.8),
}
_USUAL_WIDTH: Final = 6.9
"""Width of a letter of Verdana at 11 pixels; `textLength` fits other fonts into it."""
_MARGIN: Final = 7
_SVG: Final = Html(
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" '
    'aria-labelledby="title"><title id="title">{title}</title>'
    '<clipPath id="round"><rect width="{width}" height="20" rx="3"/></clipPath>'
    '<g clip-path="url(#round)"><rect width="{left}" height="20" fill="#3d444d"/>'
    '<rect x="{left}" width="{right}" height="20" fill="{color}"/></g>'
    '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{texts}</g></svg>\n'
)
_TEXT: Final = Html('<text x="{x}" y="14" textLength="{width}">{text}</text>')


def result_words(run: Run) -> str:
    """Return the number of cases of each status, such as `187 passed, 2 failed`."""
    numbers = {
        status: f"{number:,} {'not tested' if status is Status.ERROR else status}"
        for status, number in counts(run).items()
    }
    ordered = [numbers[status] for status in Status if status in numbers]
    word = headline(run).word.lower()
    return ", ".join(([word] if word in ("interrupted", "inconclusive") else []) + ordered)


def day_of(run: Run) -> str:
    """Return the day of a run in UTC. Its age would be wrong whenever the picture is looked at."""
    return f"{run.started_at.astimezone(datetime.UTC):%Y-%m-%d}"


def badge_svg(run: Run, label: str, now: datetime.datetime) -> str:
    """Return the badge as an SVG image that loads nothing."""
    label, message = one_line(label, MAX_LABEL_LENGTH), _message(run)
    left, right = (round(_width(text)) + 2 * _MARGIN for text in (label, message))
    texts = Html("").join(
        _TEXT.format(x=x + _MARGIN, width=width - 2 * _MARGIN, text=text)
        for x, width, text in ((0, left, label), (left, right, message))
    )
    return str(
        _SVG.format(
            width=left + right,
            left=left,
            right=right,
            color=_color(run, now),
            title=f"{label}: {message}",
            texts=texts,
        )
    )


def badge_json(run: Run, label: str, now: datetime.datetime) -> str:
    """Return the badge for an endpoint of shields.io (shields.io/badges/endpoint-badge)."""
    document = {
        "schemaVersion": 1,
        "label": one_line(label, MAX_LABEL_LENGTH),
        "message": _message(run),
        "color": _color(run, now),
        "isError": headline(run).status in (Status.FAILED, Status.ERROR),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _message(run: Run) -> str:
    return f"{result_words(run)}, {day_of(run)}"


def _color(run: Run, now: datetime.datetime) -> str:
    is_old = now - run.started_at > datetime.timedelta(days=MAX_AGE_DAYS)
    return OLD_COLOR if is_old else COLORS[headline(run).status]


def _width(text: str) -> float:
    return sum(_WIDTHS.get(letter, _USUAL_WIDTH if letter.isascii() else 11) for letter in text)
