"""Redaction of texts from elsewhere: also credentials of other services, by form and by name.

The rest of the laboratory knows its own values; here a text may contain those of any service.
"""

import re
from typing import Final

from authprobe.redaction.pseudonyms import EMAIL, HOME
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.token_patterns import looks_random

# Patterns that only some texts need are text: `re` compiles each at its first use, and keeps it.
VALUE: Final = "[redacted:value]"
SECRET_LINE: Final = re.compile(
    # It begins with a set of letters because `re` skips all others in a tenth of the time.
    r"([aAxX_pP](?:(?<=\b[aA])(?i:uthorization)[\"']?\s*[:=]\s*[\"']?(?i:bearer|basic)\s+"
    r"|(?<=\b[xX])-(?i:api-key|amz-security-token)[\"']?\s*[:=]\s*[\"']?"
    r"|(?:(?<=_)(?i:token|key|secret)|(?<=[pP])(?i:assword))\s*=\s*[\"']?))"
    r"(?!\[redacted|<|\$|\*|['\"])([^\s\"',;]{6,})"
)
"""A header or a variable with its value."""
PASSWORD: Final = (
    r"(?i)((?:password|passwd|passphrase)\\{0,4}[\"']?[ \t]{0,4}[:=][ \t]{0,4}\\{0,4})"
    r"(?:([\"'])((?!\[redacted|<|\$|\*)[^\n\"'\\]{4,256}+)(?=\\{0,4}\2)"
    r"|((?!\[redacted|<|\$|\*)[^\s\"',;\\]{4,256}+)(?=[ \t\r]*(?:$|[,;\n])))"
)
"""A password in quotes, or the only word after its name: other words are a message about it."""
NAMED: Final = re.compile(
    r"([kKtTsScC_](?:(?<=[kK])(?i:ey)(?:_(?i:base))?+|(?<=[tT])(?i:oken)|(?<=[sS])(?i:ecret)"
    r"|(?<=[cC])(?i:redential|ookie|ode_verifier)|(?<=_)(?i:auth))(?:[_-]?[iI][dD])?+"
    r"\\{0,4}[\"')]?[ \t]{0,4}[:=][ \t]{0,4}\\{0,4}[\"']?)"
    r"([A-Za-z0-9._~+/=%:@!#-]{8,})"
)
"""A value that may be random, after the end of a name that a secret has."""
MIN_ELEMENT_LENGTH: Final = 8
MIN_MIXED_DIGITS: Final = 3
SPACED: Final = re.compile(
    r"([kKtTsSpPcC](?:(?:(?<=[kK])(?i:ey)|(?<=[tT])(?i:oken)|(?<=[sS])(?i:ecret)"
    r"|(?<=[pP])(?i:assword)) |(?<=[cC])(?<![A-Za-z_.-].)(?<!rror .)"
    r"(?i:ode(?: here)?(?: if prompted)?)\\{0,4}[\"']? ?[:=>])"
    r" {0,3}\\{0,4}[\"'`]?)([A-Za-z0-9_+#-]{16,}+=*+)(?![./(=])"
)
"""A value after a name and a space, as in `Authorization: token`, or a code of a login."""
OPTION: Final = (
    r"(--(?:[a-z]{1,20}-){0,3}(?:token|(pass(?:word|wd)?)|secret|api-?key)[= ][\"']?)"
    r"(?!\[redacted|<|\$|\*|[/~.-])([^\s\"'`,;)]{4,256})"
)
"""An option of a command with its value."""
VARIABLE: Final = (
    r"([pP](?:(?<=_.)(?i:ass)|(?<![^\W_].)(?i:wd|asswd))=[\"']?)(?!\[redacted|<|\$|\*|[/~.]|[A-Za-z]:)"
    r"(?!(?i:true|false|none|null|required|missing|empty)\b|\d{1,5}\b)([^\s\"'`,;&)]{4,256})"
)
"""A password in a variable, or in the string of a connection; not `PWD`, which is a folder."""
ELEMENT: Final = (
    r"(?i)(<[\w:.-]{0,40}?(?:(password|passwd|secret)|token|key|cookie|credentials?)"
    r"(?:\s[^<>]{0,200})?>\s{0,8})([^<>\s]{4,4096})(?=\s{0,8}</)"
)
"""An element of XML with a value of one word."""
PAIR: Final = (
    r"([kKtTsSaA](?:(?<=[kK])(?i:ey)|(?<=[tT])(?i:oken)|(?<=[sS])(?i:ecret)|(?<=[aA])(?i:uthorization))"
    r"[\"'],[ ]?b?[\"'](?:(?i:bearer|basic|token) )?)([^\s\"'\[]{8,})(?=[\"'])"
)
"""A header as a tuple, as httpx prints it."""
COOKIES: Final = (
    r"([cC](?i:ookies?)\\{0,4}[\"']?[ ]?[:=,][ ]?\[?b?\\{0,4}[\"']?)"
    r"([\w.-]{1,64}=[^\s\"'\]\[,][^\n\"'\]\[]{1,4096})"
)
COOKIE: Final = (
    r"(?<![\w.-])((?!(?i:path|domain|expires|max-age|samesite|priority)=)[\w.-]{1,64}=)"
    r"([^\s;,\"']{6,})"
)
"""A cookie with its value; not the attributes of `Set-Cookie` (RFC 6265, 4.1.1)."""
CURL_OPTION: Final = (
    r"(\s-(?:u|-user|-proxy-user)[ =]?[\"']?[^\s\"':;=]{1,64}:)[^\"'\s]{3,}+"
    r"|(\s-(?:b|-cookie)[ =]?)(\"[^\"\n]{1,4096}|'[^'\n]{1,4096}|[^\s\"']{1,4096})"
)
"""An option of `curl` that names a user with a password, or cookies."""
CURL_LENGTH: Final = 1000
"""Characters of a command before its options."""
NETRC: Final = (
    r"(machine\s{1,9}\S{1,256}\s{1,9}login\s{1,9}\S{1,256}\s{1,9}password\s{1,9})"
    r"(?!\[redacted)(\S{3,256})"
)
DIGEST: Final = r"\b(response=\\?[\"']?)([0-9a-fA-F]{32,128})\b"
"""Answer of HTTP Digest (RFC 7616, 3.4.1)."""
SIGNATURE: Final = r"([sS](?i:ignature)\\{0,4}[\"']?[:=]\\{0,4}[\"']?)([A-Za-z0-9+/_%-]{32,}+=*+)"
"""A signature of a URL or a header; a shorter word is the name of an algorithm."""
DISCORD: Final = re.compile(r"[MNO](?<!\w.)[\w-]{22,27}\.[\w-]{6}\.[\w-]{27,38}(?![\w-])")
CODE_IN_URL: Final = (
    r"([?&](?:code|state|code_challenge|code_verifier|key|api[_-]?key|sig|signature"
    r"|(?:[a-z]+_)?token|secret|client_secret|pass|passwd|password|pwd)=)[^&\s\"'\[]+"
)
FOREIGN: Final = re.compile(
    # OpenAI and the many services and gateways that copy its form.
    r"\b(sk-(?!ant-)(?:proj-|svcacct-|admin-|or-v1-|or-|lf-)?+)([A-Za-z0-9_-]{12,})"
    r"|\b(gw-|xox[a-z]-|xapp-|ya29\.|1//0|AIza|hf_|gsk_|xai-|pplx-|r8_|SG\.|dckr_pat_|lin_api_"
    r"|shpat_|dop_v1_|ntn_|ATATT|[rsp]k_(?:live|test)_|whsec_|sess-)([A-Za-z0-9._-]{12,})"
    # AWS: ids of access keys.
    r"|\b(AKIA|ASIA|AROA|AIDA|ABIA|ACCA)([A-Z0-9]{12,})(?![a-z])"
)
"""Credentials of other services, whose prefix tells the kind and stays."""
PRIVATE_KEY: Final = r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----)([^-]{16,20000}+)(?=-----|\Z)"


