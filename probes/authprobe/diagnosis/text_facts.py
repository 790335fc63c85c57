"""A text as facts: an error, a log, a page, an exception, an issue pasted whole.

What is given is redacted first, and read as it is left then. Nothing in it is run or followed.
"""

import datetime
import functools
import html
import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from authprobe.diagnosis.phrases import Phrase, smooth
from authprobe.diagnosis.symptom import Evidence, FactKind, Scene, Symptom, collect, quote_line
from authprobe.redaction.pseudonyms import EMAIL, HOME
from authprobe.redaction.redactor import Redactor

LIMIT_CHARACTERS: Final = 50_000_000
READ_CHARACTERS: Final = 1_000_000
"""Of a longer text its beginning and its end are read: errors stand at either."""
FACTS: Final = 500
"""Of one kind that are kept."""

SECRET_LINE: Final = re.compile(
    r"(?i)((?:\bauthorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic)\s+"
    r"|\bx-api-key[\"']?\s*[:=]\s*[\"']?|(?:_token|_key|_secret|password)\s*=\s*[\"']?))"
    r"(?!\[redacted|<|\$|\*|['\"])([^\s\"',;]{6,})"
)
"""A header or a variable with its value."""
JWT: Final = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")
CODE_IN_ADDRESS: Final = re.compile(r"([?&](?:code|state|code_challenge|code_verifier)=)[^&\s\"']+")

KIND_OF_TOKEN: Final = re.compile(r"sk-ant-(oat|ort|api)\d*")
KINDS: Final = {"oat": "access-token", "ort": "refresh-token", "api": "api-key"}

STATUS: Final = re.compile(
    r"(?<![\w.,-])(?<!\d:)(?<![jt]s:)(?<!py:)(?:40\d|41\d|42\d|5[0-3]\d)(?![\w%]|[.,:]\d)",
    re.ASCII,
)
SAYS_STATUS: Final = re.compile(
    r"(?i)api|http|status|error|code|fail|return|answer|respon|request|unauthori[sz]ed|forbidden"
    r"|overload|gateway|too many|not found|internal|refused|retry|throttl"
)
"""A number of three digits is a status where the words around it speak of one."""
NEAR: Final = 100
"""Characters before and behind it."""
ERROR_TYPE: Final = re.compile(
    r"\b(invalid_request|authentication|billing|permission|not_found|conflict|rate_limit|api|timeout"
    r"|overloaded)_\s*error\b|\b(invalid_grant|invalid_scope|invalid_client|unsupported_grant_type"
    r"|request_too_large|oauth_org_not_allowed|enforced_spend_limit_reached)\b"
    r"|[\"']?type[\"']?\s*:\s*[\"']?(forbidden)\b",
    re.ASCII,
)
ADDRESS: Final = re.compile(r"\bhttps?:/{1,2}([\w.-]+|\[[0-9a-f:]+\])(?::\d+)?(/[\w./%-]*)?")
BARE_HOST: Final = re.compile(
    r"\b((?:api|console|platform|auth|mcp-proxy|docs|status)\.(?:anthropic|claude)\.(?:com|ai)"
    r"|claude\.(?:ai|com))(/[\w./%-]*)?",
    re.ASCII,
)
PATH: Final = re.compile(r"(/(?:v1|api)/(?:oauth|messages|models)[\w/.-]*)", re.ASCII)
ERROR_CODE: Final = re.compile(
    r"\b(E(?:NOTFOUND|AI_[A-Z]+|CONN[A-Z]+|TIMEDOUT|PIPE|HOST[A-Z]+|NET[A-Z]+|REFUSED|PROTO)"
    r"|(?:DEPTH_ZERO_)?SELF_SIGNED_CERT(?:_IN_CHAIN)?|UNABLE_TO_[A-Z_]+|CERT_[A-Z_]+"
    r"|CERTIFICATE_VERIFY_FAILED|ERR_[A-Z_]+|ERR_TLS_[A-Z_]+|ConnectionRefused|FailedToOpenSocket"
    r"|errSec[A-Za-z]+|WinError 1\d{4}|rc=36|exit (?:code )?36)\b",
    re.ASCII,
)
EXCEPTION: Final = re.compile(r"\b((?:[a-zA-Z_]+\.)*[A-Z][A-Za-z]+(?:Error|Exception))\b", re.ASCII)
VARIABLE: Final = re.compile(
    r"\b((?:ANTHROPIC|CLAUDE|AWS|NODE|SSL)_[A-Z0-9_]+|(?:HTTPS?|NO)_PROXY|apiKeyHelper)\b", re.ASCII
)
VERSION: Final = re.compile(r"(?<![\d.])[0-2]\.\d{1,2}\.\d{1,3}(?![\d.])")
BEFORE_VERSION: Final = re.compile(
    r"(?:claude(?:[ -]?code)?(?:[ -]cli)?(?: version)?|\bversion|\bv)[*\]:=\s\"@/`v]*$",
    re.IGNORECASE,
)
DATE: Final = re.compile(r"\b(20[2-3]\d)-([01]\d)-([0-3]\d)(?=\b|T)")
DAY: Final = re.compile(
    r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? "
    r"(\d{1,2})(?:st|nd|rd|th)?,? (20[2-3]\d)\b"
)
MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
SHOWN_MARKUP: Final = re.compile(r"(?is)<(script|style)\b.*?</\1\s*>")
TAG: Final = re.compile(r"<[/!]?[a-zA-Z][^<>]{0,2000}>")
CHECKLIST: Final = re.compile(r"(?m)^[ \t]*[-*] \[[ xX]\] .*$")
"""What issue templates ask everybody."""


