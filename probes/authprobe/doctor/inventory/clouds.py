"""Credentials of clouds, by presence and dates: no value of a credential is kept.

Order of AWS and Foundry measured with Claude Code 2.1.332; further steps are those of the vendors'
default chains.
"""

import datetime
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from authprobe.core.clouds import Cloud
from authprobe.core.safe_read import ReadProblem, read_text_file
from authprobe.doctor.inventory.aws_files import (
    LOGIN_KEYS,
    PROFILE_KEYS,
    SSO_KEYS,
    cached_end,
    profile_sections,
)
from authprobe.doctor.inventory.credential_kinds import moment_of, relative_time
from authprobe.doctor.inventory.environment import SettingsFile, Variable
from authprobe.doctor.inventory.machine import Machine, is_enabled

MAX_SSO_FILES: Final = 50
HARDWARE: Final = Path("sys/devices/virtual/dmi/id")
"""Names of the hardware on Linux, by which virtual machines of clouds are known."""
AZURE_CHASSIS: Final = "7783-7084-3265-9085-8269-3286-77"
"""Asset tag of every virtual machine in Azure (cloud-init's data source)."""


AWS: Final = frozenset({Cloud.BEDROCK, Cloud.ANTHROPIC_AWS, Cloud.MANTLE})
GOOGLE: Final = frozenset({Cloud.VERTEX, Cloud.ANTHROPIC_GOOGLE_CLOUD})


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudCredential:
    """A credential of a cloud: where it is and since when, but not what it is."""

    name: str
    """Variable or source, such as `AWS_PROFILE`."""
    where: str
    written: str | None = None
    expires: datetime.datetime | None = None
    is_renewable: bool = False
    is_hint: bool = False
    """True if only the machine lets one expect it, such as the role of an instance."""
    is_unread: bool = False
    """True for a link out of the home, which was not followed."""
    problem: str | None = None
    """Why it cannot be used, as the predicate of a sentence; None: nothing is known against it."""

    def state(self, now: datetime.datetime) -> str | None:
        """Return when its login ends, or ended; None: it is not known."""
        if self.expires is None:
            return None
        if self.expires > now:
            return f"expires {relative_time(self.expires, now)}"
        end = "will be renewed" if self.is_renewable else "cannot be renewed"
        return f"expired {relative_time(self.expires, now)}, and {end}"


def enabled_clouds(variables: Mapping[str, Variable]) -> tuple[Cloud, ...]:
    """Return the clouds that variables select; the first one is used."""
    return tuple(
        cloud
        for cloud in Cloud
        if cloud.switch in variables and is_enabled(variables[cloud.switch].value)
    )


def is_skipped(cloud: Cloud, variables: Mapping[str, Variable]) -> bool:
    """Return True if a gateway adds the credential of the cloud."""
    name = cloud.skip_switch
    return name in variables and is_enabled(variables[name].value)


CloudCredentials = Mapping[Cloud, tuple[CloudCredential, ...]]


def find_cloud_credentials(
    machine: Machine, variables: Mapping[str, Variable], settings: tuple[SettingsFile, ...]
) -> CloudCredentials:
    """Return the credentials of each cloud; the first one is used."""
    finder = _Finder(machine, variables, settings)
    chain = tuple(finder.aws_chain())
    found = {
        Cloud.BEDROCK: (*finder.from_variables("AWS_BEARER_TOKEN_BEDROCK"), *chain),
        Cloud.MANTLE: (*finder.from_variables("AWS_BEARER_TOKEN_BEDROCK"), *chain),
        Cloud.ANTHROPIC_AWS: (*finder.from_variables("ANTHROPIC_AWS_API_KEY"), *chain),
        Cloud.FOUNDRY: tuple(finder.foundry()),
    }
    google = tuple(finder.google())
    return found | {Cloud.VERTEX: google, Cloud.ANTHROPIC_GOOGLE_CLOUD: google}


