"""All that is on a machine and has to do with authentication, read once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from probes.doctor.held import Held, Win, held_of, win_of_command, win_of_sdk
from probes.doctor.machine import Machine
from probes.doctor.programs import API_SDKS, Program, commands, libraries
from probes.doctor.stored import Login, Profile, State, login_of, profile_of, state_of
from probes.doctor.variables import Settings, Variable, settings_of, variables_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the checks look at."""

    machine: Machine
    commands: tuple[Program, ...] = ()
    libraries: tuple[Program, ...] = ()
    settings: tuple[Settings, ...] = ()
    variables: Mapping[str, Variable] = field(default_factory=dict)
    login: Login
    profile: Profile
    state: State
    held: tuple[Held, ...] = ()

    def value(self, name: str) -> str:
        """The value of a variable that counts; empty if it is not set."""
        return self.variables[name].value if name in self.variables else ""

    @property
    def wins(self) -> tuple[Win, ...]:
        """Which credential each installed client uses, the one that is run first."""
        versions = [program.version for program in self.commands] or [None]
        sdks = [each for each in self.libraries if each.name in API_SDKS]
        names = [f"{each.name} {each.version or ''}".strip() for each in sdks]
        return (
            *(win_of_command(v, self.held, self.variables) for v in dict.fromkeys(versions)),
            *(win_of_sdk(name, self.held) for name in dict.fromkeys(names)),
        )


def survey(machine: Machine) -> Survey:
    """What is on this machine; every file is read at most once, and none is changed."""
    settings = settings_of(machine)
    variables = variables_of(machine, settings)
    login, profile, state = login_of(machine), profile_of(machine), state_of(machine)
    return Survey(
        machine=machine,
        commands=commands(machine),
        libraries=libraries(machine),
        settings=settings,
        variables=variables,
        login=login,
        profile=profile,
        state=state,
        held=held_of(
            machine,
            variables=variables,
            settings=settings,
            login=login,
            profile=profile,
            state=state,
        ),
    )