def redact_text(text: str) -> str:
    """Return the text without tokens, other secret values, email addresses and user names.

    It has as many lines as before.
    """
    text = redact_values(Redactor()(text))
    if "@" in text:
        text = EMAIL.sub("[redacted:email]", text)
    folded = text.casefold()
    has_home = "home" in folded or "users" in folded
    return HOME.sub(r"\1\3\5[redacted:user]", text) if has_home else text


def redact_values(text: str) -> str:
    """Return the text without values that are secret by their names, and tokens of any service."""
    text = SECRET_LINE.sub(rf"\1{VALUE}", text)
    if "=" in text:
        text = re.sub(CODE_IN_URL, rf"\1{VALUE}", text)
    text = FOREIGN.sub(_without_foreign_token, text)
    text = NAMED.sub(_without_random_value, text)
    if "pass" in text.casefold():
        text = re.sub(PASSWORD, lambda match: f"{match[1]}{match[2] or ''}{VALUE}", text)
    text = _without_secret_places(text)
    if "PRIVATE KEY" in text:
        text = re.sub(
            PRIVATE_KEY, lambda match: match[1] + VALUE + "\n" * match[2].count("\n"), text
        )
    return text


def _without_secret_places(text: str) -> str:
    """Return the text without values at places that only secrets have, such as an option."""
    folded = text.casefold()
    text = SPACED.sub(_without_mixed_value, text)
    text = DISCORD.sub(lambda match: VALUE if looks_random(match[0]) else match[0], text)
    if "=" in text:
        text = re.sub(VARIABLE, rf"\1{VALUE}", text)
    if "signature" in folded:
        text = re.sub(SIGNATURE, rf"\1{VALUE}", text)
    if "--" in text:
        text = re.sub(OPTION, _without_option, text)
    if "</" in text:
        text = re.sub(ELEMENT, _without_element, text)
    if "'," in text or '",' in text:
        text = re.sub(PAIR, _without_random_value, text)
    if "cookie" in folded:
        text = re.sub(COOKIES, lambda match: match[1] + _without_cookies(match[2]), text)
    if "curl" in folded:
        text = re.sub(CURL_OPTION, _without_curl_option, text)
    if "machine" in folded:
        text = re.sub(NETRC, rf"\1{VALUE}", text)
    return re.sub(DIGEST, rf"\1{VALUE}", text) if "digest" in folded else text


