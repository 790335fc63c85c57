"""Result of `authprobe watch`: what is new of each client, and what it broke."""

from dataclasses import dataclass

from authprobe.diff.model import Diff
from authprobe.diff.new_versions import NewVersions


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionCheck:
    """A new version, with its comparison with a version before it."""

    version: str
    before: str | None
    """Version that it was compared with; None: there is none before it."""
    spanned: tuple[str, ...] = ()
    """New versions between both, which have no comparison of their own."""
    diff: Diff | None = None
    """None: there is no version before it."""
    command: str | None = None
    """Command that makes the comparison again."""

    @property
    def broke(self) -> bool:
        """True if a question broke."""
        return self.diff is not None and self.diff.broke

    @property
    def complete(self) -> bool:
        """True if nothing is left to compare."""
        return self.diff is None or self.diff.complete

    @property
    def compares_something(self) -> bool:
        """True if at least one question could be compared."""
        return self.diff is not None and any(case.reason is None for case in self.diff.cases)

    def covered(self, found: NewVersions) -> tuple[str, ...]:
        """Return the new versions between both sides, which need no comparison of their own."""
        return found.between(self.before, self.version) if self.before else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCheck:
    """Result of a check for one client."""

    client: str
    problem: str | None = None
    """Reason that its versions are not known: the registry cannot be reached, or has too many."""
    new_versions: NewVersions | None = None
    """None: its versions are not known."""
    checks: tuple[VersionCheck, ...] = ()
    """Comparisons that were made, the oldest version first."""
    waiting: tuple[str, ...] = ()
    """New versions that are left to the next check."""
    ignored: tuple[str, ...] = ()
    """Published texts that the installer does not take as a version, or that are too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Result of one check of all clients."""

    clients: tuple[ClientCheck, ...]
    scope: str
    """Cases that are compared: `the suite standard`."""
    at_most: int
    """Largest number of new versions of one client that are compared."""

    @property
    def checks(self) -> tuple[VersionCheck, ...]:
        """The comparisons of all clients."""
        return tuple(check for client in self.clients for check in client.checks)

    @property
    def broke(self) -> bool:
        """True if a question broke in a new version."""
        return any(check.broke for check in self.checks)

    @property
    def complete(self) -> bool:
        """True if every registry answered and every comparison was complete."""
        problems = any(client.problem for client in self.clients)
        return not problems and all(check.complete for check in self.checks)
