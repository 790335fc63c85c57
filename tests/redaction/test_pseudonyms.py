"""Pseudonymisation: personal data is replaced, similar text is not."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.redaction.pseudonyms import Pseudonymizer

WORDS = st.text(string.ascii_lowercase, min_size=4, max_size=12)
USERS = WORDS.map(lambda word: f"{word}q7")
EMAILS = st.builds(
    "{}@{}.example".format, st.from_regex(r"[a-z][a-z0-9.+_-]{0,20}[a-z0-9]", fullmatch=True), WORDS
)
IDS = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda value: str(value).upper()),
    st.builds(
        "{}_01{}".format,
        st.sampled_from(["org", "account", "session", "user"]),
        st.text(string.ascii_letters + string.digits, min_size=8, max_size=22),
    ),
)
HOMES = st.sampled_from(
    [
        "/home/{}/x",
        "/Users/{}/Library",
        "C:\\Users\\{}\\x",
        "C:\\\\Users\\\\{}",
        "~/.claude/projects/-home-{}-x",
    ]
)
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).filter(
    lambda address: not (address.is_loopback or address.is_unspecified)
)
SEPARATORS = st.sampled_from([" ", "\n", ", ", '" "', " (", ") ", "; is ", "\n\n> "])


def replacements(*values: str) -> list[str]:
    """Return the replacement of each value, all in one text."""
    return Pseudonymizer()("\n".join(values)).split("\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail alice@example.org now", "mail <email-1> now"),
        ("a@b.example, A@B.example, c@b.example", "<email-1>, <email-1>, <email-2>"),
        ("/home/alice/.claude/x", "/home/<user-1>/.claude/x"),
        ("C:\\Users\\Alice Smith\\AppData", "C:\\Users\\<user-1>\\AppData"),
        ("C:\\Users\\alice", "C:\\Users\\<user-1>"),
        ("C:/Users/alice/x", "C:/Users/<user-1>/x"),
        (
            "/Users/alice: no such file; alice is wrong",
            "/Users/<user-1>: no such file; <user-1> is wrong",
        ),
        ("~/.claude/projects/-Users-alice-code", "~/.claude/projects/-Users-<user-1>-code"),
        ("/home/runner/x, the runner", "/home/<user-1>/x, the runner"),
        ("Alice Smith's Organization", "<user-1>'s Organization"),
        ("in alice\u2019s Organisation", "in <user-1>\u2019s Organisation"),
        ("org_01ABCDEFGHIJ and account_abcdefghijklmnop", "<id-1> and <id-2>"),
        ("00000000-0000-4000-8000-000000000002", "<id-1>"),
        ("10.1.2.3:8080 and https://10.1.2.3/x", "<address-1>:8080 and https://<address-1>/x"),
        ("at fe80::1, then 2001:db8::7.", "at <address-1>, then <address-2>."),
    ],
)
def test_personal_data_is_replaced(text: str, expected: str) -> None:
    assert Pseudonymizer()(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "claude-code@2.1.31 and litellm@1.90.2+claude-code@latest",
        "@anthropic-ai/claude-code@2.1.31-beta.1",
        "anthropic-beta: oauth-2025-04-20, claude-code-20250219",
        "cli-login/claude-code@2.1.31/default/expired",
        "commit 73d5b06f0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "request id req_011CTabcdef1234567890",
        "organization_disabled, oauth_org_not_allowed, account_uuid, session_expired_by_user",
        "127.0.0.1:8080, 0.0.0.0, ::1, [::1]:80",
        "at 19:10:05, sha256:12ab34cd56ef, std::string, a::b",
        "Chrome/120.0.0.0 1.2.3 1.2.3.4.5 999.1.1.1",
        "/v1/messages, /api/oauth/profile, ~/.claude/.credentials.json",
        "access-token-2 in authorization",
        "<email-1> at /home/<user-1>/x",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert Pseudonymizer()(text) == text


def test_the_names_of_users_and_hosts_are_replaced_as_words() -> None:
    pseudonymize = Pseudonymizer(["Alice", "me", "root"], ["build-7.corp.example", "build-7"])
    text = "alice on BUILD-7 (build-7.corp.example), root, me, malice, alice_2"
    assert pseudonymize(text) == "<user-1> on <host-1> (<host-2>), root, me, malice, <user-1>_2"


def test_a_learned_user_is_replaced_in_later_texts() -> None:
    pseudonymize = Pseudonymizer()
    pseudonymize.learn("/home/alice/x")
    assert pseudonymize("alice") == "<user-1>"
    assert pseudonymize("bob, /home/bob") == "<user-2>, /home/<user-2>"


PERSONAL = st.one_of(
    st.tuples(st.just("email"), EMAILS),
    st.tuples(st.just("id"), IDS),
    st.tuples(st.just("address"), ADDRESSES.map(str)),
)


@given(st.lists(st.tuples(PERSONAL, SEPARATORS), max_size=8), USERS, HOMES)
def test_no_personal_data_is_left_in_any_text(
    values: list[tuple[tuple[str, str], str]], user: str, home: str
) -> None:
    text = "".join(value + separator for (_, value), separator in values) + home.format(user)
    replaced = Pseudonymizer()(f"{text} {user}")
    leaks = [value for (_, value), _ in values if value.casefold() in replaced.casefold()]
    assert leaks == []
    assert user not in replaced
    assert Pseudonymizer()(replaced) == replaced


@given(st.lists(PERSONAL, min_size=1, max_size=6))
def test_only_equal_values_have_equal_placeholders(
    pairs: list[tuple[str, str]],
) -> None:
    values = [value for _, value in pairs]
    placeholders = replacements(*values, *values)
    first, second = placeholders[: len(values)], placeholders[len(values) :]
    assert first == second
    assert len(set(first)) == len({value.casefold() for value in values})
    assert [name.strip("<>").partition("-")[0] for name in first] == [kind for kind, _ in pairs]


@given(st.text(max_size=200))
def test_a_second_replacement_changes_nothing(text: str) -> None:
    replaced = Pseudonymizer()(text)
    assert Pseudonymizer()(replaced) == replaced
