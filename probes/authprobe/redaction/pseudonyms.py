"""Pseudonymisation of personal data: equal values get the same placeholder within one text.

Credentials are redacted earlier, before a text is stored.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

EMAIL: Final = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@(?!\d+\.\d)[\w-]{1,63}(?:\.[\w-]{1,63}){0,3}\.[^\W\d_][\w-]{1,62}"
)
"""Does not match `claude-code@2.1.31`."""
HOME: Final = re.compile(
    r"(?i)(/home/|/Users/)(?![\[<])([^/\\\s\"':<>]+)"
    r"|(/-(?:home|Users)-)(?![\[<])([^-/\\\s\"':<>]+)"
    r"|([A-Z]:\\{1,2}Users\\{1,2})(?![\[<])([^\\/:*?\"<>|\r\n]{1,64}(?=\\)|[^\\/\s\"':<>]+)"
)
"""A home directory on Linux, macOS or Windows, or with dashes, as in `~/.claude/projects`.

The last group is the user name.
"""
UUID: Final = re.compile(
    r"(?i)(?<![0-9a-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z])"
)
ID: Final = re.compile(
    r"\b(?:org|organization|account|acct|user|session|workspace|wrkspc|svac)_"
    r"(?:(?=[A-Za-z]*\d)[0-9A-Za-z]{6,}|[0-9A-Za-z]{16,})(?!\w)"
)
"""Does not match `organization_disabled`, nor request ids, which maintainers ask for."""
ORGANISATION_OWNER: Final = re.compile(
    r"(?<![\w@.-])([A-Z][\w.-]*(?: [A-Z][\w.-]*){0,3}|[\w.-]+)(?=['\u2019]s Organi[sz]ation\b)"
)
"""Default name of a single user's organisation; the first group is the user name."""
IPV4: Final = re.compile(r"(?<![\w.])(?<![A-Za-z]/)(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
"""A letter and a slash before it mean a version: `Chrome/120.0.0.0`."""
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
"""User and host names that are ordinary words; replaced only in the path of a home."""
MIN_NAME_LENGTH: Final = 3
"""Shorter names are replaced only in the path of a home."""
PLACEHOLDER: Final = re.compile(r"(?:address|email|host|id|user)-\d+")
MIN_IPV6_COLONS: Final = 4
"""Colons from which text without a digit is an address, and not code such as `a::b`."""


class PersonalMatch(NamedTuple):
    """Personal data in a text."""

    start: int
    end: int
    kind: str


class Pseudonymizer:
    """Replaces personal data by `<email-1>`, `<user-2>` and similar placeholders.

    `users` and `hosts` are names to replace wherever they occur.
    """

    def __init__(self, users: Iterable[str] = (), hosts: Iterable[str] = ()) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}
        self._names: dict[str, str] = {}
        for kind, names in (("user", users), ("host", hosts)):
            for name in names:
                self._add_name(name, kind)

    def learn(self, text: str) -> None:
        """Collect the user names in home directories and organisation names of the text.

        They are replaced in later texts, wherever they occur.
        """
        for match in HOME.finditer(text):
            self._add_name(match[match.lastindex or 0], "user")
        for match in ORGANISATION_OWNER.finditer(text):
            self._add_name(match[1], "user")

    def __call__(self, text: str) -> str:
        """Return the text with all personal data replaced."""
        self.learn(text)
        parts: list[str] = []
        end = 0
        longest_first = sorted(self._matches(text), key=lambda match: (match.start, -match.end))
        for match in longest_first:
            if match.start >= end:
                value = text[match.start : match.end]
                parts += text[end : match.start], self._placeholder(match.kind, value)
                end = match.end
        return "".join((*parts, text[end:]))

    def _add_name(self, name: str, kind: str) -> None:
        name = name.casefold()
        is_generic = GENERIC_NAMES.fullmatch(name) or PLACEHOLDER.fullmatch(name)
        if len(name) >= MIN_NAME_LENGTH and not is_generic:
            self._names.setdefault(name, kind)

    def _placeholder(self, kind: str, value: str) -> str:
        key = (kind, value.casefold())
        if key not in self._numbers:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._numbers[key] = self._counts[kind]
        return f"<{kind}-{self._numbers[key]}>"

    def _matches(self, text: str) -> Iterator[PersonalMatch]:
        for kind, pattern in (("email", EMAIL), ("id", UUID), ("id", ID)):
            yield from (PersonalMatch(*match.span(), kind) for match in pattern.finditer(text))
        for match in HOME.finditer(text):
            yield PersonalMatch(*match.span(match.lastindex or 0), "user")
        for pattern in (IPV4, IPV6):
            for match in pattern.finditer(text):
                if _is_remote_address(match[0]):
                    yield PersonalMatch(*match.span(), "address")
        yield from self._name_matches(text)

    def _name_matches(self, text: str) -> Iterator[PersonalMatch]:
        if not self._names:
            return
        longest_first = sorted(self._names, key=len, reverse=True)
        names = "|".join(map(re.escape, longest_first))
        for match in re.finditer(rf"(?i)(?<![^\W_])(?:{names})(?![^\W_])", text):
            if kind := self._names.get(match[0].casefold()):
                yield PersonalMatch(*match.span(), kind)


def _is_remote_address(text: str) -> bool:
    """Return True for the IP address of another machine; False for loopback and other text."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    has_digit = any(map(str.isdigit, text))
    looks_like_address = "." in text or has_digit or text.count(":") >= MIN_IPV6_COLONS
    return looks_like_address and not (address.is_loopback or address.is_unspecified)
