"""The levels at which the operating system isolates the clients of a run, and their variables."""

import enum
import re
from collections.abc import Iterable
from typing import Final

CA_VARIABLES: Final = (
    *("CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
)
"""Variables that name the file of trusted authorities, of curl, Node.js, Requests and OpenSSL."""
PROXY_VARIABLES: Final = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
ISOLATING_VARIABLES: Final = frozenset(
    {
        *("CLAUDE_CONFIG_DIR", "DISABLE_AUTOUPDATER", "HOME", "LANG", "PATH", "TMPDIR"),
        *CA_VARIABLES,
        *PROXY_VARIABLES,
        *map(str.lower, PROXY_VARIABLES),
    }
)
"""Variables that authprobe sets for every client, whatever a scenario says."""
_LOADER_VARIABLE: Final = re.compile(r"(?:LD|DYLD)_\w+|GLIBC_TUNABLES|GCONV_PATH|BASH_ENV", re.I)
"""Variables by which the dynamic linker, the C library or the shell loads further code into every
program, those included that authprobe starts around the client.
"""


def isolates(variable: str) -> bool:
    """Return True for a variable that authprobe sets itself, in any spelling: some programs read
    `HTTPS_proxy` as well.
    """
    return variable.upper() in ISOLATING_VARIABLES


def loads_code(variable: str) -> bool:
    """Return True for a variable that makes any program load further code."""
    return _LOADER_VARIABLE.fullmatch(variable) is not None


class Isolation(enum.StrEnum):
    """Isolation of the client processes, from the strongest to none."""

    SEALED = "sealed"
    """A container for each case: its own network, file system, processes and users."""
    NETWORK = "network"
    """A network namespace with nothing but loopback for each case (network_namespaces(7))."""
    NONE = "none"
    """No isolation: only environment variables point the clients to the emulator."""


def weakest(
    isolations: Iterable[tuple[Isolation | None, str | None]],
) -> tuple[Isolation | None, str | None]:
    """Return the weakest isolation that clients had, with its reason; None: none was started."""
    levels = list(Isolation)
    known = [(isolation, reason) for isolation, reason in isolations if isolation is not None]
    return max(known, key=lambda each: levels.index(each[0]), default=(None, None))
