"""The list of reasons for a failed or changed case, for docs/reasons.md:
`python -m authprobe.report.reference.reasons`.
"""

import click

from authprobe.diagnosis.reasons.kinds import REASON_MEANINGS
from authprobe.report.model.phrases import MAX_REASONS


def reasons_markdown() -> str:
    """Return every kind of reason with its meaning, as Markdown."""
    head = (
        "# Reasons\n\n"
        "What a failed or changed case can say after `Why:`. Generated from\n"
        "[kinds.py](../probes/authprobe/diagnosis/reasons/kinds.py) by `make docs`.\n\n"
        "A reason states what the client did otherwise than its scenario expects, or than in the "
        "baseline. The most important\none is first, in the order below: misbehaviour, then what "
        "may be the cause, then what follows from it. Changes that an\nupgrade often brings and "
        "that seldom explain a refusal, such as new beta flags, come last. The terminal shows the "
        f"first\n{MAX_REASONS} and counts the rest; `results.json` has all of them "
        "(`cases[].reasons`).\n\n"
        "A cause (`Cause:`, [causes.md](causes.md)) explains a refusal, not a difference. A failed "
        "case has one only if the\nscenario did not arrange the refusal: by its expectation, a "
        "fault, the account of the backend, or the state or form of a\ncredential.\n\n"
        "| reason | meaning |\n"
        "| --- | --- |\n"
    )
    return head + "".join(f"| `{id}` | {text} |\n" for id, text in REASON_MEANINGS.items())


if __name__ == "__main__":
    click.echo(reasons_markdown(), nl=False)
