"""Facts of a text: an error, a log, a web page, an exception or a whole issue.

Counterpart of `observation_facts`, which reads the same facts from a recorded observation. The text
is redacted first; nothing in it is executed or followed.
"""

import contextlib
import datetime
import functools
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import re2

from authprobe.diagnosis.excerpt import excerpt_of
from authprobe.diagnosis.phrases import WordIndex, blank_escapes
from authprobe.diagnosis.symptom import (
    Fact,
    FactKind,
    FactSet,
    Symptom,
    group_facts,
    quote_line,
)
from authprobe.diagnosis.text_redaction import redact_text

MAX_INPUT_BYTES: Final = 50_000_000
MAX_ANALYZED_CHARACTERS: Final = 1_000_000
"""Of a longer text the beginning and the end are read, and the errors between them."""
MAX_FACTS: Final = 500
"""Facts of one kind that are kept."""
MAX_VERSION_LABEL: Final = 40
"""Characters before a version that may name its program."""

# Patterns that only some texts need are text: `re` compiles each at its first use, and keeps it.
TOKEN_PREFIX: Final = re.compile(r"sk-ant-(oat|ort|api)\d*")
TOKEN_KINDS: Final = {"oat": "access-token", "ort": "refresh-token", "api": "api-key"}

STATUS: Final = re.compile(
    r"(?<![\w.,-])(?<!\d:)(?<![jt]s:)(?<!py:)(?:40\d|41\d|42\d|5[0-3]\d)(?![\w%]|[.,:]\d)"
    r"(?! ?(?:[mnu\u00b5\u03bc]?s|msec|secs?|seconds?|milliseconds?|[kmgKMG]i?[bB]|bytes?|px)\b)"
    r"(?! (?:characters|tokens|lines|files|items|rows|tests|times|requests|messages)\b)",
    re.ASCII,
)
COUNT_LABEL: Final = re.compile(
    r"(?i)(?:\b(?:line|port|pid|process|worker|thread|took|size|length|page|item|row|build|id) "
    r"|(?P<key>\w+)(?:=|[ \\]{0,3}[\"']\s?:\s?))\Z"
)
"""What is before a number that is no status: a word for another kind of number, or a key."""
STATUS_KEY: Final = r"(?i)status|code|http|error|response|result|reason|\brc\b"
"""Part of a key whose number may be a status."""
LABEL_LENGTH: Final = 40
"""Characters before a number in which its label is looked for."""
STATUS_CONTEXT: Final = re.compile(
    r"(?i)api|http|status|error|code|fail|return|answer|respon|request|unauthori[sz]ed|forbidden"
    r"|overload|gateway|too many|not found|internal|refused|retry|throttl"
)
"""Words near a three-digit number that make it an HTTP status."""
STATUS_CONTEXT_LENGTH: Final = 100
"""Characters before and after the number in which these words are looked for."""
ERROR_TYPE: Final = (
    r"\b(invalid_request|authentication|billing|permission|not_found|conflict|rate_limit|api|timeout"
    r"|overloaded)_\s*error\b|\b(invalid_grant|invalid_scope|invalid_client|unsupported_grant_type"
    r"|request_too_large|oauth_org_not_allowed|account_on_hold|verification_required"
    r"|cloud_credential_error|enforced_spend_limit_reached|organization_on_hold"
    r"|claude_code_key_creator_not_member|claude_code_version_too_old|contract_spend_limit_reached"
    r"|ramp_limit_exceeded|linked_organization_billing_unavailable"
    r"|linked_organization_spend_limit_reached|sandbox_egress_restricted|cmek_context_unavailable"
    r"|cmek_key_unreachable|cmek_key_disabled|cmek_key_network_blocked)\b"
    r"|[\"']?type[\"']?\s*:\s*[\"']?(forbidden)\b"
)
URL: Final = re.compile(r"\bhttps?:/{1,2}([\w.-]+|\[[0-9a-f:]+\])(?::\d+)?(/[\w./%-]*)?")
BARE_HOST: Final = re.compile(
    r"\b((?:api|console|platform|auth|mcp-proxy|docs|status)\.(?:anthropic|claude)\.(?:com|ai)"
    r"|claude\.(?:ai|com))(/[\w./%-]*)?",
    re.ASCII,
)
PATH: Final = re.compile(r"(/(?:v1|api)/(?:oauth|messages|models)[\w/.-]*)", re.ASCII)
ERROR_CODE: Final = (
    r"\b(E(?:NOTFOUND|AI_[A-Z]+|CONN[A-Z]+|TIMEDOUT|PIPE|HOST[A-Z]+|NET[A-Z]+|REFUSED|PROTO)"
    r"|(?:DEPTH_ZERO_)?SELF_SIGNED_CERT(?:_IN_CHAIN)?|UNABLE_TO_[A-Z_]+|CERT_[A-Z_]+"
    r"|CERTIFICATE_VERIFY_FAILED|ERR_[A-Z_]+|ERR_TLS_[A-Z_]+|ConnectionRefused|FailedToOpenSocket"
    r"|errSec[A-Za-z]+|WinError 1\d{4}|rc=36|exit (?:code )?36)\b"
)
EXCEPTION: Final = r"\b((?:[a-zA-Z_]{1,64}\.){0,8}[A-Z][A-Za-z]{1,64}(?:Error|Exception))\b"
VARIABLE: Final = (
    r"\b((?:ANTHROPIC|CLAUDE|AWS|NODE|SSL)_[A-Z0-9_]+|(?:HTTPS?|NO)_PROXY|apiKeyHelper)\b"
)
VERSION: Final = re.compile(r"(?<![\d.])[0-2]\.\d{1,2}\.\d{1,3}(?![\d.])")
VERSION_LABEL: Final = (
    r"(?i)(?:claude(?:[ -]?code)?(?:[ -]cli)?(?: version)?|\bversion|\bv)[*\]:=\s\"@/`v]*$"
)
ISO_DATE: Final = re.compile(r"\b(20[2-3]\d)-([01]\d)-([0-3]\d)(?=\b|T)")
ENGLISH_DATE: Final = re.compile(
    r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? "
    r"(\d{1,2})(?:st|nd|rd|th)?,? (20[2-3]\d)\b"
)
MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
ELEMENT_START: Final = r"(?i)<(script|style)\b"
ELEMENT_END: Final = r"(?i)</{name}\s*+>"
"""End of an element whose content a reader does not see."""
TAG: Final = r"<[/!]?[a-zA-Z][^<>]{0,2000}>"
CHECKLIST: Final = re.compile(r"(?m)^[ \t]*[-*] \[[ xX]\] .*$")
"""Check boxes of issue templates, which are the same in every issue."""


