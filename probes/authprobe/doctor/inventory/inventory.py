"""All that is on a machine and has to do with authentication, read once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from authprobe.doctor.inventory.credential_files import (
    LoginFile,
    Profile,
    StateFile,
    load_login,
    load_profile,
    load_state,
)
from authprobe.doctor.inventory.environment import (
    SettingsFile,
    Variable,
    effective_variables,
    load_settings,
)
from authprobe.doctor.inventory.installed_clients import (
    API_SDKS,
    DetectedClient,
    find_commands,
    find_sdks,
)
from authprobe.doctor.inventory.machine import Machine
from authprobe.doctor.inventory.precedence import (
    ActiveCredential,
    FoundCredential,
    active_for_claude_code,
    active_for_sdk,
    find_credentials,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What the checks look at."""

    machine: Machine
    commands: tuple[DetectedClient, ...] = ()
    sdks: tuple[DetectedClient, ...] = ()
    settings: tuple[SettingsFile, ...] = ()
    variables: Mapping[str, Variable] = field(default_factory=dict)
    login: LoginFile
    profile: Profile
    state: StateFile
    held: tuple[FoundCredential, ...] = ()
    held_by_sdks: tuple[FoundCredential, ...] = ()
    """Of the environment alone: SDKs read no settings."""

    def value(self, name: str) -> str:
        """The value of a variable that counts; empty if it is not set."""
        return self.variables[name].value if name in self.variables else ""

    @property
    def wins(self) -> tuple[ActiveCredential, ...]:
        """Which credential each installed client uses, the one that is run first."""
        versions = [program.version for program in self.commands] or [None]
        sdks = [each for each in self.sdks if each.name in API_SDKS]
        names = [f"{each.name} {each.version or ''}".strip() for each in sdks]
        return (
            *(
                active_for_claude_code(v, self.held, self.variables)
                for v in dict.fromkeys(versions)
            ),
            *(active_for_sdk(name, self.held_by_sdks) for name in dict.fromkeys(names)),
        )


def take_inventory(machine: Machine) -> Inventory:
    """What is on this machine; no file is changed, and no program run."""
    settings = load_settings(machine)
    login, profile, state = load_login(machine), load_profile(machine), load_state(machine)

    def held(settings: tuple[SettingsFile, ...]) -> tuple[FoundCredential, ...]:
        return find_credentials(
            machine,
            variables=effective_variables(machine, settings),
            settings=settings,
            login=login,
            profile=profile,
            state=state,
        )

    return Inventory(
        machine=machine,
        commands=find_commands(machine),
        sdks=find_sdks(machine),
        settings=settings,
        variables=effective_variables(machine, settings),
        login=login,
        profile=profile,
        state=state,
        held=held(settings),
        held_by_sdks=held(()),
    )
