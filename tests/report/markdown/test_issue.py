"""Cases of a run as the text of an issue."""

import dataclasses
import datetime
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from authprobe.core.client_kinds import Via
from authprobe.core.escaping import MAX_TEXT_LENGTH
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.observation.findings import Finding
from authprobe.observation.fingerprint import CLIENT, Transition, fingerprint
from authprobe.observation.model import Outcome
from authprobe.report.markdown.issue import MAX_LENGTH, MAX_REQUESTS, share_markdown
from authprobe.report.markdown.pseudonymize import SharedTextCleaner
from authprobe.report.model.saved_bisections import FOLDER, read_bisections
from authprobe.run.history.model import Point
from authprobe.run.model import CaseRecord, Diagnosis, Reason, Run
from authprobe.scenario.model import Credential, Expectation
from authprobe.verdict.model import Mismatch, Status, Verdict
from tests.report.test_hostile_text import HOSTILE, run_with
from tests.support.judged import STALE
from tests.support.make import make_exchange, make_observation, make_record, make_run

GOLDEN = Path(__file__).with_name("issue.md")
REFUSED = make_exchange(
    status=401,
    credential="access-token",
    credential_header="authorization",
    error_type="authentication_error",
    betas=("oauth-2025-04-20",),
    headers={"authorization": "Bearer [redacted:access-token]"},
    products=("claude-cli/2.1.31",),
    retry_after="60",
    at=1.25,
    clock_offset=-90.0,
)
FILE = Credential(token=TokenKind.ACCESS_TOKEN, state=TokenState.EXPIRED, via=Via.CREDENTIALS_FILE)
KEY = Credential(token=TokenKind.API_KEY, via=Via.API_KEY_VARIABLE)
SUBJECT = make_record(
    id="login/claude-code@2.1.31/default/expired",
    scenario="login",
    title="An expired login",
    client="claude-code@2.1.31",
    client_version="2.1.31",
    credential="expired",
    flow="prompt",
    credentials=(FILE, KEY),
    observation=make_observation(
        outcome=Outcome.REJECTED,
        status=401,
        error_type="authentication_error",
        message="`alice@corp.example` at 10.0.0.7:\n/home/alice/.claude is **bad**, alice #1",
        exit_code=1,
        stored_login=STALE,
        exchanges=(REFUSED, make_exchange(path="/api/oauth/profile", status=403, at=2)),
    ),
    verdict=Verdict(
        status=Status.FAILED,
        regressed=True,
        mismatches=(Mismatch(field="status", expected="200", actual="401"),),
        transitions=(Transition(field="outcome", before="accepted", after="rejected"),),
    ),
    findings=(Finding(name="loses-login", text="The login of alice@corp.example is gone."),),
    diagnosis=Diagnosis(
        id="old",
        summary="The token is old.",
        remedy="Log in.",
        sources=("https://example.org/issue/1",),
    ),
)
OTHERS = (
    dataclasses.replace(
        SUBJECT,
        id="login/claude-code@2.1.30/default/expired",
        client="claude-code@2.1.30",
        client_version="2.1.30",
        observation=make_observation(),
        verdict=Verdict(status=Status.PASSED),
    ),
    dataclasses.replace(SUBJECT, id="login/claude-code@2.1.31/default/other", credential="other"),
)
RUN = make_run(SUBJECT, *OTHERS)


def drawn(run: Run, *records: CaseRecord, **options: Any) -> str:
    """Return the text about these cases, or about all cases of the run."""
    return share_markdown(run, records or run.cases, SharedTextCleaner(), **options)


def alone(**changes: Any) -> str:
    """Return the text about the first case with these changes of its observation."""
    observation = dataclasses.replace(SUBJECT.observation, **changes)
    record = dataclasses.replace(SUBJECT, observation=observation)
    return drawn(make_run(record))


def test_a_regression_with_its_controls_is_as_recorded() -> None:
    assert drawn(RUN, SUBJECT) == GOLDEN.read_text()


def test_personal_data_is_replaced() -> None:
    text = drawn(RUN)
    assert "alice" not in text
    assert "10.0.0.7" not in text
    assert "&lt;email-1&gt; is gone" in text
    assert not re.search(r"(email|user|address)-2", text)


