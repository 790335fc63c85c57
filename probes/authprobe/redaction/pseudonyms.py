"""Personal data stays countable and unreadable: equal values have equal names in a whole text.

Credentials are another matter: they are redacted before a text is stored.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

EMAIL: Final = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@(?!\d+\.\d)[\w-]{1,63}(?:\.[\w-]{1,63}){0,3}\.[^\W\d_][\w-]{1,62}"
)
"""`claude-code@2.1.31` is none."""
HOME: Final = re.compile(
    r"(?i)(/home/|/Users/)(?![\[<])([^/\\\s\"':<>]+)"
    r"|(/-(?:home|Users)-)(?![\[<])([^-/\\\s\"':<>]+)"
    r"|([A-Z]:\\{1,2}Users\\{1,2})(?![\[<])([^\\/:*?\"<>|\r\n]{1,64}(?=\\)|[^\\/\s\"':<>]+)"
)
"""Where the files of a user are, and whose: the last group. On Linux and macOS, the same with
dashes as the name of a folder, and on Windows.
"""
UUID: Final = re.compile(
    r"(?i)(?<![0-9a-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z])"
)
ID: Final = re.compile(
    r"\b(?:org|organization|account|acct|user|session|workspace|wrkspc|svac)_"
    r"(?:(?=[A-Za-z]*\d)[0-9A-Za-z]{6,}|[0-9A-Za-z]{16,})(?!\w)"
)
"""`organization_disabled` is none, nor is the id of a request, which maintainers ask for."""
OWNER: Final = re.compile(
    r"(?<![\w@.-])([A-Z][\w.-]*(?: [A-Z][\w.-]*){0,3}|[\w.-]+)(?=['\u2019]s Organi[sz]ation\b)"
)
"""How the organisation of a single person is called."""
IPV4: Final = re.compile(r"(?<![\w.])(?<![A-Za-z]/)(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
"""After a letter and a slash there is a version."""
IPV6: Final = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:)[0-9A-Fa-f:]{3,39}(?:(?<=:)\d+(?:\.\d+){3})?(?![\w:])"
)
GENERIC_NAMES: Final = re.compile(
    r"""account|address|admin|administrator|agent|anthropic|api|app|auth|build|circleci|claude|client
    |codespace|container|debian|default|dev|docker|ec2-user|email|fedora|guest|home|host|id|jenkins
    |local|localhost|login|mac|max|name|node|nobody|pro|public|root|runner|server|service|shared
    |system|team|test|token|ubuntu|user|users|vagrant|version|vm|vscode|www-data""",
    re.VERBOSE,
)
"""Names of accounts and machines that are words as well: they stay, but in the path of a home."""
SHORTEST: Final = 3
"""A name of fewer characters is looked for in the paths of homes only."""
OURS: Final = re.compile(r"(?:address|email|host|id|user)-\d+")
MANY: Final = 4
"""Colons that no word of a programming language has."""


class Seen(NamedTuple):
    """Something personal in a text."""

    start: int
    end: int
    kind: str


class Pseudonymizer:
    """Replaces what tells who somebody is by `<email-1>`, `<user-2>` and the like.

    `users` and `hosts` are names that no text has to give away by its form.
    """

    def __init__(self, users: Iterable[str] = (), hosts: Iterable[str] = ()) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}
        self._names: dict[str, str] = {}
        for kind, names in (("user", users), ("host", hosts)):
            for name in names:
                self._watch_for(name, kind)

    def learn(self, text: str) -> None:
        """Remember the users whose homes the text names: they may be named elsewhere as well."""
        for found in HOME.finditer(text):
            self._watch_for(found[found.lastindex or 0], "user")
        for found in OWNER.finditer(text):
            self._watch_for(found[1], "user")

    def __call__(self, text: str) -> str:
        """The text with names in the place of what is personal; nothing of it stays to be found."""
        self.learn(text)
        parts: list[str] = []
        over = 0
        for start, end, kind in sorted(self._seen(text), key=lambda s: (s.start, -s.end)):
            if start >= over:
                parts += text[over:start], self._name(kind, text[start:end])
                over = end
        return "".join((*parts, text[over:]))

    def _watch_for(self, name: str, kind: str) -> None:
        name = name.casefold()
        says_nothing = GENERIC_NAMES.fullmatch(name) or OURS.fullmatch(name)
        if len(name) >= SHORTEST and not says_nothing:
            self._names.setdefault(name, kind)

    def _name(self, kind: str, value: str) -> str:
        known = (kind, value.casefold())
        if known not in self._numbers:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._numbers[known] = self._counts[kind]
        return f"<{kind}-{self._numbers[known]}>"

    def _seen(self, text: str) -> Iterator[Seen]:
        for kind, pattern in (("email", EMAIL), ("id", UUID), ("id", ID)):
            yield from (Seen(*found.span(), kind) for found in pattern.finditer(text))
        for found in HOME.finditer(text):
            yield Seen(*found.span(found.lastindex or 0), "user")
        for pattern in (IPV4, IPV6):
            for found in pattern.finditer(text):
                if _is_elsewhere(found[0]):
                    yield Seen(*found.span(), "address")
        yield from self._named(text)

    def _named(self, text: str) -> Iterator[Seen]:
        if not self._names:
            return
        longest_first = sorted(self._names, key=len, reverse=True)
        names = "|".join(map(re.escape, longest_first))
        for found in re.finditer(rf"(?i)(?<![^\W_])(?:{names})(?![^\W_])", text):
            if kind := self._names.get(found[0].casefold()):
                yield Seen(*found.span(), kind)


def _is_elsewhere(text: str) -> bool:
    """Whether it is an address of another machine than the one that says so."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    says_much = "." in text or any(map(str.isdigit, text)) or text.count(":") >= MANY
    return says_much and not (address.is_loopback or address.is_unspecified)


def display_path(path: Path) -> str:
    """A path as a report may name it: without the folders of this machine."""
    told = path.as_posix() if not path.is_absolute() else f".../{path.name}"
    return told.encode("utf-8", "replace").decode()
