import os
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authprobe.clients.installation.cache import Cache
from authprobe.clients.installation.installer_failures import failure_reason
from authprobe.clients.installation.installers import QUERY_TIMEOUT
from authprobe.clients.process.children import Children
from authprobe.core.client_kinds import ClientKind
from authprobe.errors import InstallError
from authprobe.scenario.clients import Client, parse_client
from tests.support.registry import OFFLINE, UNREACHABLE, Registry, content, fault, install, prepare
from tests.support.waiting import wait_until

PROGRAM = """
import sys
from pathlib import Path
from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.scenario.clients import parse_client

with Children() as children:
    cache, client = Cache(Path(sys.argv[1]), children), parse_client("claude-code@1.0.0")
    cache.prepare(client, print)
    assert cache.get(client).program.is_file()
"""


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("claude-code@1.0.0", "node_modules/.bin/claude"),
        ("claude-max-api-proxy@1.0.0", "node_modules/claude-max-api-proxy"),
        ("agent-sdk-node@1.0.0", "node_modules/@anthropic-ai/claude-agent-sdk"),
    ],
)
def test_client_is_installed_in_its_own_folder(
    registry: Registry, cache: Cache, name: str, program: str
) -> None:
    installed = install(cache, name)
    assert installed.folder == cache.folder / name.partition("@")[0] / "1.0.0"
    assert installed.program == installed.folder / program
    assert installed.program.exists()
    assert installed.version == "1.0.0"
    assert registry.calls == ["install"]
    assert "canary" not in registry.environment


def test_installed_client_is_reused(registry: Registry, cache: Cache, children: Children) -> None:
    assert prepare(cache, "claude-code@1.0.0") == ["installing 1.0.0"]
    again = Cache(cache.folder, children)
    assert prepare(again, "claude-code@1.0.0") == []
    assert again.get(parse_client("claude-code@1.0.0")).program.exists()
    assert registry.calls == ["install"]


def test_unprepared_client_is_an_error(cache: Cache) -> None:
    with pytest.raises(InstallError, match=r"^claude-code@1\.0\.0 was not prepared$"):
        cache.get(Client(kind=ClientKind.CLAUDE_CODE, version="1.0.0"))


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("npm error code E404\nnpm error 404 Not Found - GET https://example.org", "not published"),
        ("npm error code ETARGET\nnpm error notarget No matching version", "not published"),
        (
            "npm error code ETARGET\n"
            "npm error notarget No matching version found for @anthropic-ai/claude-code@1.0.0.",
            "not published",
        ),
        (
            "npm error code ETARGET\n"
            "npm error notarget No matching version found for left-pad@99.0.0.",
            "it needs left-pad@99.0.0, which is not published",
        ),
        (
            "npm error code E404\nnpm error 404 Not Found - GET https://example.org/pad\n"
            "npm error 404  The requested resource 'pad@1.0.0' could not be found or you do not "
            "have permission to access it.",
            "it needs pad@1.0.0, which is not published",
        ),
        (
            "npm error code E404\nnpm error 404  '@anthropic-ai/claude-code@1.0.0' is not in this "
            "registry.",
            "not published",
        ),
        ("npm error code ENOTFOUND\nnpm error errno ENOTFOUND", UNREACHABLE),
        ("npm error code EAI_AGAIN", UNREACHABLE),
        ("npm error code ECONNREFUSED", UNREACHABLE),
        ("npm error code ETIMEDOUT", UNREACHABLE),
        ("npm error code ENOSPC\nnpm error nospc", "no space left on the disk"),
        ("npm error code EACCES", "the cache cannot be written"),
        ("npm error code EROFS", "the cache cannot be written"),
        ("npm error code EBADPLATFORM", "it does not run on this platform"),
        ("something\nelse went wrong\n\n", "else went wrong"),
        ("GET https://user:canary@example.org/x failed", "GET https://example.org/x failed"),
        ("x" * 5000, "x" * 300),
        (
            "npm error code 3\nnpm error path /x/node_modules/y\nnpm error command failed\n"
            "npm error command sh -c node install.cjs\nnpm error ECONNREFUSED\n"
            "npm error cannot find the thing\n"
            "npm error A complete log of this run can be found in: /x/debug-0.log",
            "its install script failed: cannot find the thing",
        ),
        ("", "exit code 1"),
    ],
)
def test_failed_installation_has_a_reason(
    registry: Registry, cache: Cache, output: str, reason: str
) -> None:
    registry.fail(output)
    assert fault(cache, "claude-code@1.0.0") == f"@anthropic-ai/claude-code@1.0.0: {reason}"
    assert content(cache) == []


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("litellm[proxy]==9.9.9", "not published"),
        ("LiteLLM==9.9.9", "not published"),
        ("litellm-proxy-extras==9.9", "it needs litellm-proxy-extras==9.9, which is not published"),
        ("httpx>=99", "it needs httpx>=99, which is not published"),
    ],
)
def test_missing_dependency_is_distinguished_from_the_missing_package(
    missing: str, reason: str
) -> None:
    printed = f"ERROR: No matching distribution found for {missing}\n"
    assert failure_reason(printed, "litellm") == reason


@pytest.mark.parametrize(
    ("missing", "before", "reason"),
    [
        ("litellm-proxy==1.110.2", "", "it needs litellm-proxy==1.110.2, which is not published"),
        ("litellm-proxy==1.110.2", "Retrying: NewConnectionError\n", UNREACHABLE),
        ("litellm[proxy]==1.110.2", "", UNREACHABLE),
    ],
)
def test_missing_dependency_does_not_mean_an_unreachable_registry(
    missing: str, before: str, reason: str
) -> None:
    printed = (
        f"{before}ERROR: Could not find a version that satisfies the requirement {missing} "
        f"(from versions: none)\nERROR: No matching distribution found for {missing}"
    )
    assert failure_reason(printed, "litellm") == reason


