"""Messages for every kind of structural error in a document."""

from pathlib import Path

import pytest

from tests.support.scenario_files import changed, error_messages


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "title: A",
            "tilte: A",
            "2:1: unknown key 'tilte'; did you mean 'title'?",
        ),
        ("why: It shows the shape.\n", "", "1:1: the key 'why' is missing"),
        ("outcome: rejected", "status: 401", "7:9: the key 'outcome' is missing"),
        ("rejected", "acepted", "7:19: 'acepted' is not an outcome; did you mean 'accepted'?"),
        ("rejected", "5", "7:19: 'outcome' must be an outcome, not the number 5"),
        (
            "endpoint: [api]",
            "endpiont: [api]",
            "6:30: unknown key 'endpiont'; did you mean 'endpoint'?",
        ),
        (
            "A small scenario",
            "2.10",
            "2:8: 'title' must be text, not the number 2.10; put it in quotes",
        ),
        ("A small scenario", "true", "2:8: 'title' must be text, not true; put it in quotes"),
        (
            "A small scenario",
            "2026-02-19",
            "2:8: 'title' must be text, not the date 2026-02-19; put it in quotes",
        ),
        ("A small scenario", "", "2:7: 'title' must be text, not nothing"),
        ("A small scenario", "''", "2:8: 'title' must not be empty"),
        ("A small scenario", "[a]", "2:1: 'title' must be text, not a list"),
        ("[https://example.org/issue/1]", "[]", "4:1: 'sources' must have at least one item"),
        (
            "[https://example.org/issue/1]",
            "[5]",
            "4:11: item 1 of 'sources' must be text, not the number 5; put it in quotes",
        ),
        (
            "[https://example.org/issue/1]",
            "x",
            "4:10: 'sources' must be a list, not the text 'x'; put it in [ ]",
        ),
        ("[https://example.org/issue/1]", "{a: b}", "4:1: 'sources' must be a list, not a mapping"),
        ("small\n", "Small\n", "1:5: 'Small' is not a name; use a-z, 0-9 and . + _ -"),
        ("small\n", "s" * 81 + "\n", "1:5: 'id' is longer than 80 characters"),
        ("{api: {url", "{aPi: {url", "5:13: 'aPi' is not a name; use a-z, 0-9 and . + _ -"),
        (
            "[raw-http]",
            "[raw http]",
            "6:19: 'raw http' is not a client; write kind@version, as in claude-code@2.1.31",
        ),
        (
            "https://api.example.org",
            "api.example.org",
            "5:24: 'api.example.org' is not an address; "
            "write one as https://api.anthropic.com, without user, query or spaces",
        ),
        (
            "https://api.example.org",
            "https://x, stream: yes",
            "5:43: 'stream' must be true or false, not the text 'yes'; did you mean true?",
        ),
        (
            "https://api.example.org",
            "https://x, stream: 'false'",
            "5:43: 'stream' must be true or false, not the text 'false'; leave out the quotes",
        ),
        (
            "https://api.example.org",
            "https://x, stream: 1",
            "5:43: 'stream' must be true or false, not the number 1",
        ),
        (
            "{api: {url: https://api.example.org}}",
            "[]",
            "5:1: 'endpoints' must be a mapping, not a list; write 'key: value' lines",
        ),
        (
            "{client: [raw-http], endpoint: [api]}",
            "",
            "6:8: 'matrix' must be a mapping, not nothing; write 'key: value' lines",
        ),
        (
            "rejected",
            "rejected, status: '401'",
            "7:37: 'status' must be a whole number, not the text '401'; leave out the quotes",
        ),
        (
            "rejected",
            "rejected, status: 401.5",
            "7:37: 'status' must be a whole number, not the number 401.5",
        ),
        (
            "rejected}",
            "rejected}\nlimit: 0",
            "8:8: 'limit' must be greater than 0, not the number 0",
        ),
        (
            "rejected}",
            "rejected}\nlimit: 601",
            "8:8: 'limit' must be at most 600, not the number 601",
        ),
        ("rejected}", "rejected}\nlimit: true", "8:8: 'limit' must be a number, not true"),
        (
            "rejected}",
            "rejected}\nlimit: .inf",
            "8:8: 'limit' must be a number, not the text '.inf'",
        ),
        (
            "rejected}",
            "rejected}\nbackends: {a: {date: 20260219}}",
            "8:22: 'date' must be a date such as 2026-02-19, not the number 20260219",
        ),
        (
            "rejected}",
            "rejected}\nbackends: {a: {date: '2026-02-19'}}",
            "8:22: 'date' must be a date such as 2026-02-19, not the text '2026-02-19'; "
            "leave out the quotes",
        ),
        (
            "rejected}",
            "rejected}\nbackends: {a: {date: 2026-02-30}}",
            "8:22: 'date' must be a date such as 2026-02-19, not the text '2026-02-30'",
        ),
        (
            "rejected}",
            "rejected}\nbackends: {a: {faults: [{name: delay, times: 0}]}}",
            "8:46: 'times' must be at least 1, not the number 0",
        ),
        ("rejected}", "rejected}\ntitle: Twice", "8:1: the key 'title' is also in line 2"),
        (
            "rejected}",
            "rejected}\nexclude: [" + "{}, " * 101 + "]",
            "8:1: 'exclude' must have at most 100 items",
        ),
    ],
)
def test_a_structural_error_is_reported_at_its_position(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert error_messages(tmp_path, changed(old, new)) == [expected]


@pytest.mark.parametrize(
    ("expect", "expected"),
    [
        ("5", "7:9: 'expect' must be a list or a mapping, not the number 5"),
        ("[]", "7:1: 'expect' must have at least one item"),
        (
            "[5]",
            "7:10: item 1 of 'expect' must be a mapping, not the number 5; "
            "write 'key: value' lines",
        ),
        ("{}", "7:9: the key 'outcome' is missing"),
        (
            "[{then: {outcome: x}}]",
            "7:27: 'x' is not an outcome; use 'accepted', 'rejected', 'not-found', "
            "'throttled', 'overloaded', 'server-error', 'unreachable', 'timed-out', "
            "'crashed' or 'unavailable'",
        ),
        (
            "{outcome: rejected, message: 5}",
            "7:38: 'message' must be text, not the number 5; put it in quotes",
        ),
        (
            "{outcome: rejected, message: [a]}",
            "7:29: 'message' must be text or a mapping, not a list",
        ),
        (
            "{outcome: rejected, message: {contain: a}}",
            "7:39: unknown key 'contain'; did you mean 'contains'?",
        ),
        (
            "[{when: {client: {a: b}}, then: {outcome: rejected}}]",
            "7:18: 'client' must be a list or text, not a mapping",
        ),
        (
            "[{when: {client: raw_http}, then: {outcome: rejected}}]",
            "7:26: 'raw_http' is not a client; write kind@version, as in claude-code@2.1.31",
        ),
        (
            "[{when: {client: [5]}, then: {outcome: rejected}}]",
            "7:27: item 1 of 'client' must be text, not the number 5; put it in quotes",
        ),
    ],
)
def test_only_the_intended_branch_of_a_union_is_reported(
    tmp_path: Path, expect: str, expected: str
) -> None:
    assert error_messages(tmp_path, changed("{outcome: rejected}", expect)) == [expected]
