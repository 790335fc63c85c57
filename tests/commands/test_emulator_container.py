"""The service containers of docs/emulator.md and the Containerfile, run without a container engine.

The commands, steps and addresses are those of the page. Only the address is another loopback one,
and the ports are free ones.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.command import PROJECT, environment, run
from tests.support.waiting import wait_until

HOST = "127.0.0.2"
ACCESS, CONTROL = "access-token-of-the-test", "control-token-of-the-test"
LIMIT = 60.0
PAGE = (PROJECT / "docs/emulator.md").read_text().partition("## In a service container")[2]
ASK = """
import os, sys, httpx
response = httpx.post(
    sys.argv[1] + "/v1/messages",
    headers={"x-api-key": os.environ["ANTHROPIC_API_KEY"], "anthropic-version": "2023-06-01"},
    json={"model": "claude-opus-5-5", "max_tokens": 1,
          "messages": [{"role": "user", "content": "ping"}]},
)
print(response.status_code)
"""


def _has_second_loopback() -> bool:
    try:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
    except OSError:
        return False
    return True


pytestmark = [
    pytest.mark.skipif(not _has_second_loopback(), reason="THIS SYSTEM HAS ONE LOOPBACK ADDRESS"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl"),
]


def free_ports() -> dict[str, str]:
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind((HOST, 0))
        return {"8080": str(first.getsockname()[1]), "8081": str(second.getsockname()[1])}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.+?)```", PAGE, re.DOTALL)


def here(text: str, ports: Mapping[str, str], folder: Path) -> str:
    """Return a text of the page with this host, these ports and this folder."""
    names = ("0.0.0.0", "127.0.0.1", "claude:8080", "claude:8081")  # noqa: S104 - a text
    for name in names:
        text = text.replace(name, HOST + name.removeprefix("claude") * name.startswith("claude"))
    for port, free in ports.items():
        text = re.sub(rf"\b{port}\b", free, text)
    return (
        re.sub(r"\$\{\{ secrets\.ACCESS_TOKEN \}\}", ACCESS, text)
        .replace("${{ secrets.CONTROL_TOKEN }}", CONTROL)
        .replace("/claude/", f"{folder}/")
    )


@contextlib.contextmanager
def served(argv: list[str], ports: Mapping[str, str], folder: Path, **env: str) -> Iterator[None]:
    assert argv.pop(0) == "authprobe"
    argv = [
        HOST if before == "--public-name" else word
        for before, word in zip(["", *argv], argv, strict=False)
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "authprobe", *argv],
        cwd=folder,
        env=environment(folder / "home", TMPDIR=str(folder), **env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        try:
            wait_until(lambda: _answers(ports["8081"]) or child.poll() is not None)
            assert child.poll() is None
            yield
        finally:
            child.terminate()
            child.wait(LIMIT)


def _answers(port: str) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, int(port)), 1):
        return True
    return False


def shell(script: str, folder: Path, **env: str) -> str:
    ended = subprocess.run(
        ["/bin/sh", "-eu", "-c", script],
        cwd=folder,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **env},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_steps_of_the_workflow_work_with_the_command_of_the_image(tmp_path: Path) -> None:
    ports = free_ports()
    containerfile = (PROJECT / "Containerfile").read_text().partition(" AS authprobe")[0]
    workflow, _ = blocks("yaml")
    [argv] = re.findall(r"^CMD (.+)$", here(containerfile, ports, tmp_path), re.MULTILINE)
    job: dict[str, Any] = yaml.safe_load(here(workflow, ports, tmp_path))["jobs"]["test"]
    given: dict[str, str] = job["services"]["claude"]["env"]
    variables: dict[str, str] = job["env"]
    [step] = [each["run"] for each in job["steps"] if each.get("name")]
    with served(json.loads(argv), ports, tmp_path, **given):
        [check] = re.findall(r"^    CMD (.+)$", here(containerfile, ports, tmp_path), re.MULTILINE)
        python, *arguments = json.loads(check)
        assert python == "python3"
        subprocess.run([sys.executable, *arguments], check=True, timeout=LIMIT)
        file = tmp_path / "github.env"
        shell(step, tmp_path, GITHUB_ENV=str(file), **variables)
        name, _, key = file.read_text().strip().partition("=")
        assert (name, key[:13]) == ("ANTHROPIC_API_KEY", "sk-ant-api03-")
        base_url = variables["ANTHROPIC_BASE_URL"]
        (tmp_path / "ask.py").write_text(ASK)
        assert shell(f"python ask.py {base_url}", tmp_path, **{name: key}) == "200\n"
        without_token = f"http://{HOST}:{ports['8080']}"
        assert shell(f"python ask.py {without_token}", tmp_path, **{name: key}) == "401\n"
        other = {"authorization": f"Bearer {ACCESS}"}
        control = httpx.get(variables["AUTHPROBE_CONTROL_URL"], headers=other, trust_env=False)
        assert control.status_code == 401


def test_the_containers_of_compose_share_the_variables(tmp_path: Path) -> None:
    ports = free_ports()
    _, compose = blocks("yaml")
    services: dict[str, Any] = yaml.safe_load(here(compose, ports, tmp_path))["services"]
    variables = dict.fromkeys(services["claude"]["environment"], ACCESS)
    *_, script = services["tests"]["command"]
    (tmp_path / "ask.py").write_text(ASK)
    with served(services["claude"]["command"], ports, tmp_path, **variables):
        wait_until((tmp_path / "claude.env").exists)
        assert (tmp_path / "ca.pem").stat().st_mode & 0o044
        by_url = script.replace("npm test", 'python ask.py "$ANTHROPIC_BASE_URL"')
        assert shell(by_url, tmp_path) == "200\n"
        by_proxy = script.replace("npm test", "python ask.py https://api.anthropic.com")
        assert shell(by_proxy, tmp_path) == "200\n"
        assert ACCESS in (tmp_path / "claude.env").read_text()
    assert not (tmp_path / "claude.env").exists()
    assert not (tmp_path / "ca.pem").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "0.0.0.0: the emulator serves loopback addresses only"),  # noqa: S104
        (
            ["--host", "0.0.0.0", "--listen-beyond-loopback"],  # noqa: S104
            "an emulator that listens beyond loopback needs an access token",
        ),
        (["--access-token-file", "missing"], "missing: cannot be read: No such file"),
        (["--access-token-file", "short"], "the access token must have 16 to 200 characters"),
        (["--control-token-file", "short"], "the control token must have 16 to 200 characters"),
        (["--public-name", "a b"], "'a b' is not the name of a host"),
        (["--public-name", "claude", "--", "true"], "--public-name is for an emulator that serves"),
        (["--listen-beyond-loopback", "--", "true"], "--listen-beyond-loopback is for an emulator"),
    ],
)
def test_what_would_be_unsafe_or_useless_is_refused(
    tmp_path: Path, options: list[str], words: str
) -> None:
    (tmp_path / "short").write_text("tooshort\n")
    ended = run("emulator", *options, cwd=tmp_path)
    assert (ended.code, ended.out) == (4, "")
    assert words in ended.err
    assert "tooshort" not in ended.err


def test_a_token_file_is_enough_on_loopback(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{ACCESS}\n")
    ports = free_ports()
    argv = ["authprobe", "emulator", "--host", HOST, "--access-token-file", "token"]
    argv += ["--port", ports["8080"], "--control-port", ports["8081"]]
    with served(argv, ports, tmp_path):
        url = f"http://{HOST}:{ports['8080']}"
        statuses = [
            httpx.get(f"{base}/v1/models", trust_env=False).json()["error"]["message"]
            for base in (url, f"{url}/access/{ACCESS}")
        ]
    assert ["access token" in text for text in statuses] == [True, False]
