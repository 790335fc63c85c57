"""Reasons for failures of npm and pip, read from their output."""

import re
import sys
from typing import Final

from authprobe.clients.process.child import CompletedChild, ExitReason
from authprobe.errors import InstallError

NOT_PUBLISHED: Final = "not published"
MISSING_REQUIREMENT: Final = re.compile(
    r"(?:No matching (?:version|distribution) found for |404 +(?:The requested resource )?')"
    r"([^\s',;]*[^\s',;.])"
)
"""A requirement that npm or pip reports as missing: the package itself, or a dependency."""
REQUIREMENT_NAME: Final = re.compile(r"@?[\w./-]+")

UNREACHABLE: Final = "the package registry cannot be reached"
NOT_TRUSTED: Final = (
    "the certificate of the package registry is not trusted; name its authority in "
    "NODE_EXTRA_CA_CERTS (npm) or PIP_CERT (pip)"
)
NO_SPACE: Final = "no space left on the disk"
NOT_WRITABLE: Final = "the cache cannot be written"
NO_NODE: Final = "npm and node are not on PATH"
NO_WHEEL: Final = (
    f"it has no wheel for Python {sys.version_info.major}.{sys.version_info.minor} on this system; "
    "authprobe builds none, as that runs code of the package"
)
CONFLICT: Final = "its packages do not fit together; pin those beside it to versions that do"
LOCAL_REASONS: Final = (UNREACHABLE, NOT_TRUSTED, NO_SPACE, NOT_WRITABLE, NO_NODE)
"""Reasons that lie in this machine and not in a client: other clients fail as well."""
NO_CONNECTION: Final = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ECONNRESET|EIDLETIMEOUT|"
    r"Failed to establish|NewConnectionError|ProxyError|ReadTimeoutError|Name or service"
)
FAILURE_REASONS: Final = (
    (NO_CONNECTION, UNREACHABLE),
    (re.compile(r"CERT_|_CERT|CERTIFICATE_VERIFY_FAILED|UNABLE_TO_VERIFY"), NOT_TRUSTED),
    (re.compile(r"\bERESOLVE\b|ResolutionImpossible"), CONFLICT),
    (re.compile("from versions: none"), UNREACHABLE),  # pip prints this also when offline
    (re.compile(r"ETARGET|E404|No matching (version|distribution)"), NOT_PUBLISHED),
    (re.compile(r"ENOSPC|No space left"), NO_SPACE),
    (re.compile(r"EACCES|EROFS|Permission denied|Read-only"), NOT_WRITABLE),
    (re.compile(r"EBADENGINE|EBADPLATFORM"), "it does not run on this platform"),
)
"""Patterns in the output of npm and pip with their meaning; the first match counts."""
SCRIPT_FAILURE: Final = re.compile(r"^npm (?:error|ERR!) command failed$", re.MULTILINE)
"""npm's message about a package's failed install script."""
PEER_CONFLICT: Final = re.compile(
    r'^npm (?:error|ERR!) (?:peer|peerOptional) (\S+@".*") from (\S+)$', re.MULTILINE
)
OTHER_PYTHON: Final = "Requires-Python ([^;\\n]+)"
NPM_PREFIX: Final = re.compile(r"^npm (?:error|ERR!) ?", re.MULTILINE)
NPM_LOG_NOTICE: Final = "A complete log of this run can be found in"


def raise_for_failure(result: CompletedChild, what: str, package: str | None = None) -> None:
    """Raise InstallError if the child timed out or failed; `package` is the one to be installed."""
    if result.exit_reason is ExitReason.TIMED_OUT:
        raise InstallError(f"{what}: timed out after {result.elapsed:.0f} s")
    if result.exit_code:
        output = result.stdout + "\n" + result.stderr
        reason = failure_reason(output, package) or last_line(output)
        raise InstallError(f"{what}: {reason or f'exit code {result.exit_code}'}")


def failure_reason(output: str, package: str | None = None) -> str | None:
    """Return the reason in the output of a failed installer, or None if it is unknown."""
    if SCRIPT_FAILURE.search(output):
        return f"its install script failed: {last_line(output)}"
    reason = next((reason for pattern, reason in FAILURE_REASONS if pattern.search(output)), None)
    if reason == CONFLICT and (peer := PEER_CONFLICT.search(output)):
        return f"{peer[2]} needs {peer[1]}: {reason}"
    missing = missing_requirement(output)
    if package and missing and not is_requirement_of(missing, package):
        return f"it needs {missing}, which is not published"
    return reason


def missing_requirement(output: str) -> str | None:
    """Return the requirement that an installer did not find in the registry that it reached."""
    match = None if NO_CONNECTION.search(output) else MISSING_REQUIREMENT.search(output)
    return match[1] if match else None


def is_requirement_of(requirement: str, package: str) -> bool:
    """Return True if a requirement is one of this package, and not of a dependency."""
    return requirement_name(requirement) == requirement_name(package)


def other_python(output: str, version: str) -> str | None:
    """Return the reason if pip ignored a version that is for another Python."""
    match = re.search(f"[:;] {re.escape(version)} {OTHER_PYTHON}", output)
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"it needs Python {match[1].strip()}, and this one is {own}" if match else None


def requirement_name(requirement: str) -> str:
    """Return the normalised package name of a requirement (PEP 503)."""
    match = REQUIREMENT_NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else ""


def last_line(output: str) -> str:
    """Return the last informative line, without credentials in URLs."""
    lines = [line.strip() for line in NPM_PREFIX.sub("", output).splitlines()]
    messages = [line for line in lines if line and not line.startswith(NPM_LOG_NOTICE)]
    return re.sub(r"//[^/@\s]+@", "//", messages[-1])[:300] if messages else ""
