"""Facts of settings files, lists of variables, stored logins and the state of Claude Code."""

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from authprobe.core.claude_api import HOSTS
from authprobe.core.clouds import Cloud
from authprobe.diagnosis.incident.facts import (
    ERROR_FACTOR,
    WARNING_FACTOR,
    IncidentFact,
    line_of_key,
)
from authprobe.diagnosis.incident.login_facts import STORED_RANK, login_facts
from authprobe.diagnosis.incident.questions import FACTORS
from authprobe.diagnosis.incident.recognition import (
    ASSIGNMENT,
    IncidentText,
    TextKind,
    is_command,
)
from authprobe.diagnosis.symptom import Evidence
from authprobe.service.addresses import PROXY_VARIABLES, parse_address

BASE_URL: Final = "ANTHROPIC_BASE_URL"
PROVIDERS: Final = tuple(cloud.switch for cloud in Cloud)
"""Switches of clouds, in the order in which Claude Code prefers them."""
PRECEDENCE: Final = {
    **dict.fromkeys(PROVIDERS, "cloud"),
    "ANTHROPIC_AUTH_TOKEN": "auth-token",
    "ANTHROPIC_API_KEY": "api-key",
    "apiKeyHelper": "helper",
    "CLAUDE_CODE_OAUTH_TOKEN": "oauth-token",
    "login": "login",
    "primaryApiKey": "api-key",
}
"""Places of credentials by the documented precedence, each with its answer to a question.

code.claude.com/docs/en/authentication
"""
NAMES: Final = frozenset(
    {BASE_URL, *PRECEDENCE, *PROXY_VARIABLES, "CLAUDE_CONFIG_DIR", "SSH_CONNECTION", "CI"}
    | {"GITHUB_ACTIONS", "ANTHROPIC_CUSTOM_HEADERS", "NODE_EXTRA_CA_CERTS", "ANTHROPIC_MODEL"}
)
"""Settings that are facts."""
SECRETS: Final = ("TOKEN", "KEY", "KEY_ID", "SECRET", "PASSWORD", "PASSWD", "HEADERS")
"""Ends of the names of variables whose values are never shown."""
SECRET_HEADERS: Final = ("AUTHORIZATION", "COOKIE")
QUERY_SECRETS: Final = (*SECRETS, "SIG", "SIGNATURE")
"""Ends of the names of parameters of a URL whose values are never shown."""
FORMS: Final = {"sk-ant-api": "api-key", "sk-ant-oat": "oauth-token"}
MISPLACED: Final = {
    ("ANTHROPIC_API_KEY", "oauth-token"): "oauth-token-as-api-key",
    ("CLAUDE_CODE_OAUTH_TOKEN", "api-key"): "bearer-unknown",
}
ENABLED: Final = frozenset({"1", "true", "yes", "on"})
SETTINGS_RANK: Final = 20
ENVIRONMENT_RANK: Final = 10


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable or another setting, with its place."""

    name: str
    value: str = field(repr=False)
    source: str
    line: int
    rank: int

    @property
    def place(self) -> str:
        """The text and the line that set it."""
        return f"{self.source} line {self.line}".strip()

    def evidence(self, text: str) -> Evidence:
        """Return a statement about it as evidence."""
        return Evidence(text, self.line, self.source)


def settings_of(text: IncidentText) -> Iterator[Setting]:
    """Yield the variables and credentials that a text sets."""
    match text.kind:
        case TextKind.SETTINGS:
            yield from _from_settings(text)
        case TextKind.ENVIRONMENT:
            for line, content in enumerate(text.text.split("\n"), 1):
                if (match := ASSIGNMENT.match(content)) and not is_command(match):
                    value = match[2].strip().strip("'\"")
                    yield Setting(match[1], value, text.name, line, ENVIRONMENT_RANK)
        case TextKind.LOGIN:
            record = text.data["claudeAiOauth"]
            if isinstance(record, dict) and (
                record.get("accessToken") or record.get("refreshToken")
            ):
                line = line_of_key(text.text, "claudeAiOauth")
                yield Setting("login", "", text.name, line, STORED_RANK)
        case TextKind.STATE:
            key = text.data.get("primaryApiKey")
            if isinstance(key, str) and key:
                line = line_of_key(text.text, "primaryApiKey")
                yield Setting("primaryApiKey", key, text.name, line, STORED_RANK)
        case _:
            return


def _from_settings(text: IncidentText) -> Iterator[Setting]:
    rank = SETTINGS_RANK + text.rank
    env = text.data.get("env")
    begin = text.text.find('"env"')
    for name, value in env.items() if isinstance(env, dict) else ():
        if isinstance(value, str):
            # No output shows the line of any other variable, and a file may have many of them.
            is_fact = name in NAMES
            line = line_of_key(text.text, name, start=max(begin, 0)) if is_fact else 1
            yield Setting(name, value, text.name, line, rank)
    helper = text.data.get("apiKeyHelper")
    if isinstance(helper, str) and helper.strip():
        line = line_of_key(text.text, "apiKeyHelper")
        yield Setting("apiKeyHelper", helper, text.name, line, rank)


def secret_values(text: IncidentText) -> Iterator[str]:
    """Yield the values of a text that no output may show."""
    for setting in settings_of(text):
        name = setting.name.upper()
        if name.endswith(SECRETS) or setting.name == "apiKeyHelper" or _has_user(setting.value):
            yield setting.value
        if name.endswith("HEADERS"):
            yield from (line.partition(":")[2].strip() for line in setting.value.splitlines())
        if text.kind is TextKind.ENVIRONMENT:  # those of the others are in their data
            yield from secrets_of_url(setting.value)
    if text.kind in (TextKind.SETTINGS, TextKind.STATE):
        yield from _named_secrets(text.data)
    if text.kind is TextKind.LOGIN and isinstance(record := text.data["claudeAiOauth"], dict):
        tokens = (value for name, value in record.items() if name.endswith("Token"))
        yield from (value for value in tokens if isinstance(value, str))


def _has_user(value: str) -> bool:
    """Return True for a URL with a user name or a password."""
    if "@" not in value:
        return False  # nearly every one, and to parse them all takes long
    address = parse_address(value)
    return address is not None and address.with_password


def secrets_of_url(value: str) -> Iterator[str]:
    """Yield the password of a URL and the secrets in its query, as they are and decoded."""
    if "://" not in value or not ("@" in value or "?" in value):
        return
    _, _, rest = value.partition("://")
    user, at, _ = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    values = [user.partition(":")[2] or user] if at else []
    query = rest.partition("?")[2].partition("#")[0]
    for name, _, each in (part.partition("=") for part in query.split("&")):
        values += [each] * name.upper().endswith(QUERY_SECRETS)
    yield from (form for each in values for form in (each, unquote(each)) if form)


def _named_secrets(value: object) -> Iterator[str]:
    """Yield the texts in a JSON value whose names say that they are secret."""
    values: list[tuple[str, object]] = [("", value)]
    while values:
        name, each = values.pop()
        if isinstance(each, dict):
            is_headers = name.upper().endswith("HEADERS")
            values += [(name if is_headers else str(key), part) for key, part in each.items()]
        elif isinstance(each, list):
            values += [(name, part) for part in each]
        elif isinstance(each, str):
            if name.upper().replace("-", "_").endswith(SECRETS + SECRET_HEADERS):
                yield from (each, each.rpartition(" ")[2])
            yield from secrets_of_url(each)


def settings_facts(texts: Iterable[IncidentText], now: datetime.datetime) -> Iterator[IncidentFact]:
    """Yield the facts of all texts with settings; only together do they show what wins."""
    texts = tuple(texts)
    effective: dict[str, Setting] = {}
    for setting in sorted(
        (each for text in texts for each in settings_of(text)), key=lambda each: each.rank
    ):
        if not setting.value.strip() and setting.name != "login":
            effective.pop(setting.name, None)  # an empty value in settings unsets a variable
            continue
        if (previous := effective.get(setting.name)) and previous.value != setting.value:
            yield from _override(setting, previous)
        effective[setting.name] = setting
    for setting in effective.values():
        yield from _setting_facts(setting)
    yield from _credential_facts(effective)
    for text in texts:
        if text.problem:
            yield IncidentFact(
                evidence=Evidence(
                    f"the settings cannot be parsed ({text.problem}), so none of them is known",
                    text.problem_line,
                    text.name,
                )
            )
        if text.kind is TextKind.LOGIN:
            yield from login_facts(text, now)
        if text.kind is TextKind.STATE and text.data.get("hasCompletedOnboarding") is False:
            line = line_of_key(text.text, "hasCompletedOnboarding")
            evidence = Evidence("the onboarding is not finished", line, text.name)
            yield IncidentFact(evidence=evidence, cause="onboarding-gate", factor=WARNING_FACTOR)


def _override(setting: Setting, previous: Setting) -> Iterator[IncidentFact]:
    """Yield the fact that one text overrides the other, where this concerns authentication."""
    if setting.name == BASE_URL:
        new = parse_address(setting.value) or "(not a URL)"
        old = parse_address(previous.value) or "a value that is not a URL"
        yield IncidentFact(
            evidence=setting.evidence(f"{BASE_URL} {new} overrides {old} ({previous.place})"),
            cause="base-url-overridden",
            factor=WARNING_FACTOR,
        )
    elif setting.name in PRECEDENCE and setting.name != "login":
        text = f"{setting.name} overrides another value ({previous.place})"
        yield IncidentFact(
            evidence=setting.evidence(text),
            cause="ambient-credential-shadows",
            factor=WARNING_FACTOR,
        )


def _setting_facts(setting: Setting) -> Iterator[IncidentFact]:
    name, value = setting.name, setting.value.strip()
    if name == BASE_URL:
        yield from _base_url_facts(setting)
    elif name in PROXY_VARIABLES:
        address = parse_address(value)
        text = f"requests go through the proxy {address}" if address else f"{name} is not a URL"
        yield IncidentFact(
            evidence=setting.evidence(f"{text} ({name})" if address else text),
            question="proxy",
            answer="yes",
            cause=None if address else "proxy-unreachable",
            factor=ERROR_FACTOR,
            rank=setting.rank,
        )
    elif name == "CLAUDE_CONFIG_DIR":
        text = "CLAUDE_CONFIG_DIR names another configuration folder"
        evidence = setting.evidence(text)
        yield IncidentFact(
            evidence=evidence, question="config-folder", answer="yes", rank=setting.rank
        )
    elif name == "SSH_CONNECTION":
        evidence = setting.evidence("this is an SSH session")
        yield IncidentFact(evidence=evidence, question="place", answer="remote", rank=setting.rank)
    elif name in ("CI", "GITHUB_ACTIONS") and value.lower() in ENABLED:
        evidence = setting.evidence("this is a CI job")
        yield IncidentFact(evidence=evidence, question="place", answer="service", rank=setting.rank)
    elif name == "ANTHROPIC_CUSTOM_HEADERS":
        headers = {line.partition(":")[0].strip().lower() for line in value.splitlines()}
        if headers & {"authorization", "x-api-key"}:
            yield IncidentFact(
                evidence=setting.evidence(f"{name} sets a credential"),
                cause="ambient-credential-shadows",
                factor=WARNING_FACTOR,
            )
    elif name == "NODE_EXTRA_CA_CERTS" and setting.rank >= SETTINGS_RANK:
        yield IncidentFact(
            evidence=setting.evidence(f"{name} is in a settings file, which may be read too late"),
            cause="tls-untrusted-ca",
            factor=WARNING_FACTOR,
        )
    elif name in ("ANTHROPIC_MODEL", "model") and "[1m]" in value.lower():
        yield IncidentFact(
            evidence=setting.evidence(f"{name} asks for the long context"),
            cause="long-context-not-in-plan",
            factor=WARNING_FACTOR,
        )


def _base_url_facts(setting: Setting) -> Iterator[IncidentFact]:
    address = parse_address(setting.value)
    if address is None:
        yield IncidentFact(
            evidence=setting.evidence(f"{BASE_URL} is not a URL"),
            question="base-url",
            answer="yes",
            cause="proxy-unreachable",
            factor=ERROR_FACTOR,
            rank=setting.rank,
        )
        return
    path = setting.value.partition("://")[2].partition("/")[2].rstrip("/")
    is_own = address.host in HOSTS
    has_client_path = path.endswith(("v1", "v1/messages"))
    text = f"requests go to {address} ({BASE_URL})"
    yield IncidentFact(
        evidence=setting.evidence(text + ", with a path that the client adds" * has_client_path),
        question="base-url",
        answer="no" if is_own else "yes",
        value=address.host,
        cause="gateway-wrong-path" if has_client_path and not is_own else None,
        factor=FACTORS["supports"],
        rank=setting.rank,
    )


def _credential_facts(effective: Mapping[str, Setting]) -> Iterator[IncidentFact]:
    """Yield which credential wins among those that the texts show."""
    found = [
        effective[name]
        for name in PRECEDENCE
        if name in effective
        and (name not in PROVIDERS or effective[name].value.strip().lower() in ENABLED)
    ]
    if not found:
        return
    first, *others = found
    name = "the stored login" if first.name == "login" else first.name
    rest = f", and not {_names(others)}" if others else ""
    yield IncidentFact(
        evidence=first.evidence(f"of the credentials in these texts, {name} wins{rest}"),
        question="active-credential",
        answer=PRECEDENCE[first.name],
        is_inferred=True,
        rank=first.rank,
    )
    if first.name in PROVIDERS:
        yield IncidentFact(
            evidence=first.evidence(f"{first.name} is set"),
            question="cloud",
            answer="yes",
            rank=first.rank,
        )
    if any(each.name == "login" for each in others):
        yield IncidentFact(
            evidence=first.evidence(f"{name} takes precedence over the stored login"),
            cause="ambient-credential-shadows",
            factor=WARNING_FACTOR,
        )
    if first.value and first.name not in (*PROVIDERS, "apiKeyHelper"):
        yield from _form_facts(first)


def _names(settings: Iterable[Setting]) -> str:
    names = ("the stored login" if each.name == "login" else each.name for each in settings)
    return " or ".join(dict.fromkeys(names))


def _form_facts(setting: Setting) -> Iterator[IncidentFact]:
    value = setting.value.strip()
    form = next((form for prefix, form in FORMS.items() if value.startswith(prefix)), None)
    if value.startswith("$") or any(character in value for character in "\r\n"):
        yield IncidentFact(
            evidence=setting.evidence(f"{setting.name} is a placeholder, or has a line break"),
            cause="credential-malformed",
            factor=ERROR_FACTOR,
        )
    elif form:
        kind = "an API key" if form == "api-key" else "the token of a subscription"
        yield IncidentFact(
            evidence=setting.evidence(f"{setting.name} has {kind}"),
            question="credential-form",
            answer=form,
            cause=MISPLACED.get((setting.name, form)),
            factor=ERROR_FACTOR,
            rank=setting.rank,
        )
