"""Only plain words of a new wording can be approved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.core.claude_api import HOSTS
from authprobe.drift.known_words import (
    MAX_APPROVED_LENGTH,
    WORDINGS,
    approval_problem,
    known_or_new,
    known_wording,
    length_of_new,
    new_text,
)
from authprobe.drift.wording import comparable


@pytest.mark.parametrize(
    "wording",
    [
        "The key is not valid.",
        "x-api-key: the header is not accepted here (see console.anthropic.com).",
        "OAuth access token has expired. Re-authenticate to continue.",
        "Please wait <number 1> seconds, until <date 1>.",
        "You're out of credit!",
    ],
)
def test_plain_words_can_be_approved(wording: str) -> None:
    assert approval_problem(wording) is None


@pytest.mark.parametrize(
    "wording",
    [
        "",
        "<number 1>",
        "write to jane@example.org",
        "write to jane @ example",
        "see example.com",
        "see api.anthropic.com.example.org",
        "see notapi.anthropic.com",
        "see https://example.org/x",
        "in /home/jane/.claude",
        "in C:\\Users\\jane",
        "from 192.0.2.7",
        "from 2001:db8::7",
        "id req_011CUabcdefgh",
        "id deadBeefCafe",
        "id abc123",
        "organisation <id 1> is off",
        "Jane Doe's Organization is off",
        "Jane\u2019s Individual Organization is off",
        "key sk-ant-api03-" + "x" * 90,
        "caf\u00e9 \u202e",
        "a" * 21,
        "word " * (MAX_APPROVED_LENGTH // 5 + 1),
    ],
)
def test_whatever_may_be_a_value_cannot(wording: str) -> None:
    assert approval_problem(wording) is not None


@given(st.from_regex(r"(?=[a-z]*[0-9])[a-z0-9]{6,30}", fullmatch=True))
def test_no_run_with_a_digit_can_be_approved(value: str) -> None:
    assert approval_problem(f"The key {value} is not valid.") is not None


@given(st.text(max_size=60))
def test_what_was_replaced_stays_as_it_is(text: str) -> None:
    once = comparable(f"{text} 12 {text} <id 1>")
    assert comparable(once) == once


def test_known_texts_stay_and_others_leave_their_length() -> None:
    assert known_or_new("a", frozenset("a")) == "a"
    assert known_or_new("jane", frozenset("a")) == "<new: 4 characters>"
    assert known_or_new(None, frozenset("a")) is None
    assert known_wording("Jane") == "<new: 4 characters>"
    assert known_wording(None) is None
    assert length_of_new(new_text(71)) == 71
    assert length_of_new("<new: x characters>") is None
    assert all(known_wording(wording) == wording for wording in WORDINGS)


def test_hosts_of_the_service_are_no_secret() -> None:
    assert all(approval_problem(f"Log in at {host}.") is None for host in HOSTS)
