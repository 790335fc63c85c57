"""The sdist, the wheel and the bill of materials of a release, and the script that prepares it."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from email.parser import BytesParser
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from authprobe import __version__
from tests.integration.conftest import build, run_step
from tests.support.command import PROJECT, Ended, environment, run

TOOLS = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]
BUILDS = TOOLS["hatch"]["build"]["targets"]
SDIST_PATTERNS = BUILDS["sdist"]["include"]
CHANGELOG = """# Changelog

## Unreleased

### Added

- The `$(touch injected)` of "someone", in [docs](docs/a.md#b), and [elsewhere](https://example.com/).

## 0.0.9 - 2026-01-01

- Older.
"""
PYPROJECT = '[project]\nname = "authprobe"\n\n[project.urls]\nSource = "https://example.com/"\n'
Release = Callable[..., Ended]


def git(folder: Path, *arguments: str) -> str:
    """Return the output of git in a folder, without the settings of the user."""
    return subprocess.run(
        ["/usr/bin/env", "git", "-c", "user.name=T", "-c", "user.email=t@example.com", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def files_of_the_checkout() -> list[str]:
    """Return the files that are tracked or may be added, as in the working copy."""
    listed = git(PROJECT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return [name for name in listed.split("\0") if name and (PROJECT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(wheel_folder: Path) -> zipfile.ZipFile:
    (path,) = wheel_folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_two_checkouts_give_the_same_bytes(wheel_folder: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "a checkout elsewhere"
    old = os.umask(0o077)
    try:
        for name in files_of_the_checkout():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, checkout / name)
            if os.access(PROJECT / name, os.X_OK):  # which git keeps, whatever the umask is
                (checkout / name).chmod(0o700)
        built = build(checkout, tmp_path)
    finally:
        os.umask(old)
    names = {path.name for path in built.iterdir()}
    assert names == {
        f"authprobe-{__version__}.tar.gz",
        f"authprobe-{__version__}-py3-none-any.whl",
    }
    for name in names:
        assert (built / name).read_bytes() == (wheel_folder / name).read_bytes(), name


def test_the_wheel_has_the_package_the_scenarios_and_the_license(wheel: zipfile.ZipFile) -> None:
    info = f"authprobe-{__version__}.dist-info"
    names = set(wheel.namelist())
    metadata = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
    expected = {f"{info}/{name}" for name in metadata} | {"authprobe/bundled_observations.json"}
    for name in files_of_the_checkout():
        if name.startswith("probes/authprobe/"):
            expected.add(name.removeprefix("probes/"))
        elif name.startswith("scenarios/"):
            expected.add(f"authprobe/bundled_{name}")
    assert names == expected
    assert wheel.read(f"{info}/licenses/LICENSE") == (PROJECT / "LICENSE").read_bytes()
    described = BytesParser().parsebytes(wheel.read(f"{info}/METADATA"))
    assert described["Version"] == __version__
    assert described["License-Expression"] == "MIT"
    assert described["Requires-Python"] == ">=3.11"


def test_the_sdist_has_what_the_tests_need_and_nothing_else(wheel_folder: Path) -> None:
    (path,) = wheel_folder.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    names = {member.name.split("/", 1)[1] for member in members}
    assert names - {"PKG-INFO", ".gitignore"} == {
        name
        for name in files_of_the_checkout()
        if name in {"LICENSE", "pyproject.toml"}
        or any(
            f"/{name}".startswith(f"{pattern}/")
            or ("/" not in name and fnmatchcase(f"/{name}", pattern))
            for pattern in SDIST_PATTERNS
        )
    }
    assert names >= {"tests/conftest.py", ".ci/check", "Makefile", "constraints.txt", "README.md"}
    assert {(member.uid, member.gid, member.mtime) for member in members} == {(0, 0, 1700000000)}


def test_the_wheel_holds_no_credential(
    wheel: zipfile.ZipFile, wheel_environment: Path, tmp_path: Path
) -> None:
    names = [name for name in wheel.namelist() if name.endswith((".json", ".yaml"))]
    assert len(names) > 100
    paths = [wheel.extract(name, tmp_path / "wheel") for name in names]
    argv = [str(wheel_environment / "authprobe"), "scan", *paths]
    ended = run(argv=argv, cwd=tmp_path)
    assert ended.code == 0, ended.out + ended.err


def test_uvx_runs_the_wheel_with_nothing_installed(wheel_folder: Path, tmp_path: Path) -> None:
    (path,) = wheel_folder.glob("*.whl")
    uvx = Path(sys.executable).with_name("uvx")
    constraints = ("--constraints", PROJECT / "constraints.txt")
    home = tmp_path / "home"
    variables = environment(home, UV_PYTHON_DOWNLOADS="never", UV_PYTHON=sys.executable)
    argv: list[str | Path] = [uvx, *constraints, "--from", path, "authprobe"]
    run_step([*argv, "--version"], home, variables)
    done = subprocess.run(
        [*argv, "--version"], env=variables, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"authprobe {__version__}\n"


def test_uvx_in_a_checkout_builds_again_after_any_change() -> None:
    looked_at = {path for key in TOOLS["uv"]["cache-keys"] for path in PROJECT.glob(key["file"])}
    for source in (*BUILDS["wheel"]["packages"], *BUILDS["wheel"]["force-include"]):
        path = PROJECT / source
        files = {path} if path.is_file() else {*path.rglob("*")}
        assert files
        assert files <= looked_at


def test_the_bill_of_materials_lists_every_dependency(
    wheel_folder: Path, wheel_environment: Path, tmp_path: Path
) -> None:
    (path,) = wheel_folder.glob("*.whl")
    variables = environment(tmp_path / "home", UV_PYTHON_DOWNLOADS="never")
    variables["PATH"] = f"{Path(sys.executable).parent}:{variables['PATH']}"
    written = tmp_path / "sbom.cdx.json"
    run_step([PROJECT / ".ci" / "sbom", path, written], tmp_path / "home", variables)
    bill = json.loads(written.read_text())
    subject = bill["metadata"]["component"]
    assert (bill["bomFormat"], subject["name"]) == ("CycloneDX", "authprobe")
    assert subject["version"] == __version__
    assert str(tmp_path) not in written.read_text()
    assert str(PROJECT) not in written.read_text()
    script = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
    listed = run(argv=[str(wheel_environment / "python"), "-c", script], cwd=tmp_path)
    installed = set(listed.out.split()) - {"authprobe", "pip", "setuptools"}
    components = {part["name"]: part for part in bill["components"]}
    assert installed <= set(components)
    assert components["click"]["purl"].startswith("pkg:pypi/click@")


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """A function that runs the script in a copy of what it reads."""
    copy = tmp_path / "copy"
    for name in (".ci/release", "probes/authprobe/__init__.py"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, copy / name)
    (copy / "CHANGELOG.md").write_text(CHANGELOG)
    (copy / "pyproject.toml").write_text(PYPROJECT)
    git(copy, "init", "--quiet")
    commit(copy)

    def start(*arguments: str, **variables: str) -> Ended:
        script = [sys.executable, str(copy / ".ci" / "release"), *arguments]
        return run(argv=script, cwd=copy, **variables)

    return start


def commit(copy: Path) -> None:
    """Commit everything in the copy."""
    git(copy, "add", "--all", ":!home")
    git(copy, "commit", "--quiet", "--message", "A commit")


def test_the_changelog_is_dated_once_and_its_section_printed(
    release: Release, tmp_path: Path
) -> None:
    ended = release(__version__, "--date", "2026-11-30")
    assert (ended.code, ended.err) == (0, "")
    changelog = tmp_path / "copy" / "CHANGELOG.md"
    heading = f"## Unreleased\n\n## {__version__} - 2026-11-30\n"
    assert changelog.read_text() == CHANGELOG.replace("## Unreleased\n", heading)
    section = CHANGELOG.split("## Unreleased\n\n")[1].split("\n\n## 0.0.9")[0]
    assert ended.out == f"{section}\n"
    before = changelog.read_text()
    assert release(__version__).out == ended.out
    assert changelog.read_text() == before
    assert not (tmp_path / "copy" / "injected").exists()


def test_a_tag_of_the_commit_with_the_dated_section_may_be_released(
    release: Release, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    assert release(__version__).code == 0
    commit(copy)
    git(copy, "tag", f"v{__version__}")
    ended = release("--check", __version__, GITHUB_REPOSITORY="me/mine")
    assert (ended.code, ended.err) == (0, "")
    assert f"[docs](https://github.com/me/mine/blob/v{__version__}/docs/a.md#b)" in ended.out
    assert "[elsewhere](https://example.com/)" in ended.out
    assert "$(touch injected)" in ended.out
    assert release(__version__).code == 4  # for the next one, the version has to change
    (copy / "later").touch()
    commit(copy)
    ended = release("--check", __version__)
    assert (ended.code, ended.out) == (4, "")
    assert "a tag of another commit than HEAD" in ended.err


def test_check_names_everything_that_prevents_a_release(release: Release, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    (copy / "README.md").write_text("uses: OWNER" + "/authprobe@v1\n")
    (copy / "pyproject.toml").write_text("[project]\n")
    commit(copy)
    ended = release("--check", "9.8.7")
    assert (ended.code, ended.out) == (4, "")
    problems = ended.err.splitlines()
    assert [problem.split(":")[0] for problem in problems] == [
        "probes/authprobe/__init__.py",
        "v9.8.7",
        "OWNER"
        + "/authprobe stands for the address of the project in README.md; put it there with",
        "pyproject.toml",
        "CHANGELOG.md",
    ]
    assert (copy / "CHANGELOG.md").read_text() == CHANGELOG


@pytest.mark.parametrize(
    "version",
    [
        "",
        "v1.2.3",
        "1.2",
        "1.2.3\n",
        "01.2.3",
        "1.2.3 - 2026-01-01",
        "$(touch x)",
        "1.2.3\nx",
        "\N{ARABIC-INDIC DIGIT ONE}.2.3",
    ],
)
def test_what_is_no_version_is_refused(release: Release, version: str) -> None:
    ended = release("--check", version)
    assert (ended.code, ended.out) == (4, "")
    assert f"{version!r}: not a version" in ended.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "nothing under '## Unreleased'"),
        (b"# Changelog\n\n## Unreleased\n\n## 0.0.9 - 2026-01-01\n\n- Old.\n", "nothing under"),
        (f"## {__version__} - 2026-01-01\n".encode(), f"the section of {__version__} is empty"),
        (b"## Unreleased\n\n- \xff\n", "can't decode byte 0xff"),
    ],
)
def test_a_changelog_without_a_section_is_refused_and_kept(
    release: Release, tmp_path: Path, content: bytes, message: str
) -> None:
    changelog = tmp_path / "copy" / "CHANGELOG.md"
    changelog.write_bytes(content)
    ended = release(__version__)
    assert (ended.code, ended.out) == (4, "")
    assert message in ended.err
    assert changelog.read_bytes() == content


def test_a_changelog_that_is_missing_is_named(release: Release, tmp_path: Path) -> None:
    (tmp_path / "copy" / "CHANGELOG.md").unlink()
    ended = release(__version__)
    assert (ended.code, ended.out) == (4, "")
    assert "CHANGELOG.md" in ended.err
    assert "Traceback" not in ended.err
