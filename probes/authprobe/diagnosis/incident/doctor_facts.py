"""Facts of the output of `authprobe doctor --json` and of `claude auth status`.

Both are read as data of any shape: another version may have written them, or a person edited them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from authprobe.core.claude_api import HOSTS
from authprobe.diagnosis.causes import causes
from authprobe.diagnosis.incident.facts import (
    ERROR_FACTOR,
    WARNING_FACTOR,
    IncidentFact,
    line_of,
    line_of_key,
)
from authprobe.diagnosis.incident.questions import FACTORS as EFFECTS
from authprobe.diagnosis.incident.recognition import IncidentText
from authprobe.diagnosis.symptom import Evidence
from authprobe.service.addresses import parse_address

RANK: Final = 30
SUPPORTS: Final = EFFECTS["supports"]
FACTORS: Final = {"error": ERROR_FACTOR, "warning": WARNING_FACTOR}
ANSWERS: Final = {
    "gateway": ("base-url", "yes"),
    "gateway-invalid": ("base-url", "yes"),
    "gateway-gets-login": ("base-url", "yes"),
    "gateway-of-project": ("base-url", "yes"),
    "gateway-in-clear": ("base-url", "yes"),
    "proxy": ("proxy", "yes"),
    "proxy-invalid": ("proxy", "yes"),
    "provider": ("cloud", "yes"),
    "several-providers": ("cloud", "yes"),
    "cloud-credential-missing": ("cloud", "yes"),
    "cloud-not-used": ("cloud", "no"),
    "shadowed-on-purpose": ("credential-intended", "yes"),
    "headers-on-purpose": ("credential-intended", "yes"),
    "login-elsewhere": ("config-folder", "yes"),
    "several-config-folders": ("config-folder", "yes"),
    "config-folder-relative": ("config-folder", "yes"),
    "config-folder-in-settings": ("config-folder", "yes"),
    "login-blanked": ("stored-login", "blanked"),
    "login-expired": ("stored-login", "expired"),
    "login-old": ("stored-login", "renewable"),
    "keychain-by-ssh": ("place", "remote"),
    "clock-behind": ("clock", "no"),
    "clock-wrong": ("clock", "no"),
    "clock": ("clock", "yes"),
}
"""Results of `doctor` that answer a question, whatever their severity."""
LOGIN_STATES: Final = {"login expires": "valid", "will be renewed": "renewable"}
"""Words of the result `login`, by the answer that they are."""
FOLDERS: Final = "several-config-folders"
HINTS: Final = {"refresh-lock": "refresh-lock", "onboarding-unfinished": "onboarding-gate"}
"""Results that are information only, and still point to a cause."""
DECLARED: Final = r", as .* declares\b"
SLOTS: Final = {
    "cloud provider": "cloud",
    "ANTHROPIC_AUTH_TOKEN": "auth-token",
    "ANTHROPIC_API_KEY": "api-key",
    "apiKeyHelper": "helper",
    "CLAUDE_CODE_OAUTH_TOKEN": "oauth-token",
    "profile of ANTHROPIC_PROFILE": "federation",
    "workload identity federation": "federation",
    "active profile": "federation",
    "active profile of a user": "federation",
    "login": "login",
    "key of a Console login": "api-key",
}
"""Places of credentials in `wins`, each with its answer to a question."""
METHODS: Final = {
    "api_key": "api-key",
    "api_key_helper": "helper",
    "claude.ai": "login",
    "third_party": "cloud",
    "none": "none",
}
"""Values of `authMethod`, observed with `claude auth status` 2.1.280.

