"""The step of the action that installs authprobe and names its cache, without a registry."""

import hashlib
import inspect
import os
import re
import signal
import subprocess
import sys
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from tests.support.command import PROJECT
from tests.support.github_runner import GitHubRunner, Step
from tests.support.waiting import PATIENCE


def write_wheel(folder: Path, version: str) -> None:
    """Write a wheel named authprobe whose command prints its version, and nothing else."""
    info = f"authprobe-{version}.dist-info"
    files = {
        "authprobe_stand_in.py": f"def main():\n    print('authprobe, version {version}')\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: authprobe\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nauthprobe = authprobe_stand_in:main\n",
    }
    record = []
    with zipfile.ZipFile(folder / f"authprobe-{version}-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
            digest = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
            record.append(f"{name},sha256={digest.decode()},{len(text)}")
        wheel.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))


@pytest.fixture
def runner(tmp_path: Path) -> GitHubRunner:
    """A job in which pip knows versions 7.0 and 7.1 of authprobe, and no registry."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for version in ("7.0", "7.1"):
        write_wheel(packages, version)
    return GitHubRunner(tmp_path, {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(packages)})


def prepare(runner: GitHubRunner, **inputs: str) -> Step:
    """Run the step with these inputs."""
    return runner.start("prepare.py", **{f"INPUT_{name.upper()}": v for name, v in inputs.items()})


@pytest.fixture
def installed(runner: GitHubRunner) -> GitHubRunner:
    """A job in which an earlier step has installed version 7.0."""
    command = runner.folder / "temp" / "authprobe-7.0" / "bin" / "authprobe"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\necho authprobe, version 7.0\n")
    command.chmod(0o755)
    return runner


def printed(command: str) -> str:
    """Return what `authprobe --version` prints."""
    argv = [command, "--version"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def test_a_version_is_installed_once_in_a_job(runner: GitHubRunner) -> None:
    (runner.work / "pip.py").write_text("raise SystemExit('the working directory is not ours')")
    step = prepare(runner, version="7.0")
    assert step.code == 0, step.log
    assert printed(step.outputs["command"]) == "authprobe, version 7.0"
    runner.variables["PIP_FIND_LINKS"] = "/nowhere"
    assert prepare(runner, version="7.0").outputs == step.outputs
    assert prepare(runner, version="7.1").code == 4


def test_the_key_of_the_cache_changes_with_what_decides(installed: GitHubRunner) -> None:
    folder = installed.work / "auth"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.yaml").write_text("id: a")
    first = prepare(installed, version="7.0", scenarios="auth\nmissing.yaml").outputs
    python = ".".join(map(str, sys.version_info[:3]))
    form = rf"authprobe-Linux-\w+-{re.escape(python)}-7\.0-[0-9a-f]{{16}}-\d{{4}}-W\d\d"
    assert re.fullmatch(form, first["cache-key"])
    assert first["cache-key"].startswith(first["cache-content"])
    assert first["cache-content"].startswith(first["cache-head"])
    others = [
        prepare(installed, version="7.0", scenarios="auth"),
        prepare(installed, version="7.0", scenarios="auth\nmissing.yaml", suite="smoke"),
        prepare(installed, version="7.0", scenarios="auth\nmissing.yaml", args="--jobs 2"),
    ]
    (folder / "sub" / "a.yaml").write_text("id: b")
    others.append(prepare(installed, version="7.0", scenarios="auth\nmissing.yaml"))
    (installed.work / "authprobe.toml").write_text("suite = 'full'")
    others.append(prepare(installed, version="7.0", scenarios="auth\nmissing.yaml"))
    (installed.work / "authprobe.toml").unlink()
    keys = {first["cache-key"], *(step.outputs["cache-key"] for step in others)}
    assert len(keys) == 6
    assert {step.outputs["cache-head"] for step in others} == {first["cache-head"]}
    (folder / "sub" / "a.yaml").write_text("id: a")
    assert prepare(installed, version="7.0", scenarios="auth\nmissing.yaml").outputs == first


@pytest.mark.parametrize("scenarios", ["endless", "x" * 5000, "x" * 200 + "/y" * 3000])
def test_what_is_no_scenario_does_not_hinder(installed: GitHubRunner, scenarios: str) -> None:
    (installed.work / "endless").mkdir()
    (installed.work / "endless" / "x.yaml").symlink_to("/proc/self/pagemap")  # 128 GiB long
    step = prepare(installed, version="7.0", scenarios=scenarios)
    assert (step.code, "Traceback" in step.log) == (0, False)
    assert step.outputs["cache-key"]


def test_the_cache_is_the_user_s_own_if_they_chose_one(installed: GitHubRunner) -> None:
    chosen = prepare(installed, version="7.0").outputs["cache-folder"]
    assert chosen == installed.variables["AUTHPROBE_CACHE"]
    del installed.variables["AUTHPROBE_CACHE"]
    installed.variables["HOME"] = "/home/someone"
    default = prepare(installed, version="7.0").outputs["cache-folder"]
    assert default == "/home/someone/.cache/authprobe"


@pytest.mark.parametrize(
    "version",
    [
        "--index-url=https://example.org",
        "7.0 --pre",
        "../x",
        "git+https://example.org",
        "7;id",
        "v7",
    ],
)
def test_only_a_version_is_installed(version: str, runner: GitHubRunner) -> None:
    step = prepare(runner, version=version)
    assert step.code == 4
    assert step.log.startswith("::error title=authprobe::version: ")
    assert list((runner.folder / "temp").iterdir()) == []


@pytest.mark.parametrize("name", ["cache", "comment"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("yes", "'yes' is neither 'true' nor 'false'"),
        ("true\n", "has space before or after 'true'; remove it"),  # no condition would hold
    ],
)
def test_a_switch_is_true_or_false(
    name: str, value: str, message: str, runner: GitHubRunner
) -> None:
    step = prepare(runner, version="7.0", **{name: value})
    assert step.code == 4
    assert f"::{name}: {message}" in step.log


def test_a_cancelled_job_ends_the_installation(runner: GitHubRunner, tmp_path: Path) -> None:
    program = runner.folder / "temp" / "authprobe-7.0" / "bin" / "authprobe"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho waiting >&2\nexec sleep 600\n")
    program.chmod(0o755)
    files = {"GITHUB_OUTPUT": str(tmp_path / "output"), "INPUT_VERSION": "7.0"}
    argv = [sys.executable, "-E", "-s", str(PROJECT / "action" / "prepare.py")]
    environment = {**runner.variables, **files}
    with subprocess.Popen(
        argv, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as step:
        assert step.stderr is not None
        assert step.stderr.readline() == "waiting\n"
        os.killpg(step.pid, signal.SIGINT)
        assert step.wait(PATIENCE) == 2
        assert step.stderr.read() == ""


def test_a_version_that_is_not_there_is_an_error(runner: GitHubRunner) -> None:
    step = prepare(runner, version="6.9")
    assert step.code == 4
    assert "::error title=authprobe::authprobe 6.9 cannot be installed" in step.log
    assert step.outputs == {}


def test_without_a_version_the_checkout_of_the_action_is_installed(
    runner: GitHubRunner, tmp_path: Path
) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "action").mkdir(parents=True)
    for path in (PROJECT / "action").glob("*.py"):
        (checkout / "action" / path.name).write_bytes(path.read_bytes())
    (checkout / "constraints.txt").write_text("authprobe==8.0\n")
    build = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (checkout / "pyproject.toml").write_text(build)
    (checkout / "backend.py").write_text(
        "import hashlib, zipfile\nfrom base64 import urlsafe_b64encode\nfrom pathlib import Path\n"
        + inspect.getsource(write_wheel)
        + '\ndef build_wheel(folder, *_):\n    write_wheel(Path(folder), "8.0")\n'
        + '    return "authprobe-8.0-py3-none-any.whl"\n'
    )
    step = runner.start(str(checkout / "action" / "prepare.py"))
    assert step.code == 0, step.log
    assert printed(step.outputs["command"]) == "authprobe, version 8.0"
    assert "-8.0-" in step.outputs["cache-key"]
