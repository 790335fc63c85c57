"""`authprobe run --target live` as a user starts it, against a second emulator."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from authprobe.core.claude_api import API, CONSOLE
from authprobe.core.directions import Directions
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.emulator.server.network import Network
from authprobe.errors import ExitCode
from tests.live.test_requests import SOON
from tests.support.command import Ended, results, run, verdicts
from tests.support.live_command import run_live
from tests.support.service import open_service

SCENARIO = f"""\
id: mine
title: Our key
why: It must work today.
sources: [https://platform.claude.com/docs/en/api/overview]
live: {{hosts: [api.anthropic.com], ask: message, max_requests: 20, expires: {SOON}}}
endpoints:
  models: {{url: https://api.anthropic.com/v1/models, request: models}}
  message: {{url: https://api.anthropic.com/v1/messages}}
credentials:
  key: {{token: api-key, from: env:OUR_KEY, via: x-api-key}}
  made-up: {{token: api-key, state: unknown, via: x-api-key}}
matrix: {{client: [raw-http], endpoint: [models, message], credential: [key, made-up]}}
expect:
  - when: {{credential: key}}
    then: {{outcome: accepted}}
  - then: {{outcome: rejected, status: 401}}
"""
CLAUDE = f"""\
id: mine
title: Our secret
why: It must work today.
sources: [https://code.claude.com/docs/en/authentication]
live: {{hosts: [api.anthropic.com], ask: message, max_requests: 4, expires: {SOON}}}
credentials:
  key: {{token: api-key, from: env:OUR_KEY}}
matrix: {{client: [claude-code@2.1.332], credential: [key]}}
expect: {{outcome: accepted}}
"""
IDS = [f"mine/raw-http/{e}/{c}" for e in ("message", "models") for c in ("key", "made-up")]
REQUESTS = 6
"""Requests of the live cases: a question asks for a model first, which a made-up key ends."""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture
def service(network: Network) -> Iterator[tuple[CaseBackend, Directions]]:
    with open_service(network) as service:
        yield service


Service = tuple[CaseBackend, Directions]
Ask = Callable[..., Ended]


@pytest.fixture
def ask(service: Service, tmp_path: Path) -> Ask:
    """Return a function that runs the scenario against the service, with a valid key."""
    backend, directions = service
    (tmp_path / "mine.yaml").write_text(SCENARIO)
    key = backend.tokens.make(TokenKind.API_KEY, TokenState.VALID).value

    def ask(*arguments: str, answer: str | None = None, **env: str) -> Ended:
        ended = run_live(
            *("run", "mine.yaml", "--out", "out", *arguments),
            directions=directions,
            cwd=tmp_path,
            answer=answer,
            **{"OUR_KEY": key, **env},
        )
        assert key not in ended.out + ended.err
        return ended

    return ask


def revoke(backend: CaseBackend) -> None:
    """Revoke every key of the service."""
    for token in backend.tokens:
        backend.tokens.end(token, TokenState.REVOKED)


def test_the_plan_is_shown_and_needs_a_yes(ask: Ask, service: Service, tmp_path: Path) -> None:
    backend, _ = service
    ended = ask("--target", "live")
    assert ended.code == 4
    assert "  api.anthropic.com  at most 6 requests  with OUR_KEY (api-key) or a made-up value" in (
        ended.err
    )
    assert (
        "At most 6 requests, one at a time, without retry or redirect. Highest cost: 0.001 USD."
    ) in ended.err
    assert ended.err.rstrip().endswith("add --yes; nothing was asked")
    assert backend.log.request_count == 0
    assert not (tmp_path / "out" / "results.json").exists()


@pytest.mark.parametrize("answer", ["", "n", "maybe"])
def test_anything_but_yes_at_the_terminal_asks_nothing(
    answer: str, ask: Ask, service: Service
) -> None:
    ended = ask("--target", "live", answer=answer)
    assert ended.code == 4
    assert ended.err.rstrip().endswith("you did not agree; nothing was asked")
    assert service[0].log.request_count == 0


def test_a_yes_at_the_terminal_asks_once(ask: Ask, service: Service, tmp_path: Path) -> None:
    ended = ask("--target", "live", answer="y")
    assert ended.code == 0, ended.err
    assert "nothing of OUR_KEY in " in ended.err
    assert (
        service[0].log.request_count == REQUESTS - 1
    )  # the refused list of models ends a question
    assert verdicts(tmp_path / "out") == {f"{id}/live": "passed" for id in IDS}
    document = results(tmp_path / "out")
    assert document["mode"] == "live"
    assert {case["target"] for case in document["cases"]} == {"live"}


def test_without_the_option_nothing_live_is_asked(
    ask: Ask, service: Service, tmp_path: Path
) -> None:
    assert ask("--yes").code == 0
    assert service[0].log.request_count == 0
    assert sorted(verdicts(tmp_path / "out")) == IDS
    assert results(tmp_path / "out")["mode"] == "emulator"


def test_both_stand_side_by_side_in_every_report(ask: Ask, tmp_path: Path) -> None:
    ended = ask("--target", "both", "--yes")
    assert ended.code == 0, ended.err
    assert "Emulator and live: 4 questions: 4 the same" in ended.out
    assert "Live: this run asked the real service. api.anthropic.com: 5 requests" in ended.out
    assert set(verdicts(tmp_path / "out")) == {*IDS, *(f"{id}/live" for id in IDS)}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Emulator and live (4 questions: 4 the same)" in page
    summary = (tmp_path / "out" / "summary.md").read_text()
    assert "| `mine/raw-http/models/key` | ✓ accepted 200 | ✓ accepted 200 | the same |" in summary


def test_a_difference_is_told_in_one_sentence(ask: Ask, service: Service, tmp_path: Path) -> None:
    revoke(service[0])
    ended = ask("--target", "both", "--yes", "-k", "models and not made")
    assert ended.code == 1
    assert (
        "        the emulator: accepted 200; the service: rejected 401 authentication_error\n"
    ) in ended.out


def test_a_missing_secret_is_no_verdict(ask: Ask, service: Service, tmp_path: Path) -> None:
    ended = ask("--target", "live", "--yes", "-k", "models and not made", OUR_KEY="")
    assert ended.code == 12
    assert "the variable OUR_KEY is not set, or empty" in ended.out
    assert "exit code 12: live, 1 case could not be asked" in ended.err
    assert service[0].log.request_count == 0


def test_without_a_secret_nobody_is_asked_for_consent(
    ask: Ask, service: Service, tmp_path: Path
) -> None:
    ended = ask("--target", "live", "-k", "models and not made", OUR_KEY="")
    assert ended.code == 12
    assert "Nothing can be asked of the real service." in ended.err
    assert "Not set, or empty: OUR_KEY; 1 case cannot be asked." in ended.err
    assert "[y/N]" not in ended.err
    assert service[0].log.request_count == 0


def test_a_client_that_is_not_asked_is_not_installed(
    ask: Ask, service: Service, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(CLAUDE)
    ended = ask("--target", "live", OUR_KEY="")
    assert ended.code == 12
    assert "preparing clients" not in ended.err
    assert "the variable OUR_KEY is not set, or empty" in ended.out


@pytest.mark.parametrize(
    ("fault", "requests"),
    [("A27", 1), ("A34", 1), ("reset", 4), ("A30", 4), ("reset-in-body", 4)],
)
def test_faults_are_no_verdict_and_are_asked_no_more(
    fault: str, requests: int, ask: Ask, service: Service
) -> None:
    service[0].faults.add(fault)
    ended = ask("--target", "live", "--yes", "--retries", "3")
    assert ended.code == 12, ended.out
    assert service[0].log.request_count == requests


def test_a_failure_is_not_asked_again(ask: Ask, service: Service, tmp_path: Path) -> None:
    revoke(service[0])
    ended = ask("--target", "live", "--yes", "--retries", "3", "-k", "models and not made")
    assert ended.code == 1
    assert service[0].log.request_count == 1


def test_costs_above_the_limit_ask_nothing(ask: Ask, service: Service) -> None:
    ended = ask("--target", "live", "--yes", "--max-cost", "0.0001")
    assert ended.code == 4
    assert "this could cost 0.001 USD, more than --max-cost 0.0001; nothing was asked" in ended.err
    assert service[0].log.request_count == 0


def event(folder: Path, name: str, repository: str | None) -> dict[str, str]:
    """Return the variables of a job for an event whose code is of a repository."""
    path = folder / "event.json"
    head = {"repo": {"full_name": repository} if repository else None}
    path.write_text(json.dumps({"pull_request": {"head": head}}))
    return {
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_REPOSITORY": "me/mine",
    }


@pytest.mark.parametrize(
    ("name", "repository", "words"),
    [
        ("pull_request", "stranger/mine", "never for the event pull_request from a fork"),
        ("pull_request", None, "never for the event pull_request from a fork"),
        ("pull_request_target", "me/mine", "never for the event pull_request_target"),
        ("issue_comment", "me/mine", "never for the event issue_comment, which strangers can"),
    ],
)
def test_code_of_strangers_asks_nothing(
    name: str, repository: str | None, words: str, ask: Ask, service: Service, tmp_path: Path
) -> None:
    ended = ask("--target", "live", "--yes", **event(tmp_path, name, repository))
    assert ended.code == 4
    assert words in ended.err
    assert service[0].log.request_count == 0


def test_a_pull_request_of_the_repository_itself_may_ask(
    ask: Ask, service: Service, tmp_path: Path
) -> None:
    own = event(tmp_path, "pull_request", "me/mine")
    assert ask("--target", "live", "--yes", "-k", "models", **own).code == 0
    assert service[0].log.request_count == 2


TOKEN = "sk-ant-oat01-" + "q7Zp" * 20


@pytest.mark.parametrize(
    "value",
    [
        TOKEN,
        f"Bearer {TOKEN}",
        f'{{"accessToken":"{TOKEN}"}}',
        base64.b64encode(f"user:{TOKEN}".encode()).decode(),
        TOKEN.encode().hex(),
    ],
    ids=["as it is", "with a word", "in a login", "for Basic", "in hex"],
)
def test_a_token_of_a_subscription_under_another_name_asks_nothing(
    value: str, ask: Ask, service: Service
) -> None:
    ended = ask("--target", "live", "--yes", OUR_KEY=value)
    assert ended.code == 4
    assert "env:OUR_KEY is the token of a subscription" in ended.err
    assert "q7Zp" not in ended.err
    assert service[0].log.request_count == 0


def test_a_literal_token_is_refused_at_its_place(
    ask: Ask, service: Service, tmp_path: Path
) -> None:
    key = "sk-ant-api03-" + "q7Zp" * 20
    (tmp_path / "mine.yaml").write_text(SCENARIO.replace("env:OUR_KEY", key))
    ended = ask("--target", "live", "--yes")
    assert ended.code == 4
    assert "mine.yaml:10:31: this looks like a token" in ended.err
    assert "q7Zp" not in ended.err
    assert service[0].log.request_count == 0


def test_a_scenario_without_live_is_not_asked(ask: Ask, tmp_path: Path) -> None:
    text = "".join(line for line in SCENARIO.splitlines(True) if not line.startswith("live"))
    (tmp_path / "mine.yaml").write_text(text.replace("from: env:OUR_KEY, ", ""))
    ended = ask("--target", "live", "--yes")
    assert ended.code == 5
    assert "mine: not asked live: it has no 'live'" in ended.err


def test_a_case_is_selected_by_its_id_and_run_again(ask: Ask, tmp_path: Path) -> None:
    id = "mine/raw-http/models/key/live"
    assert ask("--target", "both", "--yes", "--case", id).code == 0
    assert list(verdicts(tmp_path / "out")) == [id]
    assert ask("--target", "live", "--yes", "--case", id, OUR_KEY="").code == 12
    assert ask("--target", "live", "--yes", "--last-failed").code == 0
    assert list(verdicts(tmp_path / "out")) == [id]


def test_results_of_live_cases_are_explained_shared_and_accepted(
    ask: Ask, service: Service, tmp_path: Path
) -> None:
    revoke(service[0])
    id = "mine/raw-http/models/key/live"
    assert ask("--target", "live", "--yes", "--case", id).code == 1
    explained = run("explain", "out/results.json", cwd=tmp_path)
    assert explained.code == 0, explained.err
    assert "api-key-invalid" in explained.out
    shared = run("share", "--results", "out/results.json", cwd=tmp_path)
    assert shared.code == 0, shared.err
    assert "the real service" in shared.out
    assert run("report", "out/results.json", "--out", "again", cwd=tmp_path).code == 0
    assert "Live: this run asked" in (tmp_path / "again" / "report.html").read_text()
    accepted = run("accept", "--results", "out/results.json", cwd=tmp_path)
    assert accepted.code == 0, accepted.err
    assert ask("--baseline", "reports/baseline.json", "--fail-on", "absent").code == 0


def test_every_header_of_the_service_stays_unknown_but_its_name(
    ask: Ask, tmp_path: Path, service: Service
) -> None:
    assert ask("--target", "live", "--yes", "-k", "models").code == 0
    text = (tmp_path / "out" / "results.json").read_text()
    assert '"request-id"' in text
    assert "req_" not in text
    assert {API, CONSOLE} & {e.host for e in service[0].log.exchanges} == {API}


def test_all_that_failed_is_run_again_by_one_command(
    ask: Ask, service: Service, tmp_path: Path
) -> None:
    revoke(service[0])
    ended = ask("--target", "live", "--yes")
    assert ended.code == 1
    line = "all that failed, again: authprobe run mine.yaml --target live --out out --last-failed"
    assert line in ended.err
    again = ask("--target", "live", "--yes", "--last-failed")
    assert set(verdicts(tmp_path / "out")) == {
        f"mine/raw-http/{endpoint}/key/live" for endpoint in ("message", "models")
    }
    assert again.code == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ("--client", "claude-code@2.1.40"),
            "--client claude-code@2.1.40: no scenario has a case for it that can be asked live: "
            "claude 2.1.40 asks a model up to 7 times for one answer; live needs 2.1.62 or newer",
        ),
        (
            ("-k", "setup-token", "--client", "raw-http"),
            "-k 'setup-token': no case matches; without --client, those of claude-code do; list "
            "them with `authprobe run --target live --list`",
        ),
        (
            ("-k", "nonsense"),
            "-k 'nonsense': no case matches; list them with `authprobe run --target live --list`",
        ),
    ],
)
def test_a_selection_of_nothing_names_the_reason(
    options: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    ended = run("run", "--target", "live", *options, cwd=tmp_path)
    assert words in ended.err
    assert ended.code in (4, 5)


def test_what_could_not_be_asked_has_a_remedy(ask: Ask, service: Service, tmp_path: Path) -> None:
    service[0].faults.add("reset")
    ended = ask("--target", "live", "--yes", "-k", "models and not made")
    assert ended.code == 12
    assert "Remedy: If the network has a proxy, set HTTPS_PROXY" in ended.out
    ended = ask("--target", "live", "--yes", "-k", "models and not made", OUR_KEY="")
    assert "Remedy: Export OUR_KEY; sudo, make and CI steps pass on only what you name." in (
        ended.out
    )


def test_pytest_asks_the_emulator_only(ask: Ask, service: Service, tmp_path: Path) -> None:
    del ask  # it writes the scenario
    (tmp_path / "pytest.ini").write_text("[pytest]\nauthprobe_scenarios = mine.yaml\n")
    words = ("-q", "--assert=plain", "--authprobe-report", "out")
    refused = run(*words, "--authprobe-target", "live", module="pytest", cwd=tmp_path)
    assert refused.code == 4
    assert "--authprobe-target: pytest asks the emulator only; for the real service use " in (
        refused.err
    )
    ended = run(*words, module="pytest", cwd=tmp_path)
    assert ended.code == 0, ended.out
    assert sorted(verdicts(tmp_path / "out")) == IDS
    assert service[0].log.request_count == 0


def test_a_bisection_of_a_live_case_is_refused(ask: Ask, service: Service, tmp_path: Path) -> None:
    del ask
    ended = run(
        *("bisect", "mine/claude-code/default/key/live", "--good", "2.1.1", "--bad", "2.1.2"),
        *("--scenarios", "mine.yaml"),
        cwd=tmp_path,
    )
    assert ended.code == 4
    assert "the real service is not asked again and again; ask the emulator: " in ended.err
    assert service[0].log.request_count == 0


def test_live_cases_have_history_and_known_failures(
    ask: Ask, service: Service, tmp_path: Path
) -> None:
    revoke(service[0])
    id = "mine/raw-http/models/key/live"
    (tmp_path / "known.yaml").write_text(
        f"known_failures: [{{case: {id}, note: The key is being replaced, expires: {SOON}, "
        "signature: {outcome: rejected}}]\n"
    )
    ended = ask(
        *("--target", "live", "--yes", "--case", id, "--known-failures", "known.yaml"),
        AUTHPROBE_HISTORY="",
    )
    assert ended.code == 0, ended.out + ended.err
    assert verdicts(tmp_path / "out") == {id: "skipped"}
    past = run("history", id, "--history", "out/history.db", cwd=tmp_path)
    assert past.code == 0, past.err
    assert "rejected" in past.out


def test_a_secret_that_lies_in_the_folder_of_the_reports_ends_the_run(
    ask: Ask, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("from another tool: plain-4711-words-08-15")
    ended = ask("--target", "live", "--yes", OUR_KEY="plain-4711-words-08-15-of-ours")
    assert ended.code == ExitCode.SECRET_FOUND
    assert "out/notes.txt: has OUR_KEY, whole or in pieces" in ended.err


def test_the_reports_say_what_was_searched(ask: Ask, tmp_path: Path) -> None:
    assert ask("--target", "live", "--yes").code == 0
    search = results(tmp_path / "out")["secret_search"]
    assert (search["names"], search["found"]) == (["OUR_KEY"], [])
    words = "It left no temporary file, and nothing of OUR_KEY in its reports."
    for name in ("report.html", "summary.md"):
        text = (tmp_path / "out" / name).read_text()
        assert words in text.replace("OUR\\_KEY", "OUR_KEY")


def test_a_secret_with_a_line_break_is_refused_before_anything_is_asked(
    ask: Ask, service: Service
) -> None:
    ended = ask("--target", "live", "--yes", OUR_KEY="sk-ant-api03-made-up-value\n")
    assert ended.code == 4
    assert "OUR_KEY: the value of this variable ends with a line break" in ended.err
    assert "made-up-value" not in ended.err
    assert service[0].log.request_count == 0
