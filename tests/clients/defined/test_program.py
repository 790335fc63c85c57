"""Programs that a definition runs, each with another wrong answer: every one is judged right."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from authprobe.clients.base import Laboratory
from authprobe.clients.home_inspection import PARTLY_SEARCHED
from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.core.isolation import Isolation
from authprobe.emulator.server.network import Network
from authprobe.engine.probe import probe_case, required_clients
from authprobe.observation.findings import find_findings
from authprobe.observation.model import CLAIMED_SUCCESS, Observation, Outcome
from authprobe.plan.case import expand
from authprobe.scenario.load import load_file

ASK = """
import json, os, pathlib, signal, sys, time, urllib.error, urllib.request
def ask():
    request = urllib.request.Request(
        os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages",
        data=json.dumps({"model": "claude-sonnet-5-5", "max_tokens": 1,
                         "messages": [{"role": "user", "content": "ping"}]}).encode(),
        headers={"x-api-key": os.environ["ANTHROPIC_API_KEY"], "user-agent": "bot/1.2.3",
                 "anthropic-version": "2023-06-01", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as response:
            return 200, json.load(response)["content"][0]["text"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["error"]["message"]
status, text = ask()
"""
HONEST = "print(text) if status < 400 else sys.exit(f'Error: {status} {text}')"
FORKS = """
if os.fork() == 0:
    os.setsid()
    while True: print("left behind", flush=True); time.sleep(0.1)
sys.exit(f"Error: {status} {text}")
"""


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """A laboratory that seals its containers; skips if the system forbids it."""
    scratch = tmp_path_factory.mktemp("laboratory")
    with Children(scratch, isolation=Isolation.SEALED) as children, Network(scratch) as network:
        if children.isolation is not Isolation.SEALED:
            pytest.skip(f"THIS SYSTEM SEALS NO CONTAINERS: {children.known_refusal}")
        with Cache(scratch / "cache", children) as cache:
            yield Laboratory(network=network, children=children, cache=cache, scratch=scratch)


def observe(
    laboratory: Laboratory,
    folder: Path,
    script: str,
    *,
    state: str = "unknown",
    limit: float = 20,
    until: int | None = None,
    outcome: str = "accepted",
    **definition: Any,
) -> Observation:
    """Return the observation of a bot that asks, and then runs this script."""
    program = folder / "bot.py"
    program.write_text(f"#!{sys.executable}\n{ASK}\n{script}\n")
    program.chmod(0o755)
    scenario = {
        "id": "own-bot",
        "title": "A bot",
        "why": "It is judged right.",
        "sources": ["https://example.org/bot"],
        "clients": {
            "bot": {"install": {"path": "bot.py"}, "run": ["{program}", "{prompt}"], **definition}
        },
        "credentials": {"key": {"token": "api-key", "state": state}},
        "matrix": {"client": ["bot"], "credential": ["key"]},
        "expect": {"outcome": outcome},
        "limit": limit,
        **({"until": {"requests": until}} if until else {}),
    }
    (folder / "bot.yaml").write_text(yaml.safe_dump(scenario))
    (case,) = expand(load_file(folder / "bot.yaml"))
    for client in required_clients([case]):
        laboratory.cache.prepare(client, lambda _: None)
    return probe_case(laboratory, case)


def test_an_honest_program_is_accepted(laboratory: Laboratory, tmp_path: Path) -> None:
    version = {"product": "bot"}
    seen = observe(laboratory, tmp_path, HONEST, state="valid", version=version)
    assert (seen.outcome, seen.message, seen.exit_code) == (Outcome.ACCEPTED, "pong", 0)
    assert seen.client_version == "1.2.3"


def test_an_honest_program_is_refused(laboratory: Laboratory, tmp_path: Path) -> None:
    status = {"from": "stderr", "matches": "Error: ([0-9]{3})"}
    seen = observe(laboratory, tmp_path, HONEST, status=status)
    assert (seen.outcome, seen.status, seen.reported_status) == (Outcome.REJECTED, 401, 401)
    assert seen.message == "Error: 401 invalid x-api-key"


def test_a_program_that_fails_before_it_asks_has_refused_nothing(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    command = ["/bin/sh", "-c", "echo 'error: disk full' >&2; exit 3"]
    seen = observe(laboratory, tmp_path, HONEST, run=command)
    assert (seen.outcome, seen.exit_code, seen.exchanges) == (Outcome.CRASHED, 3, ())
    assert seen.detail == "it ended before it asked the API: error: disk full"


def test_success_that_hides_a_refusal_is_a_refusal(laboratory: Laboratory, tmp_path: Path) -> None:
    seen = observe(laboratory, tmp_path, "print('done')")
    assert (seen.outcome, seen.status, seen.exit_code) == (Outcome.REJECTED, 401, 0)
    assert seen.detail == CLAIMED_SUCCESS
    assert "claims-success" in {finding.name for finding in find_findings(seen)}


def test_a_message_that_is_nowhere_is_the_last_error_line(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    message = {"from": "stdout", "matches": "Refused because (.*)"}
    seen = observe(laboratory, tmp_path, "sys.exit('Error: no luck')", message=message)
    assert (seen.outcome, seen.message) == (Outcome.REJECTED, "Error: no luck")


def test_a_wrong_status_is_what_the_user_is_told(laboratory: Laboratory, tmp_path: Path) -> None:
    status = {"from": "stderr", "matches": "Error: ([0-9]{3})"}
    seen = observe(laboratory, tmp_path, "sys.exit('Error: 503')", status=status)
    assert (seen.outcome, seen.reported_status) == (Outcome.SERVER_ERROR, 503)
    assert seen.exchanges[-1].status == 401


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("while True: sys.stdout.write('x' * 65536 + '\\n')", Outcome.TIMED_OUT),
        ("time.sleep(600)", Outcome.TIMED_OUT),
        ("os.kill(os.getpid(), signal.SIGSEGV)", Outcome.CRASHED),
        ("os.write(1, os.urandom(100_000)); sys.exit(1)", Outcome.REJECTED),
        (FORKS, Outcome.REJECTED),
    ],
    ids=["endless-output", "no-end", "signal", "binary-output", "forks"],
)
def test_a_program_that_does_not_end_well_is_judged(
    laboratory: Laboratory, tmp_path: Path, script: str, outcome: Outcome
) -> None:
    seen = observe(laboratory, tmp_path, script, limit=3)
    assert (seen.outcome, seen.status) == (outcome, 401)


def test_after_a_time_out_is_told_what_it_said_until_then(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    script = "print('Error: I wait', flush=True); time.sleep(600)"
    seen = observe(laboratory, tmp_path, script, limit=3)
    assert (seen.outcome, seen.message) == (Outcome.TIMED_OUT, "Error: I wait")
    assert seen.detail == "still running after 3 s, in which it made 1 requests"


GOES_ON = "while True: time.sleep(0.1); ask()"


def test_who_goes_on_asking_is_ended_once_that_is_proved(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    seen = observe(laboratory, tmp_path, GOES_ON, until=4, outcome="timed-out")
    assert (seen.outcome, seen.status, seen.exit_code) == (Outcome.TIMED_OUT, 401, None)
    assert (seen.detail or "").startswith("went on asking: ended after ")
    assert 4 <= len(seen.exchanges) < 40
    assert seen.elapsed < 15


@pytest.mark.parametrize("script", [GOES_ON, HONEST], ids=["goes-on", "gives-up"])
def test_a_command_for_the_version_is_not_ended_by_the_proof(
    laboratory: Laboratory, tmp_path: Path, script: str
) -> None:
    version = {"run": ["/bin/sh", "-c", "sleep 0.5; echo 1.2.3"]}
    seen = observe(laboratory, tmp_path, script, until=4, outcome="timed-out", version=version)
    outcome = Outcome.TIMED_OUT if script == GOES_ON else Outcome.REJECTED
    assert (seen.outcome, seen.client_version) == (outcome, "1.2.3")


def test_too_few_requests_prove_nothing(laboratory: Laboratory, tmp_path: Path) -> None:
    script = "ask(); ask(); time.sleep(600)"
    seen = observe(laboratory, tmp_path, script, limit=3, until=4, outcome="timed-out")
    assert seen.detail == "still running after 3 s, in which it made 3 requests"


def test_who_gives_up_is_not_ended(laboratory: Laboratory, tmp_path: Path) -> None:
    script = f"ask(); ask(); {HONEST}"
    seen = observe(laboratory, tmp_path, script, until=4, outcome="timed-out")
    assert (seen.outcome, seen.exit_code) == (Outcome.REJECTED, 1)


RESULT = {"file": "work/logs/*.json", "json": "$.status", "equals": "success"}


@pytest.mark.parametrize(
    ("write", "state", "outcome"),
    [
        ("new.write_text(json.dumps({'status': 'success'}))", "valid", Outcome.ACCEPTED),
        ("new.write_text(json.dumps({'status': 'error'}))", "unknown", Outcome.REJECTED),
        ("new.symlink_to('/etc/os-release')", "unknown", Outcome.REJECTED),
        ("new.symlink_to(old)", "unknown", Outcome.REJECTED),
        ("new.open('wb').truncate(100 << 20)", "unknown", Outcome.REJECTED),
        ("os.mkfifo(new)", "unknown", Outcome.REJECTED),
        ("new.write_text('[' * 100_000)", "unknown", Outcome.REJECTED),
        ("new.mkdir()", "unknown", Outcome.REJECTED),
    ],
    ids=["success", "error", "link", "link-to-own", "huge", "fifo", "nested", "folder"],
)
def test_a_result_file_is_trusted_in_nothing(
    laboratory: Laboratory, tmp_path: Path, write: str, state: str, outcome: Outcome
) -> None:
    script = (
        "logs = pathlib.Path.home() / 'work/logs'; logs.mkdir(); new = logs / 'b.json'\n"
        "old = pathlib.Path.home() / 'old.json'; old.write_text('{\"status\": \"success\"}')\n"
        f"{write}"
    )
    seen = observe(laboratory, tmp_path, script, state=state, accepted=RESULT)
    assert seen.outcome is outcome
    assert seen.detail in (None, PARTLY_SEARCHED)


def test_files_variables_and_stdin_have_their_values(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    script = (
        "config = pathlib.Path.home() / '.config/bot/bot.json'\n"
        "data = json.loads(config.read_text())\n"
        "print(oct(config.stat().st_mode & 0o777), data['url'] == os.environ['BOT_URL'], "
        "data['code'], sys.stdin.read(), os.environ['HTTPS_PROXY'] == os.environ['https_proxy'], "
        "os.environ['REQUESTS_CA_BUNDLE'])"
    )
    seen = observe(
        laboratory,
        tmp_path,
        script,
        state="valid",
        prompt="hello",
        stdin="{prompt}!",
        variables={"BOT_URL": "{base_url}/v1"},
        files={".config/bot/bot.json": {"url": "{base_url}/v1", "code": "{braces} {prompt}"}},
    )
    assert seen.message == "0o600 True {braces} hello hello! True /sandbox/ca.pem"


def test_a_key_in_a_file_of_the_definition_is_no_leak(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    files = {"key.txt": "{key}"}
    script = "print((pathlib.Path.home() / 'key.txt').read_text()[:6])"
    variables = {"ANTHROPIC_API_KEY": "{key}"}
    seen = observe(laboratory, tmp_path, script, state="valid", files=files, variables=variables)
    assert (seen.outcome, seen.message, seen.leaks) == (Outcome.ACCEPTED, "sk-ant", ())


def test_a_program_runs_only_where_it_is_sealed_off(laboratory: Laboratory, tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        open_laboratory = Laboratory(
            network=laboratory.network, children=children, cache=laboratory.cache, scratch=tmp_path
        )
        folder = tmp_path / "bot"
        folder.mkdir()
        seen = observe(open_laboratory, folder, HONEST)
    assert seen.outcome is Outcome.UNAVAILABLE
    assert "bot is run only where it cannot reach your files" in (seen.detail or "")


@pytest.mark.parametrize(
    ("target", "seen_files"), [("../other/bot.py", "bot.py"), ("programs/bot.py", ".env bot.py")]
)
def test_a_link_shows_no_folder_outside_that_of_its_definition(
    laboratory: Laboratory, tmp_path: Path, target: str, seen_files: str
) -> None:
    project = tmp_path / "project"
    folder = (project / target).parent
    project.mkdir()
    folder.mkdir()
    (project / "bot.py").symlink_to(target)
    (folder / ".env").write_text("canary")
    script = "print(*sorted(os.listdir(os.path.dirname(os.path.realpath(__file__)))))"
    assert observe(laboratory, project, script, state="valid").message == seen_files