def test_other_output_has_no_failure_reason() -> None:
    assert failure_reason("added 3 packages in 2 s") is None


def test_failure_is_raised_each_time_until_a_retry_succeeds(
    registry: Registry, cache: Cache
) -> None:
    registry.fail(OFFLINE)
    assert fault(cache, "claude-code@1.0.0") == fault(cache, "claude-code@1.0.0")
    registry.recover()
    assert install(cache, "claude-code@1.0.0").program.exists()


@pytest.mark.parametrize("missing", ["npm", "node"])
def test_missing_npm_or_node_is_an_error_with_remedy(
    registry: Registry, cache: Cache, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setenv("PATH", str(registry.folder))
    (registry.folder / missing).unlink()
    error = "npm and node are not on PATH; install Node.js 20 or newer"
    assert fault(cache, "claude-code@1.0.0") == fault(cache, "claude-code") == error


@pytest.mark.parametrize(
    "script", ["exit 1", "kill -9 $$", 'rm -rf "$modules/.bin"'], ids=["fails", "dies", "is wrong"]
)
def test_incomplete_installation_never_appears(
    registry: Registry, cache: Cache, script: str
) -> None:
    registry.after(script)
    assert fault(cache, "claude-code@1.0.0")
    assert content(cache) == []


def test_stopped_installation_leaves_nothing(registry: Registry, tmp_path: Path) -> None:
    registry.after(f'touch "{tmp_path}/half"; exec sleep 300')
    with Children() as children, ThreadPoolExecutor(1) as pool:
        cache = Cache(tmp_path / "cache", children)
        installing = pool.submit(fault, cache, "claude-code@1.0.0")
        wait_until((tmp_path / "half").exists)
        assert content(cache)[0].startswith(".new-1.0.0")
        cache.stop()
        assert "exit code -9" in installing.result()
    assert content(cache) == []


def test_staging_directory_of_a_killed_run_is_removed(registry: Registry, cache: Cache) -> None:
    leftover = cache.folder / "claude-code" / ".new-1.0.0_abandoned"
    leftover.mkdir(parents=True)
    install(cache, "claude-code@1.0.0")
    assert content(cache) == ["1.0.0"]


@pytest.mark.parametrize("kind", ["claude-code", "claude-max-api-proxy", "agent-sdk-node"])
def test_client_that_reports_another_version_is_refused(
    registry: Registry, cache: Cache, kind: str
) -> None:
    registry.mislabel("2.0.0")
    assert fault(cache, f"{kind}@1.0.0") == f"{kind} 1.0.0 reports version 2.0.0"
    assert content(cache, kind) == []


def test_failed_version_query_has_a_reason(registry: Registry, cache: Cache) -> None:
    registry.after(
        "printf '#!/bin/sh\necho 1.0.0\necho no such library >&2\nexit 1' > $modules/.bin/claude"
    )
    error = "claude-code 1.0.0: --version failed: no such library"
    assert fault(cache, "claude-code@1.0.0") == error
    assert content(cache) == []


def test_client_that_reports_no_version_is_refused(registry: Registry, cache: Cache) -> None:
    registry.mislabel("hello")
    assert fault(cache, "claude-code@1.0.0") == "claude-code 1.0.0 reports no version"


def test_concurrent_threads_install_a_version_once(
    registry: Registry, tmp_path: Path, children: Children
) -> None:
    barrier = threading.Barrier(4, timeout=QUERY_TIMEOUT)

    def one(_: int) -> Path:
        cache = Cache(tmp_path / "cache", children)
        barrier.wait()
        return install(cache, "claude-code@1.0.0").program

    registry.after("sleep 0.1")
    with ThreadPoolExecutor(4) as pool:
        [program] = set(pool.map(one, range(4)))
    assert program.exists()
    assert registry.calls == ["install"]


def test_concurrent_processes_install_a_version_once(registry: Registry, tmp_path: Path) -> None:
    registry.after("sleep 0.5")
    argv = [sys.executable, "-c", PROGRAM, str(tmp_path / "cache")]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    running = [subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [each.wait(timeout=QUERY_TIMEOUT) for each in running] == [0, 0]
    assert registry.calls == ["install"]


@pytest.mark.parametrize("name", ["claude-code@1.0.0", "claude-code"])
def test_unwritable_cache_is_a_one_line_error(
    registry: Registry, tmp_path: Path, children: Children, name: str
) -> None:
    registry.publish("1.0.0")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "claude-code").write_text("a file")
    error = fault(Cache(tmp_path / "cache", children), name)
    assert "cannot be installed: " in error
    assert "\n" not in error


def test_python_sdk_is_installed_in_a_virtual_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Cache
) -> None:
    wheel, info = tmp_path / "claude_agent_sdk-0.1.0-py3-none-any.whl", "claude_agent_sdk-0.1.0"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("claude_agent_sdk/__init__.py", "answer = 42\n")
        archive.writestr(f"{info}.dist-info/METADATA", "Name: claude-agent-sdk\nVersion: 0.1.0\n")
        archive.writestr(f"{info}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    installed = install(cache, "agent-sdk-python@0.1.0")
    show = "import claude_agent_sdk; print(claude_agent_sdk.answer)"
    argv = [str(installed.program), "-I", "-c", show]
    assert subprocess.run(argv, env={}, capture_output=True, check=True).stdout == b"42\n"
    assert fault(cache, "agent-sdk-python@0.2.0") == "claude-agent-sdk==0.2.0: not published"
