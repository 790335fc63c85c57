"""Checks of credentials that get in one another's way."""

import shlex
import shutil
from collections.abc import Iterator
from typing import Final

from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.inventory.machine import DARWIN, is_on
from authprobe.doctor.inventory.precedence import (
    FEDERATION,
    IDENTITY,
    KEYS,
    PROVIDERS,
    CredentialSlot,
    FoundCredential,
    is_federation_complete,
)
from authprobe.doctor.inventory.safe_read import ReadProblem, read_text_file
from authprobe.doctor.result import CheckResult, error, info, warning

AUTHENTICATION: Final = "https://code.claude.com/docs/en/authentication"
GATEWAY: Final = "https://code.claude.com/docs/en/llm-gateway-connect"
FEDERATION_PAGE: Final = "https://platform.claude.com/docs/en/manage-claude/wif-reference"
OWN: Final = frozenset({CredentialSlot.LOGIN, CredentialSlot.STORED_KEY})
"""What a user has by logging in, and expects to be used."""
END: Final = 20
"""Characters of a key by which an answer about it is remembered."""
SHELL: Final = frozenset("|&;<>()$`*?[#~=%\n")
"""What makes a command one for a shell."""


def check_winners(survey: Inventory) -> Iterator[CheckResult]:
    """Where a credential takes the place of another one, or there is none."""
    first = survey.wins[0]
    if first.held is None:
        yield from _check_nothing(survey)
        return
    winner, others = first.held, first.others
    both = [each for each in (winner, *others) if each.slot in KEYS and winner.slot in KEYS]
    shadowed = [each for each in others if each.slot in OWN]
    names = ", ".join(_named(each) for each in others)
    if others and winner.slot in OWN:
        yield info("other-credentials", f"{_named(winner)} is used, not {names}.", winner.where)
    elif shadowed:
        yield warning(
            "login-shadowed",
            f"{_named(winner)} is used, and {_named(shadowed[0])} is not.",
            winner.where,
            cause="ambient-credential-shadows",
        )
    elif others and len(both) < 2:
        yield warning(
            "several-credentials",
            f"{_named(winner)} is used, not {names}.",
            winner.where,
            cause="ambient-credential-shadows",
        )
    if len(both) > 1:
        yield warning(
            "several-keys",
            f"{_named(both[0])} and {_named(both[1])} are both there; "
            "Claude Code sends both, in two headers.",
            both[0].where,
            cause="ambient-credential-shadows",
            remedy="Keep the one that is meant, and unset the others.",
        )


def _check_nothing(survey: Inventory) -> Iterator[CheckResult]:
    if survey.machine.platform == DARWIN:
        return  # It may be in the Keychain.
    if survey.login.record or survey.login.document.trouble not in (None, ReadProblem.MISSING):
        return  # What is wrong with the login is told already.
    yield warning(
        "credential-missing",
        "There is no credential for Claude Code on this machine.",
        cause="credential-missing",
    )


def _named(held: FoundCredential) -> str:
    return f"the {held.slot}" if held.slot in OWN else str(held.slot)


def check_settings_and_shell(survey: Inventory) -> Iterator[CheckResult]:
    """Variables that a settings file sets to something else than the shell."""
    for variable in survey.variables.values():
        sensitive = variable.name.startswith(("ANTHROPIC_", "CLAUDE_CODE_"))
        if variable.hidden and sensitive:
            yield warning(
                "settings-over-shell",
                f"{variable.name} has another value in {', '.join(variable.hidden)}, "
                "which does not count.",
                variable.place,
                cause="ambient-credential-shadows",
                remedy=f"Set {variable.name} in one place only; settings beat the shell.",
                source=GATEWAY,
            )


def check_providers(survey: Inventory) -> Iterator[CheckResult]:
    """Cloud providers, of which one at most can be meant."""
    chosen = [name for name in PROVIDERS if is_on(survey.value(name))]
    if len(chosen) > 1:
        yield error(
            "several-providers",
            f"{' and '.join(chosen)} are all on.",
            survey.variables[chosen[0]].place,
            cause="ambient-credential-shadows",
            remedy="Leave one of them on.",
        )
    elif chosen:
        yield info(
            "provider",
            "Claude Code asks a cloud provider, with credentials that are not looked into.",
            survey.variables[chosen[0]].place,
            source=AUTHENTICATION,
        )


