"""The flows of the command, with a program of our own in its place."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from authprobe.clients import claude_code
from authprobe.clients.base import Laboratory
from authprobe.clients.browser import read_page
from authprobe.clients.claude_code import account, interactive, login, prompt
from authprobe.clients.claude_code.command import find_node_for
from authprobe.clients.home_inspection import inspect_home
from authprobe.core.client_kinds import Flow, Via
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import AccountState, Backend, Fault, TokenKind
from authprobe.emulator.state.tokens import LOGIN_SCOPES
from authprobe.engine.probe import probe_case
from authprobe.errors import ClientError
from authprobe.observation.model import Observation, Outcome, Session
from authprobe.plan.case import expand
from authprobe.redaction.redactor import find_token
from authprobe.scenario.model import Credential, Matrix
from tests.support.command import PROJECT
from tests.support.installed import Shelf
from tests.support.make import make_clients, make_scenario
from tests.support.requests import AUTHORIZE, CHALLENGE, MESSAGES, make_ask

FAKE = PROJECT / "tests" / "support" / "fake_claude.py"
Observe = Callable[..., Observation]


@pytest.fixture
def observe(laboratory: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Observe:
    """What a flow shows of a command that does what these words say."""
    program = tmp_path / "node_modules" / ".bin" / "claude"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -I {FAKE} "$@"\n')
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\n")
    for made in (program, node):
        made.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(login, "SCREEN_TIMEOUT", 1.0)
    monkeypatch.setattr(login, "QUIET_PERIOD", 0.1)
    monkeypatch.setattr(interactive, "QUIET_PERIOD", 0.2)
    monkeypatch.setattr(interactive, "SCREEN_TIMEOUT", 3.0)
    monkeypatch.setattr(prompt, "EXIT_TIMEOUT", 1.0)
    ours = Laboratory(
        network=laboratory.network,
        children=laboratory.children,
        cache=Shelf(tmp_path, laboratory.children),
        scratch=laboratory.scratch,
    )

    def observed(
        flow: Flow,
        *does: str,
        limit: float = 20.0,
        given: Credential | None = None,
        **backend: object,
    ) -> Observation:
        credential = "given" if given else "none"
        (case,) = expand(
            make_scenario(
                matrix=Matrix(
                    client=make_clients("claude-code@2.1.31"),
                    credential=(credential,),
                    flow=(flow,),
                ),
                credentials={"given": given} if given else {},
                backends={"default": Backend(**backend)},  # type: ignore[arg-type]
                limit=limit,
            )
        )
        with ours.sandbox(case) as sandbox:
            (sandbox.home / "bin").mkdir()
            (sandbox.home / "bin" / "does").write_text("\n".join(does))
            return inspect_home(sandbox, claude_code.probe(sandbox))

    return observed


@pytest.mark.parametrize("flow", [Flow.SETUP_TOKEN, Flow.AUTH_LOGIN])
def test_the_code_of_the_page_is_pasted_and_becomes_a_token(observe: Observe, flow: Flow) -> None:
    seen = observe(flow)
    assert (seen.outcome, seen.status, seen.exit_code) == (Outcome.ACCEPTED, 200, 0)
    assert seen.message == "Your token:\n[redacted:setup-token]"
    assert find_token(repr(seen)) is None
    opened, shown, exchanged = seen.exchanges
    assert (opened.rule, opened.scopes) == ("authorize", ("user:inference",))
    assert opened.products == ("authprobe/" + opened.products[0].partition("/")[2],)
    assert (shown.rule, shown.scopes, exchanged.rule) == ("code-page", (), "code")


def test_a_token_that_is_wrapped_is_hidden_as_well(observe: Observe) -> None:
    seen = observe(Flow.SETUP_TOKEN, "wraps")
    assert seen.outcome is Outcome.ACCEPTED
    assert seen.message == "Your token:\n[redacted:token]\n[redacted:token]"


def test_the_token_that_is_asked_for_may_be_shown_and_no_other(observe: Observe) -> None:
    asked_for = Credential(token=TokenKind.SETUP_TOKEN, via=Via.OAUTH_TOKEN_VARIABLE)
    assert observe(Flow.SETUP_TOKEN).leaks == ()
    assert observe(Flow.SETUP_TOKEN, given=asked_for).leaks == ()
    for how in ("tells", "tells-wrapped"):
        seen = observe(Flow.SETUP_TOKEN, how, given=asked_for)
        assert seen.outcome is Outcome.ACCEPTED
        assert seen.leaks == ("its output (terminal)",)


@pytest.mark.parametrize(("how", "stream"), [("tells", "stdout"), ("complains", "stderr")])
def test_a_token_in_what_it_prints_is_a_leak(observe: Observe, how: str, stream: str) -> None:
    key = Credential(token=TokenKind.API_KEY, via=Via.API_KEY_VARIABLE)
    seen = observe(Flow.AUTH_LOGOUT, how, given=key)
    assert seen.leaks == (f"its output ({stream})",)
    assert find_token(repr(seen)) is None
    assert observe(Flow.AUTH_LOGOUT, given=key).leaks == ()


def test_a_command_that_hides_its_token_has_not_done_what_it_is_for(observe: Observe) -> None:
    assert observe(Flow.SETUP_TOKEN, "hides").outcome is Outcome.REJECTED
    assert observe(Flow.AUTH_LOGIN, "hides").outcome is Outcome.ACCEPTED


def test_a_command_that_waits_for_its_user_again_is_ended(observe: Observe) -> None:
    seen = observe(Flow.SETUP_TOKEN, "errs")
    assert (seen.outcome, seen.status, seen.exit_code) == (Outcome.REJECTED, 400, None)
    assert seen.error_type == "invalid_grant"
    assert seen.message == "OAuth error: 400\nPress Enter to retry."


def test_a_command_that_shows_no_address_and_does_not_end_is_timed_out(observe: Observe) -> None:
    seen = observe(Flow.SETUP_TOKEN, "hangs")
    assert (seen.outcome, seen.exchanges) == (Outcome.TIMED_OUT, ())
    assert (seen.detail or "").endswith("Error: it hangs")


def test_a_command_that_takes_no_code_is_timed_out(observe: Observe) -> None:
    seen = observe(Flow.AUTH_LOGIN, "ignores")
    assert (seen.outcome, seen.exit_code, seen.message) == (Outcome.TIMED_OUT, None, None)
    assert [exchange.rule for exchange in seen.exchanges] == ["authorize", "code-page"]


def test_a_command_that_gives_up_before_tells_why(observe: Observe) -> None:
    seen = observe(Flow.AUTH_LOGIN, "breaks")
    assert (seen.outcome, seen.exit_code) == (Outcome.REJECTED, 1)
    assert seen.message == "Unable to connect"


def test_a_page_that_refuses_is_what_the_user_is_told(observe: Observe) -> None:
    seen = observe(Flow.SETUP_TOKEN, standing=AccountState.NO_SUBSCRIPTION)
    assert (seen.outcome, seen.status) == (Outcome.REJECTED, 403)
    assert seen.message == "Max or Pro account required"


def test_a_page_that_cannot_be_opened_is_unreachable(observe: Observe) -> None:
    seen = observe(Flow.SETUP_TOKEN, faults=(Fault(name="reset", host="claude.ai"),))
    assert seen.outcome is Outcome.UNREACHABLE
    assert (seen.detail or "").startswith("the page to sign in at: ")


@pytest.mark.parametrize(
    ("flow", "lacks"),
    [
        (Flow.SETUP_TOKEN, ""),
        (Flow.AUTH_LOGIN, ""),
        (Flow.AUTH_LOGOUT, ""),
        (Flow.AUTH_STATUS, ""),
        (Flow.STDIO, "--input-format: "),
    ],
)
def test_a_flow_that_a_version_does_not_have_is_unavailable(
    observe: Observe, flow: Flow, lacks: str
) -> None:
    seen = observe(flow, "old")
    assert (seen.outcome, seen.detail) == (Outcome.UNAVAILABLE, f"{lacks}not in this version")
    assert seen.client_version == "2.1.31"


@pytest.mark.parametrize(
    ("does", "outcome", "exit_code", "logged_in"),
    [("in", Outcome.ACCEPTED, 0, "true"), ("out", Outcome.REJECTED, 1, "false")],
)
def test_the_status_is_told_by_two_of_its_fields(
    observe: Observe, does: str, outcome: Outcome, exit_code: int, logged_in: str
) -> None:
    seen = observe(Flow.AUTH_STATUS, does)
    assert (seen.outcome, seen.exit_code) == (outcome, exit_code)
    assert seen.message == f'{{"loggedIn": {logged_in}, "authMethod": "none"}}'


def test_a_logout_is_told_in_the_words_of_the_command(observe: Observe) -> None:
    seen = observe(Flow.AUTH_LOGOUT)
    assert (seen.outcome, seen.exit_code, seen.message) == (Outcome.ACCEPTED, 0, "Logged out.")


def test_a_message_on_stdin_is_answered_and_ends_with_it(observe: Observe) -> None:
    seen = observe(Flow.STDIO)
    assert (seen.outcome, seen.exit_code, seen.message) == (Outcome.ACCEPTED, 0, "ping")


def test_a_command_that_stays_when_its_input_has_ended_is_ended(observe: Observe) -> None:
    seen = observe(Flow.STDIO, "stays")
    assert (seen.outcome, seen.exit_code, seen.message) == (Outcome.ACCEPTED, None, "ping")
    assert "when its stdin was closed" in (seen.detail or "")


def test_a_command_that_never_answers_is_timed_out(observe: Observe) -> None:
    assert observe(Flow.STDIO, "silent", limit=2.0).outcome is Outcome.TIMED_OUT


@pytest.mark.parametrize(
    "text", ["", "null", "5", "{}", '{"authMethod": "none"}', "Not logged in", "[" * 100_000]
)
def test_what_is_no_status_is_not_taken_for_one(text: str) -> None:
    assert account.read_status(text) is None


@pytest.mark.parametrize(
    ("text", "shown", "code"),
    [
        (
            "<title>Code</title><p>" + "a" * 43 + "#" + "b" * 43 + "</p>",
            None,
            "a" * 43 + "#" + "b" * 43,
        ),
        ("<title>No</title><p>Missing &lt;state&gt;</p>", "No: Missing <state>", None),
        ("<p>no#code</p>", "no#code", None),
        ("", "an empty page", None),
        ("<p>", "an empty page", None),
    ],
)
def test_a_page_is_read(text: str, shown: str | None, code: str | None) -> None:
    page = read_page(200, text)
    assert page.code == code
    assert shown in (None, page.text)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"I{CHALLENGE}", ("user:inference",)),
        (f"z-{CHALLENGE}", LOGIN_SCOPES),
        ("scope=user%3Ainference+user%3Aprofile", ("user:inference", "user:profile")),
        ("scope=sk-ant-oat01-canarycanary", ("[redacted:token]",)),
        ("", ()),
    ],
)
def test_the_scopes_of_an_authorization_are_recorded(query: str, expected: tuple[str, ...]) -> None:
    backend = CaseBackend()
    asked = make_ask(backend, AUTHORIZE, {}, query=query)
    assert backend.begin(asked).exchange.scopes == expected
    assert backend.begin(make_ask(backend, MESSAGES, {}, query=query)).exchange.scopes == ()


def test_the_engine_hands_a_flow_to_its_runner(laboratory: Laboratory) -> None:
    matrix = Matrix(client=make_clients("claude-code@2.1.31"), flow=(Flow.AUTH_STATUS,))
    (case,) = expand(make_scenario(matrix=matrix))
    assert probe_case(laboratory, case).outcome is Outcome.UNAVAILABLE  # nothing is installed


def test_a_program_that_node_does_not_run_needs_none(
    observe: Observe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert observe(Flow.AUTH_LOGOUT).outcome is Outcome.ACCEPTED
    native = tmp_path / "native"
    native.write_bytes(b"\x7fELF\x02\x01\x01 node\n")
    assert find_node_for(native) == {}


@pytest.mark.parametrize(
    "line", ["#!/usr/bin/env node", "#!/usr/bin/env -S node -r x", "#!/x/node"]
)
def test_the_javascript_packaging_needs_node(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "cli.js"
    program.write_text(f"{line}\nmain()\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClientError, match="node is not on PATH"):
        find_node_for(program)
    (tmp_path / "node").touch(mode=0o755)
    assert find_node_for(program) == {"node": tmp_path / "node"}


AT_ONCE = Flow.PROMPTS_AT_ONCE


def test_sessions_of_one_home_are_accepted_if_each_is(observe: Observe) -> None:
    seen = observe(AT_ONCE)
    assert (seen.outcome, seen.message, seen.exit_code) == (Outcome.ACCEPTED, "pong", 0)
    assert seen.sessions == (Session(outcome=Outcome.ACCEPTED, message="pong", exit_code=0),) * 3
    assert seen.detail == "3 of 3 sessions were accepted"


@pytest.mark.parametrize(("does", "status"), [((), None), (("refused",), 401)])
def test_the_sessions_that_lose_decide(
    observe: Observe, does: tuple[str, ...], status: int | None
) -> None:
    seen = observe(AT_ONCE, "one-wins", *does)
    assert (seen.outcome, seen.status, seen.exit_code) == (Outcome.REJECTED, status, 1)
    assert seen.message == "Login expired"
    assert seen.detail == "1 of 3 sessions were accepted"
    assert sorted(session.outcome for session in seen.sessions) == [
        Outcome.ACCEPTED,
        Outcome.REJECTED,
        Outcome.REJECTED,
    ]


def test_a_session_that_never_answers_keeps_no_other_from_its_end(observe: Observe) -> None:
    seen = observe(AT_ONCE, "one-hangs", limit=4.0)
    assert (seen.outcome, seen.message) == (Outcome.TIMED_OUT, None)
    assert sorted(session.outcome for session in seen.sessions) == [
        Outcome.ACCEPTED,
        Outcome.ACCEPTED,
        Outcome.TIMED_OUT,
    ]


def test_a_session_that_tells_nothing_readable_has_crashed(observe: Observe) -> None:
    seen = observe(AT_ONCE, "garbage")
    assert (seen.outcome, seen.message) == (Outcome.CRASHED, "Error: no JSON today")
    assert {session.exit_code for session in seen.sessions} == {1}


SCREENS = "Choose a style\nAccessing ~/work"


def test_enter_is_pressed_at_each_screen_until_there_is_an_answer(observe: Observe) -> None:
    seen = observe(Flow.INTERACTIVE)
    assert (seen.outcome, seen.exit_code) == (Outcome.ACCEPTED, None)
    assert seen.message == f"{SCREENS}\nping: pong"


@pytest.mark.parametrize(
    ("does", "last", "exit_code"),
    [
        ("logs-in", "\nVisit (address)", None),
        ("hangs", "", None),
        ("breaks", "\nno terminal", 1),
    ],
)
def test_a_start_that_comes_to_no_answer_is_rejected_with_what_it_showed(
    observe: Observe, does: str, last: str, exit_code: int | None
) -> None:
    seen = observe(Flow.INTERACTIVE, does)
    assert (seen.outcome, seen.exit_code) == (Outcome.REJECTED, exit_code)
    assert seen.message == SCREENS + last
