"""The smallest question that a version of `claude` can be asked: its options and variables.

All options are in `--help` of 2.1.332 or in code.claude.com/docs/en/cli-reference. A version that
lacks one is asked without it: then the question has its tools or its long prompt, and costs more.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

QUESTION: Final = "Reply with the one word: pong"
OPTIONS: Final[tuple[tuple[str, ...], ...]] = (
    ("--output-format", "json"),
    ("--model", "haiku"),
    ("--max-turns", "1"),
    ("--no-session-persistence",),
    ("--tools", ""),
    ("--strict-mcp-config",),
    ("--disable-slash-commands",),
    ("--setting-sources", ""),
    ("--system-prompt", "Reply with one word."),
)
BARE: Final = "--bare"
"""Option without which a key in the environment does not keep a client from renewing a login."""
DEBUG_FILE: Final = "--debug-file"
UNLISTED: Final = frozenset({"--max-turns"})
"""Options that are documented, and that `--help` does not list."""
COSTLY: Final = ("--tools", "--system-prompt")
"""Options without which the question is about 48 kB instead of 2 kB (measured with 2.1.332)."""
VARIABLES: Final[Mapping[str, str]] = {
    # Not CLAUDE_CODE_MAX_OUTPUT_TOKENS: an answer that it cuts short is asked for four times.
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_MAX_RETRIES": "0",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
}
ENDPOINT_VARIABLE: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """Options of one version of `claude`."""

    options: tuple[tuple[str, ...], ...]
    missing: tuple[str, ...] = ()
    """Names of options that the version lacks."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """Arguments of the command, with the question."""
        return ("-p", QUESTION, *(part for option in self.options for part in option))

    @property
    def costs_more(self) -> bool:
        """True if the version has no option that keeps the question small."""
        return any(name in self.missing for name in COSTLY)

    def without(self, name: str) -> "CommandLine":
        """Return the command line without an option that the version does not know after all."""
        options = tuple(option for option in self.options if option[0] != name)
        return replace(self, options=options, missing=(*self.missing, name))


def command_line(help_text: str, *, is_bare: bool, debug_file: Path) -> CommandLine:
    """Return the command line for a version with this help."""
    further = ((BARE,),) if is_bare else ()
    wanted = (*OPTIONS, *further, (DEBUG_FILE, str(debug_file)))
    known = tuple(o for o in wanted if o[0] in UNLISTED or _lists(help_text, o[0]))
    missing = tuple(option[0] for option in wanted if option not in known)
    return CommandLine(options=known, missing=missing)


def _lists(help_text: str, option: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", help_text) is not None