def test_a_user_name_from_another_case_is_replaced_too() -> None:
    observation = make_observation(message="ask bob", outcome=Outcome.REJECTED)
    other = make_record(id="z", observation=make_observation(message="/home/bob/x"))
    record = make_record(observation=observation)
    assert "ask <user-1>" in drawn(make_run(record, other), record)


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_harmless(hostile: str) -> None:
    text = drawn(run_with(hostile))
    text.encode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e\u2066\ufeff\ud800-\udfff]", text)
    assert len(text) <= MAX_LENGTH
    outside = re.sub(r"(?ms)^(`{3,})(?:text|yaml|mermaid)\n.*?^\1$", "", text)
    assert not re.search(r"<(script|img)|(?<!\w)@\w|(?<!\\)#\d|(?<!\\)\]\(javascript", outside)
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]
    assert "##[" not in text


def test_a_message_cannot_end_its_code_block() -> None:
    text = alone(message="a\n```\n# head\n````\n@octocat")
    assert "`````text\na\n```\n# head\n````\n@octocat\n`````\n" in text


def test_a_long_message_is_truncated() -> None:
    assert "x" * (MAX_TEXT_LENGTH + 1) not in alone(message="x" * 10 * MAX_TEXT_LENGTH)
    assert "more characters)" in alone(message="x" * 10 * MAX_TEXT_LENGTH)


def test_cases_that_do_not_fit_are_listed_and_counted() -> None:
    records = [dataclasses.replace(SUBJECT, id=f"login/{n}") for n in range(200)]
    text = drawn(make_run(*records))
    assert len(text) <= MAX_LENGTH
    count = text.count("\n## ")
    assert 5 < count < 100
    assert f"{200 - count} more cases omitted: an issue has a maximum length." in text
    assert f"- `login/{count}`" in text
    assert f"- and {200 - count - 20} more" in text


def test_a_single_case_that_does_not_fit_is_omitted() -> None:
    text = drawn(RUN, SUBJECT, limit=5500)
    assert len(text) <= 5500
    assert f"1 more case omitted: an issue has a maximum length.\n\n- `{SUBJECT.id}`" in text


def test_long_names_are_truncated_at_a_line_end() -> None:
    records = [dataclasses.replace(SUBJECT, id=f"{n}<" + "<>" * 5000) for n in range(50)]
    text = drawn(make_run(*records))
    assert len(text) <= MAX_LENGTH


def test_requests_over_the_limit_are_counted() -> None:
    text = alone(exchanges=(REFUSED,) * (MAX_REQUESTS + 5))
    assert text.count("| 1.2 s |") == MAX_REQUESTS
    assert "5 more requests not shown." in text


def test_controls_over_the_limit_are_counted() -> None:
    others = [dataclasses.replace(SUBJECT, id=f"x{n}", credential=f"x{n}") for n in range(9)]
    text = drawn(make_run(SUBJECT, *others), SUBJECT)
    assert text.count("| credential | `x") == 6
    assert "3 more controls not shown." in text


def test_a_case_without_controls_is_marked() -> None:
    assert "No other case of this run differs from this one in a single respect." in alone()


def test_a_case_without_requests_has_none_of_their_facts() -> None:
    text = alone(exchanges=(), status=None)
    assert "| Request | none |" in text
    assert "| Credential used | none |" in text
    assert "Request id" not in text
    assert "Requests, in order" not in text


def fact(text: str, label: str) -> str | None:
    """Return the value that the table has for a label."""
    match = re.search(rf"(?m)^\| {re.escape(label)} \| (.*) \|$", text)
    return match[1].replace("\\", "") if match else None


