"""The causes that are known, as data: `causes.yaml`, read strictly."""

import enum
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from authprobe.diagnosis.phrases import matching_phrases
from authprobe.diagnosis.symptom import FactKind
from authprobe.documents import node_tree
from authprobe.documents.node_tree import Items, Node, Scalar
from authprobe.documents.source import Flaw, Mark, SourceError, quote, read_text, remedy
from authprobe.errors import RecordError

FILE: Final = Path(__file__).with_name("causes.yaml")
UNKNOWN: Final = "unknown"
NOT_AUTH: Final = "not-auth"


class CauseGroup(enum.StrEnum):
    """What a cause concerns, in the order in which it is asked for."""

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


BEFORE_CREDENTIALS: Final = frozenset(
    {CauseGroup.REQUEST, CauseGroup.NETWORK, CauseGroup.SERVICE, CauseGroup.CLOCK}
)
"""What is excluded before a credential is blamed (anthropics/claude-code#33217)."""


class Tier(enum.StrEnum):
    """Who can do something about it."""

    USER = "user"
    ADMINISTRATOR = "administrator"
    WAIT = "wait"
    UPSTREAM = "report upstream"


class ConfidenceLevel(enum.StrEnum):
    """How well a cause is known, in the words of the emulator's rules."""

    DOCUMENTED = "documented"
    SEVERAL = "several reports"
    ONCE = "one report"
    INFERRED = "inferred"


