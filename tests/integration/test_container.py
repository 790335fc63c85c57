"""The images of the Containerfile, where an engine can build and run them; else skipped, loudly."""

import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.command import PROJECT
from tests.support.waiting import wait_until

CONTAINERFILE = (PROJECT / "Containerfile").read_text()
ACCESS, CONTROL = "access-token-of-the-test", "control-token-of-the-test"
PUBLISHED = re.findall(r"^FROM (\S+) AS ", CONTAINERFILE, re.MULTILINE)[0]
LIMIT = 600.0
ASK = f"""
import json, urllib.error, urllib.request

def ask(url, value=None, **headers):
    content = None if value is None else json.dumps(value).encode()
    headers["content-type"] = "application/json"
    request = urllib.request.Request(url, content, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, None

control = {{"authorization": "Bearer {CONTROL}"}}
_, key = ask("http://127.0.0.1:8081/tokens", {{"kind": "api-key"}}, **control)
headers = {{"x-api-key": key["value"], "anthropic-version": "2023-06-01"}}
for base in ("http://127.0.0.1:8080/access/{ACCESS}", "http://127.0.0.1:8080"):
    print(ask(base + "/v1/models", **headers)[0])
"""


@dataclass(frozen=True)
class Engine:
    """A container engine of this machine."""

    program: str

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the engine to its end."""
        return subprocess.run(
            [self.program, *arguments],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )


@pytest.fixture(scope="module")
def engine() -> Engine:
    """An engine that runs containers of the image that the Containerfile begins with."""
    reasons = []
    for program in filter(None, map(shutil.which, ("docker", "podman"))):
        candidate = Engine(program)
        tried = candidate.run("run", "--rm", "--network", "none", PUBLISHED, "true")
        if tried.returncode == 0:
            return candidate
        reasons.append(f"{program}: {tried.stderr.strip()[-200:]}")
    why = "; ".join(reasons) or "there is neither docker nor podman"
    pytest.skip(f"NO CONTAINER ENGINE: the images were not built; {why}")


@pytest.fixture(scope="module")
def image(engine: Engine) -> Iterator[str]:
    """The image `emulator`, built from this checkout."""
    name = f"authprobe-test-{uuid.uuid4().hex[:12]}"
    options = ("--file", "Containerfile", "--target", "emulator", "--network", "host")
    built = engine.run("build", *options, "--tag", name, ".")
    assert built.returncode == 0, built.stdout + built.stderr
    yield name
    engine.run("rmi", "--force", name)


def test_the_emulator_answers_whoever_has_its_token(engine: Engine, image: str) -> None:
    name = f"{image}-serving"
    tokens = {"AUTHPROBE_ACCESS_TOKEN": ACCESS, "AUTHPROBE_CONTROL_TOKEN": CONTROL}
    variables = [word for key, value in tokens.items() for word in ("--env", f"{key}={value}")]
    # No port is published: everything is asked from inside, so that no network is needed.
    started = engine.run("run", "--detach", "--network", "none", "--name", name, *variables, image)
    assert started.returncode == 0, started.stderr
    try:
        (check,) = re.findall(r'^    CMD \["python3", "-c", "(.+)"\]$', CONTAINERFILE, re.MULTILINE)
        wait_until(lambda: engine.run("exec", name, "python3", "-c", check).returncode == 0)
        asked = engine.run("exec", name, "python3", "-c", ASK)
        assert asked.stdout.split() == ["200", "401"], asked.stderr
        assert engine.run("exec", name, "id", "-u").stdout.strip() == "10001"
    finally:
        engine.run("rm", "--force", name)


def test_the_emulator_does_not_serve_without_a_token(engine: Engine, image: str) -> None:
    ended = engine.run("run", "--rm", "--network", "none", image)
    assert ended.returncode == 4, ended.stderr
    assert "needs an access token" in ended.stderr


def test_an_image_runs_as_its_own_user_and_holds_no_token() -> None:
    users = re.findall(r"^USER (.+)$", CONTAINERFILE, re.MULTILINE)
    assert users[0] == users[-1] == "10001"
    assert "_TOKEN" not in CONTAINERFILE
    assert re.findall(r"^(?:ARG|ADD) .*", CONTAINERFILE, re.MULTILINE) == []


def test_only_what_the_package_is_built_from_is_copied() -> None:
    first, *kept = (PROJECT / ".dockerignore").read_text().split()
    assert first == "*"
    assert {name.removeprefix("!") for name in kept} == {
        *("LICENSE", "README.md", "pyproject.toml", "constraints.txt"),
        *("observations", "probes", "scenarios", "**/__pycache__"),
    }
