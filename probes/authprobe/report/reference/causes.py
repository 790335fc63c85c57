"""The table of causes, for docs/causes.md and for the terminal."""

from authprobe.diagnosis.causes import Cause, causes
from authprobe.report.markdown.summary import escaped


def causes_text() -> str:
    """Every cause in a line."""
    known = causes().values()
    wide = max(len(cause.id) for cause in known)
    return "".join(f"{cause.id:<{wide}}  {cause.summary}\n" for cause in known)


def causes_markdown() -> str:
    """Every cause with its remedy, its experiment and its sources, as Markdown."""
    head = (
        "# Causes\n\n"
        "What `authprobe explain` and the report name, in the order in which it is asked for: "
        "what has nothing to do\nwith a credential comes first. Made from "
        "[causes.yaml](../probes/authprobe/diagnosis/causes.yaml) by `make docs`.\n\n"
        "A sign that nothing else is known to show counts 0.9, a strong one 0.6, a weak one "
        "0.25; signs of one cause\nadd up as independent ones do. From 0.85 on an answer is "
        "certain, from 0.5 likely, below that possible; where a\nsecond cause comes near, none "
        "is certain, both are shown, and what would decide.\n"
    )
    return head + "".join(map(_section, causes().values()))


def _section(cause: Cause) -> str:
    lines = [f"\n## {cause.id}\n", escaped(cause.summary), ""]
    lines.append(f"- Remedy ({cause.remedy.tier}): {escaped(cause.remedy.text)}")
    lines += [f"  - `{command}`" for command in cause.remedy.commands]
    if cause.experiment:
        case = f" `authprobe run --case {cause.experiment.case}`" if cause.experiment.case else ""
        lines.append(f"- What decides: {escaped(cause.experiment.text)}{case}")
    if cause.sources:
        seen = f", seen {' to '.join(dict.fromkeys(cause.seen))}" if cause.seen else ""
        links = " ".join(f"<{source}>" for source in cause.sources)
        lines.append(f"- Sources ({cause.certainty}{seen}): {links}")
    return "\n".join(lines) + "\n"
