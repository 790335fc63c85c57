"""Text, Markdown and JSON of a comparison."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from authprobe.diff.judgement import make_answer
from authprobe.diff.model import Diff, compare_answers, make_diff
from authprobe.diff.observations import Aspect, Change
from authprobe.observation.model import LoginState, Observation, Outcome, StoredLogin
from authprobe.report import diff as words
from authprobe.report.diff_document import DiffDocument, dump_document, dump_schema
from tests.support.make import make_exchange, make_observation

GOOD = make_observation(message="pong")
REFUSED = make_observation(
    outcome=Outcome.REJECTED, status=401, message="no", exchanges=(make_exchange(status=401),)
)
UNTESTABLE = make_observation(outcome=Outcome.UNAVAILABLE, status=None, detail="not published")
COMMAND = "authprobe diff a b"


def make(*sides: tuple[str, Observation, Observation], **fields: Any) -> Diff:
    cases = [
        compare_answers(
            name, *([make_answer(each, "prompt", None)] for each in pair), title="A title"
        )
        for name, *pair in sides
    ]
    return make_diff("client 1.0 → 1.1", "client@1.0", "client@1.1", cases, **fields)


DIFF = make(
    ("a", GOOD, REFUSED),
    ("b", REFUSED, GOOD),
    ("c", GOOD, make_observation(message="PONG")),
    ("d", GOOD, GOOD),
    ("e", GOOD, UNTESTABLE),
    only_before=("gone",),
    only_after=("new",),
    versions=("1.0", "1.1"),
)


def test_the_headline_counts_in_order_of_severity() -> None:
    assert words.headline(DIFF) == (
        "client 1.0 → 1.1: 1 broke, 1 fixed, 1 changed, 1 same, 1 not compared"
    )
    assert words.headline(make()) == "client 1.0 → 1.1: nothing could be compared"


def test_the_text_has_every_question_that_differs() -> None:
    text = "\n".join(words.text(DIFF, COMMAND))
    for lines in (
        "\n\nBROKE\na\n  broke: accepted → rejected\n  outcome: accepted → rejected\n  status: 200",
        "\n  find the release: authprobe bisect a --good 1.0 --bad 1.1 --when outcome\n",
        "\n\nFIXED\nb\n  fixed: rejected → accepted\n",
        "\n\nCHANGED\nc\n  message: pong → PONG\n\n",
        "\nsame: 1 question\nonly before: gone\nonly after: new\n",
        "\nnot compared: e: after: not published\nrun again: authprobe diff a b",
    ):
        assert lines in text


def test_changes_of_some_questions_of_a_group_have_their_numbers() -> None:
    other = make_observation(outcome=Outcome.REJECTED, status=403, message="no")
    sides = [(name, GOOD, other if name in "ad" else REFUSED) for name in "abcdef"]
    text = "\n".join(words.text(make(*sides), None))
    assert "\n(1) a\n(2) b\n" in text
    assert "\n  message: pong → no\n  (1, 4) status: 200 → 403\n" in text
    assert "\n  (2-3, 5-6) status: 200 → 401\n" in text


def test_the_background_is_one_line() -> None:
    flags = [make_observation(exchanges=(make_exchange(betas=each),)) for each in ("ab", "bc")]
    asked = make_observation(exchanges=(*flags[1].exchanges, make_exchange(path="/api/hello")))
    diff = make(*((name, flags[0], asked) for name in "xyz"))
    assert words.background_line(diff) == (
        "in the background: requests: + POST api.anthropic.com/api/hello; betas: + c, - a",
    )
    assert list(words.text(diff, None))[1:3] == ["", "same: 3 questions"]
    back = make(("x", asked, flags[1]), ("y", flags[1], asked))
    assert "± POST api.anthropic.com/api/hello" in words.background_line(back)[0]


@pytest.mark.parametrize(
    ("after", "field"),
    [
        (REFUSED, "outcome"),
        (make_observation(message="pong", leaks=("its output",)), "findings"),
    ],
)
def test_a_bisection_compares_what_broke(after: Observation, field: str) -> None:
    diff = make(("a", GOOD, after), versions=("1.0", "1.1"), scenarios=("my file.yaml",))
    assert words.bisect_command(diff, diff.cases[0]) == (
        f"authprobe bisect a --good 1.0 --bad 1.1 --when {field} --scenarios 'my file.yaml'"
    )


def test_a_lost_login_is_bisected_by_it() -> None:
    sides = (
        make_observation(stored_login=StoredLogin(state=state))
        for state in (LoginState.USABLE, LoginState.STALE)
    )
    diff = make(("a", *sides), versions=("1.0", "1.1"))  # type: ignore[arg-type]
    assert "--when stored_login" in str(words.bisect_command(diff, diff.cases[0]))


def test_a_downgrade_is_bisected_backwards() -> None:
    diff = make(("a", GOOD, REFUSED), versions=("1.1", "1.0"))
    command = words.bisect_command(diff, diff.cases[0])
    assert command == "authprobe bisect a --good 1.1 --bad 1.0 --find-fix --when outcome"


def test_runs_and_fixed_questions_have_no_bisection() -> None:
    assert "bisect" not in "\n".join(words.text(make(("a", GOOD, REFUSED)), None))
    fixed = make(("a", REFUSED, GOOD), versions=("1.0", "1.1"))
    assert "bisect" not in "\n".join(words.text(fixed, None))


def test_markdown_has_the_same() -> None:
    markdown = "\n".join(words.markdown(DIFF, COMMAND))
    assert markdown.startswith("**client 1.0 → 1.1: 1 broke, ")
    assert "\n\n### Broke\n\n`a`  \n\n- **accepted → rejected**\n- outcome: accepted" in markdown
    assert markdown.endswith("```sh\nauthprobe diff a b\n```")


def test_an_untrusted_id_is_escaped() -> None:
    hostile = "a`\n# Owned\n<img src=x> @octocat"
    diff = make((hostile, GOOD, REFUSED))
    (line,) = [x for x in words.markdown(diff, "again") if "Owned" in x]
    assert line == r"a\` \# Owned &lt;img src=x&gt; @<!-- -->octocat  "
    assert "a` # Owned <img src=x> @octocat" in words.text(diff, "again")


def test_json_is_as_its_schema_says() -> None:
    text = dump_document(DIFF, COMMAND)
    document = json.loads(text)
    assert document["counts"] == {"broke": 1, "fixed": 1, "changed": 1, "same": 1}
    effects = [(question["id"], question["effect"]) for question in document["questions"]]
    assert effects == [
        *(("a", "broke"), ("b", "fixed"), ("c", "changed"), ("d", "same"), ("e", None)),
    ]
    assert document["questions"][-1]["not_compared"] == "after: not published"
    assert document["questions"][0]["reasons"] == ["accepted → rejected"]
    assert TypeAdapter(DiffDocument).validate_json(text).only_before == ("gone",)
    schema = json.loads(dump_schema())
    assert set(schema["properties"]) == set(document)


def test_long_texts_are_shown_from_the_first_difference() -> None:
    before, after = "x" * 400 + "old", "x" * 400 + "new"
    change = Change(aspect=Aspect.OUTCOME, subject="message", before=before, after=after)
    (line,) = words.change_lines([change])
    assert line.startswith("message: …xxxx")
    assert "xold → …x" in line
    assert line.endswith("xnew")


def test_flags_of_one_request_share_a_line() -> None:
    changes = [
        Change(aspect=Aspect.BETAS, subject=f"{flag} in POST /x", before=old, after=new)
        for flag, old, new in (("a", "not sent", "sent"), ("c", "sent", "not sent"))
    ]
    assert words.change_lines(changes) == ("betas of POST /x: + a, - c",)


def test_only_some_of_many_cases_of_one_run_are_named() -> None:
    names = tuple(f"case-{n:02}" for n in range(50))
    lines = words.rest(make(("both", GOOD, GOOD), only_before=names))
    assert lines[0] == "only before: case-00"
    assert lines[-1] == "only before: 30 more; list them with --json"


def test_questions_that_were_not_compared_for_the_same_reason_are_one_line() -> None:
    lines = words.rest(make(("a", GOOD, UNTESTABLE), ("b", GOOD, UNTESTABLE)))
    assert lines == ("not compared: 2 questions: after: not published: a, b",)
