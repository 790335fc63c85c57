"""The life of each credential of a case as a bar, beside words that say the same."""

from collections.abc import Iterator, Sequence
from typing import Final

from authprobe.report.html.elements import Html, code
from authprobe.report.model.login_life import Life, life_words

SHAPES: Final = (
    '<g id="y-ok"><circle cy="7" r="3.5"/></g>'
    '<g id="y-bad"><path d="M-3.5 3.5l7 7m0-7-7 7"/></g>'
    '<g id="y-kept"><path d="M-10 2h10v10h-10z"/></g>'
)
"""Accepted; refused or unanswered; stored at the end."""
_LEGEND: Final = Html(
    '<li class="y-key" aria-hidden="true"><svg><use href="#y-ok" x="5"/></svg>accepted'
    '<svg><use href="#y-bad" x="5"/></svg>refused<svg><use href="#y-kept" x="11"/></svg>stored</li>'
)


def login_strip(lives: Sequence[Life]) -> Html:
    """Return the bars of these credentials, or nothing without any."""
    if not lives:
        return Html()
    rows = Html().join(map(_row, lives))
    return Html('<ul class="y">{}{}</ul>').format(rows, _LEGEND)


def _row(life: Life) -> Html:
    return Html('<li>{}<svg aria-hidden="true">{}</svg><span>{}</span></li>').format(
        code(life.slot), Html("".join(_shapes(life))), life_words(life)
    )


def _shapes(life: Life) -> Iterator[str]:
    """Yield the bar, a mark for each step, and one for what is stored at the end."""
    kind = "y-dead" if life.is_dead else "y-live"
    width = life.end - life.start
    yield f'<rect class="{kind}" x="{_percent(life.start)}" width="{_percent(width)}"/>'
    marks = (("ok" if use.is_success else "bad", _percent(use.position)) for use in life.uses)
    for mark, place in dict.fromkeys(marks):  # of thousands of uses, many have the same place
        yield f'<use href="#y-{mark}" x="{place}"/>'
    if life.is_stored:
        yield '<use href="#y-kept" x="100%"/>'


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"
