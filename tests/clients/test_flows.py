"""The flows of the command, with a program of our own in its place."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from probes.clients import claude_code
from probes.clients.base import Laboratory
from probes.clients.browser import read_page
from probes.clients.claude_code import account, interactive, login, prompt
from probes.emulator.case import CaseBackend
from probes.emulator.setup import Backend, Fault, Standing
from probes.emulator.tokens import LOGIN_SCOPES
from probes.engine import probe
from probes.observation import Observation, Outcome
from probes.plan import expand
from probes.redact import find_token
from probes.scenario.model import Flow, Matrix
from tests.clients.installed import Shelf
from tests.emulator.sent import AUTHORIZE, CHALLENGE, MESSAGES, make_ask
from tests.make import make_scenario

FAKE = Path(__file__).parent / "fake_claude.py"
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
    monkeypatch.setattr(login, "PATIENCE", 1.0)
    monkeypatch.setattr(login, "QUIET", 0.1)
    monkeypatch.setattr(interactive, "REST", 0.2)
    monkeypatch.setattr(interactive, "PATIENCE", 3.0)
    monkeypatch.setattr(prompt, "ENDING", 1.0)
    ours = Laboratory(
        network=laboratory.network,
        children=laboratory.children,
        cache=Shelf(tmp_path, laboratory.children),
        scratch=laboratory.scratch,
    )

    def observed(flow: Flow, *does: str, limit: float = 20.0, **backend: object) -> Observation:
        (case,) = expand(
            make_scenario(
                matrix=Matrix(client=("claude-code@2.1.31",), flow=(flow,)),
                backends={"default": Backend(**backend)},  # type: ignore[arg-type]
                limit=limit,
            )
        )
        with ours.bench(case) as bench:
            (bench.home / "bin").mkdir()
            (bench.home / "bin" / "does").write_text("\n".join(does))
            return claude_code.probe(bench)

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
    seen = observe(Flow.SETUP_TOKEN, standing=Standing.NO_SUBSCRIPTION)
    assert (seen.outcome, seen.status) == (Outcome.REJECTED, 403)
    assert seen.message == "Max or Pro account required"


def test_a_page_that_cannot_be_opened_is_unreachable(observe: Observe) -> None:
    seen = observe(Flow.SETUP_TOKEN, faults=(Fault(name="reset", host="claude.ai"),))
    assert seen.outcome is Outcome.UNREACHABLE
    assert (seen.detail or "").startswith("the page to sign in at: ")


@pytest.mark.parametrize(
    "flow", [Flow.SETUP_TOKEN, Flow.AUTH_LOGIN, Flow.AUTH_LOGOUT, Flow.AUTH_STATUS, Flow.STDIO]
)
def test_a_flow_that_a_version_does_not_have_is_unavailable(observe: Observe, flow: Flow) -> None:
    seen = observe(flow, "old")
    assert (seen.outcome, seen.detail) == (Outcome.UNAVAILABLE, "not in this version")
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
    matrix = Matrix(client=("claude-code@2.1.31",), flow=(Flow.AUTH_STATUS,))
    (case,) = expand(make_scenario(matrix=matrix))
    assert probe(laboratory, case).outcome is Outcome.UNAVAILABLE  # nothing is installed


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
