"""Sentences in which another service speaks, in a text that names Claude as well."""

import functools
import re
from typing import Final

from authprobe.diagnosis.other_speakers import (
    COPIED_TYPES,
    LOGIN_COMMAND,
    OTHER_ROLES,
    USERS_OF_CLAUDE,
)
from authprobe.diagnosis.speakers import NAMES, mentions
from authprobe.diagnosis.symptom import FactKind, FactSet

WORDS_OF_CLAUDE: Final = (
    r"(?i)\banthropic\.com\b|\b\w+\.claude\.com\b|/anthropic\b|/v1/messages\b|(?-i:\bAPI Error: )"
    r"|\banthropic[ .](?:api\b|\w*error)|\breq_|\bx-api-key\b|\bsk-ant\b|\brate_limit_error\b"
    r"|\b(?:anthropic|claude_code)_\w|\bnot logged in\b|\busage limit reached\b"
)
"""What only Claude's API, those that speak like it, and Claude Code say."""
AGENT_SDK: Final = "agent-sdk"
"""A program that passes on what its tools say, beside the errors of Claude."""
MORE_NAMES: Final = ("ecr", "npmjs")
"""Names of services beside those that the model knows."""
NOT_SPEAKERS: Final = frozenset(
    {"together", "replicate", "box", "hex", "monday", "drive", "teams", "helm", "ssh"}
)
"""Names that are words as well, or more often the topic of a sentence than its speaker."""
OUTPUT: Final = r"(?<=\))\n\s*⎿"
"""Where Claude Code shows the output of a command, in the line below it."""
SENTENCE_END: Final = r"(?<=[.;!?])\s+"


def without_others(fact_set: FactSet) -> str | None:
    """Return a text without the sentences of other services; None if it may have none.

    It has none if the words of an error are Claude's own, or if a program or a gateway is named,
    which may pass on an error of Claude under another name.
    """
    users = (each for each in mentions(fact_set.words) if each.role in USERS_OF_CLAUDE)
    if (
        re.search(WORDS_OF_CLAUDE, fact_set.text)
        or re.search(LOGIN_COMMAND, fact_set.text)
        or not COPIED_TYPES.issuperset(fact_set.facts.get(FactKind.ERROR_TYPE, ()))
        or any(each.name != AGENT_SDK for each in users)
    ):
        return None
    text = re.sub(OUTPUT, " ", fact_set.text)
    rest = "\n".join(map(_without_others, text.split("\n")))
    return rest if rest != text else None


def _without_others(line: str) -> str:
    sentences, kept = re.split(SENTENCE_END, line), list[str]()
    for sentence in sentences:
        if (found := _speaker().search(sentence)) is None:
            kept.append(sentence)
        elif not sentence[: found.start()].strip() and found[0][0] == "(":
            kept.clear()  # `Token expired. Try again. (ECR)`
    return " ".join(kept) if len(kept) < len(sentences) else line


@functools.cache
def _speaker() -> re.Pattern[str]:
    """Return the forms in which another service speaks."""
    name, claude = _any_name(), "(?:claude|anthropic)"
    kind = r"(?: (?:api|aws|cli|error|http|provider|registry|sdk|server|[45]\d\d))"
    forms = (
        # `GitHub API: ...`, but not `Slack: our bot with Claude says: ...`.
        rf"(?:(?:^|[^\w\s])\s*|\berror from ){name}{kind}{{0,3}}: "
        rf"(?!{claude}|(?:[^\w(]*\w++){{0,4}}[^\w(]+{claude}|"
        rf".{{0,99}}\b(?:(?:from|my|our) {claude}|{claude} (?:account|bot|key)))",
        rf"(?<!claude )(?<!claude code )\((?:{claude}(?: code)? )?{name}{kind}?\)",
        rf"\b(?:from |at |by |\()(?:[\w-]+\.)*{name}\.(?:com|io|org|net|co)\b(?!/)",
        rf"https?://(?!docs|help|support|www)(?:(?:[\w-]+\.)+{name}\.\w+\b|{name}\.\w+/api\b)",
        # A client of OpenAI's asks any gateway, and Claude as well.
        rf"\b(?!openai){name}(?:_sdk)?(?:\.\w+){{0,4}}\.\w{{0,40}}(?:error|exception)\b",
        # What Claude Code shows of a command and of an MCP server.
        rf"\bbash\((?!npm run)(?:aws|{name})\b(?![^)]{{0,200}}{claude})[^)]{{0,200}}\):? ",
        r"\bmcp server ['\"`][\w.-]+['\"`]: ",
    )
    return re.compile("|".join(forms), re.IGNORECASE)


def _any_name() -> str:
    names = {name for role in OTHER_ROLES for name in NAMES[role].split()} - NOT_SPEAKERS
    longest_first = sorted({*names, *MORE_NAMES}, key=lambda name: (-len(name), name))
    return "(?:" + "|".join(re.escape(name).replace(r"\-", "[ -]") for name in longest_first) + ")"
