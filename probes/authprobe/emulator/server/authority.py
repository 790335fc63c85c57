"""The certificate authority of one run, and the TLS contexts that faults choose between."""

import datetime
import functools
import ssl
from pathlib import Path
from typing import Final

import trustme

from authprobe.emulator import faults
from authprobe.emulator.rules.routes import HOSTS

CERTIFICATE_NAMES: Final = (*HOSTS, "localhost", "127.0.0.1", "::1")


class Authority:
    """Certificate authority of one run; its key never leaves the process."""

    def __init__(self) -> None:
        self._ca = trustme.CA(organization_name="authprobe, for this run only")
        self._contexts: dict[str, ssl.SSLContext] = {}

    def write(self, path: Path) -> None:
        """Write the CA certificate, which a client must trust, as PEM."""
        self._ca.cert_pem.write_to_path(path)

    def context(self, fault_names: frozenset[str], host: str) -> ssl.SSLContext:
        """Return the TLS context for a host with these faults."""
        if faults.UNTRUSTED_CERTIFICATE in fault_names:
            return self._untrusted
        return self._expired if faults.EXPIRED_CERTIFICATE in fault_names else self._good(host)

    def _good(self, host: str) -> ssl.SSLContext:
        if host not in self._contexts:
            names = dict.fromkeys((*CERTIFICATE_NAMES, host))
            self._contexts[host] = _context(self._ca.issue_cert(*names))
        return self._contexts[host]

    @functools.cached_property
    def _expired(self) -> ssl.SSLContext:
        now = datetime.datetime.now(datetime.UTC)
        begin, end = (now - datetime.timedelta(days=days) for days in (30, 1))
        certificate = self._ca.issue_cert(*CERTIFICATE_NAMES, not_before=begin, not_after=end)
        return _context(certificate)

    @functools.cached_property
    def _untrusted(self) -> ssl.SSLContext:
        other = trustme.CA(organization_name="authprobe, untrusted")
        return _context(other.issue_cert(*CERTIFICATE_NAMES))


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    context.num_tickets = 0  # so that no client resumes a session of another case
    return context
