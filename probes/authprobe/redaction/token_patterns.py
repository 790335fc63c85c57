"""Regular expressions for credential formats, for secrets whose value is unknown."""

import bisect
import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from authprobe.redaction.decoding import Decoding, Span

TOKEN: Final = "token"
JWT: Final = "jwt"


def looks_random(value: str) -> bool:
    """Return True if the value has both a digit and a letter, so it is not a word."""
    return bool(re.search(r"\d", value)) and bool(re.search(r"[A-Za-z]", value))


# Each pattern begins with a literal character or a set: `re` searches for nothing else as fast.
class TokenPattern(NamedTuple):
    """A credential format and the pattern that recognises it."""

    name: str
    markers: tuple[str, ...]
    """Every match contains one of these: a substring search is a quick test before the pattern."""
    pattern: re.Pattern[str]
    """Its first group is the secret."""
    predicate: Callable[[str], bool] = lambda value: True
    """Further condition on the secret, for patterns that also match ordinary words."""
    spaced: bool = False
    """True if a match may contain spaces."""


TOKEN_PATTERNS: Final = (
    # Any kind, in any case: other scanners recognise only the API keys.
    TokenPattern(
        TOKEN,
        ("-ant-", "-ANT-", "-Ant-"),
        re.compile(
            r"([sS][kK]-[aA][nN][tT]-(?:[a-z]++|[A-Z][A-Za-z]*+)[0-9]*+-[A-Za-z0-9_-]{8,}+)"
        ),
    ),
    # An identity token (RFC 7519, 3.1): a JSON object in base64 begins with `eyJ`. A word that is
    # none is matched too: to search it again at each `eyJ` in it takes quadratic time.
    TokenPattern(
        JWT,
        ("eyJ",),
        re.compile(r"(eyJ[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+)?+)"),
        lambda value: "." in value,
    ),
    # The value after an authentication scheme (RFC 6750, 2.1; RFC 7617, 2).
    TokenPattern(
        "authorization",
        ("earer ", "asic ", "EARER ", "ASIC "),
        re.compile(r"[bB](?i:earer|asic) ++([A-Za-z0-9._~+/-]{20,}+=*+)"),
        looks_random,
        spaced=True,
    ),
    TokenPattern(
        "authorization",
        (
            *("uthorization", "UTHORIZATION", "-api-key", "-API-KEY", "-Api-Key"),
            *("-security-token", "-SECURITY-TOKEN", "-Security-Token"),
        ),
        re.compile(
            r"[uU-](?:(?<=[uU])(?i:thorization)|(?<=-)(?i:api-key|security-token))"
            r"""\\{0,4}["']?\s{0,4}[:=]\s{0,4}\\{0,4}["']?([A-Za-z0-9._~+/-]{20,}+=*+)"""
        ),
        looks_random,
        spaced=True,
    ),
    # The password in a URL (RFC 3986, 3.2.1).
    TokenPattern(
        "password",
        ("://",),
        re.compile(r"""://[^\s/@:"'<>\\]{0,128}+:([^\s/@:"'<>\[\]{}*$\\]{3,256}+)@"""),
    ),
    # Tokens of forges and package registries, which their issuers made recognisable for scanners.
    TokenPattern(
        TOKEN,
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "npm_", "glpat-", "pypi-"),
        re.compile(
            r"(gh[pousr]_[A-Za-z0-9]{30,}+|github_pat_[A-Za-z0-9_]{30,}+|glpat-[A-Za-z0-9_-]{20,}+"
            r"|npm_[A-Za-z0-9]{30,}+|pypi-[A-Za-z0-9_-]{40,}+)"
        ),
    ),
    # Of other services, whose beginning stays: OpenAI, OpenRouter, Google, Slack, Telegram.
    TokenPattern(
        TOKEN,
        ("sk-proj-", "sk-svcacct-", "sk-admin-", "sk-or-v1-", "GOCSPX-", "xox", "xapp-", "bot"),
        re.compile(
            r"(?<![A-Za-z0-9])[sGxb](?:(?<=s)k-(?:proj|svcacct|admin|or-v1)-|(?<=G)OCSPX-"
            r"|(?<=x)(?:ox[a-z]|app)-|(?<=b)ot(?=\d{8,12}:AA))([A-Za-z0-9_:-]{20,}+)"
        ),
        looks_random,
    ),
    TokenPattern(
        TOKEN,
        ("hooks.slack.com/", "/api/webhooks/"),
        re.compile(
            r"[h/](?:(?<=h)ooks\.slack\.com/(?:services|workflows)/|(?<=/)api/webhooks/)"
            r"([A-Za-z0-9_/-]{20,}+)"
        ),
        looks_random,
    ),
    # AWS: the id of an access key, of a fixed length.
    TokenPattern(
        TOKEN,
        ("AKIA", "ASIA"),
        re.compile(r"(?<![A-Za-z0-9+/])(A(?:KIA|SIA)[A-Z0-9]{16})(?![A-Za-z0-9])"),
        looks_random,
    ),
)
ANY_MARKER: Final = re.compile(
    "|".join(re.escape(marker) for pattern in TOKEN_PATTERNS for marker in pattern.markers)
)
SHORT_TEXT_LENGTH: Final = 4096
"""Characters up to which one search for all markers is faster than one search for each."""
PATTERN_NAMES: Final = tuple(dict.fromkeys(pattern.name for pattern in TOKEN_PATTERNS))
"""Names for matches of unknown origin, the most specific first."""
CONTINUATION: Final = re.compile(r"(?=.*(?:\d|[a-z][A-Z])).{8}")
"""The second line of a wrapped token: unlike a word, it has a digit or a capital within."""
FOLLOWING_WORD: Final = re.compile(r"[A-Z]?[a-z]{1,10}+[ :](?![ :=])|[A-Z]?[a-z]{1,10}+: ")
"""A word on the line after a wrapped token, with more words after it."""
MAX_CONTINUATION_LENGTH: Final = 256


