"""The calls of tools that a prompt names: the convention of `follows_prompts`.

The emulated model understands no language. It calls

- the tool of which the prompt says `NAME tool`, or names it by a name with an underscore, one after
  the other; `mcp__SERVER__NAME` can be called NAME; not if the sentence before it has a negation;
- for a line `Run: COMMAND`, or `Run the command: COMMAND`, the first tool whose only required
  parameter is `command`.

A parameter gets the value that follows its name (`name='Bob'`, `name "Bob"`, `count set to 3`); a
parameter `path` or `..._path` the first absolute path; the first other required parameter that is a
text, a quoted text that is left; and every other required parameter a small value of its schema.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from authprobe.emulator.model.conversation import Call, Conversation
from authprobe.emulator.model.schema_instance import small_instance

MAX_PROMPT_LENGTH: Final = 4000
"""Characters of a prompt that are searched, and tools that are looked for, as a client chooses
both.
"""
MAX_TOOLS: Final = 500
_NEGATION: Final = re.compile(r"\b(?:not|never|without|avoid|no)\b|n't\b", re.IGNORECASE)
_SENTENCE_END: Final = re.compile(r"[.!?](?=\s)|\n")
_COMMAND_LINE: Final = re.compile(r"^Run\b[\w ]{0,40}:[ \t]*(\S.*)$", re.MULTILINE)
_QUOTED: Final = r"""'([^'\n]*)'|"([^"\n]*)"|`([^`\n]*)`"""
_VALUE: Final = (
    rf"\s*(?:=|:|\bset to\b|\bto\b|\bis\b|\bas\b)?\s*(?:{_QUOTED}|(true|false|null|-?\d[\d.]*)\b)"
)
_PATH: Final = re.compile(r"(?<![\w/])/[\w./~-]*[\w~-]")


def next_call(conversation: Conversation) -> Call | None:
    """Return the first call that the prompt names and the model has not made; None: no more."""
    if not conversation.may_call:
        return None
    made = list(conversation.calls)
    for call in _named_calls(conversation):
        if (earlier := next((each for each in made if each.tool == call.tool), None)) is None:
            return call
        made.remove(earlier)
    return None


def _named_calls(conversation: Conversation) -> Iterator[Call]:
    prompt = conversation.prompt[:MAX_PROMPT_LENGTH]
    mentions = sorted(_mentions(prompt, conversation.tools))
    ends = [*(start for start, _, _ in mentions[1:]), len(prompt)]
    for (_, after_name, tool), end in zip(mentions, ends, strict=False):
        yield Call(tool=tool, input=_input(prompt[after_name:end], conversation.tools[tool]))
    shell = None if mentions else _command_tool(conversation.tools)
    if shell is not None:
        for match in _COMMAND_LINE.finditer(prompt):
            yield Call(tool=shell, input={"command": match[1].strip()})


def _mentions(prompt: str, tools: Mapping[str, Any]) -> Iterator[tuple[int, int, str]]:
    """Yield the start and the end of the first mention of each tool."""
    for tool in list(tools)[:MAX_TOOLS]:
        for match in _pattern(tool, prompt).finditer(prompt):
            if not _NEGATION.search(_sentence_before(prompt, match.start())):
                yield match.start(), match.end(), tool
                break


def _pattern(tool: str, prompt: str) -> re.Pattern[str]:
    if "_" in tool and tool in prompt:
        return re.compile(rf"(?<![\w-]){re.escape(tool)}(?![\w-])")
    names = {tool, tool.rpartition("__")[2]} - {""}
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})(?= tool\b)")


def _sentence_before(prompt: str, end: int) -> str:
    ends = [match.end() for match in _SENTENCE_END.finditer(prompt, 0, end)]
    return prompt[ends[-1] if ends else 0 : end]


def _command_tool(tools: Mapping[str, Any]) -> str | None:
    return next((name for name in tools if tools[name].get("required") == ["command"]), None)


def _input(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input of a tool, with the values in the words after its name."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    values: dict[str, Any] = {}
    for name in list(properties)[:MAX_TOOLS]:
        if match := re.search(rf"(?<![\w-]){re.escape(name)}\b{_VALUE}", text):
            values[name] = _read(match)
            text = text[: match.start()] + text[match.end() :]
        elif (name == "path" or name.endswith("_path")) and (path := _PATH.search(text)):
            values[name] = path[0]
    small = _small(schema)
    free = [name for name in small if name not in values and isinstance(small[name], str)]
    if free and (quoted := re.search(_QUOTED, text)):
        values[free[0]] = _read(quoted)
    return {**small, **values}


def _small(schema: Mapping[str, Any]) -> dict[str, Any]:
    instance = small_instance(schema)
    return instance if isinstance(instance, dict) else {}


def _read(match: re.Match[str]) -> Any:
    """Return the quoted text, or else the JSON value, of a match."""
    *quoted, literal = (*match.groups(), None)[:4]
    text = next((group for group in quoted if group is not None), None)
    if text is not None:
        return text
    try:
        return json.loads(literal or "null")
    except ValueError:
        return literal
