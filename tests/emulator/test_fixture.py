"""Tests of the fixture `claude_auth_emulator` in a project that has authprobe installed."""

import re
import subprocess
import sys

import pytest

from tests.support.command import PROJECT

pytest_plugins = ["pytester"]

REQUEST_HELPER = """
import os
import httpx

def request_status(emulator, value):
    headers = {"x-api-key": value, "anthropic-version": "2023-06-01"}
    body = {
        "model": "claude-opus-5-5",
        "max_tokens": 1,
        "messages": [{"role": "user", "content": "ping"}],
    }
    base_url = os.environ.get("ANTHROPIC_BASE_URL", emulator.base_url)
    url = base_url + "/v1/messages"
    return httpx.post(url, headers=headers, json=body, trust_env=False).status_code
"""
STRICT_OPTIONS = ("-p", "no:cacheprovider", "-W", "error")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty project; the environment names no emulator and no plugin."""
    for name in ("ANTHROPIC_BASE_URL", "PYTEST_ADDOPTS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        monkeypatch.delenv(name, raising=False)
    return pytester


def run_passing_tests(project: pytest.Pytester, text: str, *options: str, number: int = 1) -> str:
    """Run a test file whose tests must all pass, and return the output of pytest."""
    project.makepyfile(text)
    result = project.runpytest_subprocess(*STRICT_OPTIONS, *options)
    result.assert_outcomes(passed=number)
    assert result.ret == 0
    return str(result.stdout)


def test_a_project_needs_no_configuration(project: pytest.Pytester) -> None:
    run_passing_tests(
        project, "def test_x(claude_auth_emulator): assert claude_auth_emulator.base_url"
    )
    assert {path.suffix for path in project.path.iterdir()} <= {".py", ""}


def test_the_example_of_the_readme_runs_as_it_stands(project: pytest.Pytester) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    run_passing_tests(project, example)


def test_each_test_gets_a_new_emulator(project: pytest.Pytester) -> None:
    run_passing_tests(
        project,
        REQUEST_HELPER
        + """
import pytest

URLS = []

@pytest.mark.parametrize("number", [1, 2, 3])
def test_x(claude_auth_emulator, number):
    emulator = claude_auth_emulator
    assert emulator.exchanges == ()
    key = emulator.issue("api-key")
    assert key.slot == "api-key"
    assert request_status(emulator, key.value) == 200
    emulator.fault("A30")
    emulator.revoke(key)
    emulator.advance(3600)
    URLS.append(emulator.base_url)

def test_earlier_emulators_are_closed(claude_auth_emulator):
    import socket
    for url in set(URLS) - {claude_auth_emulator.base_url}:
        port = int(url.rpartition(":")[2])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
""",
        number=4,
    )


def test_the_environment_makes_an_application_use_the_emulator(project: pytest.Pytester) -> None:
    run_passing_tests(
        project,
        REQUEST_HELPER
        + """
def test_x(claude_auth_emulator, monkeypatch):
    for name, value in claude_auth_emulator.environment.items():
        monkeypatch.setenv(name, value)
    answer = httpx.post("https://api.anthropic.com/v1/messages", json={})
    assert answer.status_code == 400 or answer.status_code == 401
    assert request_status(claude_auth_emulator, claude_auth_emulator.issue("api-key").value) == 200
    assert [exchange.host for exchange in claude_auth_emulator.exchanges] == [
        "api.anthropic.com", "127.0.0.1"
    ]

def test_y():
    assert "ANTHROPIC_BASE_URL" not in os.environ
""",
        number=2,
    )


def test_a_failing_test_is_reported_and_the_next_one_passes(project: pytest.Pytester) -> None:
    project.makepyfile("""
        def test_x(claude_auth_emulator):
            key = claude_auth_emulator.issue("api-key")
            assert not claude_auth_emulator.base_url

        def test_y(claude_auth_emulator):
            assert claude_auth_emulator.exchanges == ()
    """)
    result = project.runpytest_subprocess(*STRICT_OPTIONS)
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 1


def test_the_list_of_fixtures_describes_them(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("--fixtures")
    assert result.ret in (0, 5)  # 5: no tests collected
    result.stdout.fnmatch_lines(
        [
            "claude_auth_emulator -- *",
            "    Claude's authentication on loopback, with its own ports, tokens, clock and *",
        ]
    )
    result.stdout.fnmatch_lines(["claude_auth_network [[]session scope[]] -- *"])


def test_a_project_that_does_not_use_the_fixture_imports_only_the_plugin(
    project: pytest.Pytester,
) -> None:
    run_passing_tests(
        project,
        """
import sys

HEAVY = {"trustme", "cryptography", "uvicorn", "starlette", "pydantic", "httptools"}

def test_x():
    assert HEAVY & set(sys.modules) == set()
    ours = {name for name in sys.modules if name.partition(".")[0] == "authprobe"}
    assert ours <= {
        *("authprobe", "authprobe.emulator", "authprobe.emulator.fixture", "authprobe.plugin"),
        *("authprobe.items", "authprobe.items.attributes", "authprobe.options"),
        *("authprobe.errors", "authprobe.core", "authprobe.core.gates", "authprobe.core.isolation"),
        "authprobe.core.targets",
    }
""",
    )


def test_the_authority_file_is_removed_after_the_session(project: pytest.Pytester) -> None:
    output = run_passing_tests(
        project,
        """
def test_x(claude_auth_emulator):
    print("ca_file", claude_auth_emulator.ca_file)
""",
        "-s",
    )
    [name] = [line.split()[-1] for line in output.splitlines() if "ca_file" in line]
    assert not project.path.joinpath(name).exists()


def test_importing_the_plugin_imports_only_pytest_and_the_standard_library() -> None:
    """Every project with authprobe installed imports the plugin at the start of pytest."""
    code = f"""
import sys
import pytest
before = set(sys.modules)
sys.path.insert(0, {str(PROJECT / "probes")!r})
import authprobe.emulator.fixture, authprobe.plugin
names = set(sys.modules) - before
print(*sorted(n for n in names if n.partition(".")[0] not in sys.stdlib_module_names))
"""
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    names = output.split()
    assert {name.partition(".")[0] for name in names} == {"authprobe"}
    assert len(names) < 15
