"""The answer of the emulated model: its content blocks, and the reason why it stops."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from authprobe.emulator.config import ModelAnswer, StopReason, ToolCall
from authprobe.emulator.model.conversation import Call, Conversation
from authprobe.emulator.model.named_tools import next_call
from authprobe.emulator.model.schema_instance import ANSWER, small_instance
from authprobe.emulator.model.tokens import cut_to_tokens, token_count

REDACTED_THINKING_PROMPT: Final = (
    "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_"
    "46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB"
)
REFUSAL_PROMPT: Final = (
    "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL_"
    "1FAEFB6177B4672DEE07F9D3AFC62588CCD2631EDCF22E8CCC1FB35B501C9C86"
)
"""Texts with which the service lets programs test how they treat such an answer
(platform.claude.com/docs/en/build-with-claude/extended-thinking and
.../test-and-evaluate/strengthen-guardrails/handle-streaming-refusals).
"""
MAX_QUOTE_LENGTH: Final = 200
"""Characters of the prompt that the thinking repeats."""

Block = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """The content of an answer."""

    blocks: tuple[Block, ...]
    stop_reason: StopReason
    stop_sequence: str | None = None

    @property
    def output_tokens(self) -> int:
        """Number of tokens of all blocks."""
        return sum(token_count(block_text(block)) for block in self.blocks)

    @property
    def thinking_tokens(self) -> int:
        """Number of tokens of the blocks with thinking."""
        return sum(
            token_count(block_text(block))
            for block in self.blocks
            if block["type"] in ("thinking", "redacted_thinking")
        )


def block_text(block: Block) -> str:
    """Return what the model wrote in a block."""
    match block["type"]:
        case "text":
            return str(block["text"])
        case "thinking":
            return str(block["thinking"])
        case "redacted_thinking":
            return str(block["data"])
        case _:
            return json.dumps(block["input"])


def generate(
    conversation: Conversation,
    scripted: ModelAnswer | None,
    *,
    follows_prompts: bool,
    answer_id: str,
) -> Generated:
    """Return the answer to a conversation: the scripted one, if there is one."""
    if scripted is not None:
        return _scripted(conversation, scripted, answer_id)
    if REFUSAL_PROMPT in conversation.prompt:
        return Generated(blocks=(), stop_reason=StopReason.REFUSAL)
    if (tool := conversation.forced_tool) is not None:  # the model does not think before
        call = Call(tool=tool, input=_tool_input(conversation, tool))
        return Generated(blocks=(_tool_use(call, answer_id),), stop_reason=StopReason.TOOL_USE)
    thinking = _thinking(conversation)
    if follows_prompts and (next_ := next_call(conversation)) is not None:
        return Generated(
            blocks=(*thinking, _tool_use(next_, answer_id)), stop_reason=StopReason.TOOL_USE
        )
    text = ANSWER
    if conversation.schema is not None:
        text = json.dumps(small_instance(conversation.schema), ensure_ascii=False)
    return _text(conversation, thinking, text)


def fits(conversation: Conversation, scripted: ModelAnswer) -> bool:
    """Return True if a scripted answer is for this conversation: the prompt has its words, all its
    tools are offered, and its text is JSON if that is asked for.
    """
    if scripted.prompt is not None and scripted.prompt not in conversation.prompt:
        return False
    if any(call.name not in conversation.tools for call in _tool_calls(scripted)):
        return False
    if scripted.tools or conversation.schema is None or scripted.text is None:
        return True
    try:
        json.loads(scripted.text)
    except ValueError:
        return False
    return True


def _scripted(conversation: Conversation, scripted: ModelAnswer, answer_id: str) -> Generated:
    """Return a scripted answer; it has the thinking that the request asks for, or its own."""
    thinking = _thinking(conversation)
    if scripted.thinking is not None:
        thinking = (_thinking_block(scripted.thinking, scripted.thinking),)
    if scripted.redacted_thinking:
        thinking = (_redacted_block(scripted.thinking or ANSWER),)
    calls = [
        Call(
            tool=call.name,
            input=_tool_input(conversation, call.name) if call.input is None else call.input,
        )
        for call in _tool_calls(scripted)
    ]
    blocks = [_tool_use(call, f"{answer_id}{number or ''}") for number, call in enumerate(calls)]
    text = ({"type": "text", "text": scripted.text},) if scripted.text else ()
    if scripted.stop_reason is None and not blocks:
        return _text(conversation, thinking, scripted.text or "")
    reason = scripted.stop_reason or StopReason.TOOL_USE
    return Generated(blocks=(*thinking, *text, *blocks), stop_reason=reason)


def _tool_calls(scripted: ModelAnswer) -> list[ToolCall]:
    return [ToolCall(name=call) if isinstance(call, str) else call for call in scripted.tools]


def _text(conversation: Conversation, thinking: tuple[Block, ...], text: str) -> Generated:
    """Return an answer of one text, cut at the first stop sequence or at the limit of tokens."""
    reason, sequence = StopReason.END_TURN, None
    found = [(text.find(each), each) for each in conversation.stop_sequences if each in text]
    if found:
        (end, sequence), reason = min(found), StopReason.STOP_SEQUENCE
        text = text[:end]
    if conversation.max_tokens is not None and token_count(text) > conversation.max_tokens:
        text, reason = cut_to_tokens(text, conversation.max_tokens), StopReason.MAX_TOKENS
        sequence = None
    blocks = ({"type": "text", "text": text},) if text else ()
    return Generated(blocks=(*thinking, *blocks), stop_reason=reason, stop_sequence=sequence)


def _tool_input(conversation: Conversation, tool: str) -> Mapping[str, Any]:
    """Return a small input for a tool."""
    schema = conversation.tools[tool]
    instance = small_instance(schema) if schema else {}
    return instance if isinstance(instance, dict) else {}


def _tool_use(call: Call, answer_id: str) -> Block:
    return {
        "type": "tool_use",
        "id": f"toolu_{answer_id}",
        "name": call.tool,
        "input": dict(call.input),
    }


def _thinking(conversation: Conversation) -> tuple[Block, ...]:
    """Return a block of thinking, which repeats the prompt, if the request asks for it."""
    if conversation.thinking is None:
        return ()
    quote = conversation.prompt[:MAX_QUOTE_LENGTH]
    text = f"The user asks: {quote}"
    if REDACTED_THINKING_PROMPT in conversation.prompt:
        return (_redacted_block(text),)
    return (_thinking_block(text, "" if conversation.thinking == "omitted" else text),)


def _thinking_block(text: str, shown: str) -> Block:
    return {"type": "thinking", "thinking": shown, "signature": _made_up(text)}


def _redacted_block(text: str) -> Block:
    return {"type": "redacted_thinking", "data": _made_up(text)}


def _made_up(text: str) -> str:
    """Return what stands for an encrypted text."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return base64.b64encode(b"authprobe" + digest).decode()
