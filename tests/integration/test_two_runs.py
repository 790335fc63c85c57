"""Two runs at once on one machine do not know of each other."""

import subprocess
from pathlib import Path

import pytest

from tests.support.command import LIMIT, command, environment, run, verdicts, write_scenario
from tests.support.own_claude import OwnClaude, install_real
from tests.support.waiting import wait_until

SCENARIO = """
id: two-runs
title: A login that is refreshed, and one that is not
why: To be run twice at once.
sources: [https://example.org/]
credentials:
  expired: {token: login, state: expired, via: credentials-file}
  fresh: {token: login, via: credentials-file}
backends:
  default: {counts_as_claude_code: true}
matrix:
  client: [claude-code@installed]
  credential: [expired, fresh]
expect:
  - when: {credential: expired}
    then:
      outcome: accepted
      stored_login: usable
      requests: [{path: /v1/oauth/token, status: 200, credential: refresh-token}]
  - then:
      outcome: accepted
      no_requests: [{path: /v1/oauth/token}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a scenario, the real client, and an empty folder for what is temporary."""
    install_real(tmp_path)
    write_scenario(tmp_path, SCENARIO)
    (tmp_path / "temp").mkdir()
    return tmp_path


def start(folder: Path, own: OwnClaude, out: str) -> subprocess.Popen[str]:
    """Start a run with this `claude`, which writes its reports to `out`.

    The clients are not sealed, so that they could meet each other in the temporary folder.
    """
    return subprocess.Popen(
        command(
            "run", folder / "example.yaml", "--jobs", "2", "--out", out, "--isolation", "network"
        ),
        cwd=folder,
        env=environment(folder / "home", PATH=own.path, TMPDIR=str(folder / "temp")),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def begun(*programs: OwnClaude) -> bool:
    """Whether each has been started for both cases, and waits."""
    return all(len(own.started) == 2 for own in programs)


def test_two_runs_at_once_have_the_same_verdicts_and_nothing_in_common(folder: Path) -> None:
    gate = folder / "go"
    programs = OwnClaude(folder / "a", gate), OwnClaude(folder / "b", gate)
    with start(folder, programs[0], "out-a") as first, start(folder, programs[1], "out-b") as other:
        try:
            wait_until(lambda: begun(*programs) or None not in (first.poll(), other.poll()), LIMIT)
            gate.touch()
            printed = [each.communicate(timeout=LIMIT)[0] for each in (first, other)]
        finally:
            first.kill()
            other.kill()
    assert (first.returncode, other.returncode) == (0, 0), printed
    assert verdicts(folder / "out-a") == verdicts(folder / "out-b")
    assert set(verdicts(folder / "out-a").values()) == {"passed"}
    starts = [variables for own in programs for variables in own.started]
    for name in ("HTTPS_PROXY", "HOME", "CLAUDE_CONFIG_DIR", "TMPDIR"):
        assert len({variables[name] for variables in starts}) == 4, name
    assert len({variables["NODE_EXTRA_CA_CERTS"] for variables in starts}) == 2
    assert list((folder / "temp").iterdir()) == []


def test_a_second_run_into_the_same_folder_is_refused_and_spoils_nothing(folder: Path) -> None:
    own = OwnClaude(folder / "a", folder / "go")
    with start(folder, own, "out") as first:
        try:
            wait_until(lambda: begun(own) or first.poll() is not None, LIMIT)
            second = run("run", folder / "example.yaml", "--out", "out", cwd=folder, PATH=own.path)
            (folder / "go").touch()
            printed = first.communicate(timeout=LIMIT)[0]
        finally:
            first.kill()
    assert second.code == 4
    assert (
        "out: another run is writing to this folder; choose another folder with --out" in second.err
    )
    assert "Traceback" not in second.err + second.out
    assert first.returncode == 0, printed
    assert set(verdicts(folder / "out").values()) == {"passed"}
    assert len(own.started) == 2
