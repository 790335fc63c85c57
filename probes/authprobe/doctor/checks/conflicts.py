"""Checks of credentials that conflict: shadowed, incomplete, declined or prevented ones."""

import itertools
import shlex
import shutil
from collections.abc import Iterator
from typing import Final

from authprobe.core.safe_read import ReadProblem, read_text_file
from authprobe.doctor.checks.gateways import advice_to_declare, used_declaration
from authprobe.doctor.inventory.environment import SettingsFile
from authprobe.doctor.inventory.found_credentials import (
    FEDERATION_VARIABLES,
    IDENTITY_VARIABLES,
    is_federation_complete,
)
from authprobe.doctor.inventory.gateways import find_base_url
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.inventory.machine import MACOS, is_enabled
from authprobe.doctor.inventory.precedence import (
    HEADER_SLOTS,
    CredentialSlot,
    FoundCredential,
)
from authprobe.doctor.result import CheckResult, error, info, warning

GATEWAY_DOCS: Final = "https://code.claude.com/docs/en/llm-gateway-connect"
FEDERATION_DOCS: Final = "https://platform.claude.com/docs/en/manage-claude/wif-reference"
LOGIN_SLOTS: Final = frozenset({CredentialSlot.LOGIN, CredentialSlot.STORED_KEY})
"""Credentials that a user gets by logging in, and expects to be used."""
ENVIRONMENT_SLOTS: Final = frozenset(
    {CredentialSlot.AUTH_TOKEN, CredentialSlot.API_KEY, CredentialSlot.OAUTH_TOKEN}
)
SHELL_CHARACTERS: Final = frozenset("|&;<>()$`*?[#~=%\n")
"""Characters that only a shell can interpret."""
MAX_COMMAND_LENGTH: Final = 10_000
"""Characters of a command that are split into words, which takes quadratic time; no system starts a
program whose path is half as long."""


def check_precedence(inventory: Inventory) -> Iterator[CheckResult]:
    """Report shadowed credentials, two that are sent together, or that there is none."""
    active = inventory.active_credentials[0]
    if active.credential is None:
        yield from _check_missing(inventory)
        return
    credential, shadowed = active.credential, active.shadowed
    headers = [each for each in (credential, *shadowed) if each.slot in HEADER_SLOTS]
    if credential.slot not in HEADER_SLOTS:
        headers = []  # Only these slots are sent together with another.
    if shadowed:
        yield from _check_shadowed(inventory, credential, shadowed, are_sent=len(headers) > 1)
    if len(headers) > 1:
        yield warning(
            "several-keys",
            f"{headers[0].slot.noun} and {headers[1].slot.noun} are both set; "
            "Claude Code sends both, in two headers.",
            headers[0].where,
            cause="ambient-credential-shadows",
            remedy="Keep the one that you intend to use, and unset the other.",
        )


def _check_shadowed(
    inventory: Inventory,
    credential: FoundCredential,
    shadowed: tuple[FoundCredential, ...],
    *,
    are_sent: bool,
) -> Iterator[CheckResult]:
    """Report credentials that are not used; `are_sent`: the next one is sent as well."""
    logins = [each for each in shadowed if each.slot in LOGIN_SLOTS]
    others = ", ".join(dict.fromkeys(each.noun for each in shadowed))
    text = f"Claude Code uses {credential.noun}, and ignores {others}"
    declaration, advice = used_declaration(inventory), advice_to_declare(inventory)
    wanted = (logins or shadowed)[0]
    before = itertools.takewhile(lambda each: each is not wanted, (credential, *shadowed))
    steps = [_removal(each.slot, each.where) for each in before]
    remedy = " ".join(filter(None, (_to_use(inventory, wanted, steps), advice)))
    if credential.slot in LOGIN_SLOTS:
        yield info("other-credentials", f"{text}.", credential.where)
    elif declaration:
        if not are_sent:
            text = f"{text}, as {declaration.source} declares."
            yield info("shadowed-on-purpose", text, credential.where)
    elif logins:
        yield warning(
            "login-shadowed",
            f"Claude Code uses {credential.noun}, and ignores {logins[0].noun}.",
            credential.where,
            cause="ambient-credential-shadows",
            remedy=remedy,
        )
    elif not are_sent:
        yield warning(
            "several-credentials",
            f"{text}.",
            credential.where,
            cause="ambient-credential-shadows",
            remedy=remedy,
        )


