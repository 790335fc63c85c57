"""Features: fields of cases that are measured for many versions, defined in a YAML file."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field

from authprobe.documents.constraints import STRICT
from authprobe.documents.document import read_document
from authprobe.documents.source import PathProblem, escape
from authprobe.documents.vocabulary import Vocabulary
from authprobe.errors import ScenarioError, SettingsError
from authprobe.observation.model import (
    COMMAND_MISSING,
    UNFINISHED_OUTCOMES,
    Observation,
    Outcome,
)
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
from authprobe.trials.case_template import CaseTemplate, find_case, make_template
from authprobe.trials.log import definition_hash
from authprobe.verdict.known_failure import URL_PATTERN

BUNDLED_FEATURES: Final = Path(__file__).with_name("features.yaml")
ANY_VERSION: Final = "0"
"""Version for hashes that do not depend on it."""
YES, NO, NONE = "yes", "no", "none"
FEATURES_KEY: Final = "features"
FEATURES: Final = Vocabulary(
    document="a features file",
    start=f"'{FEATURES_KEY}'",
    patterns={
        SLUG_PATTERN: NAME,
        URL_PATTERN: "an address; write one as https://example.org/issues/1",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Definition of a feature in the file."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    id: Slug
    title: Text
    case: Text
    """Case id; the version in it is ignored."""
    field: Text
    """Field of an observation, as in `bisect --when`."""
    contains: Text | None = None
    """If given, the feature is `yes` or `no`: whether this is one of the field's values."""
    sources: tuple[Annotated[str, Field(pattern=URL_PATTERN)], ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError if the field is unknown."""
        try:
            check_field(self.field)
        except SettingsError as error:
            raise ValueError(str(error).removeprefix("--when ")) from None

    def value_of(self, observation: Observation) -> str:
        """Return the value of the feature; the observation must be testable."""
        if observation.outcome is Outcome.UNAVAILABLE and observation.detail == COMMAND_MISSING:
            return NO if self.contains else COMMAND_MISSING
        values = SELECTORS[self.field](observation)
        if self.field in EXIT_FIELDS and keeps_retrying(observation):
            keeps_outcome = self.contains and self.field == "outcome"
            values = (KEEPS_RETRYING, *values) if keeps_outcome else (KEEPS_RETRYING,)
        if self.contains:
            return YES if self.contains in values else NO
        return ", ".join(values) or NONE

    def untestable_reason(self, version: str, observation: Observation) -> str | None:
        """Return the reason that an observation has no value for a version; None: it has one.

        A timeout, a crash or a client that bypasses the proxy may have unrelated causes. They count
        only for the field `outcome`, and if the client was still retrying a permanent refusal.
        """
        if observation.client_version not in (None, version):
            return f"{observation.client_version} ran in its place"
        if observation.outcome is Outcome.UNAVAILABLE:
            reason = observation.detail or "it could not be tested"
            return None if observation.detail == COMMAND_MISSING else reason
        is_unfinished = observation.outcome in UNFINISHED_OUTCOMES or bypassed_proxy(observation)
        if not is_unfinished or self.field == "outcome" or keeps_retrying(observation):
            return None
        return observation.outcome_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """Content of a features file."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    features: Annotated[tuple[Definition, ...], Field(min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundFeature:
    """A feature with the template of the case that it is measured with."""

    definition: Definition
    template: CaseTemplate

    @property
    def kind(self) -> str:
        """Kind of the client that the feature is measured for."""
        return self.template.client.kind

    @property
    def question_hash(self) -> str:
        """Hash of case, field and `contains`; evidence with a different hash does not apply."""
        parts = definition_hash(self.template.at(ANY_VERSION)), self.definition.field
        text = " ".join((*parts, self.definition.contains or ""))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def load_features(path: Path, scenarios: Sequence[Scenario], kind: str) -> tuple[BoundFeature, ...]:
    """Return the features of one client.

    Raises:
        ScenarioError: every error in the file, in file order.
        SettingsError: a case does not exist, or the client has no feature.
    """
    features = [_bind(path, scenarios, definition) for definition in _read_definitions(path)]
    own = tuple(feature for feature in features if feature.kind == kind)
    if not own:
        others = ", ".join(sorted({feature.kind for feature in features}))
        raise SettingsError(f"--client {kind}: {_file_title(path)} has features of {others} only")
    return own


def _bind(path: Path, scenarios: Sequence[Scenario], definition: Definition) -> BoundFeature:
    """Return the feature with its case template.

    Raises:
        SettingsError: the case does not exist, or has no versions.
    """
    try:
        template = make_template(*find_case(scenarios, definition.case))
    except SettingsError as error:
        with_own_scenarios = "; with --scenarios, give your own features with --features"
        hint = with_own_scenarios if path == BUNDLED_FEATURES else ""
        raise SettingsError(
            f"{_file_title(path)}, feature '{definition.id}': {error}{hint}"
        ) from None
    return BoundFeature(definition=definition, template=template)


def _file_title(path: Path) -> str:
    return "the file of bundled features" if path == BUNDLED_FEATURES else escape(str(path))


def _read_definitions(path: Path) -> tuple[Definition, ...]:
    """Return the definitions in a file.

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
            yield (FEATURES_KEY, index, "id"), f"another feature has the id '{definition.id}'"
        ids.add(definition.id)
