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
MAX_CONTEXTS: Final = 500
"""TLS contexts that are kept: an emulator that is reset again and again can have any hosts."""
_CERTIFICATE_FAULTS: Final = (faults.UNTRUSTED_CERTIFICATE, faults.EXPIRED_CERTIFICATE)


class Authority:
    """Certificate authority of one run; its key never leaves the process.

    The keys of its certificates are in a file for a moment, as Python reads them from files only.
    That file is in `folder`, which is removed even if the process is killed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA(organization_name="authprobe, for this run only")
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {}

    def write(self, path: Path) -> None:
        """Write the CA certificate, which a client must trust, as PEM."""
        self._ca.cert_pem.write_to_path(path)

    def context(self, fault_names: frozenset[str], hosts: tuple[str, ...]) -> ssl.SSLContext:
        """Return the TLS context for these further hosts with these faults."""
        kind = next((fault for fault in _CERTIFICATE_FAULTS if fault in fault_names), "")
        further = tuple(host for host in dict.fromkeys(hosts) if host not in CERTIFICATE_NAMES)
        key = (kind, *further)
        if key not in self._contexts:
            if len(self._contexts) >= MAX_CONTEXTS:
                self._contexts.clear()
            certificate = self._issue(kind, (*CERTIFICATE_NAMES, *further))
            self._contexts[key] = self._context(certificate)
        return self._contexts[key]

    def _issue(self, fault: str, names: tuple[str, ...]) -> trustme.LeafCert:
        if fault == faults.UNTRUSTED_CERTIFICATE:
            return self._untrusted.issue_cert(*names)
        if fault == faults.EXPIRED_CERTIFICATE:
            now = datetime.datetime.now(datetime.UTC)
            begin, end = (now - datetime.timedelta(days=days) for days in (30, 1))
            return self._ca.issue_cert(*names, not_before=begin, not_after=end)
        return self._ca.issue_cert(*names)

    def _context(self, certificate: trustme.LeafCert) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Not `configure_cert`, which writes the key to the system's temporary directory.
        with certificate.private_key_and_cert_chain_pem.tempfile(dir=str(self._folder)) as path:
            context.load_cert_chain(path)
        context.num_tickets = 0  # so that no client resumes a session of another case
        return context

    @functools.cached_property
    def _untrusted(self) -> trustme.CA:
        return trustme.CA(organization_name="authprobe, untrusted")