def _to_use(inventory: Inventory, wanted: FoundCredential, steps: list[str]) -> str:
    """Return how to use a credential: by these steps, and not at a gateway that it is not for."""
    first = _away_from_gateway(inventory) if wanted.slot not in HEADER_SLOTS else ""
    return f"To use {wanted.noun}, {first}{' and '.join(steps)}."


def _away_from_gateway(inventory: Inventory) -> str:
    """Return the step before those that make a login the credential; empty: there is no gateway."""
    url = find_base_url(inventory.variables, with_clouds=False)
    if url is None or not url.is_gateway:
        return ""
    return f"first {_removal(None, url.variable.label)}, or the gateway gets it; then "


def _removal(slot: CredentialSlot | None, where: str) -> str:
    """Return how to stop using a credential, or a variable, with its setting or file."""
    if slot is CredentialSlot.HELPER:
        return f"remove {slot} from {where}"
    if slot is CredentialSlot.PROFILE_NAMED:
        return "unset ANTHROPIC_PROFILE"
    if slot in (CredentialSlot.PROFILE, CredentialSlot.PROFILE_OF_USER):
        return f"remove {where}"
    name, separator, file = where.partition(" in ")
    return f"remove {name} from {file}" if separator else f"unset {name}"


def _check_missing(inventory: Inventory) -> Iterator[CheckResult]:
    if inventory.machine.platform == MACOS:
        return  # The login may be in the Keychain, which is not read.
    if inventory.login.has_record or inventory.login.file.problem not in (
        None,
        ReadProblem.MISSING,
    ):
        return  # Another check reports what is wrong with the login.
    yield warning(
        "credential-missing",
        "This machine has no credential for Claude Code.",
        cause="credential-missing",
    )


def check_federation(inventory: Inventory) -> Iterator[CheckResult]:
    """Report incomplete variables of workload identity federation, and an unreadable token."""
    names = (*FEDERATION_VARIABLES, *IDENTITY_VARIABLES)
    present = [name for name in names if inventory.value(name).strip()]
    has_trigger = bool({*present} & {FEDERATION_VARIABLES[0], *IDENTITY_VARIABLES})
    if has_trigger and not is_federation_complete(inventory.variables):
        missing = [name for name in FEDERATION_VARIABLES if name not in present]
        if not {*present} & {*IDENTITY_VARIABLES}:
            missing.append(IDENTITY_VARIABLES[0])
        yield warning(
            "federation-incomplete",
            f"Federation also needs {' and '.join(missing)}, and is not used without.",
            present[0],
            cause="federation-refused",
            remedy=f"Set {' and '.join(missing)}, or unset {' and '.join(present)}.",
            source=FEDERATION_DOCS,
        )
    if path := inventory.value(IDENTITY_VARIABLES[1]).strip():
        file = read_text_file(inventory.machine.folder / path)
        if file.problem or not file.text.strip():
            yield error(
                "identity-token-file",
                f"The file with the identity token {file.problem or 'is empty'}.",
                IDENTITY_VARIABLES[1],
                cause="federation-refused",
                remedy="Check the program that writes it; a projected token must be mounted "
                "and readable.",
                source=FEDERATION_DOCS,
            )


