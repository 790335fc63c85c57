"""Checks of the hosts of one's own, beyond what types can express."""

from collections.abc import Iterator, Mapping
from typing import Final

from authprobe.documents.source import KeyPath, PathProblem, quote
from authprobe.emulator.config import Host, Service
from authprobe.scenario.model import Scenario

_SILENT: Final = (Service.EMPTY, Service.NOTHING)


def check_hosts(path: KeyPath, hosts: Mapping[str, Host | Service]) -> Iterator[PathProblem]:
    """Yield settings of hosts that have no effect."""
    for name, host in hosts.items():
        if not isinstance(host, Host):
            continue
        if host.serves in _SILENT:
            for key in _further_keys(host):
                message = f"a host that serves {quote(host.serves)} takes no {quote(key)}"
                yield (*path, name, key), message
        for index, rewrite in enumerate(host.rewrites):
            if rewrite.becomes is None and rewrite.form is None and rewrite.message is None:
                key_path = (*path, name, "errors")
                message = "this changes no error; add 'becomes', 'form' or 'message'"
                yield (*key_path, index) if isinstance(host.errors, tuple) else key_path, message


def required_headers(scenario: Scenario) -> Iterator[str]:
    """Yield the names of the headers that gateways of the scenario require, in lower case."""
    groups = [scenario.hosts, *(backend.hosts for backend in scenario.backends.values())]
    for hosts in (*groups, *(client.hosts for client in scenario.named_clients)):
        for host in hosts.values():
            if isinstance(host, Host):
                yield from (requirement.header.lower() for requirement in host.requirements)


def _further_keys(host: Host) -> Iterator[str]:
    """Yield the keys that only a gateway has, as far as they are stated."""
    default = Host()
    for key in ("prefix", "requires", "strips", "credential", "errors"):
        if getattr(host, key) != getattr(default, key):
            yield key
    if host.serves is Service.NOTHING and host.latency:
        yield "latency"
