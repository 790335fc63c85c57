"""Causes of rejections and failures, with their signs and remedies, bundled as `causes.yaml`."""

import enum
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Final

from authprobe.diagnosis.phrases import check_phrase
from authprobe.diagnosis.symptom import FactKind
from authprobe.documents.bundled import read_bundled
from authprobe.documents.constraints import STRICT, Conversion, Length

CAUSES_FILE: Final = Path(__file__).with_name("causes.yaml")
UNKNOWN: Final = "unknown"
NOT_AUTH: Final = "not-auth"


class CauseGroup(enum.StrEnum):
    """Subjects of causes, in the order in which they are considered."""

    REQUEST = "request"
    NETWORK = "network"
    SERVICE = "service"
    CLOCK = "clock"
    LOGIN = "login"
    GATEWAY = "gateway"
    ACCOUNT = "account"
    CREDENTIAL = "credential"
    CLIENT = "client"
    NONE = "none"


CONSIDERED_BEFORE_CREDENTIALS: Final = frozenset(
    {CauseGroup.REQUEST, CauseGroup.NETWORK, CauseGroup.SERVICE, CauseGroup.CLOCK}
)
"""Subjects that are ruled out before a credential is blamed (anthropics/claude-code#33217)."""


class Tier(enum.StrEnum):
    """Parties that can apply a remedy; `wait` if none needs to act."""

    USER = "user"
    ADMINISTRATOR = "administrator"
    WAIT = "wait"
    UPSTREAM = "report upstream"


class CauseCertainty(enum.StrEnum):
    """Strength of the sources for a cause, in the same terms as `RuleCertainty`."""

    DOCUMENTED = "documented"
    SEVERAL = "several reports"
    ONCE = "one report"
    INFERRED = "inferred"


class Weight(enum.StrEnum):
    """Strength of a sign on its own."""

    DECISIVE = "decisive"
    """No other cause is known to show this sign."""
    STRONG = "strong"
    WEAK = "weak"
    """Many other causes show this sign as well."""


def source_url(source: str) -> str:
    """Return the URL of a source; `owner/name#1` is an issue on GitHub."""
    repository, hash_, number = source.partition("#")
    if hash_ and number.isdecimal() and repository.count("/") == 1:
        return f"https://github.com/{repository}/issues/{number}"
    return source if "://" in source else f"https://{source}"


Text = Annotated[str, Length(1)]
Texts = tuple[Text, ...]
Phrases = tuple[Annotated[Text, Conversion(check_phrase)], ...]
Sources = tuple[Annotated[Text, Conversion(source_url)], ...]


_FACT_KEYS: Final = tuple((kind, kind.value) for kind in FactKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseCondition:
    """Phrases and facts that must occur together: of each key, one of its values."""

    __pydantic_config__: ClassVar = STRICT

    says: Phrases = ()
    also: Phrases = ()
    """Further phrases, of which one must occur as well."""
    status: Texts = ()
    type: Texts = ()
    host: Texts = ()
    path: Texts = ()
    credential: Texts = ()
    header: Texts = ()
    beta: Texts = ()
    content: Texts = ()
    code: Texts = ()
    exception: Texts = ()
    variable: Texts = ()
    outcome: Texts = ()
    event: Texts = ()
    facts: Mapping[FactKind, tuple[str, ...]] = field(init=False, default_factory=dict)
    """The keys from `status` on that have values."""

    def __post_init__(self) -> None:
        """Collect `facts`.

        Raises:
            ValueError: the condition has no key.
        """
        facts = {kind: values for kind, name in _FACT_KEYS if (values := getattr(self, name))}
        if not (self.says or self.also or facts):
            raise ValueError("a condition needs at least one key")
        object.__setattr__(self, "facts", facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign(CauseCondition):
    """A condition that points to a cause."""

    lacks: CauseCondition | None = None
    """Condition that must not hold in the same fact set."""
    weight: Weight = Weight.DECISIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """Steps that remove a cause; never a way around the service's rules."""

    __pydantic_config__: ClassVar = STRICT

    text: Text
    commands: Texts = ()
    tier: Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A test that distinguishes the cause from others, and the bundled case that runs it."""

    __pydantic_config__: ClassVar = STRICT

    text: Text
    case: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A reason why a request was rejected, or failed."""

    __pydantic_config__: ClassVar = STRICT

    id: Text
    summary: Text
    errors: Texts = ()
    """Exact words of the errors that users see, by which they look for the cause; the most frequent
    first.
    """
    group: CauseGroup
    signs: tuple[Sign, ...] = ()
    unless: tuple[CauseCondition, ...] = ()
    """Conditions that exclude the cause, wherever they are met."""
    yields_to: Texts = ()
    """Ids of more specific causes, which win where they match as well."""
    remedy: Remedy
    experiment: Experiment | None = None
    sources: Sources = ()
    """URLs."""
    seen: Annotated[Texts, Length(1, 2)] | None = None
    """First and last day of the reports, ISO 8601, as exact as the sources."""
    certainty: CauseCertainty = CauseCertainty.SEVERAL


@functools.cache
def causes() -> Mapping[str, Cause]:
    """Return the bundled causes by id, in the order in which they are considered."""
    return {cause.id: cause for cause in read_bundled(CAUSES_FILE, tuple[Cause, ...])}