@pytest.mark.parametrize(
    ("slots", "sent", "others"),
    [
        (
            ["access-token"],
            "access-token and refresh-token (expired) via credentials-file",
            "api-key (valid) via",
        ),
        (
            ["refresh-token"],
            "access-token and refresh-token (expired) via credentials-file",
            "api-key (valid) via",
        ),
        (
            ["api-key"],
            "api-key (valid) via ANTHROPIC_API_KEY",
            "access-token and refresh-token (expired) via",
        ),
        (
            ["access-token", "api-key"],
            "access-token and refresh-token (expired) via credentials-file; api",
            "none",
        ),
        (
            [None],
            None,
            "access-token and refresh-token (expired) via credentials-file; api-key (valid)",
        ),
        (["access-token-2"], None, "access-token and refresh-token (expired) via"),
    ],
)
def test_sent_and_unsent_credentials_are_listed_separately(
    slots: Sequence[str | None], sent: str | None, others: str
) -> None:
    bare = dataclasses.replace(REFUSED, headers={})
    text = alone(exchanges=[dataclasses.replace(bare, credential=slot) for slot in slots])
    assert (fact(text, "Provided and sent") or "").startswith(sent or "")
    assert (fact(text, "Provided and sent") is None) is (sent is None)
    assert (fact(text, "Provided, not sent") or "").startswith(others)


def test_a_second_token_of_a_kind_is_distinguished() -> None:
    second = Credential(token=TokenKind.ACCESS_TOKEN, via=Via.OAUTH_TOKEN_VARIABLE)
    observation = make_observation(exchanges=(make_exchange(credential="access-token-2"),))
    text = drawn(make_run(make_record(credentials=(FILE, second), observation=observation)))
    assert fact(text, "Provided and sent") == "access-token-2 (valid) via CLAUDE_CODE_OAUTH_TOKEN"
    assert (
        fact(text, "Provided, not sent")
        == "access-token and refresh-token (expired) via credentials-file"
    )


def points(*values: tuple[str, int, str]) -> Mapping[str, Sequence[Point]]:
    """Return points of the first case, each with its status, day of November and run."""
    return {
        SUBJECT.id: [
            Point(
                case_id=SUBJECT.id,
                run_id=run_id,
                at=(at := datetime.datetime(2026, 11, day, tzinfo=datetime.UTC)),
                tool="0.0.9",
                client_version=f"2.1.{day}",
                status=status,
                fingerprint=fingerprint(SUBJECT.observation),
                since=at,
            )
            for status, day, run_id in values
        ]
    }


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        (
            points(("passed", 3, "a"), ("passed", 9, "b"), ("failed", 12, "c")),
            "2026-11-09 00:00 UTC",
        ),
        (points(("failed", 12, "c")), None),
        (points(("passed", 12, RUN.id)), None),
        (points(("failed", 12, RUN.id), ("passed", 30, "later")), None),
        ({}, None),
    ],
)
def test_the_last_run_as_expected_is_before_this_run(
    past: Mapping[str, Sequence[Point]], expected: str | None
) -> None:
    text = fact(drawn(RUN, SUBJECT, past=past), "Last as expected")
    assert text == (expected and f"{expected}, 2.1.9, authprobe 0.0.9")


@pytest.mark.parametrize(
    ("changes", "surface"),
    [
        ({"flow": "prompt"}, "command line"),
        ({"flow": "stdio"}, "standard input, as IDE extensions use it"),
        ({"flow": "interactive"}, "terminal"),
        ({"client": "agent-sdk-node@latest"}, "SDK"),
        ({"client": "litellm@1.90+claude-code@latest"}, "gateway"),
        ({"client": "raw-http", "flow": "request"}, "plain HTTP"),
    ],
)
def test_the_surface_depends_on_client_and_flow(changes: dict[str, str], surface: str) -> None:
    text = drawn(make_run(dataclasses.replace(SUBJECT, **changes)))  # type: ignore[arg-type]
    assert fact(text, "Surface") == surface


UPGRADE = Transition(field=CLIENT, before="2.1.20", after="2.1.31")
UPGRADED = dataclasses.replace(
    SUBJECT, verdict=dataclasses.replace(SUBJECT.verdict, transitions=(UPGRADE,))
)
ANSWER = {
    "headline": "claude-code 2.1.29 is the first bad version; 2.1.28 is the last good one.",
    "command": "authprobe bisect login",
    "case": "login/claude-code@2.1.25/default/expired",
    "good": "2.1.25",
    "bad": "2.1.30",
    "find_fix": False,
    "when": None,
    "monotonic": True,
    "last_before": "2.1.28",
    "first_after": "2.1.29",
}