def redacted(text: str) -> str:
    """The text without what is nobody else's: tokens, values of headers, addresses of people."""
    text = Redactor()(text)
    text = JWT.sub("[redacted:token]", text)
    text = SECRET_LINE.sub(r"\1[redacted:value]", text)
    text = CODE_IN_ADDRESS.sub(r"\1[redacted:value]", text)
    if "@" in text:
        text = EMAIL.sub("[redacted:email]", text)
    return HOME.sub(r"\1\3\5[redacted:user]", text)


def read(given: str) -> Symptom:
    """The facts of a text."""
    kinds = {found[1] for found in KIND_OF_TOKEN.finditer(_bounded(given))}
    text = redacted(_bounded(given))
    body = _plain(text)
    facts = collect(chain(_facts(body), _credentials(kinds, body)))
    scene = Scene(facts=facts, text=body, words=Phrase(body))
    return Symptom(scenes=(scene,), version=_version(body), date=_date(body), is_text=True)


def _bounded(text: str) -> str:
    if len(text) <= READ_CHARACTERS:
        return text
    half = READ_CHARACTERS // 2
    return text[:half] + "\n" + text[-half:]


def _plain(text: str) -> str:
    """Without what every issue says, and without the markup of a page; lines stay lines."""
    text = CHECKLIST.sub(_same_lines, text)
    if "<html" in text.lower() and "<body" in text.lower() and text.lstrip().startswith("<"):
        text = html.unescape(TAG.sub(" ", SHOWN_MARKUP.sub(_same_lines, text)))
    return text


def _same_lines(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def _facts(text: str) -> Iterator[tuple[FactKind, str, Evidence]]:
    even = smooth(text)
    for kind, pattern in (
        (FactKind.CODE, ERROR_CODE),
        (FactKind.EXCEPTION, EXCEPTION),
        (FactKind.VARIABLE, VARIABLE),
    ):
        for found, value in _each(pattern, even):
            yield kind, value, quote_line(text, found.start(1))
    for found, value in _each(ERROR_TYPE, even):
        yield (
            FactKind.ERROR_TYPE,
            f"{value}_error" if found[1] else value,
            quote_line(text, found.start()),
        )
    yield from _statuses(text, even)
    yield from _addresses(text, even)


def _statuses(text: str, even: str) -> Iterator[tuple[FactKind, str, Evidence]]:
    """Numbers that are statuses by the words around them, each where it is so first."""
    seen = set[str]()
    for found in STATUS.finditer(even):
        around = even[max(found.start() - NEAR, 0) : found.end() + NEAR]
        if found[0] not in seen and SAYS_STATUS.search(around):
            seen.add(found[0])
            yield FactKind.STATUS, found[0], quote_line(text, found.start())


def _each(pattern: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], str]]:
    """The first finding of each value."""
    seen = set[str]()
    for found in pattern.finditer(text):
        value = next((group for group in found.groups() if group), "")
        if value not in seen:
            seen.add(value)
            yield found, value
        if len(seen) > FACTS:
            return


def _addresses(text: str, even: str) -> Iterator[tuple[FactKind, str, Evidence]]:
    seen = set[tuple[FactKind, str]]()
    for pattern in (ADDRESS, BARE_HOST):
        for found in pattern.finditer(even):
            for kind, group in ((FactKind.HOST, found[1]), (FactKind.PATH, found[2])):
                if group and (kind, group) not in seen and len(seen) < FACTS:
                    seen.add((kind, group))
                    yield (
                        kind,
                        group.rstrip("./") if kind is FactKind.HOST else group,
                        quote_line(text, found.start(1)),
                    )
    for found, value in _each(PATH, even):
        yield FactKind.PATH, value, quote_line(text, found.start(1))


def _credentials(kinds: set[str], text: str) -> Iterator[tuple[FactKind, str, Evidence]]:
    at = text.find("[redacted:token]")
    for kind in sorted(kinds):
        place = text.find(f"sk-ant-{kind}")
        found = place if place >= 0 else at
        yield FactKind.CREDENTIAL, KINDS[kind], quote_line(text, max(found, 0))


def _version(text: str) -> str | None:
    """The first version of Claude Code that the text names."""
    for found in VERSION.finditer(text):
        if BEFORE_VERSION.search(text[max(found.start() - 40, 0) : found.start()]):
            return found[0]
    return None


def _date(text: str) -> datetime.date | None:
    """The first day that the text names."""
    if found := DATE.search(text):
        return _day(int(found[1]), int(found[2]), int(found[3]))
    if found := DAY.search(text):
        return _day(int(found[3]), MONTHS.index(found[1]) + 1, int(found[2]))
    return None


@functools.cache
def _day(year: int, month: int, day: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None
