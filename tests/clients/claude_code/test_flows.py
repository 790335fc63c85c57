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
from tests.support.installed import SingleFolderCache
from tests.support.make import make_clients, make_scenario
from tests.support.requests import AUTHORIZE, CHALLENGE, MESSAGES, make_request

FAKE = PROJECT / "tests" / "support" / "fake_claude.py"
Observe = Callable[..., Observation]


@pytest.fixture
def observe(laboratory: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Observe:
    """Return a function that runs a flow with a fake `claude`, which behaves as `does` says."""
    program = tmp_path / "node_modules" / ".bin" / "claude"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -I {FAKE} "$@"\n')
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\n")
    for program_file in (program, node):
        program_file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(login, "SCREEN_TIMEOUT", 1.0)
    monkeypatch.setattr(login, "QUIET_PERIOD", 0.1)
    monkeypatch.setattr(interactive, "QUIET_PERIOD", 0.2)
    monkeypatch.setattr(interactive, "SCREEN_TIMEOUT", 3.0)
    monkeypatch.setattr(prompt, "EXIT_TIMEOUT", 1.0)
    fake_laboratory = Laboratory(
        network=laboratory.network,
        children=laboratory.children,
        cache=SingleFolderCache(tmp_path, laboratory.children),
        scratch=laboratory.scratch,
    )

    def observe_flow(
        flow: Flow,
        *does: str,
        limit: float = 20.0,
        credential: Credential | None = None,
        **backend: object,
    ) -> Observation:
        name = "given" if credential else "none"
        (case,) = expand(
            make_scenario(
                matrix=Matrix(
                    client=make_clients("claude-code@2.1.31"), credential=(name,), flow=(flow,)
                ),
                credentials={"given": credential} if credential else {},
                backends={"default": Backend(**backend)},  # type: ignore[arg-type]
                limit=limit,
            )
        )
        with fake_laboratory.sandbox(case) as sandbox:
            (sandbox.home / "bin").mkdir()
            (sandbox.home / "bin" / "does").write_text("\n".join(does))
            return inspect_home(sandbox, claude_code.probe(sandbox))

    return observe_flow


@pytest.mark.parametrize("flow", [Flow.SETUP_TOKEN, Flow.AUTH_LOGIN])
def test_code_from_the_page_is_exchanged_for_a_token(observe: Observe, flow: Flow) -> None:
    observation = observe(flow)
    assert (observation.outcome, observation.status, observation.exit_code) == (
        Outcome.ACCEPTED,
        200,
        0,
    )
    assert observation.message == "Your token:\n[redacted:setup-token]"
    assert find_token(repr(observation)) is None
    authorization, code_page, exchange = observation.exchanges
    assert (authorization.rule, authorization.scopes) == ("authorize", ("user:inference",))
    assert authorization.products == ("authprobe/" + authorization.products[0].partition("/")[2],)
    assert (code_page.rule, code_page.scopes, exchange.rule) == ("code-page", (), "code")


def test_wrapped_token_is_redacted(observe: Observe) -> None:
    observation = observe(Flow.SETUP_TOKEN, "wraps")
    assert observation.outcome is Outcome.ACCEPTED
    assert observation.message == "Your token:\n[redacted:token]\n[redacted:token]"


def test_only_the_requested_token_may_be_printed(observe: Observe) -> None:
    token = Credential(token=TokenKind.SETUP_TOKEN, via=Via.OAUTH_TOKEN_VARIABLE)
    assert observe(Flow.SETUP_TOKEN).leaks == ()
    assert observe(Flow.SETUP_TOKEN, credential=token).leaks == ()
    for does in ("prints-tokens", "prints-wrapped-tokens"):
        observation = observe(Flow.SETUP_TOKEN, does, credential=token)
        assert observation.outcome is Outcome.ACCEPTED
        assert observation.leaks == ("its output (terminal)",)


@pytest.mark.parametrize(
    ("does", "stream"), [("prints-tokens", "stdout"), ("logs-tokens", "stderr")]
)
def test_token_in_the_output_is_a_leak(observe: Observe, does: str, stream: str) -> None:
    key = Credential(token=TokenKind.API_KEY, via=Via.API_KEY_VARIABLE)
    observation = observe(Flow.AUTH_LOGOUT, does, credential=key)
    assert observation.leaks == (f"its output ({stream})",)
    assert find_token(repr(observation)) is None
    assert observe(Flow.AUTH_LOGOUT, credential=key).leaks == ()


def test_setup_token_without_a_visible_token_is_rejected(observe: Observe) -> None:
    assert observe(Flow.SETUP_TOKEN, "hides").outcome is Outcome.REJECTED
    assert observe(Flow.AUTH_LOGIN, "hides").outcome is Outcome.ACCEPTED


def test_command_that_waits_for_its_user_again_is_ended(observe: Observe) -> None:
    observation = observe(Flow.SETUP_TOKEN, "errs")
    assert (observation.outcome, observation.status, observation.exit_code) == (
        Outcome.REJECTED,
        400,
        None,
    )
    assert observation.error_type == "invalid_grant"
    assert observation.message == "OAuth error: 400\nPress Enter to retry."


def test_login_without_address_times_out(observe: Observe) -> None:
    observation = observe(Flow.SETUP_TOKEN, "hangs")
    assert (observation.outcome, observation.exchanges) == (Outcome.TIMED_OUT, ())
    assert (observation.detail or "").endswith("Error: it hangs")


def test_login_that_ignores_the_code_times_out(observe: Observe) -> None:
    observation = observe(Flow.AUTH_LOGIN, "ignores")
    assert (observation.outcome, observation.exit_code, observation.message) == (
        Outcome.TIMED_OUT,
        None,
        None,
    )
    assert [exchange.rule for exchange in observation.exchanges] == ["authorize", "code-page"]


def test_failed_login_has_the_message_of_the_command(observe: Observe) -> None:
    observation = observe(Flow.AUTH_LOGIN, "breaks")
    assert (observation.outcome, observation.exit_code) == (Outcome.REJECTED, 1)
    assert observation.message == "Unable to connect"


def test_refusal_by_the_page_is_the_message(observe: Observe) -> None:
    observation = observe(Flow.SETUP_TOKEN, standing=AccountState.NO_SUBSCRIPTION)
    assert (observation.outcome, observation.status) == (Outcome.REJECTED, 403)
    assert observation.message == "Max or Pro account required"


def test_unreachable_page_makes_the_login_unreachable(observe: Observe) -> None:
    observation = observe(Flow.SETUP_TOKEN, faults=(Fault(name="reset", host="claude.ai"),))
    assert observation.outcome is Outcome.UNREACHABLE
    assert (observation.detail or "").startswith("the page to sign in at: ")


@pytest.mark.parametrize(
    ("flow", "missing_option"),
    [
        (Flow.SETUP_TOKEN, ""),
        (Flow.AUTH_LOGIN, ""),
        (Flow.AUTH_LOGOUT, ""),
        (Flow.AUTH_STATUS, ""),
        (Flow.DOCTOR, ""),
        (Flow.STDIO, "--input-format: "),
    ],
)
def test_flow_that_the_version_lacks_is_unavailable(
    observe: Observe, flow: Flow, missing_option: str
) -> None:
    observation = observe(flow, "old")
    assert (observation.outcome, observation.detail) == (
        Outcome.UNAVAILABLE,
        f"{missing_option}not in this version",
    )
    assert observation.client_version == "2.1.31"


@pytest.mark.parametrize(
    ("does", "outcome", "exit_code", "logged_in"),
    [("in", Outcome.ACCEPTED, 0, "true"), ("out", Outcome.REJECTED, 1, "false")],
)
def test_auth_status_is_reduced_to_two_fields(
    observe: Observe, does: str, outcome: Outcome, exit_code: int, logged_in: str
) -> None:
    observation = observe(Flow.AUTH_STATUS, does)
    assert (observation.outcome, observation.exit_code) == (outcome, exit_code)
    assert observation.message == f'{{"loggedIn": {logged_in}, "authMethod": "none"}}'


@pytest.mark.parametrize(
    ("does", "outcome", "exit_code"), [("", Outcome.ACCEPTED, 0), ("fails", Outcome.REJECTED, 1)]
)
def test_doctor_keeps_only_its_title(
    observe: Observe, does: str, outcome: Outcome, exit_code: int
) -> None:
    observation = observe(Flow.DOCTOR, does)
    assert (observation.outcome, observation.exit_code) == (outcome, exit_code)
    assert observation.message == "Claude Code doctor"


def test_logout_has_the_message_of_the_command(observe: Observe) -> None:
    observation = observe(Flow.AUTH_LOGOUT)
    assert (observation.outcome, observation.exit_code, observation.message) == (
        Outcome.ACCEPTED,
        0,
        "Logged out.",
    )


def test_message_on_stdin_is_answered(observe: Observe) -> None:
    observation = observe(Flow.STDIO)
    assert (observation.outcome, observation.exit_code, observation.message) == (
        Outcome.ACCEPTED,
        0,
        "ping",
    )


def test_command_that_outlives_its_stdin_is_ended(observe: Observe) -> None:
    observation = observe(Flow.STDIO, "stays")
    assert (observation.outcome, observation.exit_code, observation.message) == (
        Outcome.ACCEPTED,
        None,
        "ping",
    )
    assert "when its stdin was closed" in (observation.detail or "")


def test_command_without_answer_times_out(observe: Observe) -> None:
    assert observe(Flow.STDIO, "silent", limit=2.0).outcome is Outcome.TIMED_OUT


@pytest.mark.parametrize(
    "text", ["", "null", "5", "{}", '{"authMethod": "none"}', "Not logged in", "[" * 100_000]
)
def test_other_output_is_not_a_status(text: str) -> None:
    assert account.read_status(text) is None


@pytest.mark.parametrize(
    ("text", "expected", "code"),
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
def test_page_text_and_code_are_extracted(
    text: str, expected: str | None, code: str | None
) -> None:
    page = read_page(200, text)
    assert page.code == code
    assert expected in (None, page.text)


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
def test_scopes_of_an_authorization_are_recorded(query: str, expected: tuple[str, ...]) -> None:
    backend = CaseBackend()
    request = make_request(backend, AUTHORIZE, {}, query=query)
    assert backend.recorder.begin(request).exchange.scopes == expected
    assert (
        backend.recorder.begin(make_request(backend, MESSAGES, {}, query=query)).exchange.scopes
        == ()
    )


def test_engine_runs_the_flow_of_the_case(laboratory: Laboratory) -> None:
    matrix = Matrix(client=make_clients("claude-code@2.1.31"), flow=(Flow.AUTH_STATUS,))
    (case,) = expand(make_scenario(matrix=matrix))
    assert probe_case(laboratory, case).outcome is Outcome.UNAVAILABLE  # nothing is installed


def test_native_program_needs_no_node(
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
def test_javascript_packaging_needs_node(
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


def test_parallel_sessions_are_accepted_if_each_is(observe: Observe) -> None:
    observation = observe(AT_ONCE)
    assert (observation.outcome, observation.message, observation.exit_code) == (
        Outcome.ACCEPTED,
        "pong",
        0,
    )
    assert (
        observation.sessions
        == (Session(outcome=Outcome.ACCEPTED, message="pong", exit_code=0),) * 3
    )
    assert observation.detail == "3 of 3 sessions were accepted"


@pytest.mark.parametrize(("does", "status"), [((), None), (("refused",), 401)])
def test_outcome_is_that_of_the_losing_sessions(
    observe: Observe, does: tuple[str, ...], status: int | None
) -> None:
    observation = observe(AT_ONCE, "one-wins", *does)
    assert (observation.outcome, observation.status, observation.exit_code) == (
        Outcome.REJECTED,
        status,
        1,
    )
    assert observation.message == "Login expired"
    assert observation.detail == "1 of 3 sessions were accepted"
    assert sorted(session.outcome for session in observation.sessions) == [
        Outcome.ACCEPTED,
        Outcome.REJECTED,
        Outcome.REJECTED,
    ]


def test_hanging_session_does_not_stop_the_others(observe: Observe) -> None:
    observation = observe(AT_ONCE, "one-hangs", limit=8.0)
    assert (observation.outcome, observation.message) == (Outcome.TIMED_OUT, None)
    assert sorted(session.outcome for session in observation.sessions) == [
        Outcome.ACCEPTED,
        Outcome.ACCEPTED,
        Outcome.TIMED_OUT,
    ]


def test_session_without_readable_report_has_crashed(observe: Observe) -> None:
    observation = observe(AT_ONCE, "garbage")
    assert (observation.outcome, observation.message) == (Outcome.CRASHED, "Error: no JSON today")
    assert {session.exit_code for session in observation.sessions} == {1}


SCREENS = "Choose a style\nAccessing ~/work"


def test_enter_is_pressed_at_each_screen_until_the_answer(observe: Observe) -> None:
    observation = observe(Flow.INTERACTIVE)
    assert (observation.outcome, observation.exit_code) == (Outcome.ACCEPTED, None)
    assert observation.message == f"{SCREENS}\nping: pong"


@pytest.mark.parametrize(
    ("does", "last", "exit_code"),
    [
        ("logs-in", "\nVisit (address)", None),
        ("hangs", "", None),
        ("breaks", "\nno terminal", 1),
    ],
)
def test_interactive_start_without_answer_is_rejected_with_its_screens(
    observe: Observe, does: str, last: str, exit_code: int | None
) -> None:
    observation = observe(Flow.INTERACTIVE, does)
    assert (observation.outcome, observation.exit_code) == (Outcome.REJECTED, exit_code)
    assert observation.message == SCREENS + last
