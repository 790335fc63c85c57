"""Inventory of a machine: everything that concerns authentication, read once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from authprobe.core.client_kinds import API_SDKS
from authprobe.doctor.inventory.clouds import CloudCredentials, find_cloud_credentials
from authprobe.doctor.inventory.config_folders import ConfigFolder, find_config_folders
from authprobe.doctor.inventory.credential_files import (
    LoginFile,
    Profile,
    StateFile,
    load_login,
    load_profile,
    load_state,
)
from authprobe.doctor.inventory.declarations import (
    Declaration,
    Declarations,
    load_declarations,
)
from authprobe.doctor.inventory.environment import (
    SettingsFile,
    Variable,
    effective_variables,
    load_settings,
    load_unread_settings,
    moved_config,
)
from authprobe.doctor.inventory.found_credentials import find_credentials
from authprobe.doctor.inventory.gateways import BaseUrl, find_base_url
from authprobe.doctor.inventory.installed_clients import (
    AGENT_SDKS,
    DetectedClient,
    find_commands,
    find_sdks,
)
from authprobe.doctor.inventory.machine import MACOS, Machine
from authprobe.doctor.inventory.precedence import (
    ActiveCredential,
    CredentialSlot,
    FoundCredential,
    active_for_agent_sdk,
    active_for_claude_code,
    active_for_sdk,
    mention_declined_key,
    mention_keychain,
)

REMEMBERED_KEY_LENGTH: Final = 20
"""Last characters of an API key by which Claude Code remembers an answer about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The input of every check."""

    machine: Machine
    commands: tuple[DetectedClient, ...] = ()
    sdks: tuple[DetectedClient, ...] = ()
    settings: tuple[SettingsFile, ...] = ()
    unread_settings: SettingsFile | None = None
    """Settings of a repository that are not read from a folder below its root."""
    config_folders: tuple[ConfigFolder, ...] = ()
    """The configuration folder in use, and then others in the home."""
    variables: Mapping[str, Variable] = field(default_factory=dict)
    clouds: CloudCredentials = field(default_factory=dict)
    """Credentials of each cloud; the first one is used if the cloud is."""
    declarations: Declarations = field(default_factory=Declarations)
    """Gateways and clouds that are used on purpose."""
    login: LoginFile
    profile: Profile
    state: StateFile
    credentials: tuple[FoundCredential, ...] = ()
    sdk_credentials: tuple[FoundCredential, ...] = ()
    """Credentials without those in settings files, which SDKs do not read."""

    def value(self, name: str) -> str:
        """Return the effective value of a variable; empty if it is not set."""
        return self.variables[name].value if name in self.variables else ""

    @property
    def is_key_declined(self) -> bool:
        """True if the user once declined the API key, so that interactive sessions ignore it."""
        key = self.value(CredentialSlot.API_KEY).strip()
        return bool(key) and key[-REMEMBERED_KEY_LENGTH:] in self.state.declined_keys

    @property
    def active_credentials(self) -> tuple[ActiveCredential, ...]:
        """Credential of each installed client; the `claude` that runs comes first."""
        active = self._active_credentials()
        if self.is_key_declined:
            active = tuple(mention_declined_key(each) for each in active)
        if self.machine.platform != MACOS:
            return active
        return tuple(mention_keychain(each) for each in active)

    @property
    def base_url(self) -> BaseUrl | None:
        """Variable that names the host of Claude Code's requests, if it is set."""
        return find_base_url(self.variables)

    def _active_credentials(self) -> tuple[ActiveCredential, ...]:
        sdk_url = find_base_url(effective_variables(self.machine, ()), with_clouds=False)
        versions = [command.version for command in self.commands] or [None]
        return (
            *(
                replace(
                    active_for_claude_code(version, self.credentials, self.variables),
                    gateway=_address(self.base_url),
                    is_installed=bool(self.commands),
                )
                for version in dict.fromkeys(versions)
            ),
            *(
                replace(
                    active_for_agent_sdk(name, self.credentials, self.variables),
                    gateway=_address(self.base_url),
                )
                for name in self._sdk_names(AGENT_SDKS)
            ),
            *(
                replace(active_for_sdk(name, self.sdk_credentials), gateway=_address(sdk_url))
                for name in self._sdk_names(API_SDKS)
            ),
        )

    def _sdk_names(self, kinds: frozenset[str]) -> tuple[str, ...]:
        sdks = [sdk for sdk in self.sdks if sdk.name in kinds]
        return tuple(dict.fromkeys(f"{sdk.name} {sdk.version or ''}".strip() for sdk in sdks))


def _address(url: BaseUrl | None) -> str | None:
    return str(url.address) if url and url.is_gateway else None


def take_inventory(machine: Machine, options: Declaration | None = None) -> Inventory:
    """Return the inventory of a machine; changes no file and runs no program.

    Raises:
        SettingsError: a file that declares gateways and clouds is invalid.
    """
    commands = find_commands(machine)
    version = commands[0].version if commands else None
    if (moved := moved_config(machine, version)) is not None:
        machine = replace(machine, moved_config=moved[0], moved_by=moved[1])
    settings = load_settings(machine, version)
    folders = find_config_folders(machine)
    login = replace(load_login(machine), is_locked=folders[0].has_stale_lock(machine.now))
    profile, state = load_profile(machine), load_state(machine)

    variables = effective_variables(machine, settings)
    clouds = find_cloud_credentials(machine, variables, settings)

    def credentials(settings: tuple[SettingsFile, ...]) -> tuple[FoundCredential, ...]:
        return find_credentials(
            machine,
            variables=effective_variables(machine, settings),
            settings=settings,
            clouds=clouds,
            login=login,
            profile=profile,
            state=state,
        )

    return Inventory(
        machine=machine,
        commands=commands,
        sdks=find_sdks(machine),
        settings=settings,
        unread_settings=load_unread_settings(machine),
        config_folders=folders,
        variables=variables,
        clouds=clouds,
        declarations=load_declarations(machine, options),
        login=login,
        profile=profile,
        state=state,
        credentials=credentials(settings),
        sdk_credentials=credentials(()),
    )
