"""The index of observations, written by `make observations`: `python -m` with the folder.

Standard input is `git log --diff-filter=A --format='author %aE' --name-only`: git knows who gave a
file back, and the file does not.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from authprobe.commands.printing import print_error, print_text
from authprobe.core.safe_files import write_atomically
from authprobe.drift.observation_check import (
    FOLDER,
    name_problem,
    place_problem,
    read_observation,
    shared_files,
)
from authprobe.drift.observation_index import INDEX_FILE, Sighting, dump_index, fold
from authprobe.drift.rule_ages import source_days
from authprobe.errors import ExitCode, ProbesError, ScenarioError, SettingsError
from authprobe.report.model.phrases import plural

AUTHOR: Final = "author "
MAX_FILES_LISTED: Final = 10


def read_authors(lines: Iterable[str]) -> dict[str, str]:
    """Return the author of the first commit that added each file, by its path.

    git lists the newest commit first; a file that came a second time stays that of the first.
    """
    authors: dict[str, str] = {}
    author = ""
    for line in lines:
        if line.startswith(AUTHOR):  # also of an author without an address, who is nobody
            author = line.removeprefix(AUTHOR).strip().casefold()
        elif path := line.strip():
            authors[path] = author
    return authors


def write_index(folder: Path, authors: Mapping[str, str]) -> str:
    """Write the index of a folder of observations; return what it has in one sentence.

    Raises:
        ScenarioError: a file is no observation.
        SettingsError: a file has no author, or the index cannot be written.
    """
    sightings = tuple(_sightings(folder, authors))
    index = fold(sightings, source_days())
    try:
        write_atomically(folder / INDEX_FILE, dump_index(index))
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be written: {error.strerror or error}") from None
    files = plural(len(sightings), "observation")
    return f"{folder / INDEX_FILE}: {files}, {plural(len(index), 'rule')}"


def _sightings(folder: Path, authors: Mapping[str, str]) -> Iterable[Sighting]:
    documents = [read_observation(path) for path in shared_files(folder)]
    problems: list[str] = []
    for document in documents:
        problem = place_problem(folder, document.path)
        if problem is None and document.value is not None and not document.problems:
            problem = name_problem(document.path, document.value)
        own = (f"{document.place(())}: {problem}",) if problem else document.messages
        problems.extend(own)
    if problems:
        raise ScenarioError(tuple(problems))
    paths = {document.path: _name(folder, document.path) for document in documents}
    if unknown := [str(path) for path, name in paths.items() if not authors.get(name)]:
        listed = ", ".join(unknown[:MAX_FILES_LISTED])
        raise SettingsError(f"{listed}: no commit has added them; commit them first")
    for document in documents:
        if document.value is not None:
            account = authors[paths[document.path]]
            yield Sighting(account=account, observation=document.value)


def _name(folder: Path, path: Path) -> str:
    """Return the path as git lists it."""
    return f"{FOLDER}/{path.relative_to(folder).as_posix()}"


def main(arguments: list[str]) -> int:
    """Write the index; return the exit code."""
    if len(arguments) != 1:
        print_error("give the folder of the observations")
        return ExitCode.USAGE
    try:
        print_text(write_index(Path(arguments[0]), read_authors(sys.stdin)))
    except ProbesError as error:
        print_error(str(error))
        return ExitCode.USAGE
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
