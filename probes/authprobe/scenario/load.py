"""YAML files become scenarios, or complaints of one line each, about all files at once."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authprobe.documents.node_tree import compose
from authprobe.documents.source import Flaw, Mark, SourceError, escape, quote, read_text
from authprobe.documents.validation import locate, read
from authprobe.errors import ScenarioError
from authprobe.scenario.checks.names import check
from authprobe.scenario.model import Scenario

SUFFIXES: Final = (".yaml", ".yml")
MAX_COMPLAINTS: Final = 100
"""About one file; more would not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    path: Path
    scenario: Scenario | None = None
    flaws: tuple[Flaw, ...] = ()
    id_at: Mark = field(default_factory=Mark)


def load_file(path: Path) -> Scenario:
    """The scenario in a file.

    Raises:
        ScenarioError: every complaint about the file, in its order.
    """
    return _scenarios([_load(path)])[0]


def load_all(paths: Iterable[Path]) -> tuple[Scenario, ...]:
    """The scenarios of files and folders; a folder means its YAML files, recursively, sorted.

    Raises:
        ScenarioError: every complaint about every file, sorted by file and place.
    """
    files: dict[Path, _File] = {}
    for path in paths:
        found = _found(path)
        for file in found:
            if (identity := _identity(file)) not in files:
                files[identity] = _load(file)
        if not found:
            flaw = Flaw(Mark(), "there is no *.yaml or *.yml file in this folder")
            files[path] = _File(path=path, flaws=(flaw,))
    return _scenarios(_unique(list(files.values())))


def _found(path: Path) -> list[Path]:
    if not _is_folder(path):
        return [path]
    return sorted(x for x in path.rglob("*") if x.suffix in SUFFIXES and not _is_folder(x))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # `_load` will say why
        return False


def _identity(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path


def _load(path: Path) -> _File:
    try:
        tree = compose(read_text(path))
    except SourceError as error:
        return _File(path=path, flaws=(error.flaw,))
    scenario = read(tree.root)
    if not isinstance(scenario, Scenario):
        return _File(path=path, flaws=tree.flaws + scenario)
    complaints = itertools.islice(check(scenario), 2 * MAX_COMPLAINTS)
    flaws = tuple(Flaw(locate(tree.root, where), text) for where, text in complaints)
    id_at = locate(tree.root, ("id",))
    return _File(path=path, scenario=scenario, flaws=tree.flaws + flaws, id_at=id_at)


def _unique(files: Sequence[_File]) -> Iterator[_File]:
    """The files; one whose scenario has the id of an earlier one with a complaint about it."""
    first: dict[str, _File] = {}
    for file in files:
        if file.scenario is None:
            yield file
            continue
        other = first.setdefault(file.scenario.id, file)
        if other is file:
            yield file
            continue
        place = f"{escape(str(other.path))}:{other.id_at.line}"
        flaw = Flaw(file.id_at, f"the id {quote(file.scenario.id)} is also that of {place}")
        yield dataclasses.replace(file, flaws=(*file.flaws, flaw))


def _scenarios(files: Iterable[_File]) -> tuple[Scenario, ...]:
    loaded = list(files)
    complaints = tuple(
        f"{escape(str(file.path))}:{flaw.at.line}:{flaw.at.column}: {flaw.text}"
        for file in sorted(loaded, key=lambda file: file.path)
        for flaw in _shown(file.flaws)
    )
    if complaints:
        raise ScenarioError(complaints)
    return tuple(file.scenario for file in loaded if file.scenario is not None)


def _shown(flaws: tuple[Flaw, ...]) -> list[Flaw]:
    ordered = sorted(set(flaws))
    shown = ordered[:MAX_COMPLAINTS]
    if len(ordered) > MAX_COMPLAINTS:
        shown.append(Flaw(shown[-1].at, "there is more to complain about; mend these first"))
    return shown
