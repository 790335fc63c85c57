"""Checks of the environment variables that a scenario sets for a client."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from authprobe.core.client_kinds import VARIABLES
from authprobe.documents.source import KEY, KeyPath, PathProblem, quote
from authprobe.redaction.redactor import find_token

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # POSIX.1-2024, 3.216
_VALUE: Final = re.compile(r"[ -~]{0,1000}")
_ISOLATION: Final = re.compile(
    r"""HOME|PATH|SHELL|USER|ENV|IFS|LANG|DISABLE_AUTOUPDATER|CLAUDE_CONFIG_DIR|CLAUDE_ENV_FILE
    |T(?:E?MP|MPDIR)|(?:LD|DYLD|NODE|SSL|XDG|BUN|NPM_CONFIG|BASH|OPENSSL|GIT)_.*|PYTHON.*
    |.*_(?:PROXY|URL|URI|HOST|ENDPOINT|CERTS?|CA_BUNDLE|CERT_STORE|CLIENT_KEY|HOSTS)""",
    re.VERBOSE | re.IGNORECASE,
)
"""Variables that isolate a client: they locate its programs, home, files and network."""
_CREDENTIAL: Final = re.compile(
    r""".*_(?:TOKEN|KEY|SECRET|PASSWORD|PASSPHRASE|CREDENTIALS|HEADERS)(?:_FILE)?|.*_OAUTH_SCOPES
    |(?:AWS|GOOGLE|AZURE|GH|GITHUB)_.*|.*_(?:RULE|ORGANIZATION|ACCOUNT|WORKSPACE)_ID|.*_PROFILE""",
    re.VERBOSE | re.IGNORECASE,
)


def check_variables(path: KeyPath, variables: Mapping[str, str]) -> Iterator[PathProblem]:
    """Yield the problems of one set of variables."""
    for name, value in variables.items():
        if not _NAME.fullmatch(name):
            yield (*path, name, KEY), f"{quote(name)} is not the name of a variable"
        elif name in VARIABLES or _CREDENTIAL.fullmatch(name):
            remedy = "hand credentials over under 'credentials', with a 'via'"
            yield (*path, name, KEY), f"the variable {quote(name)} cannot be set here; {remedy}"
        elif _ISOLATION.fullmatch(name):
            reason = "it would bypass the client's isolated home or the case's proxy"
            yield (*path, name, KEY), f"the variable {quote(name)} cannot be set: {reason}"
        if find_token(value) is not None:
            message = "this value looks like a token; a scenario never contains one"
            yield (*path, name), message
        elif not _VALUE.fullmatch(value):
            limit = "printable ASCII of at most 1,000 characters"
            yield (*path, name), f"the value of {quote(name)} must be {limit}"