def check_federation(survey: Inventory) -> Iterator[CheckResult]:
    """Workload identity federation, whose variables count together."""
    given = [name for name in (*FEDERATION, *IDENTITY) if survey.value(name).strip()]
    if {*given} & {FEDERATION[0], *IDENTITY} and not is_federation_complete(survey.variables):
        missing = [name for name in FEDERATION if name not in given]
        if not {*given} & {*IDENTITY}:
            missing.append(IDENTITY[0])
        yield warning(
            "federation-incomplete",
            f"Federation needs {' and '.join(missing)} as well, and is not used without.",
            given[0],
            cause="federation-refused",
            remedy=f"Set {' and '.join(missing)}, or unset {' and '.join(given)}.",
            source=FEDERATION_PAGE,
        )
    if file := survey.value(IDENTITY[1]).strip():
        document = read_text_file(survey.machine.folder / file)
        if document.trouble or not document.text.strip():
            what = document.trouble or "is empty"
            yield error(
                "identity-token-file",
                f"The file with the identity token {what}.",
                IDENTITY[1],
                cause="federation-refused",
                remedy="See what writes it: a projected token must be mounted and readable.",
                source=FEDERATION_PAGE,
            )


def check_helper(survey: Inventory) -> Iterator[CheckResult]:
    """The program of `apiKeyHelper`, which is not run."""
    with_helper = [each for each in survey.settings if each.helper]
    if not with_helper:
        return
    settings = with_helper[-1]
    program = _program(settings.helper or "")
    if program is not None and not _is_program(survey, program):
        yield error(
            "helper-missing",
            "The program of apiKeyHelper is not there, or may not be executed.",
            settings.shown,
            cause="api-key-helper-failing",
            remedy="Correct its path, or make it executable (chmod u+x).",
        )
    else:
        yield info(
            "helper-not-run",
            "apiKeyHelper is set, and was not run.",
            settings.shown,
            remedy="Run it by hand: it must print the key alone.",
        )
    if len(with_helper) > 1:
        yield warning(
            "several-helpers",
            "apiKeyHelper is set in several settings files; this one counts.",
            settings.shown,
            cause="ambient-credential-shadows",
            remedy="Keep it in one of them.",
        )


def _program(command: str) -> str | None:
    """What a plain command starts; None: only a shell can say."""
    if SHELL & set(command):
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    return words[0] if words else None


def _is_program(survey: Inventory, program: str) -> bool:
    machine = survey.machine
    path = str(machine.folder / program) if "/" in program else program
    try:
        return shutil.which(path, path=":".join(map(str, machine.search_path))) is not None
    except (OSError, ValueError):
        return False


def check_forced_login(survey: Inventory) -> Iterator[CheckResult]:
    """Managed settings that demand a login, beside a key."""
    forced = next(
        (
            each
            for each in survey.settings
            if each.scope == "managed"
            and {"forceLoginMethod", "forceLoginOrgUUID"} & set(each.document.tree)
        ),
        None,
    )
    keys = [each for each in survey.held if each.slot in KEYS | {CredentialSlot.OAUTH_TOKEN}]
    if forced and keys:
        yield error(
            "login-forced",
            f"Managed settings demand a login, and {_named(keys[0])} stands in its way.",
            forced.shown,
            cause="ambient-credential-shadows",
            remedy=f"Take {_named(keys[0])} away, and log in.",
            source=GATEWAY,
        )


def check_answers(survey: Inventory) -> Iterator[CheckResult]:
    """What Claude Code's user has been asked, or not been asked yet."""
    key = survey.value("ANTHROPIC_API_KEY").strip()
    where = survey.machine.shown(survey.state.document.path)
    if key and key[-END:] in survey.state.declined:
        yield warning(
            "key-declined",
            "ANTHROPIC_API_KEY was declined once: interactive starts ignore it, -p does not.",
            where,
            remedy="Turn it on in /config, or unset ANTHROPIC_API_KEY.",
            source=GATEWAY,
        )
    in_environment = {CredentialSlot.AUTH_TOKEN, CredentialSlot.API_KEY, CredentialSlot.OAUTH_TOKEN}
    has_one = any(each.slot in in_environment for each in survey.held)
    state = survey.state.document
    if has_one and not survey.state.onboarded and state.trouble is None:
        yield info(
            "onboarding-unfinished",
            "Onboarding is unfinished: an interactive start asks for a login, -p does not.",
            where,
            remedy="Finish it once by starting `claude`, or use `claude -p`.",
            source="https://github.com/anthropics/claude-code/issues/8938",
        )


def check_bare(survey: Inventory) -> Iterator[CheckResult]:
    """The mode in which no login is read."""
    name = "CLAUDE_CODE_SIMPLE"
    if is_on(survey.value(name)):
        yield info(
            "bare-mode",
            "No login, OAuth token or profile is read, only ANTHROPIC_API_KEY.",
            survey.variables[name].place,
            source="https://code.claude.com/docs/en/env-vars",
        )
