"""All that is on a machine and has to do with authentication, read once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from authprobe.doctor.inventory.credential_files import (
    Login,
    Profile,
    StateFile,
    login_of,
    profile_of,
    state_of,
)
from authprobe.doctor.inventory.environment import SettingsFile, Variable, settings_of, variables_of
from authprobe.doctor.inventory.installed_clients import API_SDKS, Program, commands, libraries
from authprobe.doctor.inventory.machine import Machine
from authprobe.doctor.inventory.precedence import (
    ActiveCredential,
    FoundCredential,
    held_of,
    win_of_command,
    win_of_sdk,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What the checks look at."""

    machine: Machine
    commands: tuple[Program, ...] = ()
    libraries: tuple[Program, ...] = ()
    settings: tuple[SettingsFile, ...] = ()
    variables: Mapping[str, Variable] = field(default_factory=dict)
    login: Login
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
        sdks = [each for each in self.libraries if each.name in API_SDKS]
        names = [f"{each.name} {each.version or ''}".strip() for each in sdks]
        return (
            *(win_of_command(v, self.held, self.variables) for v in dict.fromkeys(versions)),
            *(win_of_sdk(name, self.held_by_sdks) for name in dict.fromkeys(names)),
        )


def survey(machine: Machine) -> Inventory:
    """What is on this machine; no file is changed, and no program run."""
    settings = settings_of(machine)
    login, profile, state = login_of(machine), profile_of(machine), state_of(machine)

    def held(settings: tuple[SettingsFile, ...]) -> tuple[FoundCredential, ...]:
        return held_of(
            machine,
            variables=variables_of(machine, settings),
            settings=settings,
            login=login,
            profile=profile,
            state=state,
        )

    return Inventory(
        machine=machine,
        commands=commands(machine),
        libraries=libraries(machine),
        settings=settings,
        variables=variables_of(machine, settings),
        login=login,
        profile=profile,
        state=state,
        held=held(settings),
        held_by_sdks=held(()),
    )
