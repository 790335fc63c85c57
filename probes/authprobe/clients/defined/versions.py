"""Version of a program that a definition describes."""

from typing import Final

from authprobe.clients.defined.preparation import Preparation
from authprobe.clients.observe import product_versions, verified_version
from authprobe.clients.process.child import ExitReason
from authprobe.core.regular_expressions import find_match
from authprobe.errors import ClientError
from authprobe.scenario.client_definitions import Version

VERSION_TIMEOUT: Final = 30.0
MAX_OUTPUT_LENGTH: Final = 10_000
"""Characters of the output in which a version is looked for."""
MAX_VERSION_LENGTH: Final = 60
NUMBER: Final = r"[0-9]+(?:\.[0-9]+)+[0-9A-Za-z.+-]*"


def program_version(preparation: Preparation) -> str | None:
    """Return the version that ran, by the definition or else the installed one; None: unknown.

    Call it when the program has ended: this finishes the case, so that a command that prints the
    version can send no request.

    Raises:
        ClientError: another version than the installed one sent a request, or the command failed.
    """
    sandbox, version = preparation.sandbox, preparation.definition.version
    installed = preparation.version
    if version is None:
        return installed
    if version.run is not None:
        return _printed_version(preparation, version)
    products = preparation.client.spec.products
    if installed is not None:
        return verified_version(sandbox.exchanges, products, installed)
    sent = product_versions(sandbox.exchanges, products)
    return " and ".join(sorted(sent)) or None


def _printed_version(preparation: Preparation, version: Version) -> str:
    """Return the version that a command of the definition prints.

    Raises:
        ClientError: it prints none.
    """
    sandbox = preparation.sandbox
    sandbox.finish()
    command = preparation.command(version.run or ())
    result = sandbox.run(
        command, env=preparation.environment, cwd=sandbox.make_work_folder(), limit=VERSION_TIMEOUT
    )
    output = f"{result.stdout}\n{result.stderr}"
    number = find_match(version.matches or NUMBER, output, MAX_OUTPUT_LENGTH)
    if number and (number := number.strip()):
        return sandbox.redactor.cut(number, MAX_VERSION_LENGTH)
    reason = (
        f"did not end in {VERSION_TIMEOUT:g} s"
        if result.exit_reason is ExitReason.TIMED_OUT
        else f"prints no version (exit code {result.exit_code})"
    )
    raise ClientError(f"{' '.join(version.run or ())} {reason}")
