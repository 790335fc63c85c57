"""The certificate authority of one run, and the TLS contexts that faults choose between."""

import datetime
import functools
import ssl
from pathlib import Path
from typing import Final

import trustme

from authprobe.emulator import faults
from authprobe.emulator.rules.routes import HOSTS

NAMES: Final = (*HOSTS, "localhost", "127.0.0.1", "::1")


class Authority:
    """Certificate authority of one run; its key never leaves the process."""

    def __init__(self) -> None:
        self._ours = trustme.CA(organization_name="authprobe, for this run only")
        self._at: dict[str, ssl.SSLContext] = {}

    def write(self, path: Path) -> None:
        """Certificate that a client must trust, as PEM."""
        self._ours.cert_pem.write_to_path(path)

    def context(self, met: frozenset[str], host: str) -> ssl.SSLContext:
        """Return the TLS context for these faults, which are given by name."""
        if faults.UNTRUSTED_CERTIFICATE in met:
            return self._untrusted
        return self._expired if faults.EXPIRED_CERTIFICATE in met else self._good(host)

    def _good(self, host: str) -> ssl.SSLContext:
        if host not in self._at:
            names = dict.fromkeys((*NAMES, host))
            self._at[host] = _context(self._ours.issue_cert(*names))
        return self._at[host]

    @functools.cached_property
    def _expired(self) -> ssl.SSLContext:
        now = datetime.datetime.now(datetime.UTC)
        ago = [now - datetime.timedelta(days=days) for days in (30, 1)]
        return _context(self._ours.issue_cert(*NAMES, not_before=ago[0], not_after=ago[1]))

    @functools.cached_property
    def _untrusted(self) -> ssl.SSLContext:
        other = trustme.CA(organization_name="authprobe, trusted by nobody")
        return _context(other.issue_cert(*NAMES))


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    context.num_tickets = 0  # no client comes back with a session of another case
    return context
