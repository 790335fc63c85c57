"""Redaction of texts from elsewhere: also credentials of other services, by form and by name.

The rest of the laboratory knows its own values; here a text may contain those of any service.
"""

import re
from typing import Final

from authprobe.redaction.pseudonyms import EMAIL, HOME
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.token_patterns import looks_random

VALUE: Final = "[redacted:value]"
SECRET_LINE: Final = re.compile(
    # It begins with a set of letters because `re` skips all others in a tenth of the time.
    r"([aAxX_pP](?:(?<=\b[aA])(?i:uthorization)[\"']?\s*[:=]\s*[\"']?(?i:bearer|basic)\s+"
    r"|(?<=\b[xX])-(?i:api-key|amz-security-token)[\"']?\s*[:=]\s*[\"']?"
    r"|(?:(?<=_)(?i:token|key|secret)|(?<=[pP])(?i:assword))\s*=\s*[\"']?))"
    r"(?!\[redacted|<|\$|\*|['\"])([^\s\"',;]{6,})"
)
"""A header or a variable with its value."""
PASSWORD: Final = re.compile(
    r"(?i)((?:password|passwd|passphrase)\\{0,4}[\"']?[ \t]{0,4}[:=][ \t]{0,4}\\{0,4})"
    r"(?:([\"'])((?!\[redacted|<|\$|\*)[^\n\"'\\]{4,256}+)(?=\\{0,4}\2)"
    r"|((?!\[redacted|<|\$|\*)[^\s\"',;\\]{4,256}+)(?=[ \t\r]*(?:$|[,;\n])))"
)
"""A password in quotes, or the only word after its name: other words are a message about it."""
NAMED: Final = re.compile(
    r"((?:[kK](?i:ey)|[tT](?i:oken)|[sS](?i:ecret)|[cC](?i:redential|ookie))(?:[_-]?[iI][dD])?+"
    r"\\{0,4}[\"')]?[ \t]{0,4}[:=][ \t]{0,4}\\{0,4}[\"']?)"
    r"([A-Za-z0-9._~+/=%:@!#-]{8,})"
)
"""A value that may be random, after the end of a name that a secret has."""
CODE_IN_URL: Final = re.compile(
    r"([?&](?:code|state|code_challenge|code_verifier|key|api[_-]?key|sig|signature"
    r"|(?:[a-z]+_)?token|secret|client_secret|password)=)[^&\s\"'\[]+"
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
PRIVATE_KEY: Final = re.compile(
    r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----)([^-]{16,20000}+)(?=-----|\Z)"
)


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
    text = CODE_IN_URL.sub(rf"\1{VALUE}", text)
    text = FOREIGN.sub(_without_foreign_token, text)
    text = NAMED.sub(_without_random_value, text)
    text = PASSWORD.sub(lambda match: f"{match[1]}{match[2] or ''}{VALUE}", text)
    if "PRIVATE KEY" in text:
        text = PRIVATE_KEY.sub(lambda match: match[1] + VALUE + "\n" * match[2].count("\n"), text)
    return text


def _without_foreign_token(match: re.Match[str]) -> str:
    prefix, value = (group for group in match.groups() if group is not None)
    return f"{prefix}{VALUE}" if looks_random(value) or value.isupper() else match[0]


def _without_random_value(match: re.Match[str]) -> str:
    return f"{match[1]}{VALUE}" if looks_random(match[2]) else match[0]
