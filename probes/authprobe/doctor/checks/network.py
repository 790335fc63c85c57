"""Checks of the way to the service: proxies, authorities, gateways."""

import ssl
from collections.abc import Iterator
from typing import Final

from authprobe.doctor.inventory.addresses import PROXY_VARIABLES, parse_address, proxy_variable
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.inventory.precedence import PROFILES, SUBSCRIPTION
from authprobe.doctor.inventory.safe_read import read_text_file
from authprobe.doctor.result import CheckResult, error, info, warning

NETWORK: Final = "https://code.claude.com/docs/en/network-config"
GATEWAY: Final = "https://code.claude.com/docs/en/llm-gateway"
BUNDLES: Final = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
CERTIFICATE, KEY = "CLAUDE_CODE_CLIENT_CERT", "CLAUDE_CODE_CLIENT_KEY"
STORES: Final = frozenset({"bundled", "system"})
LOGINS: Final = SUBSCRIPTION | PROFILES
"""What belongs to the service, and to no gateway."""


def check_proxies(survey: Inventory) -> Iterator[CheckResult]:
    """The proxy that is used, and others that say something else."""
    values = {name: survey.value(name).strip() for name in PROXY_VARIABLES}
    name = proxy_variable(values)
    if name is None:
        return
    where = survey.variables[name].place
    address = parse_address(values[name])
    if address is None or address.scheme not in ("http", "https"):
        what = "is no address" if address is None else f"is of the kind {address.scheme}"
        yield error(
            "proxy-invalid",
            f"The proxy {what}; Claude Code takes http:// and https:// only.",
            where,
            cause="proxy-unreachable",
            remedy="Write it as http://host:port.",
            source=NETWORK,
        )
    else:
        secret = ", with a password" if address.with_password else ""
        yield info("proxy", f"Requests go through the proxy {address}{secret}.", where)
    for small in ("https_proxy", "http_proxy"):
        if values[small] and values[small.upper()] not in ("", values[small]):
            yield warning(
                "proxy-conflict",
                f"{small} and {small.upper()} are different; which counts depends on the program.",
                survey.variables[small].place,
                cause="proxy-unreachable",
                remedy="Set both to the same, or one of them.",
                source=NETWORK,
            )


def check_authorities(survey: Inventory) -> Iterator[CheckResult]:
    """Files of certificates, and whether they can count."""
    for name in BUNDLES:
        if survey.value(name).strip():
            yield from _check_bundle(survey, name)
    extra = survey.variables.get(BUNDLES[0])
    if extra and extra.from_settings and not extra.hidden:
        yield warning(
            "authorities-in-settings",
            f"{BUNDLES[0]} is set in a settings file only, which may be too late for it.",
            extra.place,
            cause="tls-untrusted-ca",
            source="https://github.com/anthropics/claude-code/issues/22512",
        )
    if survey.value("NODE_TLS_REJECT_UNAUTHORIZED").strip() == "0":
        yield warning(
            "certificates-not-verified",
            "Certificates are not verified: whoever is on the way can read the credential.",
            survey.variables["NODE_TLS_REJECT_UNAUTHORIZED"].place,
            cause="tls-untrusted-ca",
            remedy="Unset it, and trust the authority by NODE_EXTRA_CA_CERTS instead.",
        )
    stores = {store.strip() for store in survey.value("CLAUDE_CODE_CERT_STORE").split(",")} - {""}
    if stores - STORES:
        yield warning(
            "store-unknown",
            "CLAUDE_CODE_CERT_STORE names another store than bundled and system.",
            survey.variables["CLAUDE_CODE_CERT_STORE"].place,
            remedy="Write bundled,system or unset it.",
            source=NETWORK,
        )


def _check_bundle(survey: Inventory, name: str) -> Iterator[CheckResult]:
    document = read_text_file(survey.machine.folder / survey.value(name).strip())
    if document.trouble:
        yield error(
            "authorities-unreadable",
            f"The file of certificates that {name} names {document.trouble}.",
            survey.variables[name].place,
            cause="tls-untrusted-ca",
            remedy="Correct the path, or unset the variable.",
            source=NETWORK,
        )
    elif not trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), document.text):
        yield error(
            "authorities-invalid",
            f"The file that {name} names holds no certificate in PEM.",
            survey.variables[name].place,
            cause="tls-untrusted-ca",
            remedy="Convert it: openssl x509 -inform der -in ca.cer -out ca.pem",
            source=NETWORK,
        )
    else:
        yield info("authorities", f"{name} adds authorities.", survey.variables[name].place)


def trust(context: ssl.SSLContext, text: str) -> bool:
    """Trust the authorities in this PEM as well; false: there are none in it."""
    try:
        # Comments between the certificates may be in any language, and Python takes ASCII only.
        context.load_verify_locations(cadata=text.encode("ascii", "replace").decode())
    except (ssl.SSLError, ValueError):
        return False
    return True


def check_client_certificate(survey: Inventory) -> Iterator[CheckResult]:
    """The certificate by which the client shows who it is."""
    given = [name for name in (CERTIFICATE, KEY) if survey.value(name).strip()]
    if len(given) == 1:
        other = KEY if given == [CERTIFICATE] else CERTIFICATE
        yield warning(
            "client-certificate-incomplete",
            f"{given[0]} is set, and {other} is not.",
            survey.variables[given[0]].place,
            remedy=f"Set {other} as well.",
            source=NETWORK,
        )
    for name in given:
        document = read_text_file(survey.machine.folder / survey.value(name).strip())
        if document.trouble or "-----BEGIN " not in document.text:
            yield error(
                "client-certificate-unreadable",
                f"The file that {name} names {document.trouble or 'is no PEM'}.",
                survey.variables[name].place,
                remedy="Correct the path, or unset the variable.",
                source=NETWORK,
            )


def check_gateway(survey: Inventory) -> Iterator[CheckResult]:
    """An address in the place of the service."""
    variable = survey.variables.get("ANTHROPIC_BASE_URL")
    if variable is None or not variable.value.strip():
        return
    address = parse_address(variable.value)
    if address is None or address.scheme not in ("http", "https"):
        yield error(
            "gateway-invalid",
            "ANTHROPIC_BASE_URL is no address of a gateway.",
            variable.place,
            cause="proxy-unreachable",
            remedy="Write it as https://host, or unset it.",
            source=GATEWAY,
        )
        return
    if address.is_anthropic:
        return
    yield info("gateway", f"Requests go to the gateway {address}.", variable.place, source=GATEWAY)
    if address.scheme == "http" and not address.is_loopback:
        yield warning(
            "gateway-in-clear",
            "The gateway is asked in plain HTTP: the credential can be read on the way.",
            variable.place,
            remedy="Use https://.",
            source=GATEWAY,
        )
    first = survey.wins[0].held
    if first and first.slot in LOGINS:
        yield warning(
            "gateway-gets-login",
            "ANTHROPIC_BASE_URL alone replaces no credential: the login goes to the gateway.",
            variable.place,
            cause="gateway-wrong-header",
            remedy="Set the gateway's own token in ANTHROPIC_AUTH_TOKEN, or unset the address.",
            source=GATEWAY,
        )