def with_answers(folder: Path, record: CaseRecord, *answers: Mapping[str, object]) -> str:
    """Return the text about a case, with these answers of bisect beside its results."""
    (folder / FOLDER).mkdir()
    for number, answer in enumerate(answers):
        (folder / FOLDER / f"{number}.json").write_text(json.dumps(answer))
    return drawn(make_run(record), bisections=read_bisections(folder))


@pytest.mark.parametrize(
    ("record", "bad"),
    [(SUBJECT, "2.1.31"), (SUBJECT, "2.1.40"), (UPGRADED, "2.1.30")],
    ids=["no baseline", "no baseline, inside", "upgrade"],
)
def test_the_release_that_bisect_found_is_named(
    record: CaseRecord, bad: str, tmp_path: Path
) -> None:
    answer = {**ANSWER, "bad": bad}
    text = with_answers(tmp_path, record, {**answer, "case": "other/x@1/y"}, answer)
    assert text.count(f"\n- Found by `authprobe bisect`: {ANSWER['headline']}\n") == 1
    assert text.startswith(
        "# claude-code 2.1.31, expired: rejected 401, expected accepted; first bad version 2.1.29\n"
    )
    assert (
        "To find that release again:\n\n```text\nauthprobe bisect "
        f"login/claude-code/default/expired --good 2.1.25 --bad {bad}\n```"
    ) in text


def test_a_title_names_a_version_once(tmp_path: Path) -> None:
    text = with_answers(tmp_path, UPGRADED, {**ANSWER, "bad": "2.1.31", "first_after": "2.1.31"})
    assert "Found by `authprobe bisect`" in text
    assert text.startswith("# claude-code 2.1.31, expired: rejected 401, expected accepted\n")


def test_what_the_first_bad_version_does_is_named(tmp_path: Path) -> None:
    """It may be another symptom than that of the case, which ran a later version."""
    changes = [
        {"subject": "outcome", "before": "accepted", "after": "rejected"},
        {"subject": "exit_code", "before": "0", "after": "1"},
        {"subject": "message", "before": "pong", "after": "Log in,\n<alice@corp.example> " * 99},
        *({"subject": "message", "before": "a", "after": f"no-{n}"} for n in range(9)),
    ]
    text = with_answers(tmp_path, UPGRADED, {**ANSWER, "changes": changes})
    [line] = re.findall("(?m)^- Found by.*$", text)
    assert f"{ANSWER['headline']} Between the two: outcome: accepted → rejected; mess" in line
    assert "message: pong → Log in, &lt;" in line
    assert not re.search("exit|alice|no-", line)
    assert len(line) < 1000


def test_the_remedy_keeps_the_last_good_version_that_bisect_found(tmp_path: Path) -> None:
    keep = "Keep claude-code {} until this is fixed."
    reasons = (Reason(id="message", summary="It is gone.", remedy=keep.format("2.1.20")),)
    record = dataclasses.replace(UPGRADED, reasons=reasons)
    assert f"- Remedy: {keep.format('2.1.20')}\n" in drawn(make_run(record))
    text = with_answers(tmp_path, record, ANSWER)
    assert f"- Remedy: {keep.format('2.1.28')}\n" in text
    assert keep.format("2.1.20") not in text


def test_an_answer_about_other_versions_is_not_named_without_a_baseline(tmp_path: Path) -> None:
    """The case ran 2.1.31; nothing is known of it between 1.0.9 and that."""
    versions = {"good": "1.0.1", "last_before": "1.0.4", "first_after": "1.0.5", "bad": "1.0.9"}
    text = with_answers(tmp_path, SUBJECT, {**ANSWER, **versions})
    assert "Found by" not in text
    assert "1.0.5" not in text


@pytest.mark.parametrize(
    ("version", "install"),
    [("0.1.0", "`pip install authprobe==0.1.0`"), ("`x`", "`pip install authprobe`")],
)
def test_a_reader_learns_what_authprobe_is_and_how_to_install_it(
    version: str, install: str
) -> None:
    run = make_run(SUBJECT)
    text = drawn(dataclasses.replace(run, tool=dataclasses.replace(run.tool, version=version)))
    introduction = text.split("\n\n")[1]
    assert introduction.startswith("authprobe runs unmodified Claude clients")
    assert install in introduction
    assert "all tokens are made up" in introduction


