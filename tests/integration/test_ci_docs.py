"""The workflows in the docs: their form, their pins and rights, and what their scripts do."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from authprobe.cli import main
from tests.support.command import PROJECT
from tests.support.workflows import check_with, problems_of

DOCS: Final = PROJECT / "docs"
PAGE: Final = (DOCS / "ci.md").read_text()
BLOCK: Final = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAMED: Final = re.compile(r"# (\.github/workflows/[\w-]+\.yml|\.gitlab-ci\.yml)\n")
PINNED: Final = re.compile(
    r"uses: (?:[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
    r"|OWNER/authprobe(?:/[\w/]+)?@COMMIT # .+)$",
    re.MULTILINE,
)
COMMIT: Final = "0" * 40
"""Stands for the commit of a release."""
DIGEST: Final = "0" * 64
"""Stands for the digest of an image of one's own."""
STARTER: Final = PROJECT / "probes" / "authprobe" / "starter" / "github.yaml"
"""The workflow that `authprobe init` writes."""
ACTIONS: Final = {
    "OWNER/authprobe": PROJECT / "action.yml",
    "OWNER/authprobe/action/issue": PROJECT / "action" / "issue" / "action.yml",
}


def blocks() -> dict[str, str]:
    """Return the files of the page, by name."""
    texts = BLOCK.findall(PAGE)
    files = {match[1]: text for text in texts if (match := NAMED.match(text))}
    assert len(files) == len(texts) == 5
    return files


FILES: Final = blocks()
WORKFLOWS: Final = {name: text for name, text in FILES.items() if name.startswith(".github")}


def workflow(name: str) -> dict[str, Any]:
    """Return a workflow of the page."""
    document: dict[str, Any] = yaml.safe_load(WORKFLOWS[f".github/workflows/{name}.yml"])
    return document


def write_workflows(folder: Path) -> list[Path]:
    """Write the workflows as a repository has them, with the commit of a release."""
    target = folder / ".github" / "workflows"
    target.mkdir(parents=True)
    for name, text in WORKFLOWS.items():
        (folder / name).write_text(text.replace("@COMMIT", f"@{COMMIT}"))
    return sorted(target.iterdir())


def test_the_workflows_fit_their_schema(tmp_path: Path) -> None:
    assert check_with("vendor.github-workflows", [*write_workflows(tmp_path), STARTER]) == ""


def test_the_workflows_have_no_hole_that_is_known(tmp_path: Path) -> None:
    assert problems_of(*write_workflows(tmp_path), STARTER) == ""


def test_the_pipeline_of_gitlab_fits_its_schema(tmp_path: Path) -> None:
    path = tmp_path / ".gitlab-ci.yml"
    path.write_text(FILES[".gitlab-ci.yml"])
    assert check_with("vendor.gitlab-ci", [path, STARTER.with_name("gitlab.yaml")]) == ""


