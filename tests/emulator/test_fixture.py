"""`claude_auth_emulator` in a project that has authprobe installed, and nothing else of it."""

import pytest

pytest_plugins = ["pytester"]

USING = """
import os
import httpx

def ask(emulator, value):
    headers = {"x-api-key": value, "anthropic-version": "2023-06-01"}
    asked = {"model": "m", "max_tokens": 1, "messages": []}
    base_url = os.environ.get("ANTHROPIC_BASE_URL", emulator.base_url)
    url = base_url + "/v1/messages"
    return httpx.post(url, headers=headers, json=asked, trust_env=False).status_code
"""
STRICT = ("-p", "no:cacheprovider", "-W", "error")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty project; the environment names no emulator and no plugin."""
    for name in ("ANTHROPIC_BASE_URL", "PYTEST_ADDOPTS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        monkeypatch.delenv(name, raising=False)
    return pytester


def passed(project: pytest.Pytester, text: str, *options: str, number: int = 1) -> str:
    """What pytest prints of a test file whose tests pass."""
    project.makepyfile(text)
    ended = project.runpytest_subprocess(*STRICT, *options)
    ended.assert_outcomes(passed=number)
    assert ended.ret == 0
    return str(ended.stdout)


def test_a_project_needs_nothing_but_the_name(project: pytest.Pytester) -> None:
    passed(project, "def test_x(claude_auth_emulator): assert claude_auth_emulator.base_url")
    assert {path.suffix for path in project.path.iterdir()} <= {".py", ""}


def test_each_test_has_a_fresh_one(project: pytest.Pytester) -> None:
    passed(
        project,
        USING
        + """
import pytest

URLS = []

@pytest.mark.parametrize("number", [1, 2, 3])
def test_x(claude_auth_emulator, number):
    emulator = claude_auth_emulator
    assert emulator.exchanges == ()
    key = emulator.issue("api-key")
    assert key.slot == "api-key"
    assert ask(emulator, key.value) == 200
    emulator.fault("A30")
    emulator.revoke(key)
    emulator.advance(3600)
    URLS.append(emulator.base_url)

def test_those_of_before_are_gone(claude_auth_emulator):
    import socket
    for url in set(URLS) - {claude_auth_emulator.base_url}:
        port = int(url.rpartition(":")[2])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
""",
        number=4,
    )


def test_the_environment_leads_an_application_to_it(project: pytest.Pytester) -> None:
    passed(
        project,
        USING
        + """
def test_x(claude_auth_emulator, monkeypatch):
    for name, value in claude_auth_emulator.environment.items():
        monkeypatch.setenv(name, value)
    answer = httpx.post("https://api.anthropic.com/v1/messages", json={})
    assert answer.status_code == 400 or answer.status_code == 401
    assert ask(claude_auth_emulator, claude_auth_emulator.issue("api-key").value) == 200
    assert [seen.host for seen in claude_auth_emulator.exchanges] == [
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
    ended = project.runpytest_subprocess(*STRICT)
    ended.assert_outcomes(passed=1, failed=1)
    assert ended.ret == 1


def test_the_list_of_fixtures_tells_what_it_is(project: pytest.Pytester) -> None:
    ended = project.runpytest_subprocess("--fixtures")
    assert ended.ret in (0, 5)  # there is no test
    ended.stdout.fnmatch_lines(
        [
            "claude_auth_emulator -- *",
            "    Claude's authentication on loopback, with its own ports, tokens, clock and *",
        ]
    )
    ended.stdout.fnmatch_lines(["claude_auth_network [[]session scope[]] -- *"])


def test_a_project_that_does_not_use_it_imports_nothing_of_it(project: pytest.Pytester) -> None:
    passed(
        project,
        """
import sys

HEAVY = {"trustme", "cryptography", "uvicorn", "starlette", "pydantic", "httptools"}

def test_x():
    assert HEAVY & set(sys.modules) == set()
    ours = {name for name in sys.modules if name.partition(".")[0] == "authprobe"}
    assert ours <= {"authprobe", "authprobe.emulator", "authprobe.emulator.fixture"}
""",
    )


def test_nothing_is_left_after_the_session(project: pytest.Pytester) -> None:
    said = passed(
        project,
        """
def test_x(claude_auth_emulator):
    print("ca_file", claude_auth_emulator.ca_file)
""",
        "-s",
    )
    [name] = [line.split()[-1] for line in said.splitlines() if "ca_file" in line]
    assert not project.path.joinpath(name).exists()