def test_a_reader_of_a_live_case_learns_that_the_real_service_was_asked() -> None:
    text = drawn(dataclasses.replace(make_run(SUBJECT), mode="live"))
    assert "against the real service" in text.split("\n\n")[1]
    assert "made up" not in text.split("\n\n")[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"case": "login/claude-code@2.1.25/default/valid"},
        {"first_after": "2.1.32"},
        {"last_before": "2.1.19"},
        {"last_before": None, "first_after": None, "monotonic": None},
        {"monotonic": False},
        {"monotonic": "false"},
        {"last_before": "2.1.30", "first_after": "2.1.21"},
        {"last_before": "2.1.25", "first_after": "2.1.25"},
        {"find_fix": True},
        {"when": "betas"},
        {"first_after": "$(id)"},
        {"first_after": ["2.1.29"]},
        {"good": "x"},
        {"bad": "2.1.30\n"},
        {"good": "2.1.29", "last_before": "2.1.28"},
    ],
    ids=str,
)
def test_another_answer_of_bisect_is_not_named(changes: dict[str, object], tmp_path: Path) -> None:
    text = with_answers(tmp_path, UPGRADED, {**ANSWER, **changes})
    assert "Found by" not in text
    assert "To find the release that changed it:\n" in text
    assert "--good 2.1.20 --bad 2.1.31" in text


def test_the_time_of_a_run_elsewhere_is_told_in_utc() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=-5))
    run = make_run(SUBJECT, started_at=datetime.datetime(2026, 11, 28, 23, 30, tzinfo=zone))
    assert fact(drawn(run), "Time") == "2026-11-29 04:30:00 UTC"


def test_the_answer_of_bisect_is_harmless(tmp_path: Path) -> None:
    headline = "</details><script>@octocat [x](javascript:1)\n# a\u202eb alice@corp.example"
    text = with_answers(tmp_path, UPGRADED, {**ANSWER, "headline": headline})
    [line] = re.findall("(?m)^- Found by.*$", text)
    assert "&lt;/details&gt;&lt;script&gt;" in line
    assert not re.search(r"alice|\u202e|<script|(?<!\\)\]\(java|(?<!\w)@octocat", line)


def test_each_remedy_has_a_label_of_its_own_and_all_of_its_words() -> None:
    remedy = "Ask for a key of your own, and keep it. " * 20
    diagnosis = Diagnosis(id="old", summary="The token is old.", remedy=remedy.strip())
    reasons = (Reason(id="message", summary="It is gone.", remedy="Keep 2.1.20."),)
    text = drawn(make_run(dataclasses.replace(SUBJECT, diagnosis=diagnosis, reasons=reasons)))
    assert "\n- Remedy: Keep 2.1.20.\n" in text
    assert f"\n- Another remedy: {remedy.strip()}\n" in text


def test_the_title_has_the_expected_outcome_if_it_differs() -> None:
    expected = dataclasses.replace(SUBJECT, expectation=Expectation(outcome=Outcome.REJECTED))
    assert drawn(RUN, SUBJECT).startswith("# claude-code 2.1.31, expired: rejected 401, expected a")
    assert drawn(make_run(expected)).startswith("# claude-code 2.1.31, expired: rejected 401\n")
    assert drawn(RUN).startswith("# 3 cases of authentication: claude-code 2.1.31, claude-code 2.")


def test_a_blanked_login_has_no_token() -> None:
    blanked = dataclasses.replace(FILE, state=TokenState.BLANKED)
    variable = Credential(token=TokenKind.ACCESS_TOKEN, via=Via.OAUTH_TOKEN_VARIABLE)
    observation = make_observation(exchanges=(REFUSED,))
    text = drawn(make_run(make_record(credentials=(blanked, variable), observation=observation)))
    assert fact(text, "Provided and sent") == "access-token (valid) via CLAUDE_CODE_OAUTH_TOKEN"
    assert fact(text, "Provided, not sent") == "access-token (blanked) via credentials-file"
