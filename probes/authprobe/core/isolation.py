"""The levels at which the operating system isolates the clients of a run, and their variables."""

import enum
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


class Isolation(enum.StrEnum):
    """Isolation of the client processes, from the strongest to none."""

    SEALED = "sealed"
    """A container for each case: its own network, file system, processes and users."""
    NETWORK = "network"
    """A network namespace with nothing but loopback for each case (network_namespaces(7))."""
    NONE = "none"
    """No isolation: only environment variables point the clients to the emulator."""
