"""Placement of cases on workers: which worker probes what next, by the clients that it has.

Pure decisions: nothing here asks a worker or waits for one.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from authprobe.clients.installation.cache import InstallationKey, installation_key
from authprobe.engine.laboratory import MAX_CONCURRENT_INSTALLS
from authprobe.engine.probe import required_clients
from authprobe.plan.case import Case

REQUEST_BATCH: Final = 32
"""Cases with requests of authprobe's own that a worker gets at once: they need no processor."""
WORTH_INSTALLING: Final = 8
"""Cases of a client that have to be left for a second worker to install it as well."""
MAX_LOSSES: Final = 3
"""Workers that a case may lose: after that it is likely that it ends them."""

Group = frozenset[InstallationKey]
"""Cases that need the same clients; empty: requests of authprobe's own."""


@dataclass(frozen=True, slots=True)
class CaseBatch:
    """Cases that a worker probes together, of one group."""

    group: Group
    cases: tuple[Case, ...]


def group_of(case: Case) -> Group:
    """Return the clients that a case needs."""
    return frozenset(map(installation_key, required_clients([case])))


@dataclass(slots=True)
class Placement:
    """Cases that wait for a worker, and what each worker has."""

    _clients: dict[str, set[InstallationKey]] = field(default_factory=dict)
    """Clients that each worker has, or installs."""
    _waiting: dict[Group, deque[Case]] = field(default_factory=lambda: defaultdict(deque))
    _installing: dict[str, set[Group]] = field(default_factory=lambda: defaultdict(set))
    """Groups of which the first batch has not come back."""
    _unable: dict[str, set[Group]] = field(default_factory=lambda: defaultdict(set))
    """Groups of which each worker could not install a client."""
    _losses: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, cases: Iterable[Case]) -> None:
        """Let cases wait, after those of the same group."""
        for case in cases:
            self._waiting[group_of(case)].append(case)

    def join(self, worker: str, clients: Iterable[InstallationKey] = ()) -> None:
        """Count on a worker that has these clients."""
        self._clients[worker] = set(clients)

    def leave(self, worker: str) -> None:
        """Count no longer on a worker."""
        self._clients.pop(worker, None)
        self._installing.pop(worker, None)
        self._unable.pop(worker, None)

    @property
    def workers(self) -> Sequence[str]:
        """The workers that are counted on."""
        return tuple(self._clients)

    @property
    def waiting(self) -> tuple[Case, ...]:
        """The cases that wait."""
        return tuple(case for cases in self._waiting.values() for case in cases)

    def is_empty(self) -> bool:
        """Return True if no case waits."""
        return not any(self._waiting.values())

    def next_batch(self, worker: str) -> CaseBatch | None:
        """Return what a worker is to probe now; None: nothing that is worth its while."""
        group = self._choose(worker)
        if group is None:
            return None
        cases = self._waiting[group]
        size = 1 if group else REQUEST_BATCH
        batch = CaseBatch(group, tuple(cases.popleft() for _ in range(min(size, len(cases)))))
        if not group <= self._clients[worker]:
            self._clients[worker] |= group
            self._installing[worker].add(group)
        return batch

    def finish(self, worker: str, batch: CaseBatch) -> None:
        """Note that a batch has come back."""
        self._installing[worker].discard(batch.group)

    def take_back(self, batch: CaseBatch) -> None:
        """Let the cases of a batch wait again that no worker has lost, before the others."""
        self._waiting[batch.group].extendleft(reversed(batch.cases))

    def give_back(self, batch: CaseBatch) -> tuple[Case, ...]:
        """Let the cases of a lost batch wait again; return those that lost too many workers."""
        given_up = []
        for case in reversed(batch.cases):
            self._losses[case.id] += 1
            if self._losses[case.id] >= MAX_LOSSES:
                given_up.append(case)
            else:
                self._waiting[batch.group].appendleft(case)
        return tuple(given_up)

    def try_elsewhere(self, worker: str, batch: CaseBatch) -> bool:
        """Note that a worker could not install what a batch needs; let its cases wait for another
        one, and return True, if there is one that may.
        """
        self._unable[worker].add(batch.group)
        if not self._is_for_others(worker, batch.group):
            return False
        self.take_back(batch)
        return True

    def _is_for_others(self, worker: str, group: Group) -> bool:
        """Return True if a worker could not install a group's clients, and another one may."""
        return group in self._unable[worker] and any(
            group not in self._unable[each] for each in self._clients
        )

    def _choose(self, worker: str) -> Group | None:
        own, installing = self._clients[worker], self._installing[worker]
        groups = [
            group
            for group, cases in self._waiting.items()
            if cases and not self._is_for_others(worker, group)
        ]
        # A second case of a client that is being installed here would only wait for it.
        ready = [group for group in groups if group <= own and group not in installing]
        if ready:
            return min(ready, key=lambda group: (self._holders(group), self._rank(group)))
        if len(installing) >= MAX_CONCURRENT_INSTALLS:
            return None
        new = [group for group in groups if not group <= own]
        unheld = [group for group in new if not self._holders(group)]
        shared = [g for g in new if self._holders(g) and len(self._waiting[g]) >= WORTH_INSTALLING]
        return min(unheld or shared, key=self._rank, default=None)

    def _holders(self, group: Group) -> int:
        if not group:
            return 0
        return sum(
            group <= clients and group not in self._unable[worker]
            for worker, clients in self._clients.items()
        )

    def _rank(self, group: Group) -> tuple[int, list[InstallationKey]]:
        """Return the order of groups: those first that have the most cases."""
        return -len(self._waiting[group]), sorted(group)
