"""The certificate authority of one run, and the TLS contexts that faults choose between."""

import datetime
import functools
import ssl
from pathlib import Path
from typing import Final

import trustme

from probes.emulator import faults
from probes.emulator.rules import HOSTS

NAMES: Final = (*HOSTS, "localhost", "127.0.0.1", "::1")


class Authority:
    """Makes the certificates of the emulated names; the key never leaves the process."""

    def __init__(self) -> None:
        self._ours = trustme.CA(organization_name="authprobe, for this run only")

    def write(self, path: Path) -> None:
        """The certificate that a client must trust, in PEM."""
        self._ours.cert_pem.write_to_path(path)

    def context(self, names: frozenset[str]) -> ssl.SSLContext:
        """How to speak TLS when these faults are met, by name."""
        if faults.UNTRUSTED_CERTIFICATE in names:
            return self._untrusted
        return self._expired if faults.EXPIRED_CERTIFICATE in names else self._good

    @functools.cached_property
    def _good(self) -> ssl.SSLContext:
        return _context(self._ours.issue_cert(*NAMES))

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