def _without_mixed_value(match: re.Match[str]) -> str:
    value = match[2]
    is_mixed = len(re.findall(r"\d", value)) >= MIN_MIXED_DIGITS and not (
        value.islower() or value.isupper()
    )
    return f"{match[1]}{VALUE}" if is_mixed else match[0]


def _without_option(match: re.Match[str]) -> str:
    is_password = match[2] and "=" in match[1]
    return f"{match[1]}{VALUE}" if is_password or looks_random(match[3]) else match[0]


def _without_element(match: re.Match[str]) -> str:
    is_value = match[2] or (len(match[3]) >= MIN_ELEMENT_LENGTH and looks_random(match[3]))
    is_redacted = "[redacted" in match[3]
    return f"{match[1]}{VALUE}" if is_value and not is_redacted else match[0]


def _without_curl_option(match: re.Match[str]) -> str:
    before = match.string[max(match.start() - CURL_LENGTH, 0) : match.start()]
    if "curl" not in before.rsplit("\n\n", 1)[-1]:
        return match[0]
    return f"{match[1]}{VALUE}" if match[1] else match[2] + _without_cookies(match[3])


def _without_cookies(text: str) -> str:
    return re.sub(COOKIE, rf"\1{VALUE}", text)


def _without_foreign_token(match: re.Match[str]) -> str:
    prefix, value = (group for group in match.groups() if group is not None)
    return f"{prefix}{VALUE}" if looks_random(value) or value.isupper() else match[0]


def _without_random_value(match: re.Match[str]) -> str:
    return f"{match[1]}{VALUE}" if looks_random(match[2]) else match[0]
