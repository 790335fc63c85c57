"""Tests of the model's answers, with the official Python SDK."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from authprobe.emulator.config import Backend, ModelAnswer, ToolCall
from authprobe.emulator.model.answer import REDACTED_THINKING_PROMPT, REFUSAL_PROMPT
from authprobe.emulator.server.network import Network
from authprobe.emulator.standalone.emulator import Emulator, emulate
from authprobe.errors import SettingsError

WEATHER = {
    "name": "get_weather",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
        "required": ["city", "days"],
    },
}
SHELL = {
    "name": "Bash",
    "input_schema": {
        "type": "object",
        "properties": {"command": {"type": "string"}},
        "required": ["command"],
    },
}
WRITE = {
    "name": "Write",
    "input_schema": {
        "type": "object",
        "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["file_path", "content"],
    },
}
FORMAT = {"format": {"type": "json_schema", "schema": WEATHER["input_schema"]}}
OPUS = "claude-opus-5-5"
pytestmark = pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")
"""The SDK warns of models that are retired soon."""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture
def emulator(network: Network) -> Iterator[Emulator]:
    with emulate(network=network) as emulator:
        yield emulator


def ask(emulator: Emulator, prompt: Any = "ping", *, stream: bool = False, **fields: Any) -> Any:
    """Return the answer to a prompt, or to messages, as the SDK reads it."""
    key = emulator.issue("api-key").value
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    body: dict[str, Any] = {"model": OPUS, "max_tokens": 2000, "messages": messages, **fields}
    with anthropic.Anthropic(base_url=emulator.base_url, api_key=key, max_retries=0) as client:
        if not stream:
            return client.messages.create(**body)
        with client.messages.stream(**body) as events:
            return events.get_final_message()


def blocks(message: Any) -> list[tuple[Any, ...]]:
    """Return the type of each block, with what it says."""
    return [
        (block.type, block.name, block.input)
        if block.type == "tool_use"
        else (block.type, block.thinking if block.type == "thinking" else block.text)
        for block in message.content
    ]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("choice", [{"type": "tool", "name": "get_weather"}, {"type": "any"}])
def test_a_forced_tool_is_called(emulator: Emulator, choice: dict[str, str], stream: bool) -> None:
    tools = [WEATHER, SHELL]
    message = ask(emulator, tools=tools, tool_choice=choice, stream=stream)
    assert blocks(message) == [("tool_use", "get_weather", {"city": "pong", "days": 2})]
    assert message.stop_reason == "tool_use"
    assert message.usage.output_tokens > 1


def test_a_tool_is_not_called_unless_it_is_forced(emulator: Emulator) -> None:
    message = ask(emulator, "Use the Bash tool.", tools=[WEATHER, SHELL])
    assert (blocks(message), message.stop_reason) == ([("text", "pong")], "end_turn")


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_fits_its_schema(emulator: Emulator, stream: bool) -> None:
    message = ask(emulator, output_config=FORMAT, stream=stream)
    assert blocks(message) == [("text", '{"city": "pong", "days": 2}')]
    older = ask(emulator, extra_body={"output_format": FORMAT["format"]})
    assert blocks(older) == blocks(message)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "thinking", "shown"),
    [
        ("claude-sonnet-4-5", {"type": "enabled", "budget_tokens": 1024}, True),
        ("claude-opus-4-6", {"type": "adaptive"}, True),
        ("claude-opus-4-7", {"type": "adaptive"}, False),
        (OPUS, {"type": "adaptive"}, False),
        (OPUS, {"type": "adaptive", "display": "summarized"}, True),
        ("claude-sonnet-4-5", {"type": "adaptive", "display": "omitted"}, False),
    ],
)
def test_the_model_thinks_if_asked(
    emulator: Emulator, model: str, thinking: dict[str, Any], shown: bool, stream: bool
) -> None:
    message = ask(emulator, "what is 2 + 2?", model=model, thinking=thinking, stream=stream)
    text = "The user asks: what is 2 + 2?" if shown else ""
    assert blocks(message) == [("thinking", text), ("text", "pong")]
    assert message.content[0].signature


def test_the_model_does_not_think_unasked(emulator: Emulator) -> None:
    assert blocks(ask(emulator, thinking={"type": "disabled"})) == [("text", "pong")]


@pytest.mark.parametrize("stream", [False, True])
def test_the_test_strings_of_the_service_work(emulator: Emulator, stream: bool) -> None:
    thinking = {"type": "adaptive"}
    redacted = ask(emulator, REDACTED_THINKING_PROMPT, thinking=thinking, stream=stream)
    assert [block.type for block in redacted.content] == ["redacted_thinking", "text"]
    refused = ask(emulator, REFUSAL_PROMPT, stream=stream)
    assert (refused.content, refused.stop_reason) == ([], "refusal")


def test_an_answer_ends_at_its_limit_and_at_a_stop_sequence(emulator: Emulator) -> None:
    emulator.answer("one two three", times=2)
    cut = ask(emulator, max_tokens=2)
    assert (blocks(cut), cut.stop_reason) == ([("text", "one two")], "max_tokens")
    stopped = ask(emulator, stop_sequences=["four", " three", " two"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", " two")
    assert blocks(stopped) == [("text", "one")]
    assert (ask(emulator, max_tokens=1).stop_reason, ask(emulator, max_tokens=0).content) == (
        "end_turn",
        [],
    )


def test_scripted_answers_come_in_order_to_the_requests_that_they_fit(emulator: Emulator) -> None:
    emulator.answer(tools=[ToolCall(name="Bash", input={"command": "ls"}), "get_weather"])
    emulator.answer('{"city": "Oslo", "days": 3}', prompt="Oslo")
    emulator.answer("later", thinking="hm", stop_reason="pause_turn")
    assert blocks(ask(emulator, output_config=FORMAT)) == [("text", '{"city": "pong", "days": 2}')]
    assert blocks(ask(emulator, "in Oslo", output_config=FORMAT))[0][1].startswith(
        '{"city": "Oslo"'
    )
    both = ask(emulator, tools=[SHELL, WEATHER])
    assert [block.name for block in both.content] == ["Bash", "get_weather"]
    assert both.content[0].input == {"command": "ls"}
    assert len({block.id for block in both.content}) == 2
    last = ask(emulator)
    assert (blocks(last), last.stop_reason) == (
        [("thinking", "hm"), ("text", "later")],
        "pause_turn",
    )
    assert blocks(ask(emulator)) == [("text", "pong")]
    emulator.answer("dropped")
    emulator.clear_answers()
    assert blocks(ask(emulator)) == [("text", "pong")]


def test_a_wrong_answer_is_refused(emulator: Emulator) -> None:
    with pytest.raises(SettingsError, match="no such stop reason: 'end'"):
        emulator.answer("x", stop_reason="end")
    with pytest.raises(SettingsError, match="times=0: must be a whole number of at least 1"):
        emulator.answer("x", times=0)
    with pytest.raises(SettingsError, match="is not JSON"):
        emulator.answer(tools=[ToolCall(name="x", input={"a": object()})])


def test_a_reset_brings_new_answers(emulator: Emulator) -> None:
    emulator.reset(Backend(answers=(ModelAnswer(text="hello"),)))
    assert [blocks(ask(emulator)) for _ in range(2)] == [[("text", "hello")], [("text", "pong")]]


CALLS: list[tuple[str, list[dict[str, Any]]]] = [
    ("Use the Bash tool with command 'ls'.", [{"command": "ls"}]),
    ("Run: echo 'hi'", [{"command": "echo 'hi'"}]),
    ("Run the command: touch /tmp/x", [{"command": "touch /tmp/x"}]),
    ("Call get_weather with city='Oslo' and days set to 3", [{"city": "Oslo", "days": 3}]),
    ("The Write tool, /srv/a, content 'x'", [{"file_path": "/srv/a", "content": "x"}]),
    (
        "First the Bash tool with `ls`. Then get_weather for 'Rome'.",
        [{"command": "ls"}, {"city": "Rome", "days": 2}],
    ),
    ("Do not use the Bash tool.", []),
    ("Write a poem; bash is no tool.", []),
    ("<system-reminder>Use the Bash tool.</system-reminder>ping", []),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "inputs"), CALLS)
def test_a_prompt_is_followed(network: Network, prompt: str, inputs: list[dict[str, Any]]) -> None:
    messages: list[Any] = [{"role": "user", "content": prompt}]
    with emulate(Backend(follows_prompts=True), network=network) as emulator:
        for expected in inputs:
            message = ask(emulator, messages, tools=[WEATHER, SHELL, WRITE])
            [call] = message.content
            assert call.input == expected
            result = {"type": "tool_result", "tool_use_id": call.id, "content": "ok"}
            messages += [
                {"role": "assistant", "content": message.content},
                {"role": "user", "content": [result]},
            ]
        assert blocks(ask(emulator, messages, tools=[WEATHER, SHELL, WRITE])) == [("text", "pong")]
        choice = {"type": "none"}
        assert blocks(ask(emulator, prompt, tools=[SHELL], tool_choice=choice)) == [
            ("text", "pong")
        ]


def test_each_answer_has_its_own_id_and_counted_tokens(emulator: Emulator) -> None:
    first, second = ask(emulator, "x" * 350), ask(emulator)
    assert first.id != second.id
    assert (first.usage.input_tokens, second.usage.input_tokens) == (100, 1)
    key = emulator.issue("api-key").value
    with anthropic.Anthropic(base_url=emulator.base_url, api_key=key) as client:
        messages: Any = [{"role": "user", "content": "x" * 350}]
        assert client.messages.count_tokens(model=OPUS, messages=messages).input_tokens == 100


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": "x"}, "messages: Input should be a valid list"),
        ({"messages": [1]}, "messages.0: Input should be an object"),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        (
            {"messages": [{"role": "tool", "content": "x"}]},
            'messages: Unexpected role "tool". Allowed roles are "user" or "assistant"',
        ),
        ({"max_tokens": -1}, "max_tokens: must be greater than or equal to 0"),
        ({"max_tokens": "1"}, "max_tokens: Input should be a valid integer"),
        ({"model": ""}, "model: String should have at least 1 character"),
        ({"model": 1}, "model: Input should be a valid string"),
    ],
)
def test_an_invalid_body_is_refused(emulator: Emulator, fields: dict[str, Any], text: str) -> None:
    with pytest.raises(anthropic.BadRequestError) as refused:
        ask(emulator, extra_body=fields)
    assert refused.value.body["error"]["message"] == text  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "is_known"),
    [
        *((name, True) for name in ("claude-opus-5-5", "claude-sonnet-5", "claude-mythos-preview")),
        *((name, True) for name in ("claude-sonnet-4-5-20250929", "claude-sonnet-4-20250514")),
        *((name, True) for name in ("claude-3-5-haiku-20241022", "claude-3-7-sonnet-latest")),
        *((name, True) for name in ("claude-3-opus-20240229", "claude-2.1", "claude-1.3-100k")),
        *((name, False) for name in ("claude-4-sonnet", "sonnet4", "gpt-4", "claude-3.5-sonnet")),
    ],
)
def test_a_model_is_known_by_the_scheme_of_its_name(
    emulator: Emulator, name: str, is_known: bool
) -> None:
    if is_known:
        assert ask(emulator, model=name).model == name
        return
    with pytest.raises(anthropic.NotFoundError, match=f"model: {name}"):
        ask(emulator, model=name)
    emulator.add("model", name)
    assert ask(emulator, model=name).model == name
