"""The parts of a request to the Messages API that the emulated model reads."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

REMINDER: Final = re.compile(r"<system-reminder>.*?(?:</system-reminder>|\Z)", re.DOTALL)
"""Text that Claude Code adds to the words of its user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a tool."""

    tool: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The last prompt of the user, and what a request says of the answer to it."""

    prompt: str
    calls: tuple[Call, ...] = ()
    """The model's calls of tools since the prompt."""
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Offered tools: the schema of the input, by name; empty for a tool that has none."""
    forced_tool: str | None = None
    """Tool that the answer must call."""
    may_call: bool = True
    """False if the answer must not call a tool."""
    schema: Mapping[str, Any] | None = None
    """JSON schema of the answer."""
    thinking: str | None = None
    """Form in which thinking is shown: `summarized`, `omitted`, `updates`; None: there is none."""
    max_tokens: int | None = None
    stop_sequences: tuple[str, ...] = ()

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Return the conversation of a request; fields of another type count as absent."""
        messages = [message for message in _list(fields.get("messages")) if _object(message)]
        prompt, calls = _read_messages(messages)
        tools = {
            tool["name"]: _object(tool.get("input_schema"))
            for tool in _list(fields.get("tools"))
            if isinstance(tool, dict) and isinstance(tool.get("name"), str)
        }
        choice = _object(fields.get("tool_choice"))
        max_tokens = fields.get("max_tokens")
        return cls(
            prompt=prompt,
            calls=tuple(calls),
            tools=tools,
            forced_tool=_forced_tool(choice, tools),
            may_call=choice.get("type") != "none",
            schema=_schema(fields),
            thinking=_thinking(_object(fields.get("thinking")), str(fields.get("model"))),
            max_tokens=max_tokens if isinstance(max_tokens, int) else None,
            stop_sequences=tuple(
                text for text in _list(fields.get("stop_sequences")) if text and _is_text(text)
            ),
        )


def _read_messages(messages: list[Any]) -> tuple[str, list[Call]]:
    """Return the last prompt, and the calls of tools after it."""
    prompt = ""
    calls: list[Call] = []
    for message in messages:
        content = message.get("content")
        if message.get("role") == "user":
            if words := _user_words(content):
                prompt, calls = words, []
        elif message.get("role") == "assistant":
            calls += [
                Call(tool=block["name"], input=_object(block.get("input")))
                for block in _list(content)
                if _object(block).get("type") == "tool_use" and _is_text(block.get("name"))
            ]
    return prompt, calls


def _user_words(content: object) -> str:
    """Return the text of a message without what the client adds; empty: only results of tools."""
    texts = [content] if isinstance(content, str) else _texts_of_blocks(content)
    return "\n".join(filter(None, (REMINDER.sub("", text).strip() for text in texts)))


def _texts_of_blocks(content: object) -> Iterator[str]:
    for block in _list(content):
        if _object(block).get("type") == "text" and isinstance(block.get("text"), str):
            yield block["text"]


def _forced_tool(choice: Mapping[str, Any], tools: Mapping[str, Any]) -> str | None:
    """Return the tool that must be called; of any, the first
    (platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools).
    """
    name = choice.get("name")
    match choice.get("type"):
        case "tool" if isinstance(name, str) and name in tools:
            return name
        case "any":
            return next(iter(tools), None)
        case _:
            return None


def _schema(fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the schema of `output_config.format`, or of `output_format`, its older name."""
    format_ = _object(_object(fields.get("output_config")).get("format"))
    format_ = format_ or _object(fields.get("output_format"))
    if format_.get("type") != "json_schema":
        return None
    return _object(format_.get("schema"))


_SUMMARIZED_BY_DEFAULT: Final = re.compile(
    r"claude-(?:3-7-|[a-z]+-4(?:-[0156]|-\d{8})?(?:-\d{8})?$)"
)
"""Models that show their thinking unless the request says otherwise: those before Opus 4.7."""


def _thinking(thinking: Mapping[str, Any], model: str) -> str | None:
    if thinking.get("type") not in ("enabled", "adaptive"):
        return None
    display = thinking.get("display")
    if isinstance(display, str):
        return display
    return "summarized" if _SUMMARIZED_BY_DEFAULT.match(model) else "omitted"


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