def check_helper(inventory: Inventory) -> Iterator[CheckResult]:
    """Report the program in `apiKeyHelper`, without running it."""
    files = [file for file in inventory.settings if file.api_key_helper]
    if not files:
        return
    effective = files[-1]
    yield _helper_result(inventory, effective)
    if len(files) > 1:
        yield warning(
            "several-helpers",
            "apiKeyHelper is set in several settings files; this one is effective.",
            effective.display_path,
            cause="ambient-credential-shadows",
            remedy="Keep it in only one of them.",
        )


def _helper_result(inventory: Inventory, file: SettingsFile) -> CheckResult:
    program = _program(file.api_key_helper or "")
    if program is not None and not _is_executable(inventory, program):
        return error(
            "helper-missing",
            "The program in apiKeyHelper does not exist, or is not executable.",
            file.display_path,
            cause="api-key-helper-failing",
            remedy="Correct its path, or make it executable (chmod u+x).",
        )
    return info(
        "helper-not-run",
        "apiKeyHelper is set; the doctor does not run it.",
        file.display_path,
        remedy="Run it yourself: it must print only the key.",
    )


def _program(command: str) -> str | None:
    """Return the program that a simple command starts, or None if it needs a shell."""
    if SHELL_CHARACTERS & set(command):
        return None
    try:
        words = shlex.split(command[:MAX_COMMAND_LENGTH])
    except ValueError:
        return None
    return words[0] if words else None


def _is_executable(inventory: Inventory, program: str) -> bool:
    machine = inventory.machine
    path = str(machine.folder / program) if "/" in program else program
    try:
        return shutil.which(path, path=":".join(map(str, machine.search_path))) is not None
    except (OSError, ValueError):
        return False


def check_forced_login(inventory: Inventory) -> Iterator[CheckResult]:
    """Report a key or token although managed settings require a login."""
    keys = {"forceLoginMethod", "forceLoginOrgUUID"}
    forced = next(
        (
            file
            for file in inventory.settings
            if file.scope == "managed" and keys & set(file.file.data)
        ),
        None,
    )
    slots = HEADER_SLOTS | {CredentialSlot.OAUTH_TOKEN}
    obstacles = [each for each in inventory.credentials if each.slot in slots]
    if forced and obstacles:
        yield error(
            "login-forced",
            f"Managed settings require a login, but {obstacles[0].slot.noun} is set.",
            forced.display_path,
            cause="ambient-credential-shadows",
            remedy=f"To log in, {_away_from_gateway(inventory)}remove {obstacles[0].slot.noun}.",
            source=GATEWAY_DOCS,
        )


def check_user_answers(inventory: Inventory) -> Iterator[CheckResult]:
    """Report questions of an interactive start that the user declined or has not answered."""
    state = inventory.state
    where = inventory.machine.display_path(state.file.path)
    if inventory.is_key_declined:
        yield warning(
            "key-declined",
            "You declined ANTHROPIC_API_KEY once: interactive sessions ignore it, "
            "`claude -p` uses it.",
            where,
            remedy="Enable it in /config. To use the login everywhere, "
            f"{_away_from_gateway(inventory)}unset ANTHROPIC_API_KEY.",
            source=GATEWAY_DOCS,
        )
    has_credential = any(each.slot in ENVIRONMENT_SLOTS for each in inventory.credentials)
    if has_credential and not state.onboarding_finished and state.file.problem is None:
        yield info(
            "onboarding-unfinished",
            "Onboarding is not finished: an interactive session asks for a login, "
            "`claude -p` does not.",
            where,
            remedy="Start `claude` once and finish the onboarding, or use `claude -p`.",
            source="https://github.com/anthropics/claude-code/issues/8938",
        )


def check_bare_mode(inventory: Inventory) -> Iterator[CheckResult]:
    """Report the mode in which Claude Code reads no login."""
    name = "CLAUDE_CODE_SIMPLE"
    if is_enabled(inventory.value(name)):
        yield info(
            "bare-mode",
            "Claude Code reads only ANTHROPIC_API_KEY, and no login, OAuth token or profile.",
            inventory.variables[name].label,
            source="https://code.claude.com/docs/en/env-vars",
        )