def specificity(name: str) -> int:
    """Return a rank for a match's name: a slot's name ranks above every pattern's name."""
    return -PATTERN_NAMES.index(name) - 1 if name in PATTERN_NAMES else 0


def find_token_patterns(decoding: Decoding) -> Iterator[Span]:
    """Yield the spans of a decoding that match a credential format."""
    text = decoding.text
    if decoding.is_squeezed or (len(text) < SHORT_TEXT_LENGTH and not ANY_MARKER.search(text)):
        return
    for pattern in TOKEN_PATTERNS:
        matches = _matches(pattern, text)
        if decoding.seams:
            yield from _joined_tokens(decoding, pattern, matches)
        else:
            yield from (Span(*match.span(1), pattern.name) for match in matches)


def find_spaced_values(text: str) -> Iterator[str]:
    """Yield the secrets in a text that stand after a space, such as a scheme's credentials."""
    for pattern in TOKEN_PATTERNS:
        if pattern.spaced:
            yield from (match[1] for match in _matches(pattern, text))


def _matches(pattern: TokenPattern, text: str) -> Iterator[re.Match[str]]:
    if any(marker in text for marker in pattern.markers):
        yield from (
            match for match in pattern.pattern.finditer(text) if pattern.predicate(match[1])
        )


def _joined_tokens(
    decoding: Decoding, pattern: TokenPattern, matches: Iterator[re.Match[str]]
) -> Iterator[Span]:
    """Yield the spans that lie across a seam, not those that end just before an ordinary word.

    Joining lines also joins a token at the end of a line to the word that follows it.
    """
    if pattern.name not in (TOKEN, JWT):
        return
    seams = decoding.seams
    for match in matches:
        start, end = match.span()
        number = bisect.bisect_right(seams, start)
        if number == len(seams) or seams[number] >= end:
            continue
        first = pattern.pattern.fullmatch(decoding.text, start, seams[number])
        is_token = first is not None and pattern.predicate(first[1])
        last = seams[bisect.bisect_left(seams, end) - 1]
        if last > seams[number] and FOLLOWING_WORD.match(decoding.text, last):
            end = last
        continuation = decoding.text[seams[number] if is_token else start : end]
        if CONTINUATION.match(continuation, 0, MAX_CONTINUATION_LENGTH):
            yield Span(match.start(1), end, pattern.name)
