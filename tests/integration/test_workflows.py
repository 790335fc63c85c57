"""The workflows of the repository: what they may do, and that what they run is there."""

import os
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.command import PROJECT

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
CHECKED = [*WORKFLOWS, PROJECT / "probes" / "authprobe" / "starter" / "github.yaml"]
"""With the one that `authprobe init` writes."""
PINNED = re.compile(r"uses: (?:\./\S+|[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)")
RELEASE = PROJECT / ".github" / "workflows" / "release.yml"


def read(path: Path) -> dict[str, Any]:
    """Return a workflow; its key `on` is no boolean here."""
    workflow: dict[str, Any] = yaml.load(path.read_text(), yaml.BaseLoader)  # noqa: S506 (only texts)
    return workflow


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """Yield every step of a workflow."""
    for job in read(path)["jobs"].values():
        yield from job.get("steps", ())


def granted(path: Path, permission: str) -> set[str]:
    """Return the jobs that have a permission to write."""
    return {
        name
        for name, job in read(path)["jobs"].items()
        if job.get("permissions", {}).get(permission) == "write"
    }


def test_there_are_workflows() -> None:
    assert {path.name for path in WORKFLOWS} >= {"ci.yml", "release.yml"}


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit(path: Path) -> None:
    used = re.findall(r"uses: .*", path.read_text())
    assert used
    assert [line for line in used if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: path.name)
def test_nothing_from_outside_becomes_a_part_of_a_script(path: Path) -> None:
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: path.name)
def test_a_workflow_only_reads_and_a_checkout_keeps_no_token(path: Path) -> None:
    assert set(read(path)["permissions"].values() if read(path)["permissions"] else ()) <= {"read"}
    checkouts = [
        step for step in steps(path) if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert [step for step in checkouts if step["with"]["persist-credentials"] != "false"] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_script_of_the_repository_can_be_run(path: Path) -> None:
    words = [word for step in steps(path) for word in shlex.split(step.get("run", ""))]
    scripts = {word for word in words if word.startswith(".ci/")}
    assert scripts
    assert [name for name in scripts if not os.access(PROJECT / name, os.X_OK)] == []


def test_only_the_jobs_that_publish_may_do_more_than_read() -> None:
    assert granted(RELEASE, "id-token") == granted(RELEASE, "attestations") == {"publish"}
    assert granted(RELEASE, "contents") == {"announce"}
    publish = read(RELEASE)["jobs"]["publish"]
    assert publish["environment"]["name"] == "pypi"
    assert set(publish["needs"]) == {"tests", "build"}
    assert [step for step in publish["steps"] if "run" in step] == []  # it runs no code of a build
    assert "secrets." not in RELEASE.read_text()


def test_a_release_is_of_a_tag_and_checks_it_before_it_builds() -> None:
    workflow = read(RELEASE)
    assert workflow["on"] == {"push": {"tags": ["v*"]}}
    runs = [step["run"] for step in workflow["jobs"]["build"]["steps"] if "run" in step]
    (check,) = (number for number, text in enumerate(runs) if ".ci/release --check" in text)
    (build,) = (number for number, text in enumerate(runs) if text.startswith(".ci/build"))
    assert check < build


def test_ci_covers_every_python_that_the_package_states() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: 3."
    stated = [f"3.{name.removeprefix(prefix)}" for name in project["classifiers"] if prefix in name]
    matrix = read(PROJECT / ".github" / "workflows" / "ci.yml")["jobs"]["bounds"]["strategy"][
        "matrix"
    ]
    assert matrix["python"] == stated
    assert project["requires-python"] == f">={stated[0]}"
    assert set(matrix["resolution"]) == {"lowest-direct", "highest"}
