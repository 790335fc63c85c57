"""Features: what is asked of many versions of a client, as data, and how an answer is read."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field

from authprobe.bisection.question import BROKEN, BisectionQuestion, make_inquiry
from authprobe.core.client_kinds import ClientKind
from authprobe.documents.document import read_document
from authprobe.documents.source import PathProblem, escape
from authprobe.documents.vocabulary import Vocabulary
from authprobe.emulator.config import STRICT
from authprobe.errors import ScenarioError, SettingsError
from authprobe.observation.model import COMMAND_MISSING, Observation, Outcome
from authprobe.observation.selectors import (
    EXIT_FIELDS,
    KEEPS_RETRYING,
    SELECTORS,
    bypassed_proxy,
    check_field,
    keeps_retrying,
)
from authprobe.scenario.model import SLUG_PATTERN, Scenario, Slug, Text
from authprobe.scenario.vocabulary import NAME
from authprobe.trials.log import definition_hash
from authprobe.verdict.known_failure import URL_PATTERN

BUNDLED: Final = Path(__file__).with_name("features.yaml")
ANY_VERSION: Final = "0"
"""Where it makes no difference which."""
YES, NO, NONE = "yes", "no", "none"
KEY: Final = "features"
FEATURES: Final = Vocabulary(
    document="a features file",
    start=f"'{KEY}'",
    patterns={
        SLUG_PATTERN: NAME,
        URL_PATTERN: "an address; write one as https://example.org/issues/1",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One feature as the file states it."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    id: Slug
    title: Text
    case: Text
    """The id of a case; the version in it is left aside."""
    field: Text
    """What is read of an observation, as `bisect --when` names it."""
    contains: Text | None = None
    """A whole value that is looked for among those of the field: then it is `yes` or `no`."""
    sources: tuple[Annotated[str, Field(pattern=URL_PATTERN)], ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError where there is no such field."""
        try:
            check_field(self.field)
        except SettingsError as error:
            raise ValueError(str(error).removeprefix("--when ")) from None

    def read(self, seen: Observation) -> str:
        """The value of the field; what could not be read is not asked for."""
        if seen.outcome is Outcome.UNAVAILABLE and seen.detail == COMMAND_MISSING:
            return NO if self.contains else COMMAND_MISSING
        found = SELECTORS[self.field](seen)
        if self.field in EXIT_FIELDS and keeps_retrying(seen):
            found = (
                (KEEPS_RETRYING, *found)
                if self.contains and self.field == "outcome"
                else (KEEPS_RETRYING,)
            )
        if self.contains:
            return YES if self.contains in found else NO
        return ", ".join(found) or NONE

    def trouble(self, version: str, seen: Observation) -> str | None:
        """Why an observation says nothing about a version; None: it can be read.

        A client that is still running when its time is up may have been slow, one that crashes may
        do so for reasons of its own, and of one that does not come to the proxy nothing is seen:
        they are read where the outcome itself is asked for, and where a client had gone on asking
        what it was refused for good.
        """
        if seen.client_version not in (None, version):
            return f"{seen.client_version} ran in its place"
        if seen.outcome is Outcome.UNAVAILABLE:
            told = seen.detail or "it could not be tested"
            return None if seen.detail == COMMAND_MISSING else told
        unread = seen.outcome in BROKEN or bypassed_proxy(seen)
        if not unread or self.field == "outcome" or keeps_retrying(seen):
            return None
        return f"{seen.outcome}: {seen.detail}" if seen.detail else seen.outcome.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """What a file of features holds."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    features: Annotated[tuple[Definition, ...], Field(min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundFeature:
    """A feature with the case that shows it, at any version."""

    definition: Definition
    inquiry: BisectionQuestion

    @property
    def kind(self) -> ClientKind:
        """The client that has the feature, or not."""
        return self.inquiry.kind

    @property
    def under(self) -> str:
        """A hash of the question: evidence of another one says nothing about this."""
        parts = definition_hash(self.inquiry.at(ANY_VERSION)), self.definition.field
        text = " ".join((*parts, self.definition.contains or ""))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def load_features(
    path: Path, scenarios: Sequence[Scenario], kind: ClientKind
) -> tuple[BoundFeature, ...]:
    """The features of one client.

    Raises:
        ScenarioError: every error in the file, in file order.
        SettingsError: there is no feature of this client.
    """
    definitions = _read(path)
    asked = {each.id: _asked(path, scenarios, each) for each in definitions}
    own = tuple(each for each in asked.values() if each.kind is kind)
    if not own:
        others = ", ".join(sorted({each.kind.value for each in asked.values()}))
        raise SettingsError(f"--client {kind}: {_told(path)} has features of {others} only")
    return own


def _asked(path: Path, scenarios: Sequence[Scenario], definition: Definition) -> BoundFeature:
    """The feature with its case.

    Raises:
        SettingsError: there is no such case.
    """
    try:
        inquiry = make_inquiry(
            scenarios, definition.case, good=ANY_VERSION, bad=ANY_VERSION, when=definition.field
        )
    except SettingsError as error:
        hint = "; with --scenarios, name features of your own with --features"
        raise SettingsError(
            f"{_told(path)}, feature '{definition.id}': {error}{hint if path == BUNDLED else ''}"
        ) from None
    return BoundFeature(definition=definition, inquiry=inquiry)


def _told(path: Path) -> str:
    return "the file of bundled features" if path == BUNDLED else escape(str(path))


def _read(path: Path) -> tuple[Definition, ...]:
    """Return every definition in a file.

    Raises:
        ScenarioError: every error in the file, in file order.
    """
    document = read_document(path, Definitions, FEATURES, check=_check)
    if document.value is None or document.problems:
        raise ScenarioError(document.messages)
    return document.value.features


def _check(document: Definitions) -> Iterator[PathProblem]:
    ids: set[str] = set()
    for index, definition in enumerate(document.features):
        if definition.id in ids:
            yield (KEY, index, "id"), f"there is another feature '{definition.id}' before"
        ids.add(definition.id)