class Weight(enum.StrEnum):
    """How much a sign says by itself."""

    DECISIVE = "decisive"
    """Nothing else is known to show it."""
    STRONG = "strong"
    WEAK = "weak"
    """It fits to much else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseCondition:
    """What must be seen together: of each kind one of the values."""

    says: tuple[str, ...] = ()
    """Wordings, of which one must be found."""
    also: tuple[str, ...] = ()
    """Wordings, of which one must be found as well."""
    facts: Mapping[FactKind, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Something that points to a cause."""

    condition: CauseCondition
    lacks: CauseCondition | None = None
    """What must not be seen beside it."""
    weight: Weight = Weight.DECISIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What to do; always a way that is open to everybody."""

    text: str
    commands: tuple[str, ...] = ()
    tier: Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What would tell the cause from others, and the bundled case that runs it."""

    text: str
    case: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why something was refused, or failed."""

    id: str
    summary: str
    group: CauseGroup
    signs: tuple[Sign, ...] = ()
    unless: tuple[CauseCondition, ...] = ()
    """What excludes it, wherever it is seen."""
    yields_to: tuple[str, ...] = ()
    """Causes that say more, where they fit as well."""
    remedy: Remedy
    experiment: Experiment | None = None
    sources: tuple[str, ...] = ()
    """Addresses."""
    seen: tuple[str, str] | None = None
    """The first day and the last, ISO 8601, as exact as the sources."""
    certainty: ConfidenceLevel = ConfidenceLevel.SEVERAL


@functools.cache
def causes() -> Mapping[str, Cause]:
    """Every cause by id, in the order in which they are asked for.

    Raises:
        RecordError: the file is not as it must be; each complaint with its place.
    """
    return load_causes(FILE)


def load_causes(path: Path) -> Mapping[str, Cause]:
    """The causes of a file.

    Raises:
        RecordError: it is not as it must be.
    """
    try:
        tree = node_tree.compose(read_text(path))
    except SourceError as error:
        raise RecordError(_complaint(path, error.flaw)) from None
    reader = _Reader(list(tree.flaws))
    found = {cause.id: cause for cause in reader.causes(tree.root)}
    for cause in found.values():
        for other in cause.yields_to:
            if other not in found:
                reader.flaws.append(Flaw(reader.places[cause.id], f"there is no cause '{other}'"))
    if reader.flaws:
        raise RecordError("\n".join(_complaint(path, flaw) for flaw in sorted(reader.flaws)))
    return found


def _complaint(path: Path, flaw: Flaw) -> str:
    return f"{path}:{flaw.at.line}:{flaw.at.column}: {flaw.text}"


Choice = TypeVar("Choice", bound=enum.StrEnum)
Read = TypeVar("Read")


class _Reader:
    """Reads nodes, and keeps what is wrong with them."""

    def __init__(self, flaws: list[Flaw]) -> None:
        self.flaws = flaws
        self.places: dict[str, Mark] = {}

    def causes(self, root: Node) -> Iterator[Cause]:
        for node in self._items(root):
            if cause := self._cause(node):
                yield cause

    def _cause(self, node: Node) -> Cause | None:
        keys = self._keys(node, _CAUSE_KEYS, needed=("id", "summary", "group", "remedy"))
        if keys is None:
            return None
        name = self._text(keys["id"])
        if name in self.places:
            self._flaw(keys["id"], f"the cause '{name}' is also in line {self.places[name].line}")
        self.places.setdefault(name, keys["id"].at)
        seen = self._texts(keys.get("seen"))
        return Cause(
            id=name,
            summary=self._text(keys["summary"]),
            group=self._choice(keys["group"], CauseGroup),
            signs=tuple(self._each(keys.get("signs"), self._sign)),
            unless=tuple(self._each(keys.get("unless"), self._condition)),
            yields_to=self._texts(keys.get("yields_to")),
            remedy=self._remedy(keys["remedy"]),
            experiment=self._experiment(keys.get("experiment")),
            sources=tuple(address(text) for text in self._texts(keys.get("sources"))),
            seen=(seen[0], seen[-1]) if seen else None,
            certainty=self._choice(keys["certainty"], ConfidenceLevel)
            if "certainty" in keys
            else ConfidenceLevel.SEVERAL,
        )

    def _sign(self, node: Node) -> Sign:
        keys = dict(self._keys(node, _SIGN_KEYS) or {})
        lacks, weight = keys.pop("lacks", None), keys.pop("weight", None)
        return Sign(
            condition=self._conditions(node, keys),
            lacks=self._condition(lacks) if lacks else None,
            weight=self._choice(weight, Weight) if weight else Weight.DECISIVE,
        )

    def _condition(self, node: Node) -> CauseCondition:
        return self._conditions(node, self._keys(node, _CONDITION_KEYS) or {})

    def _conditions(self, node: Node, keys: Mapping[str, Node]) -> CauseCondition:
        if not keys:
            self._flaw(node, "a condition needs at least one key")
        return CauseCondition(
            says=self._wordings(keys.get("says")),
            also=self._wordings(keys.get("also")),
            facts={kind: self._texts(keys[kind]) for kind in FactKind if kind.value in keys},
        )

    def _wordings(self, node: Node | None) -> tuple[str, ...]:
        for item in self._items(node) if isinstance(node, Items) else (node,) if node else ():
            try:
                matching_phrases(self._text(item))
            except ValueError as error:
                self._flaw(item, str(error))
        return self._texts(node)

    def _remedy(self, node: Node) -> Remedy:
        keys = self._keys(node, ("text", "commands", "tier"), needed=("text", "tier"))
        if keys is None:
            return Remedy(text="", tier=Tier.USER)
        return Remedy(
            text=self._text(keys["text"]),
            commands=self._texts(keys.get("commands")),
            tier=self._choice(keys["tier"], Tier),
        )

    def _experiment(self, node: Node | None) -> Experiment | None:
        keys = self._keys(node, ("text", "case"), needed=("text",)) if node else None
        if keys is None:
            return None
        case = self._text(keys["case"]) if "case" in keys else None
        return Experiment(text=self._text(keys["text"]), case=case)

    # --- nodes ------------------------------------------------------------------------------------

    def _keys(
        self, node: Node, known: tuple[str, ...], needed: tuple[str, ...] = ()
    ) -> Mapping[str, Node] | None:
        if not isinstance(node, node_tree.Mapping):
            self._flaw(node, f"needs keys, not {node_tree.describe(node)}")
            return None
        for key, at in node.keys.items():
            if key not in known:
                self.flaws.append(Flaw(at, f"unknown key {quote(key)}{remedy(key, known)}"))
        missing = [key for key in needed if key not in node.nodes]
        for key in missing:
            self._flaw(node, f"the key '{key}' is missing")
        return None if missing else {k: v for k, v in node.nodes.items() if k in known}

    def _each(self, node: Node | None, read: Callable[[Node], Read]) -> Iterator[Read]:
        for item in self._items(node) if node else ():
            yield read(item)

    def _items(self, node: Node | None) -> tuple[Node, ...]:
        if isinstance(node, Items):
            return node.nodes
        if node is not None:
            self._flaw(node, f"needs a list, not {node_tree.describe(node)}")
        return ()

    def _texts(self, node: Node | None) -> tuple[str, ...]:
        if node is None:
            return ()
        items = node.nodes if isinstance(node, Items) else (node,)
        return tuple(self._text(item) for item in items)

    def _text(self, node: Node) -> str:
        if isinstance(node, Scalar) and node.value is not None:
            return " ".join(node.text.split())
        self._flaw(node, f"needs a text, not {node_tree.describe(node)}")
        return ""

    def _choice(self, node: Node, kind: type[Choice]) -> Choice:
        text = self._text(node)
        try:
            return kind(text)
        except ValueError:
            words = [choice.value for choice in kind]
            self._flaw(node, f"{quote(text)} is no {kind.__name__.lower()}{remedy(text, words)}")
            return next(iter(kind))

    def _flaw(self, node: Node, text: str) -> None:
        self.flaws.append(Flaw(node.at, text))


_CONDITION_KEYS: Final = ("says", "also", *(kind.value for kind in FactKind))
_SIGN_KEYS: Final = (*_CONDITION_KEYS, "lacks", "weight")
_CAUSE_KEYS: Final = (
    *("id", "summary", "group", "signs", "unless", "yields_to"),
    *("remedy", "experiment", "sources", "seen", "certainty"),
)


def address(source: str) -> str:
    """The address of a source; `owner/name#1` is an issue on GitHub."""
    repository, hash_, number = source.partition("#")
    if hash_ and number.isdecimal() and repository.count("/") == 1:
        return f"https://github.com/{repository}/issues/{number}"
    return source if "://" in source else f"https://{source}"
