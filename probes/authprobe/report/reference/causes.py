"""The list of causes, for docs/causes.md and for the terminal."""

from authprobe.diagnosis.causes import Cause, causes
from authprobe.report.markdown.summary import escaped


def causes_text() -> str:
    """Return a line for each cause."""
    items = causes().values()
    width = max(len(cause.id) for cause in items)
    return "".join(f"{cause.id:<{width}}  {cause.summary}\n" for cause in items)


def causes_markdown() -> str:
    """Return every cause with its remedy, experiment and sources, as Markdown."""
    head = (
        "# Causes\n\n"
        "The causes that `authprobe explain` and the report can name, in the order in which they "
        "are considered: those\nunrelated to a credential come first. Generated from "
        "[causes.yaml](../probes/authprobe/diagnosis/causes.yaml) by `make docs`.\n\n"
        "Evidence that only one cause produces scores 0.9, strong evidence 0.6, weak evidence "
        "0.25; evidence for one cause\nis combined as if independent. From 0.85 a cause is "
        "certain, from 0.5 likely, below that possible. If a second cause\nscores almost as "
        "much, neither is certain: the answer has both, and an experiment that decides.\n"
    )
    return head + "".join(map(_section, causes().values()))


def _section(cause: Cause) -> str:
    lines = [f"\n## {cause.id}\n", escaped(cause.summary), ""]
    lines.append(f"- Remedy ({cause.remedy.tier}): {escaped(cause.remedy.text)}")
    lines += [f"  - `{command}`" for command in cause.remedy.commands]
    if cause.experiment:
        case = f" `authprobe run --case {cause.experiment.case}`" if cause.experiment.case else ""
        lines.append(f"- Deciding experiment: {escaped(cause.experiment.text)}{case}")
    if cause.sources:
        days = f", observed {' to '.join(dict.fromkeys(cause.seen))}" if cause.seen else ""
        links = " ".join(f"<{source}>" for source in cause.sources)
        lines.append(f"- Sources ({cause.certainty}{days}): {links}")
    return "\n".join(lines) + "\n"