@dataclass(frozen=True, slots=True)
class _Finder:
    machine: Machine
    variables: Mapping[str, Variable]
    settings: tuple[SettingsFile, ...]

    def value(self, name: str) -> str:
        return self.variables[name].value.strip() if name in self.variables else ""

    def from_variables(self, *names: str) -> Iterator[CloudCredential]:
        """Yield one credential if all of these variables have a value."""
        if all(self.value(name) for name in names):
            yield CloudCredential(
                name=" and ".join(names[:2]), where=self.variables[names[0]].label
            )

    def path(self, name: str, *default: str) -> Path:
        value = self.value(name)
        return self.machine.folder / value if value else self.machine.home.joinpath(*default)

    def file(self, name: str, path: Path) -> Iterator[CloudCredential]:
        """Yield a credential if there is a file; a link out of the home is not followed."""
        found = CloudCredential(name=name, where=self.machine.display_path(path))
        try:
            path.lstat()
            if not self._stays(path):
                yield replace(found, is_unread=True)
                return
            status = path.stat()
        except (OSError, RuntimeError, ValueError):
            return
        is_file = stat.S_ISREG(status.st_mode)
        yield replace(
            found,
            written=relative_time(moment_of(status.st_mtime), self.machine.now),
            problem=None if is_file else ReadProblem.NOT_A_FILE.value,
        )

    # --- AWS: docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html

    def aws_chain(self) -> Iterator[CloudCredential]:
        """Yield the credentials of the chain: a named profile comes before keys in variables."""
        setting = "awsCredentialExport"
        exports = [each for each in self.settings if _is_text(each.file.data, setting)]
        if exports:
            yield CloudCredential(name=setting, where=exports[-1].display_path)
        keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        if named := self.value("AWS_PROFILE"):
            yield self._aws_profile(named, self.variables["AWS_PROFILE"].label)
        else:
            yield from self.from_variables(*keys)
            default = self._aws_profile("default", "")
            if default.where:
                yield default
        yield from self.from_variables("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN")
        yield from self.from_variables("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        yield from self.from_variables("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        is_instance = self._hardware("sys_vendor").startswith("Amazon EC2")
        if is_instance and not is_enabled(self.value("AWS_EC2_METADATA_DISABLED")):
            yield CloudCredential(name="role of the instance", where="Amazon EC2", is_hint=True)

    def _aws_profile(self, name: str, where: str) -> CloudCredential:
        """Return the profile; of its files only names of sections and keys are looked at.

        Without a `where` of its own it has one only if a file has the profile.
        """
        found = CloudCredential(name=f"profile {name}", where=where)
        keys: set[str] = set()
        for variable, file in (
            ("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            ("AWS_CONFIG_FILE", "config"),
        ):
            path = self.path(variable, ".aws", file)
            for present in self.file(found.name, path):
                if present.is_unread:
                    return replace(present, where=where or present.where)
                in_file = PROFILE_KEYS & profile_sections(path).get(name, set())
                if in_file and not keys:
                    found = replace(present, where=where or present.where)
                keys |= in_file
        if not keys:
            return replace(found, problem="is in none of the files of AWS")
        if keys & SSO_KEYS:
            return self._with_login(found, self.path("", ".aws", "sso", "cache"))
        if keys & LOGIN_KEYS:
            cache = self.path("AWS_LOGIN_CACHE_DIRECTORY", ".aws", "login", "cache")
            return self._with_login(found, cache)
        return found

    def _with_login(self, found: CloudCredential, cache: Path) -> CloudCredential:
        """Return the profile with the end of the latest login in a cache; its tokens stay there."""
        try:
            if not self._stays(cache):
                return replace(found, is_unread=True)
            files = sorted(each for each in cache.glob("*.json") if not each.is_symlink())
        except (OSError, RuntimeError, ValueError):
            files = []
        ends = [end for path in files[:MAX_SSO_FILES] if (end := cached_end(path)) is not None]
        renews = any(_is_text(each.file.data, "awsAuthRefresh") for each in self.settings)
        if not ends:
            problem = None if renews else "needs a login, of which there is none"
            return replace(found, problem=problem)
        moment, is_renewable = max(ends)
        return replace(found, expires=moment, is_renewable=is_renewable or renews)

    def _stays(self, path: Path) -> bool:
        """Return True unless a link on the way leads out of the home."""
        target = path.resolve()
        return target == path or target.is_relative_to(self.machine.home.resolve())

    # --- Google: cloud.google.com/docs/authentication/application-default-credentials

    def google(self) -> Iterator[CloudCredential]:
        """Yield application default credentials; CLOUDSDK_CONFIG does not move them."""
        name = "GOOGLE_APPLICATION_CREDENTIALS"
        if self.value(name):
            path = self.path(name)
            found = next(self.file(name, path), None)
            label = self.variables[name].label
            if found is None:
                yield CloudCredential(
                    name=name, where=label, problem="names a file that does not exist"
                )
            else:
                yield replace(found, where=label)
            return
        well_known = (".config", "gcloud", "application_default_credentials.json")
        yield from self.file(
            "application default credentials", self.machine.home.joinpath(*well_known)
        )
        if self._hardware("product_name").startswith("Google"):
            yield CloudCredential(
                name="service account of the instance", where="Google Cloud", is_hint=True
            )

    # --- Azure: learn.microsoft.com/azure/developer/javascript/sdk/authentication/credential-chains

    def foundry(self) -> Iterator[CloudCredential]:
        """Yield the credentials of Microsoft Foundry: a token, a key, and Azure's chain."""
        yield from self.from_variables("ANTHROPIC_FOUNDRY_AUTH_TOKEN")
        yield from self.from_variables("ANTHROPIC_FOUNDRY_API_KEY")
        principal = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID")
        yield from self.from_variables(*principal, "AZURE_CLIENT_SECRET")
        yield from self.from_variables(*principal, "AZURE_CLIENT_CERTIFICATE_PATH")
        yield from self.from_variables(*principal, "AZURE_FEDERATED_TOKEN_FILE")
        yield from self.from_variables("IDENTITY_ENDPOINT")
        yield from self.from_variables("MSI_ENDPOINT")
        if self._hardware("chassis_asset_tag").startswith(AZURE_CHASSIS):
            yield CloudCredential(name="managed identity", where="Azure", is_hint=True)
        folder = self.path("AZURE_CONFIG_DIR", ".azure")
        for name in ("msal_token_cache.json", "msal_token_cache.bin"):
            yield from self.file("login of the Azure CLI", folder / name)

    def _hardware(self, name: str) -> str:
        return read_text_file(self.machine.root / HARDWARE / name).text.strip()


def _is_text(data: Mapping[str, object], name: str) -> bool:
    value = data.get(name)
    return isinstance(value, str) and bool(value.strip())
