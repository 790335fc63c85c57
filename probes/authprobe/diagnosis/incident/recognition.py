"""Kinds of texts of an incident, recognised by what is in them."""

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

RESULTS_MARKER: Final = '"schema_version"'
"""Text near the beginning of every `results.json`."""
MARKER_LENGTH: Final = 2_000
"""Characters at the beginning in which it is looked for."""
SETTINGS_KEYS: Final = frozenset(
    {"apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "enabledPlugins", "env"}
    | {"forceLoginMethod", "forceLoginOrgUUID", "hooks", "permissions", "statusLine"}
)
"""Keys of the settings files of Claude Code, of which other JSON hardly has two."""
SETTINGS_NAME: Final = re.compile(r"(?:^|[/\\])(?:managed-)?settings(?:\.local)?\.json$")
SETTINGS_RANKS: Final = {"managed-settings.json": 3, "settings.local.json": 2, "settings.json": 1}
"""Precedence of the settings files (code.claude.com/docs/en/settings)."""
SETTINGS_KEY: Final = rf'"(?:{"|".join(sorted(SETTINGS_KEYS))})"\s*:'
PROMPT: Final = re.compile(r"[ \t]*+(?:[\w.:~/@\[\] -]{0,80}[$%#>]|```)[^{\n]{0,300}\n|[ \t]*+\n")
"""Line of a shell that was pasted with the output below it, or a fence of Markdown."""
LAST_PROMPT: Final = r"[ \t]*+(?:[\w.:~/@\[\] -]{0,80}[$%#>]|```)[ \t]*"
MAX_PROMPTS: Final = 4
STATE_KEYS: Final = frozenset(
    {"customApiKeyResponses", "hasCompletedOnboarding", "oauthAccount", "primaryApiKey"}
)
ASSIGNMENT: Final = re.compile(
    r"^\s*(?:export\s+|declare -x\s+|set\s+|\$env:)?([A-Za-z_]\w*)\s?=\s?(.*)$", re.MULTILINE
)
ERROR: Final = (
    r"(?i:error|fail|invalid|expired|denied|unauthori|forbidden|refused|reject|exception|not found"
    r"|unable|cannot|could not|overloaded|错误|失败|エラー|오류|ошибк)"
)
ERROR_LINE: Final = rf"\s*+(?!#).*{ERROR}"
COMMAND: Final = rf"(?:\"[^\"]*\"|'[^']*'|[^\s\"'])*+\s++(?!#)(?:claude\b|.*{ERROR})"
"""A value with a command after it, or with what one printed: `1 claude -p hi: API Error: 401`."""
RELEVANT_NAME: Final = r"ANTHROPIC_|CLAUDE_|AWS_|NODE_|SSL_|(?i:\w*_proxy)"
MAX_ENVIRONMENT_CHARACTERS: Final = 200_000
MIN_ASSIGNMENTS: Final = 0.8
"""Part of the lines that are assignments, from which a text is a list of variables."""


class TextKind(enum.StrEnum):
    """Kinds of texts that `authprobe explain` reads; the values are their names for a reader."""

    WORDS = "text"
    RESULTS = "results.json"
    ARCHIVE = "HTTP archive"
    DOCTOR = "doctor --json"
    SETTINGS = "settings of Claude Code"
    LOGIN = "stored login"
    STATE = "state of Claude Code"
    STATUS = "claude auth status"
    ENVIRONMENT = "variables"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentText:
    """One text of an incident."""

    name: str
    """Name for a reader; empty if there is only one text."""
    text: str = field(repr=False)
    kind: TextKind = TextKind.WORDS
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Its content, if it is a JSON object that is recognised."""
    rank: int = 0
    """Of settings files: the higher one overrides the lower."""
    problem: str | None = None
    """Why a settings file cannot be parsed."""
    problem_line: int | None = None


def recognise(path: str, text: str, name: str = "") -> IncidentText:
    """Return the text with its kind; the path only tells a settings file, and which one."""
    is_settings = SETTINGS_NAME.search(path) is not None
    rank = next((each for end, each in SETTINGS_RANKS.items() if path.endswith(end)), 0)
    words = IncidentText(name=name, text=text)
    start, end = _json_part(text)
    if start == end:
        is_list = _is_environment(text)
        return replace(words, kind=TextKind.ENVIRONMENT) if is_list else words
    try:
        data = json.loads(text[start:end])
    except json.JSONDecodeError as error:
        if not is_settings or not re.search(SETTINGS_KEY, text):
            return words
        return replace(
            words,
            kind=TextKind.SETTINGS,
            rank=rank,
            problem=error.msg,
            problem_line=error.lineno + text.count("\n", 0, start),
        )
    except (ValueError, RecursionError):
        return words  # a number or a depth that no file of these kinds has
    kind = _json_kind(data, text[start : start + MARKER_LENGTH])
    if kind is TextKind.WORDS and is_settings and (SETTINGS_KEYS & set(data) or not data):
        kind = TextKind.SETTINGS
    return words if kind is TextKind.WORDS else replace(words, kind=kind, data=data, rank=rank)


def _json_part(text: str) -> tuple[int, int]:
    """Return the span of the JSON object that a text is, without prompts and fences around it."""
    start, end = 0, len(text.rstrip())
    for _ in range(MAX_PROMPTS):
        if (match := PROMPT.match(text, start)) is None:
            break
        start = match.end()
    if not text[start : start + MARKER_LENGTH].lstrip().startswith("{"):
        return 0, 0
    for _ in range(MAX_PROMPTS):
        line = text.rfind("\n", start, end) + 1
        if line <= start or re.compile(LAST_PROMPT).fullmatch(text, line, end) is None:
            break
        end = line
        while end > start and text[end - 1].isspace():
            end -= 1
    return start, end


def _json_kind(data: Mapping[str, Any], start: str) -> TextKind:
    keys = set(data)
    log = data.get("log")
    if isinstance(log, dict) and isinstance(log.get("entries"), list):
        return TextKind.ARCHIVE
    if isinstance(data.get("results"), list) and isinstance(data.get("wins"), dict):
        return TextKind.DOCTOR
    if RESULTS_MARKER in start and "cases" in keys:
        return TextKind.RESULTS
    if "claudeAiOauth" in keys:
        return TextKind.LOGIN
    if {"loggedIn", "authMethod"} <= keys:
        return TextKind.STATUS
    if len(keys & STATE_KEYS) > 1:
        return TextKind.STATE
    is_env = isinstance(data.get("env"), dict) and keys <= SETTINGS_KEYS | {"$schema", "model"}
    if (
        is_env
        or len(keys & SETTINGS_KEYS) > 1
        or "claude-code-settings" in str(data.get("$schema"))
    ):
        return TextKind.SETTINGS
    return TextKind.WORDS


def _is_environment(text: str) -> bool:
    """Return True for a list of variables, as `env` prints it, or a `.env` file."""
    if len(text) > MAX_ENVIRONMENT_CHARACTERS:
        return False
    lines = [line for line in map(str.strip, text.split("\n")) if line and line[0] != "#"]
    assignments = [match for line in lines if (match := ASSIGNMENT.match(line))]
    names = [match[1] for match in assignments if not is_command(match)]
    others = len(lines) - len(assignments)
    return (
        bool(names)
        and len(names) >= MIN_ASSIGNMENTS * (len(names) + others)
        and any(re.match(RELEVANT_NAME, name) for name in names)
    )


def is_command(assignment: re.Match[str]) -> bool:
    """Return True if a line that begins as an assignment goes on with a command, or an error."""
    is_free_text = assignment[1].upper().endswith("HEADERS")
    return not is_free_text and re.match(COMMAND, assignment[2]) is not None


def words_beside_variables(text: IncidentText) -> str:
    """Return a list of variables with only its commands and other lines that tell of an error.

    The places of the lines stay. Further lines of a value, such as those of a key, are left out.
    """
    lines = text.text.split("\n")
    return "\n".join(line if _is_words(line, ASSIGNMENT.match(line)) else "" for line in lines)


def _is_words(line: str, assignment: re.Match[str] | None) -> bool:
    return is_command(assignment) if assignment else re.match(ERROR_LINE, line) is not None