def symptom_from_text(text: str) -> Symptom:
    """Return the facts of a text."""
    passages = excerpt_of(text, MAX_ANALYZED_CHARACTERS).passages
    excerpt = "\n".join(passage.text for passage in passages)
    # The kinds of tokens are read first, because redaction removes the prefixes that show them.
    token_kinds = {match[1] for match in TOKEN_PREFIX.finditer(excerpt)}
    body = _without_markup(redact_text(excerpt))
    facts = group_facts(chain(_facts(body), _credential_facts(token_kinds, body)))
    fact_set = FactSet(facts=facts, text=body, words=WordIndex(body))
    return Symptom(fact_sets=(fact_set,), version=_version(body), date=_date(body), is_text=True)


def _without_markup(text: str) -> str:
    """Remove checklists and, from a web page, the HTML markup; line numbers stay the same."""
    text = CHECKLIST.sub(_line_breaks, text)
    if "<html" in text.lower() and "<body" in text.lower() and text.lstrip().startswith("<"):
        text = re.sub(TAG, _blank, _without_invisible_elements(text))
        import html  # only web pages need it

        # Line by line, because an entity may be a line break.
        text = "\n".join(" ".join(html.unescape(line).splitlines()) for line in text.split("\n"))
    return text


def _blank(tag: re.Match[str]) -> str:
    return " " + _line_breaks(tag)


def _without_invisible_elements(text: str) -> str:
    """Return the text with only the line breaks of scripts and styles that have an end."""
    parts: list[str] = []
    position, endless = 0, set[str]()
    for start in re.finditer(ELEMENT_START, text):
        name = start[1].lower()
        if start.start() < position or name in endless:
            continue
        end = re.compile(ELEMENT_END.format(name=name)).search(text, start.end())
        if end is None:
            endless.add(name)  # one search for all of them, which keeps the time linear
            continue
        breaks = "\n" * text.count("\n", start.start(), end.end())
        parts += text[position : start.start()], breaks
        position = end.end()
    return "".join((*parts, text[position:]))