`oauth_token` is not among them: it stands for either of two variables.
"""
URL: Final = r"https?://[^\s,;\"']+"
VERSION: Final = r"claude-code (\d+\.\d+\.\d+)"
MAX_RESULTS: Final = 500


def doctor_facts(text: IncidentText) -> Iterator[IncidentFact]:
    """Yield the facts of the output of `doctor --json`."""
    at, folders, ids = 0, 0, set[str]()
    results = text.data["results"]
    line = line_of_key(text.text, "results")
    for result in results[:MAX_RESULTS]:
        if not isinstance(result, dict) or not isinstance(result_id := result.get("id"), str):
            continue
        quoted = json.dumps(result_id)
        found = text.text.find(quoted, at)
        at = found + len(quoted) if found >= 0 else at
        ids.add(result_id)
        yield from _result_facts(text, result_id, result, line_of(text.text, at))
        folders = at if result_id == FOLDERS else folders
    if len(results) > MAX_RESULTS:
        limit = f"doctor has {len(results):,} results; these are of the first {MAX_RESULTS}"
        yield IncidentFact(evidence=Evidence(limit, line, text.name))
    if folders and "credential-missing" in ids:
        yield IncidentFact(
            evidence=Evidence(
                "doctor: a login is in another folder, and none in this one",
                line_of(text.text, folders),
                text.name,
            ),
            cause="config-folder-mismatch",
            factor=WARNING_FACTOR,
            rank=RANK,
        )
    if "gateway" not in ids and "gateway-invalid" not in ids:
        yield IncidentFact(
            evidence=Evidence(
                "doctor found no other address than that of the API", line, text.name
            ),
            question="base-url",
            answer="no",
            is_inferred=True,
            rank=RANK,
        )
    yield from _active_credential(text)


def _result_facts(
    text: IncidentText, result_id: str, result: Mapping[str, Any], line: int
) -> Iterator[IncidentFact]:
    severity, summary = str(result.get("severity")), str(result.get("summary"))
    where = result.get("where")
    cause = result.get("cause")
    cause = cause if isinstance(cause, str) and cause in causes() else None
    question, answer = _answer(result_id, summary)
    factor = FACTORS.get(severity)
    if factor is None:
        cause, factor = HINTS.get(result_id), SUPPORTS
    if question is None and cause is None and severity not in FACTORS:
        return
    place = f" [{where}]" if isinstance(where, str) else ""
    url = re.search(URL, summary) if question == "base-url" else None
    address = parse_address(url[0].rstrip(".")) if url else None
    if address and address.host in HOSTS:
        answer = "no"
    yield IncidentFact(
        evidence=Evidence(f"doctor: {summary}{place}", line, text.name),
        question=question,
        answer=answer,
        value=address.host if address else None,
        cause=cause,
        factor=factor,
        rank=RANK,
    )
    if result_id == "gateway" and re.search(DECLARED, summary):
        yield IncidentFact(
            evidence=Evidence("doctor: the gateway is declared", line, text.name),
            question="base-url-intended",
            answer="yes",
            rank=RANK,
        )


def _answer(result_id: str, summary: str) -> tuple[str | None, str | None]:
    """Return the question that a result answers, and the answer."""
    if result_id == "login":
        answer = next((each for words, each in LOGIN_STATES.items() if words in summary), None)
        return ("stored-login", answer) if answer else (None, None)
    return ANSWERS.get(result_id, (None, None))


def _active_credential(text: IncidentText) -> Iterator[IncidentFact]:
    """Yield the credential that wins for Claude Code."""
    client = _client(text)
    entry = text.data["wins"].get(client)
    if client is None or not isinstance(entry, dict):
        return
    credential = entry.get("credential")
    line = line_of_key(text.text, client)
    if credential is None:
        evidence = Evidence(f"doctor: {client} finds no credential", line, text.name)
        yield IncidentFact(
            evidence=evidence, question="active-credential", answer="none", rank=RANK
        )
    elif isinstance(credential, dict) and (slot := str(credential.get("slot"))) in SLOTS:
        state = credential.get("state")
        words = f" ({state})" if isinstance(state, str) else ""
        reason = entry.get("reason")
        words += f": {reason}" if isinstance(reason, str) and reason else ""
        yield IncidentFact(
            evidence=Evidence(f"doctor: {client} uses {slot}{words}", line, text.name),
            question="active-credential",
            answer=SLOTS[slot],
            rank=RANK,
        )


def _client(text: IncidentText) -> str | None:
    return next((name for name in text.data["wins"] if name.startswith("claude-code")), None)


def doctor_version(text: IncidentText) -> tuple[str, Evidence] | None:
    """Return the version of Claude Code that `doctor` found, with its place."""
    client = _client(text)
    match = re.match(VERSION, client or "")
    if match is None or client is None:
        return None
    evidence = Evidence(f"Claude Code {match[1]}", line_of_key(text.text, client), text.name)
    return match[1], evidence


def status_facts(text: IncidentText) -> Iterator[IncidentFact]:
    """Yield the facts of the output of `claude auth status`."""
    method, source = text.data.get("authMethod"), text.data.get("apiKeySource")
    line = line_of_key(text.text, "authMethod")
    if isinstance(method, str) and method in METHODS:
        words = f", from {source}" if isinstance(source, str) else ""
        yield IncidentFact(
            evidence=Evidence(f"claude auth status: authMethod {method}{words}", line, text.name),
            question="active-credential",
            answer=METHODS[method],
            rank=RANK,
        )
    if text.data.get("loggedIn") is False:
        yield IncidentFact(
            evidence=Evidence(
                "claude auth status: not logged in",
                line_of_key(text.text, "loggedIn"),
                text.name,
            ),
            question="stored-login",
            answer="none",
            cause="credential-missing",
            factor=WARNING_FACTOR,
            rank=RANK,
        )
