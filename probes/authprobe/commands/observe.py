"""`authprobe observe`: check an observation, show it whole, and name it for the pull request."""

import datetime
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from authprobe.commands.agreement import agrees
from authprobe.commands.printing import print_error, print_json, print_text
from authprobe.core.safe_files import read_bounded, write_atomically
from authprobe.documents.source import escape
from authprobe.drift.new_wordings import NewWording, new_wordings, with_wordings
from authprobe.drift.observation_check import (
    day_problem,
    is_new_wording,
    kind_problems,
    name_problem,
    read_observation,
    shared_name,
)
from authprobe.drift.observation_file import LIMIT_BYTES, SharedObservation, dump_observation
from authprobe.errors import ExitCode, RecordError, ScenarioError, SettingsError
from authprobe.redaction.pseudonyms import Pseudonymizer
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import scan_data, scan_text
from authprobe.report.model.phrases import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """An observation after all checks."""

    path: Path
    observation: SharedObservation | None = None
    """None: it is not printed, as it is none or has a credential."""
    problems: tuple[str, ...] = ()
    has_secret: bool = False

    @property
    def is_valid(self) -> bool:
        """True if it can be given back."""
        return self.observation is not None and not self.problems


def observe(paths: tuple[Path, ...], *, shows_new: bool, approves: bool, as_json: bool) -> ExitCode:
    """Check and print observations; return the exit code.

    Raises:
        SettingsError: a wording cannot be approved, as there is no terminal.
    """
    today = datetime.datetime.now(datetime.UTC).date()
    checked = []
    for path in paths:
        each = check_file(path, today)
        if each.observation is not None and each.is_valid and shows_new and not as_json:
            each = _with_new(each, each.observation, today, approves=approves)
        checked.append(each)
        if not as_json:
            _print_file(each)
    if as_json:
        print_json(json.dumps([_as_json(each) for each in checked], indent=1))
    if any(each.has_secret for each in checked):
        return ExitCode.SECRET_FOUND
    return ExitCode.OK if all(each.is_valid for each in checked) else ExitCode.USAGE


def check_file(path: Path, today: datetime.date) -> CheckedFile:
    """Return a file with every problem that prevents it from being given back."""
    if secrets := _secrets(path):
        return CheckedFile(path=path, problems=secrets, has_secret=True)
    document = read_observation(path)
    observation = document.value
    if observation is None or document.problems:
        return CheckedFile(path=path, problems=document.messages)
    problems = [
        f"{document.place(place)}: {message}" for place, message in kind_problems(observation)
    ]
    for place, problem in (
        (("day",), day_problem(observation, today)),
        ((), name_problem(path, observation)),
        ((), _personal_problem(document.text)),
    ):
        if problem is not None:
            problems.append(f"{document.place(place)}: {problem}")
    return CheckedFile(path=path, observation=observation, problems=tuple(problems))


def _secrets(path: Path) -> tuple[str, ...]:
    """Return the places of what looks like a credential; other errors are found by the reader."""
    try:
        data = read_bounded(path, LIMIT_BYTES * 4)
    except OSError:
        return ()
    return tuple(f"{escape(str(path))}: {match}" for match in scan_data(data, Redactor()))


def _personal_problem(text: str) -> str | None:
    """Return a problem if anything in the file looks personal, whatever the other checks found."""
    if Pseudonymizer()(text) == text:
        return None
    return "has what looks like an e-mail address, an address, an id or a home directory"


def _with_new(
    each: CheckedFile, observation: SharedObservation, today: datetime.date, *, approves: bool
) -> CheckedFile:
    """Print the new wordings; return the file, with those that the user approves."""
    try:
        wordings = new_wordings(each.path, observation)
    except RecordError as error:
        print_error(str(error))
        return each
    approved = {
        wording.row: wording.text for wording in wordings if _is_approved(wording, asks=approves)
    }
    if not approved:
        return each
    text = dump_observation(with_wordings(observation, approved))
    if len(text) > LIMIT_BYTES or scan_text(text):
        raise SettingsError(f"{each.path}: too large, or no longer free of credentials; unchanged")
    try:
        write_atomically(each.path, text)
    except OSError as error:
        raise SettingsError(f"{each.path}: cannot be written: {error.strerror or error}") from None
    print_error(f"{each.path}: {plural(len(approved), 'wording')} added")
    return check_file(each.path, today)


def _is_approved(wording: NewWording, *, asks: bool) -> bool:
    """Print a wording; return True if the user wants it in the file."""
    problem = wording.problem
    shown = Redactor()(f"{wording.row}: {wording.text}")
    if problem is not None:
        print_error(f"{shown}\n    stays here: {problem}")
        return False
    print_error(shown)
    if not asks:
        return False
    if not sys.stdin.isatty():
        raise SettingsError("--approve: a person has to answer; run it in a terminal")
    return agrees("Is nothing of yours in it, and may it be public?")


def _print_file(each: CheckedFile) -> None:
    """Print an observation whole on stdout, and what to do with it on stderr."""
    if each.observation is not None:
        print_text(dump_observation(each.observation), end="")
        if not each.problems:
            print_error("\n".join(_next_steps(each.path, each.observation)))
    if each.problems:
        print_error(str(ScenarioError(each.problems)))


def _next_steps(path: Path, observation: SharedObservation) -> Iterator[str]:
    yield f"{path}: {plural(len(observation.rows), 'row')} of {observation.day}, valid"
    for row in observation.rows:
        if row.message is not None and is_new_wording(row.message):
            yield f"new wording in {row.row}, read it once more: {row.message}"
    yield "Everything in it is printed above. To give it back, add it to a pull request to the"
    yield "repository of authprobe as"
    yield f"  {shared_name(observation)}"


def _as_json(each: CheckedFile) -> dict[str, object]:
    observation = each.observation
    return {
        "file": Redactor()(str(each.path)),
        "valid": each.is_valid,
        "problems": list(map(Redactor(), each.problems)),
        "name": shared_name(observation) if observation is not None else None,
        "new_wordings": [
            row.row
            for row in (observation.rows if observation else ())
            if row.message is not None and is_new_wording(row.message)
        ],
        "observation": json.loads(dump_observation(observation)) if observation else None,
    }