def _line_breaks(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def _facts(text: str) -> Iterator[Fact]:
    plain = blank_escapes(text)
    for kind, pattern in (
        (FactKind.CODE, ERROR_CODE),
        (FactKind.EXCEPTION, EXCEPTION),
        (FactKind.VARIABLE, VARIABLE),
    ):
        for match, value in _first_matches(_linear(pattern, plain), plain):
            yield kind, value, quote_line(text, match.start(1))
    for match, value in _first_matches(_linear(ERROR_TYPE, plain), plain):
        error_type = f"{value}_error" if match[1] else value
        yield FactKind.ERROR_TYPE, error_type, quote_line(text, match.start())
    yield from _status_facts(text, plain)
    yield from _address_facts(text, plain)


def _linear(pattern: str, text: str) -> re.Pattern[str]:
    """Return the pattern for RE2, in which it takes a tenth of the time, if it means the same.

    That is so for ASCII: RE2 knows no other letters and digits.
    """
    return _compiled(pattern) if text.isascii() else re.compile(pattern, re.ASCII)


@functools.cache
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern)


def _status_facts(text: str, plain: str) -> Iterator[Fact]:
    """Yield numbers that are HTTP statuses by the words around them, each at its first place."""
    statuses = set[str]()
    word = STATUS_CONTEXT.search(plain)
    for match in STATUS.finditer(plain):
        if match[0] in statuses:
            continue
        begin = match.start() - STATUS_CONTEXT_LENGTH
        # No part is searched twice, which would take seconds for a page of numbers.
        if word and word.start() < begin:
            word = STATUS_CONTEXT.search(plain, begin)
        is_near = word is not None and word.end() <= match.end() + STATUS_CONTEXT_LENGTH
        if is_near and not _is_count(plain, match.start()):
            statuses.add(match[0])
            yield FactKind.STATUS, match[0], quote_line(text, match.start())


def _is_count(text: str, start: int) -> bool:
    """Return True if the number that starts here counts or names something, by what is before."""
    label = COUNT_LABEL.search(text, max(start - LABEL_LENGTH, 0), start)
    return label is not None and not (label["key"] and re.search(STATUS_KEY, label["key"]))


def _first_matches(pattern: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Yield the first match of each value."""
    values = set[str]()
    for match in pattern.finditer(text):
        value = next((group for group in match.groups() if group), "")
        if value not in values:
            values.add(value)
            yield match, value
        if len(values) > MAX_FACTS:
            return


def _address_facts(text: str, plain: str) -> Iterator[Fact]:
    facts = set[tuple[FactKind, str]]()
    for pattern in (URL, BARE_HOST):
        for match in pattern.finditer(plain):
            for kind, group in ((FactKind.HOST, match[1]), (FactKind.PATH, match[2])):
                if group and (kind, group) not in facts and len(facts) < MAX_FACTS:
                    facts.add((kind, group))
                    value = group.rstrip("./") if kind is FactKind.HOST else group
                    yield kind, value, quote_line(text, match.start(1))
    for match, value in _first_matches(PATH, plain):
        yield FactKind.PATH, value, quote_line(text, match.start(1))


def _credential_facts(token_kinds: set[str], text: str) -> Iterator[Fact]:
    redacted_token = text.find("[redacted:token]")
    for kind in sorted(token_kinds):
        prefix = text.find(f"sk-ant-{kind}")
        offset = prefix if prefix >= 0 else redacted_token
        yield FactKind.CREDENTIAL, TOKEN_KINDS[kind], quote_line(text, max(offset, 0))


def _version(text: str) -> str | None:
    """Return the first version of Claude Code in the text, or None."""
    for match in VERSION.finditer(text):
        label = text[max(match.start() - MAX_VERSION_LABEL, 0) : match.start()]
        if re.search(VERSION_LABEL, label):
            return match[0]
    return None


def _date(text: str) -> datetime.date | None:
    """Return the first date in the text, or None; one in digits goes before one in words."""
    digits = ((int(match[1]), int(match[2]), int(match[3])) for match in ISO_DATE.finditer(text))
    words = (
        (int(match[3]), MONTHS.index(match[1]) + 1, int(match[2]))
        for match in ENGLISH_DATE.finditer(text)
    )
    for year, month, day in chain(digits, words):
        with contextlib.suppress(ValueError):  # such as 2026-13-01, which is none
            return datetime.date(year, month, day)
    return None
