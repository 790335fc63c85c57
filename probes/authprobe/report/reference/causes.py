"""The list of causes, for docs/causes.md and for the terminal."""

from authprobe.core.escaping import MAX_TEXT_LENGTH
from authprobe.diagnosis.causes import Cause, Weight, causes
from authprobe.diagnosis.incident.questions import (
    FACTORS,
    GROUP_SUFFIX,
    DecidingQuestion,
    QuestionAnswer,
    questions,
)
from authprobe.diagnosis.match import CERTAIN_CONFIDENCE, LIKELY_CONFIDENCE, SIGN_SCORES
from authprobe.emulator.catalogue import CatalogueRow, rows
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
        "Of a text, a trained model decides together with the signs of the causes, with thresholds "
        "of its own for *certain* and\n*likely* ([explain.md](explain.md#how-it-decides)).\n\n"
        "Signs alone decide for the cases of a run, for an error code that is of one cause, and "
        "for a single message of few words.\nA sign that only one cause has scores "
        f"{SIGN_SCORES[Weight.DECISIVE]:g}, a strong one {SIGN_SCORES[Weight.STRONG]:g}, a weak "
        f"one {SIGN_SCORES[Weight.WEAK]:g}; those of one cause are combined as if\nindependent. "
        f"From {CERTAIN_CONFIDENCE:g} such an answer is *certain*, from {LIKELY_CONFIDENCE:g} "
        "*likely*. If a second cause scores almost as much, neither is\ncertain: the answer has "
        "both, and an experiment that decides.\n\n"
        "In brackets: who can act on a remedy; and of the sources, how strong they are, with the "
        "first and the last day of what they\nreport.\n"
    )
    return head + "".join(map(_section, causes().values())) + _questions_markdown()


def rules_of(cause: Cause) -> tuple[CatalogueRow, ...]:
    """Return the rules of the emulator that answer with an error of this cause."""
    return tuple(row for row in rows() if cause is _cause_of(row))


def _cause_of(row: CatalogueRow) -> Cause | None:
    """Return the cause with the longest of the errors that the message of a rule has."""
    matches = (
        (len(error), cause)
        for cause in causes().values()
        for error in cause.errors
        if error.rstrip(".") in (row.message or "")
    )
    return max(matches, key=lambda match: match[0], default=(0, None))[1]


def _section(cause: Cause) -> str:
    lines = [f"\n## {cause.id}\n", escaped(cause.summary), ""]
    if cause.errors:
        lines.append(f"- Errors: {', '.join(map(escaped, cause.errors))}")
    lines.append(f"- Remedy ({cause.remedy.tier}): {escaped(cause.remedy.text, MAX_TEXT_LENGTH)}")
    lines += [f"  - `{command}`" for command in cause.remedy.commands]
    if cause.experiment:
        case = f" `authprobe run --case {cause.experiment.case}`" if cause.experiment.case else ""
        lines.append(f"- Deciding experiment: {escaped(cause.experiment.text)}{case}")
    if rules := rules_of(cause):
        lines.append(f"- Rules of the [emulator](rules.md): {', '.join(row.id for row in rules)}")
    if asked := [each.id for each in questions().values() if _concerns(each, cause.id)]:
        links = ", ".join(f"[{each}](#{each})" for each in asked)
        lines.append(f"- Questions that decide: {links}")
    if cause.sources:
        days = f", observed {' to '.join(dict.fromkeys(cause.seen))}" if cause.seen else ""
        links = " ".join(f"<{source}>" for source in cause.sources)
        lines.append(f"- Sources ({cause.certainty}{days}): {links}")
    return "\n".join(lines) + "\n"


def _concerns(question: DecidingQuestion, cause: str) -> bool:
    """Return True if the answers do different things to a cause."""
    return len({answer.factors.get(cause, 1.0) for answer in question.answers}) > 1


def _questions_markdown() -> str:
    head = (
        "\n## Questions that decide\n\n"
        "`authprobe explain` names the question whose answer would tell most about the causes that "
        "come first, and asks\nit with `--interactive`. Settings, `authprobe doctor --json` and "
        "recorded requests answer some by themselves. An answer\nmultiplies the odds of a cause: "
        f"*for* by {FACTORS['supports']:.0f}, *against* by 1/{1 / FACTORS['weakens']:.0f}, "
        f"*excludes* by 1/{1 / FACTORS['excludes']:.0f}. Generated from\n"
        "[questions.yaml](../probes/authprobe/diagnosis/incident/questions.yaml).\n"
    )
    return head + "".join(map(_question_section, questions().values()))


def _question_section(question: DecidingQuestion) -> str:
    lines = [f"\n### {question.id}\n", escaped(question.asks), ""]
    lines += [f"- {escaped(answer.says)}: {_effects(answer)}" for answer in question.answers]
    if question.commands:
        lines.append("- Shown by: " + ", ".join(f"`{each}`" for each in question.commands))
    return "\n".join(lines) + "\n"


def _effects(answer: QuestionAnswer) -> str:
    parts = {"for": answer.supports, "against": answer.weakens, "excludes": answer.excludes}
    texts = (f"*{word}* {', '.join(map(_name, names))}" for word, names in parts.items() if names)
    return "; ".join(texts) or "nothing"


def _name(name: str) -> str:
    if name.endswith(GROUP_SUFFIX):
        return f"all of the group {name.removesuffix(GROUP_SUFFIX)}"
    return f"[{name}](#{name})"
