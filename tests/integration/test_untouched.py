"""The user's machine: what is in its home, its environment and its processes stays as it is."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe.clients.process.launcher import descendants
from tests.support.command import LIMIT, command, environment, verdicts, write_scenario
from tests.support.own_claude import VERSION, OwnClaude, install_real

CANARY = "sk-ant-oat01-" + "canary-of-the-user-" * 3
FILES = (
    ".claude/.credentials.json",
    ".claude/settings.json",
    ".claude/projects/-work/0cb3982a.jsonl",
    ".claude.json",
    ".config/anthropic/credentials/default.json",
    ".config/anthropic/configs/default.json",
    ".config/pip/pip.conf",
    ".aws/credentials",
    ".netrc",
    ".npmrc",
    ".bashrc",
)
VARIABLES = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_REFRESH_TOKEN",
    "CLAUDE_CODE_OAUTH_SCOPES",
    "CLAUDE_CODE_API_KEY_HELPER_TTL_MS",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_BETAS",
    "ANTHROPIC_MODEL",
    "ANTHROPIC_LOG",
    "ANTHROPIC_PROFILE",
    "ANTHROPIC_FEDERATION_RULE_ID",
    "ANTHROPIC_ORGANIZATION_ID",
    "ANTHROPIC_SERVICE_ACCOUNT_ID",
    "ANTHROPIC_IDENTITY_TOKEN",
    "ANTHROPIC_IDENTITY_TOKEN_FILE",
    "ANTHROPIC_WORKSPACE_ID",
    "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS",
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_ANTHROPIC_AWS",
    "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
    "CLAUDE_CODE_SKIP_VERTEX_AUTH",
    "CLAUDE_CODE_SKIP_FOUNDRY_AUTH",
    "CLAUDE_CODE_SKIP_ANTHROPIC_AWS_AUTH",
    "CLAUDE_CODE_SKIP_MANTLE_AUTH",
    "AWS_BEARER_TOKEN_BEDROCK",
    "ANTHROPIC_AWS_API_KEY",
    "ANTHROPIC_FOUNDRY_API_KEY",
    "ANTHROPIC_FOUNDRY_AUTH_TOKEN",
    "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST",
    "CLAUDE_CODE_SUBPROCESS_ENV_SCRUB",
    "NODE_OPTIONS",
    "CLAUDE_CODE_CERT_STORE",
    "CLAUDE_CODE_CLIENT_CERT",
    "CLAUDE_CODE_CLIENT_KEY",
    "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE",
    "CLAUDE_CODE_MAX_RETRIES",
    "CLAUDE_CODE_RETRY_WATCHDOG",
    "API_TIMEOUT_MS",
    "DISABLE_LOGIN_COMMAND",
    "DISABLE_LOGOUT_COMMAND",
    "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY",
    "SOME_OTHER_SECRET",
)
"""Those that touch authentication: code.claude.com/docs/en/env-vars. Without those that are passed
to npm and pip, which have to reach the registry: `PASSED_TO_INSTALLERS` in settings.py.
"""
UNAME = b"uname\0-p\0"
SCENARIO = f"""
id: untouched
title: Two programs and a request of our own
why: To look at what is around them.
sources: [https://example.org/]
endpoints:
  messages: {{url: "https://api.anthropic.com/v1/messages"}}
credentials:
  environment-key: {{token: api-key, via: ANTHROPIC_API_KEY}}
  key: {{token: api-key, via: x-api-key}}
matrix:
  client: [claude-code@installed, claude-code@{VERSION}]
  credential: [environment-key]
include:
  - {{client: raw-http, endpoint: messages, credential: key}}
expect: {{outcome: accepted}}
"""


def contents(home: Path) -> dict[str, tuple[int, int, bytes]]:
    """Mode, time of the last change and bytes of everything below the home, and of itself."""
    found = {}
    for path in [home, *sorted(home.rglob("*"))]:
        status = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(home))] = (status.st_mode, status.st_mtime_ns, data)
    return found


def furnish(home: Path) -> None:
    """Put a canary into each file in which users have secrets, of long ago."""
    for name in FILES:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{{"token": "{CANARY}"}}\n')
    for path in [*home.rglob("*"), home]:
        os.utime(path, (1_600_000_000, 1_600_000_000))


@contextlib.contextmanager
def claude_of_the_user(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose program, and so its name, is `claude`."""
    folder.mkdir()
    program = folder / "claude"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    with subprocess.Popen([program, "600"], env={"ANTHROPIC_API_KEY": CANARY}) as child:
        try:
            yield child
        finally:
            child.kill()


def environment_of(pid: int, parent: int) -> bytes:
    """The environment of a process; nothing of one that is not yet another program than its
    parent: between fork and exec it shows the parent's. Nothing either of the system's `uname` that
    the run itself starts: Python's `platform.platform()` asks it, for pytest-metadata.
    """
    lines = [Path(f"/proc/{each}/cmdline") for each in (pid, parent)]
    before = lines[0].read_bytes()
    environ = Path(f"/proc/{pid}/environ").read_bytes()
    status = Path(f"/proc/{pid}/status").read_text()
    unchanged = before == lines[0].read_bytes() != lines[1].read_bytes()
    asks_machine = before == UNAME and f"\nPPid:\t{parent}\n" in status
    return environ if unchanged and not asks_machine else b""


def run_watched(argv: list[str], cwd: Path, env: dict[str, str]) -> tuple[int, str, list[bytes]]:
    """Exit code, what was printed, and the environments of all processes below."""
    seen: dict[int, bytes] = {}
    with subprocess.Popen(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        until = time.monotonic() + LIMIT
        while child.poll() is None:
            if time.monotonic() > until:
                child.kill()
            for pid in descendants(child.pid):
                with contextlib.suppress(OSError):  # it has ended meanwhile
                    if environ := environment_of(pid, child.pid):
                        seen[pid] = environ
            time.sleep(0.01)
        printed = child.stdout.read() if child.stdout else ""
    return child.returncode, printed, list(seen.values())


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="NO /proc: needs Linux")
def test_a_run_leaves_the_users_machine_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "preparing").mkdir()
    install_real(tmp_path / "preparing")
    home, reports = tmp_path / "home", tmp_path / "reports"
    furnish(home)
    before = contents(home)
    (tmp_path / "temp").mkdir()
    (tmp_path / "go").touch()
    own = OwnClaude(tmp_path / "bin", tmp_path / "go")
    variables = environment(home) | dict.fromkeys(VARIABLES, CANARY)
    variables |= {"PATH": own.path, "TMPDIR": str(tmp_path / "temp")}
    # Not sealed: what protects the user's files everywhere is shown, and the client is watched.
    argv = command("run", write_scenario(tmp_path, SCENARIO), "--isolation", "network")

    with claude_of_the_user(tmp_path / "users") as process:
        code, printed, environments = run_watched(argv, tmp_path, variables)
        assert process.poll() is None, "the user's own process was ended"

    assert code == 0, printed
    assert set(verdicts(reports).values()) == {"passed"}
    assert len(verdicts(reports)) == 3
    assert contents(home) == before
    texts = [p.read_bytes().decode("latin-1") for p in reports.iterdir() if p.is_file()]
    assert len(texts) >= 4
    assert "canary" not in "".join([printed, *texts])
    assert len(environments) >= 3
    assert [each for each in environments if b"canary" in each] == []
    (started,) = own.started
    assert "canary" not in str(started)
    assert not started["HOME"].startswith(str(home))
    assert list((tmp_path / "temp").iterdir()) == []
