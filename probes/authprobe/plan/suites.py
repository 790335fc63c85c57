"""Suites: named selections of the bundled cases, defined in a YAML file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field

from authprobe.core.suggestions import did_you_mean
from authprobe.documents.constraints import STRICT
from authprobe.documents.document import read_document
from authprobe.documents.source import PathProblem
from authprobe.documents.vocabulary import Vocabulary
from authprobe.errors import ScenarioError, SettingsError
from authprobe.plan.case import case_id
from authprobe.plan.case_ids import matches_id
from authprobe.scenario.clients import Client
from authprobe.scenario.load import load_files
from authprobe.scenario.matrix import combinations
from authprobe.scenario.model import SLUG_PATTERN, Slug, Text
from authprobe.scenario.vocabulary import NAME
from authprobe.settings import bundled_files, bundled_scenarios

BUNDLED_SUITES: Final = Path(__file__).with_name("suites.yaml")
DEFAULT_SUITE: Final = "standard"
"""Suite of a run that selects nothing."""
FULL_SUITE: Final = "full"
EVERY_CASE: Final = "*"
TOP_FOLDER: Final = "."
SUITES: Final = Vocabulary(
    document="a file of suites", start="'suites'", patterns={SLUG_PATTERN: NAME}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Cases of a suite, with the reason why it has them."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    cases: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Case ids, or shell patterns for them."""
    why: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A named selection of the bundled cases."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    id: Slug
    title: Text
    why: Text
    folders: Annotated[tuple[Text, ...], Field(min_length=1)] = (TOP_FOLDER,)
    """Folders of the bundled scenarios whose cases it selects from."""
    select: Annotated[tuple[Choice, ...], Field(min_length=1)]

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of all choices."""
        return tuple(pattern for choice in self.select for pattern in choice.cases)

    @property
    def has_every_case(self) -> bool:
        """True if it leaves out no case of its folders."""
        return EVERY_CASE in self.patterns

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files and folders of its scenarios."""
        bundled = bundled_scenarios()
        return tuple(
            path
            for folder in self.folders
            for path in (bundled_files() if folder == TOP_FOLDER else (bundled / folder,))
        )

    def selects(self, case_id: str) -> bool:
        """Return True for the id of a case of the suite."""
        return any(matches_id(pattern, case_id) for pattern in self.patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class _SuiteFile:
    """Content of a file of suites."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    suites: Annotated[tuple[Suite, ...], Field(min_length=1)]


def load_suites(path: Path) -> Mapping[str, Suite]:
    """Return the suites of a file by id, in its order.

    Raises:
        ScenarioError: every error in the file, in file order.
    """
    document = read_document(path, _SuiteFile, SUITES, check=_check)
    if document.value is None or document.problems:
        raise ScenarioError(document.messages)
    return {suite.id: suite for suite in document.value.suites}


def _check(document: _SuiteFile) -> Iterator[PathProblem]:
    ids: set[str] = set()
    for index, suite in enumerate(document.suites):
        if suite.id in ids:
            yield ("suites", index, "id"), f"another suite has the id '{suite.id}'"
        ids.add(suite.id)


@cache
def bundled_suites() -> Mapping[str, Suite]:
    """Return the bundled suites by id."""
    return load_suites(BUNDLED_SUITES)


def find_suite(id: str) -> Suite:
    """Return a bundled suite.

    Raises:
        SettingsError: there is no such suite.
    """
    suites = bundled_suites()
    if id not in suites:
        hint = did_you_mean(id, suites, otherwise=f"use {', '.join(suites)}")
        raise SettingsError(f"--suite {id}: no such suite{hint}")
    return suites[id]


def suites_of(client: Client) -> tuple[str, ...]:
    """Return the ids of the bundled suites that have a case of this kind of client."""
    return tuple(suite.id for suite in bundled_suites().values() if _has(suite, client))


def _has(suite: Suite, client: Client) -> bool:
    return any(
        names.client.kind == client.kind and suite.selects(case_id(each.scenario.id, names))
        for each in load_files(suite.paths)
        for names in combinations(each.scenario)
    )
