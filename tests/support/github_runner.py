"""The part of GitHub's runner that a composite action meets: variables, files, steps, conditions.

It runs the scripts of an action as the runner does, and answers for the actions that it uses.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from tests.support.command import LIMIT, PROJECT, WITHOUT_HISTORY, environment

EXPRESSION: Final = re.compile(r"\$\{\{ (.*?) \}\}")
OUTPUT: Final = re.compile(r"(?P<name>[\w-]+)<<(?P<end>.+)\n(?P<value>(?:.*\n)*?)(?P=end)\n")
SHELL: Final = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
COMMAND: Final = Path(sys.executable).parent / "authprobe"


def parse_outputs(text: str) -> dict[str, str]:
    """Return the outputs in a file of a step; the whole file must be of their form."""
    outputs, position = {}, 0
    while position < len(text):
        match = OUTPUT.match(text, position)
        assert match, text[position:]
        outputs[match["name"]] = match["value"].removesuffix("\n")
        position = match.end()
    return outputs


@dataclass(frozen=True, slots=True)
class Step:
    """What a step of an action has left."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str


@dataclass(slots=True)
class GitHubRunner:
    """A job in a folder of its own."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the folders of the job, and the variables that every step has."""
        work, temporary = self.folder / "work", self.folder / "temp"
        work.mkdir()
        temporary.mkdir()
        self.variables = {
            **environment(self.folder / "home"),
            **WITHOUT_HISTORY,
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "schedule",
            "GITHUB_JOB": "probe",
            "GITHUB_REPOSITORY": "octo/example",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": "7",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_WORKFLOW": "upgrade",
            "RUNNER_TEMP": str(temporary),
            "CACHE_FOLDER": environment(self.folder / "home")["AUTHPROBE_CACHE"],
            **self.variables,
        }

    @property
    def work(self) -> Path:
        """The folder that the repository is checked out into."""
        return self.folder / "work"

    def start(self, script: str, **variables: str) -> Step:
        """Run a program of the action as a step."""
        program = (sys.executable, "-E", "-s", str(PROJECT / "action" / script))
        return self._step(program, self.work, variables)

    def _step(self, argv: tuple[str, ...], folder: Path, variables: Mapping[str, str]) -> Step:
        files = {name: self.folder / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in files.values():
            path.write_text("")
        paths = {name: str(path) for name, path in files.items()}
        ended = subprocess.run(
            argv,
            cwd=folder,
            env={**self.variables, **paths, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        output, summary = (path.read_text() for path in files.values())
        return Step(ended.returncode, ended.stdout, parse_outputs(output), summary)


@dataclass(slots=True)
class CompositeAction:
    """An action that is run with the answers of those that it uses, by id or name."""

    path: Path
    runner: GitHubRunner
    answers: Mapping[str, dict[str, str]]
    used: dict[str, dict[str, str]] = field(default_factory=dict)
    """Inputs of the actions that were used."""
    steps: dict[str, Any] = field(default_factory=dict)
    """Context of the steps that have an id."""
    logs: list[str] = field(default_factory=list)
    failed: bool = False

    def run(self, **inputs: str) -> dict[str, str]:
        """Run the steps in order; return the outputs of the action."""
        action = yaml.safe_load(self.path.read_text())
        declared = action["inputs"]
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() <= declared.keys()
        values = {
            name: given.get(name, entry.get("default", "")) for name, entry in declared.items()
        }
        for step in action["runs"]["steps"]:
            if self._is_due(step.get("if", ""), values):
                self._run(step, values)
        outputs = action.get("outputs", {})
        return {name: self._text(entry["value"], values) for name, entry in outputs.items()}

    def _run(self, step: dict[str, Any], inputs: Mapping[str, str]) -> None:
        name = step.get("id", step.get("uses", "run"))
        if "uses" in step:
            with_ = {key: self._text(value, inputs) for key, value in step.get("with", {}).items()}
            key = next(key for key in self.answers if key in (name, step["uses"].partition("@")[0]))
            self.used[key] = with_
            self.steps[name] = {"outputs": self.answers[key]}
            return
        folder = self.runner.work / self._text(step.get("working-directory", "."), inputs)
        variables = {key: self._text(value, inputs) for key, value in step["env"].items()}
        variables["GITHUB_ACTION_PATH"] = str(self.path.parent)
        ended = self.runner._step((*SHELL, step["run"]), folder, variables)
        self.logs.append(ended.log)
        self.failed |= ended.code != 0
        self.steps[name] = {"outputs": ended.outputs}

    def _is_due(self, condition: str, inputs: Mapping[str, str]) -> bool:
        """Return True if a condition holds: parts joined by &&, in the language of expressions."""
        parts = [
            part
            for part in condition.removeprefix("${{ ").removesuffix(" }}").split(" && ")
            if part
        ]
        if "!cancelled()" not in parts and self.failed:
            return False
        return all(self._holds(part, inputs) for part in parts if part != "!cancelled()")

    def _holds(self, part: str, inputs: Mapping[str, str]) -> bool:
        match = re.fullmatch(r"(\S+) ([!=]=) '(.*)'", part)
        assert match, part
        return (self._value(match[1], inputs) == match[3]) == (match[2] == "==")

    def _text(self, value: object, inputs: Mapping[str, str]) -> str:
        text = json.dumps(value) if isinstance(value, bool) else str(value)
        return EXPRESSION.sub(lambda match: self._value(match[1], inputs), text)

    def _value(self, path: str, inputs: Mapping[str, str]) -> str:
        """Return the value of a name; a part that is missing is empty, as in expressions."""
        if path == "github.token":
            return "made-up-token"
        value: Any = {"inputs": inputs, "steps": self.steps}
        root = path.partition(".")[0]
        assert root in value, path
        for name in path.split("."):
            value = value.get(name, {})
        return value if isinstance(value, str) else ""


FAKE_GH: Final = """\
#!{python} -IS
import json, os, sys
from urllib.parse import parse_qs, urlsplit

path = {state!r}
state = json.load(open(path))
words = sys.argv[1:]
state["calls"].append(words)

def finish(text="", code=0, error=""):
    json.dump(state, open(path, "w"))
    sys.stdout.write(text)
    sys.stderr.write(error)
    sys.exit(code)

if state["answers"]:
    sys.stdout.buffer.write(bytes.fromhex(state["answers"]))
    sys.exit()
if state["refuses"]:
    finish(code=1, error=state["refuses"])
if os.environ.get("GH_TOKEN") != "made-up-token":
    finish(code=4, error="gh: to use GitHub CLI in a workflow, set GH_TOKEN")
if words[:2] == ["label", "create"]:
    name = words[-1]
    if name in state["labels"]:
        finish(code=1, error=f"label with name {{name!r}} already exists")
    state["labels"].append(name)
    finish()
assert words[0] == "api", words
address = urlsplit(words[1])
parts = address.path.split("/")
assert parts[:3] == ["repos", "octo", "example"], parts
method = words[words.index("--method") + 1] if "--method" in words else "GET"
body = json.load(sys.stdin) if "--input" in words else None
issues, comments = state["issues"], state["comments"]
bot = {{"login": "github-actions[bot]", "type": "Bot"}}
match method, parts[3:]:
    case "GET", ["issues"]:
        query = parse_qs(address.query)
        found = [
            each for each in issues
            if each["state"] == query["state"][0] and query["labels"][0] in each["labels"]
        ]
        # An array for each page, as older versions print them.
        finish("".join(json.dumps([each]) + "\\n" for each in found) or "[]")
    case "GET", ["issues", number, "comments"]:
        finish(json.dumps([each for each in comments if each["issue"] == int(number)]))
    case "POST", ["issues"]:
        issues.append({{"number": len(issues) + 1, "state": "open", "user": bot, **body}})
    case "POST", ["issues", number, "comments"]:
        comments.append({{"id": len(comments) + 1, "issue": int(number), "user": bot, **body}})
    case "PATCH", ["issues", "comments", number]:
        comments[int(number) - 1].update(body)
    case "PATCH", ["issues", number]:
        issues[int(number) - 1].update(body)
    case other:
        raise SystemExit(f"no such request: {{other}}")
finish()
"""


class FakeGitHub:
    """A `gh` on PATH, and the issues and comments that it keeps."""

    def __init__(self, folder: Path) -> None:
        self._state = folder / "github.json"
        program = folder / "gh"
        program.write_text(FAKE_GH.format(python=sys.executable, state=str(self._state)))
        program.chmod(0o755)
        self.variables = {"PATH": f"{folder}:{os.defpath}", "GH_TOKEN": "made-up-token"}
        self.write(issues=[], comments=[], labels=[], calls=[], refuses="", answers="")

    def read(self) -> dict[str, Any]:
        """Return everything that it has."""
        state: dict[str, Any] = json.loads(self._state.read_text())
        return state

    def write(self, **changes: object) -> None:
        """Change what it has."""
        state = self.read() if self._state.exists() else {}
        self._state.write_text(json.dumps(state | changes))