def test_gitlab_has_a_counterpart_of_each_workflow() -> None:
    *sections, gitlab = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    assert gitlab.startswith("GitLab\n")
    headings = [text.partition("\n")[0] for text in sections if "# .github/workflows/" in text]
    assert len(headings) == len(WORKFLOWS)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\(#([\w-]+)\)", gitlab)) == anchors


def test_the_workflows_of_other_pages_are_sound(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for page in DOCS.glob("*.md"):
        for number, text in enumerate(BLOCK.findall(page.read_text())):
            if page.name != "ci.md" and re.search(r"^jobs:", text, re.MULTILINE):
                path = folder / f"{page.stem}-{number}.yml"
                path.write_text(text.replace("sha256:DIGEST", f"sha256:{DIGEST}"))
    paths = sorted(folder.iterdir())
    assert len(paths) >= 3
    assert check_with("vendor.github-workflows", paths) == ""
    assert problems_of(*paths, pedantic=False) == ""


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_a_workflow_is_pinned_and_has_few_rights(name: str) -> None:
    text = WORKFLOWS[name]
    assert text.count("uses: ") == len(PINNED.findall(text)) > 0
    document = yaml.safe_load(text)
    assert document["permissions"] == {"contents": "read"}
    for job in document["jobs"].values():
        assert set(job.get("permissions", {}).values()) <= {"read", "write"}
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
    assert "secrets." not in text


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_no_page_uses_an_action_by_a_tag(page: Path) -> None:
    text = page.read_text()
    assert len(re.findall(r"uses: [\w-]+/", text)) == len(PINNED.findall(text))


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_inputs_and_outputs_of_the_actions_exist(name: str) -> None:
    document = yaml.safe_load(WORKFLOWS[name])
    for job in document["jobs"].values():
        for step in job["steps"]:
            path = ACTIONS.get(step.get("uses", "").partition("@")[0])
            if path is None:
                continue
            action = yaml.safe_load(path.read_text())
            assert set(step.get("with", {})) <= set(action["inputs"])
            for output in re.findall(rf"steps\.{step.get('id')}\.outputs\.([\w-]+)", str(job)):
                assert output in action["outputs"]


def test_the_tables_have_every_input_and_output() -> None:
    action = yaml.safe_load(ACTIONS["OWNER/authprobe"].read_text())
    named = re.findall(r"^\| `([\w-]+)` \|", PAGE, re.MULTILINE)
    assert named == [*action["inputs"], *action["outputs"]]


def test_the_commands_of_gitlab_have_these_options() -> None:
    text = FILES[".gitlab-ci.yml"]
    lines = re.findall(r"authprobe ([a-z]+)([^\n]*)", re.sub(r" \\\n *", " ", text))
    commands = [(name, rest) for name, rest in lines if name in main.commands]
    assert {name for name, _ in commands} == {"watch", "diff", "drift", "run", "merge"}
    for name, rest in commands:
        known = {option for each in main.commands[name].params for option in each.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known


LOCK: Final = "package-lock.json"


def npm_lock(version: str | None) -> str:
    """Return the lock file of npm with a version of Claude Code."""
    packages = {"node_modules/@anthropic-ai/claude-code": {"version": version}} if version else {}
    return json.dumps({"packages": {"": {}, **packages}})


def merge_of(folder: Path, before: str, after: str, name: str = LOCK) -> Path:
    """Make a repository whose newest commit merges a change of this file; return its folder."""
    folder.mkdir()

    def git(*words: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    (folder / name).write_text(before)
    git("add", ".")
    git("commit", "-q", "-m", "before")
    git("switch", "-q", "-c", "change")
    (folder / name).write_text(after)
    (folder / "other").write_text("")
    git("add", ".")
    git("commit", "-q", "-m", "after")
    git("switch", "-q", "main")
    git("merge", "-q", "--no-ff", "-m", "merge", "change")
    return folder


def find_versions(folder: Path, script: str) -> dict[str, str]:
    """Run the step that finds both versions, as the runner does; return its outputs."""
    output = folder.parent / "output"
    output.write_text("")
    subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(output)},
        check=True,
    )
    pairs = (line.partition("=") for line in output.read_text().splitlines())
    return {name: value for name, _, value in pairs}


def upgrade_script() -> str:
    """Return the script of the step that finds both versions."""
    steps = workflow("upgrade")["jobs"]["upgrade"]["steps"]
    (script,) = [step["run"] for step in steps if "run" in step]
    return str(script)


needs_jq = pytest.mark.skipif(
    not any(Path(folder, "jq").exists() for folder in os.get_exec_path()),
    reason="NO JQ: runners have it; the script of docs/ci.md was not run",
)


@needs_jq
@pytest.mark.parametrize(
    ("before", "after", "pair"),
    [
        ("2.1.112", "2.1.332", "claude-code@2.1.112 claude-code@2.1.332"),
        ("2.1.112", "2.2.0-beta.1", "claude-code@2.1.112 claude-code@2.2.0-beta.1"),
        ("2.1.112", "2.1.112", None),
        (None, "2.1.332", None),
        ("2.1.112", None, None),
        ("2.1.112", "2.1.332 --executor=dask://x:1", None),
        ("2.1.112", "$(touch owned)", None),
        ("2.1.112", "2.1.332\npair=x y", None),
        ("--html=x", "2.1.332", None),
    ],
)
def test_the_gate_finds_both_versions(
    before: str | None, after: str | None, pair: str | None, tmp_path: Path
) -> None:
    folder = merge_of(tmp_path / "repository", npm_lock(before), npm_lock(after))
    assert find_versions(folder, upgrade_script()) == ({"pair": pair} if pair else {})
    assert not (folder / "owned").exists()


def test_the_gate_reads_pins_of_pip(tmp_path: Path) -> None:
    (function,) = re.findall(r"^version\(\) .*sed .*$", PAGE, re.MULTILINE)
    script = re.sub(r"version\(\) .*", lambda _: function, upgrade_script())
    script = script.replace(LOCK, "requirements.txt").replace("claude-code@", "agent-sdk-python@")
    lines = "anyio==4.0\nclaude-agent-sdk=={}  # pinned\nclaude-agent-sdk-extra==9\n"
    texts = lines.format("0.1.60"), lines.format("0.2.3")
    folder = merge_of(tmp_path / "repository", *texts, name="requirements.txt")
    pair = "agent-sdk-python@0.1.60 agent-sdk-python@0.2.3"
    assert find_versions(folder, script) == {"pair": pair}
