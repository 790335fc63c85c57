"""Checks of the network settings: proxies and certificates."""

import ssl
from collections.abc import Iterator
from typing import Final

from authprobe.core.safe_read import read_text_file
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.result import CheckResult, error, info, warning
from authprobe.service.addresses import (
    PROXY_VARIABLES,
    Address,
    parse_address,
    proxy_variable,
)
from authprobe.service.outbound import CA_FILE_VARIABLES, HTTP_SCHEMES, add_authorities

NETWORK_DOCS: Final = "https://code.claude.com/docs/en/network-config"
CLIENT_CERTIFICATE, CLIENT_KEY = "CLAUDE_CODE_CLIENT_CERT", "CLAUDE_CODE_CLIENT_KEY"
CERTIFICATE_STORES: Final = frozenset({"bundled", "system"})


def check_proxies(inventory: Inventory) -> Iterator[CheckResult]:
    """Report the effective proxy, and variables that name a different one."""
    values = {name: inventory.value(name).strip() for name in PROXY_VARIABLES}
    name = proxy_variable(values)
    if name is None:
        return
    yield _proxy_result(parse_address(values[name]), inventory.variables[name].label)
    for lower in ("https_proxy", "http_proxy"):
        if values[lower] and values[lower.upper()] not in ("", values[lower]):
            yield warning(
                "proxy-conflict",
                f"{lower} and {lower.upper()} differ; each program reads one of them.",
                inventory.variables[lower].label,
                cause="proxy-unreachable",
                remedy="Set both to the same value, or only one of them.",
                source=NETWORK_DOCS,
            )


def _proxy_result(address: Address | None, where: str) -> CheckResult:
    if address is None or address.scheme not in HTTP_SCHEMES:
        problem = "not a URL" if address is None else f"a {address.scheme}:// URL"
        return error(
            "proxy-invalid",
            f"The proxy is {problem}; Claude Code accepts only http:// and https://.",
            where,
            cause="proxy-unreachable",
            remedy="Write it as http://host:port.",
            source=NETWORK_DOCS,
        )
    password = ", with a password" if address.with_password else ""
    return info("proxy", f"Requests go through the proxy {address}{password}.", where)


def check_certificates(inventory: Inventory) -> Iterator[CheckResult]:
    """Report files with certificate authorities, and settings that affect verification."""
    for name in CA_FILE_VARIABLES:
        if inventory.value(name).strip():
            yield _ca_file_result(inventory, name)
    extra = inventory.variables.get(CA_FILE_VARIABLES[0])
    if extra and extra.is_from_settings and not extra.overridden_sources:
        yield warning(
            "authorities-in-settings",
            f"{CA_FILE_VARIABLES[0]} is set only in a settings file, which may be read too late.",
            extra.label,
            cause="tls-untrusted-ca",
            source="https://github.com/anthropics/claude-code/issues/22512",
        )
    if inventory.value("NODE_TLS_REJECT_UNAUTHORIZED").strip() == "0":
        yield warning(
            "certificates-not-verified",
            "Certificates are not verified: anyone on the network path can read the credential.",
            inventory.variables["NODE_TLS_REJECT_UNAUTHORIZED"].label,
            cause="tls-untrusted-ca",
            remedy="Unset it, and add the certificate authority with NODE_EXTRA_CA_CERTS instead.",
        )
    stores = {store.strip() for store in inventory.value("CLAUDE_CODE_CERT_STORE").split(",")}
    if stores - CERTIFICATE_STORES - {""}:
        yield warning(
            "store-unknown",
            "CLAUDE_CODE_CERT_STORE contains a value other than bundled and system.",
            inventory.variables["CLAUDE_CODE_CERT_STORE"].label,
            remedy="Set it to bundled,system or unset it.",
            source=NETWORK_DOCS,
        )


def _ca_file_result(inventory: Inventory, name: str) -> CheckResult:
    where = inventory.variables[name].label
    file = read_text_file(inventory.machine.folder / inventory.value(name).strip())
    if file.problem:
        return error(
            "authorities-unreadable",
            f"The file in {name} {file.problem}.",
            where,
            cause="tls-untrusted-ca",
            remedy="Correct the path, or unset the variable.",
            source=NETWORK_DOCS,
        )
    if not add_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), file.text):
        return error(
            "authorities-invalid",
            f"The file in {name} contains no certificate in PEM format.",
            where,
            cause="tls-untrusted-ca",
            remedy="Convert it: openssl x509 -inform der -in ca.cer -out ca.pem",
            source=NETWORK_DOCS,
        )
    return info("authorities", f"{name} adds certificate authorities.", where)


def check_client_certificate(inventory: Inventory) -> Iterator[CheckResult]:
    """Report a client certificate that is incomplete or unreadable."""
    names = [name for name in (CLIENT_CERTIFICATE, CLIENT_KEY) if inventory.value(name).strip()]
    if len(names) == 1:
        other = CLIENT_KEY if names == [CLIENT_CERTIFICATE] else CLIENT_CERTIFICATE
        yield warning(
            "client-certificate-incomplete",
            f"{names[0]} is set without {other}.",
            inventory.variables[names[0]].label,
            remedy=f"Set {other} as well.",
            source=NETWORK_DOCS,
        )
    for name in names:
        file = read_text_file(inventory.machine.folder / inventory.value(name).strip())
        if file.problem or "-----BEGIN " not in file.text:
            yield error(
                "client-certificate-unreadable",
                f"The file in {name} {file.problem or 'is not in PEM format'}.",
                inventory.variables[name].label,
                remedy="Correct the path, or unset the variable.",
                source=NETWORK_DOCS,
            )
