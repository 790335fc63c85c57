"""Live cases of a run (pure): what was asked of whom, and the emulator beside the real service."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.core.byte_sizes import format_size
from authprobe.core.client_kinds import ClientKind
from authprobe.core.escaping import one_line
from authprobe.core.targets import Target
from authprobe.observation.fingerprint import normalize_text
from authprobe.observation.model import Observation, Outcome
from authprobe.report.model import matrix, phrases
from authprobe.run.model import CaseRecord, Run, SecretSearch
from authprobe.scenario.live import STORED, VARIABLE_PREFIX
from authprobe.scenario.model import DEFAULT
from authprobe.verdict.model import Status

LIVE_ENDING: Final = f"/{Target.LIVE}"
SAME: Final = "the same"
CONNECTIONS: Final = (
    "A connection is not a request: claude opens further ones when it starts, for at most two "
    "questions in a case."
)
"""Why a run has more connections of clients than its plan has requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedHost:
    """A host that was asked live."""

    name: str
    requests: int
    """Requests of authprobe's own."""
    connections: int
    """Connections of clients, whose requests nobody sees."""
    questions: int
    """Cases in which clients connected."""
    credentials: tuple[str, ...]
    """Sources of the credentials, by name."""

    @property
    def words(self) -> str:
        """Return what was sent there, and with what."""
        parts = [
            phrases.plural(self.requests, "request") if self.requests else None,
            f"{phrases.plural(self.connections, 'connection')} of clients in "
            f"{phrases.plural(self.questions, 'case')}"
            if self.connections
            else None,
        ]
        return f"{' and '.join(filter(None, parts))}, with {', '.join(self.credentials)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One question, as the emulator and the real service answer it."""

    id: str
    """Id of the question at the emulator."""
    emulator: CaseRecord | None
    live: CaseRecord

    @property
    def difference(self) -> str:
        """Return how the answers differ, in one sentence."""
        return _difference(self.emulator, self.live)

    @property
    def is_same(self) -> bool:
        """True if both answer alike, whatever the words."""
        return self.difference.startswith(SAME)


def live_cases(run: Run) -> tuple[CaseRecord, ...]:
    """Return the cases that asked the real service, or should have."""
    return tuple(record for record in run.cases if record.target is Target.LIVE)


def pairs(run: Run) -> tuple[Pair, ...]:
    """Return each live case with the same question at the emulator; those that differ first."""
    emulated = {record.id: record for record in run.cases if record.target is Target.EMULATOR}
    found = [
        Pair(id=name, emulator=emulated.get(name), live=record)
        for record in live_cases(run)
        for name in (record.id.removesuffix(LIVE_ENDING),)
    ]
    return tuple(sorted(found, key=lambda pair: (pair.is_same, pair.id)))


def has_pairs(run: Run) -> bool:
    """Return True if any question was asked of both."""
    return any(pair.emulator for pair in pairs(run))


def asked_hosts(run: Run) -> tuple[AskedHost, ...]:
    """Return the hosts that were asked live, in alphabetical order."""
    requests: dict[str, int] = {}
    connections: dict[str, int] = {}
    questions: dict[str, int] = {}
    credentials: dict[str, dict[str, None]] = {}
    for record in live_cases(run):
        hosts = dict.fromkeys(exchange.host for exchange in record.observation.exchanges)
        for exchange in record.observation.exchanges:
            requests[exchange.host] = requests.get(exchange.host, 0) + 1
        for count in record.observation.gate:
            if count.connections:
                connections[count.host] = connections.get(count.host, 0) + count.connections
                questions[count.host] = questions.get(count.host, 0) + 1
                hosts[count.host] = None
        for host in hosts:
            credentials.setdefault(host, {}).update(dict.fromkeys(_sources(record)))
    return tuple(
        AskedHost(
            name=host,
            requests=requests.get(host, 0),
            connections=connections.get(host, 0),
            questions=questions.get(host, 0),
            credentials=tuple(credentials[host]),
        )
        for host in sorted(credentials)
    )


def _sources(record: CaseRecord) -> Iterator[str]:
    for credential in record.credentials:
        match credential.source:
            case None:
                yield "a made-up value"
            case str(source) if source == STORED:
                yield _name(source)
            case str(source):
                yield f"{_name(source)} ({credential.token})"
    if not record.credentials:
        yield "no credential"


def _name(source: str) -> str:
    """Return the name of a secret: its variable, or the stored login."""
    return "the stored login" if source == STORED else source.removeprefix(VARIABLE_PREFIX)


def live_words(run: Run) -> str | None:
    """Return in a sentence that the run was live, and whom it asked; None: it was not."""
    live = live_cases(run)
    if not live:
        return None
    hosts = asked_hosts(run)
    if not hosts:
        return "Live: the real service should have been asked, and was not."
    names = "; ".join(f"{host.name}: {host.words}" for host in hosts)
    note = f" {CONNECTIONS}" if any(host.connections for host in hosts) else ""
    words = f"Live: this run asked the real service. {names}.{note} {_cost_words(live)}"
    search = run.secret_search
    return f"{words} {_search_words(search)}" if search else words


def secret_verdicts(run: Run) -> tuple[tuple[str, Status], ...]:
    """Return for each secret of the user's own how the service took it: a sentence, and a status.

    A secret that nothing was asked with has none.
    """
    by_name: dict[str, list[CaseRecord]] = {}
    for record in live_cases(run):
        for name in {_name(each.source): None for each in record.credentials if each.source}:
            by_name.setdefault(name, []).append(record)
    return tuple(
        (f"{name}: {_secret_words(records)}", _worst(records))
        for name, records in by_name.items()
        if any(map(_is_judged, records))
    )


def _secret_words(records: Sequence[CaseRecord]) -> str:
    judged = [record for record in records if _is_judged(record)]
    refused = [r for r in judged if r.observation.outcome is not Outcome.ACCEPTED]
    number, unasked = len(judged), len(records) - len(judged)
    ways = "" if number == 1 else f" in all {number:,} ways"
    if not refused:
        words = f"accepted{ways}"
    elif len(refused) == number:
        words = f"refused{ways}, {_answers(refused)}"
    else:
        # The same value works elsewhere, so it is not the reason.
        words = (
            f"accepted in {number - len(refused):,} of {number:,} ways, so the service knows it; "
            f"refused in {', '.join(map(_way, refused))}, {_answers(refused)}"
        )
    return f"{words}; {unasked:,} could not be asked" if unasked else words


def _answers(refused: Sequence[CaseRecord]) -> str:
    """Return the outcomes of refusals, with their cause if all have the same."""
    outcomes = " or ".join(dict.fromkeys(phrases.outcome_words(r.observation) for r in refused))
    causes = list(dict.fromkeys(r.diagnosis.summary if r.diagnosis else "" for r in refused))
    return f"{outcomes}: {causes[0].rstrip('.')}" if len(causes) == 1 and causes[0] else outcomes


def _way(record: CaseRecord) -> str:
    is_own = record.client == ClientKind.RAW_HTTP
    client = record.client if is_own else matrix.client_words(record)
    return client if record.endpoint == DEFAULT else f"{client} {record.endpoint}"


def _worst(records: Sequence[CaseRecord]) -> Status:
    return min((record.verdict.status for record in records), key=matrix.WORST_FIRST.index)


def _search_words(search: SecretSearch) -> str:
    if search.blind:
        return "Its temporary files could not be searched for the secrets; please report it."
    if search.found:
        return f"Its temporary files, which were removed, held {', '.join(search.found)}."
    names = ", ".join(search.names)
    if not search.files:
        return f"It left no temporary file, and nothing of {names} in its reports."
    files = f"{phrases.plural(search.files, 'temporary file')} ({format_size(search.size_bytes)})"
    return f"It left nothing of {names} in {files}, nor in its reports."


def _cost_words(live: tuple[CaseRecord, ...]) -> str:
    costs = [record.observation.cost for record in live if record.observation.cost]
    known = [cost.estimated_usd for cost in costs if cost.estimated_usd is not None]
    total = round(sum(known), 6)
    unknown = len(costs) - len(known)
    words = f"Estimated cost: {phrases.usd_words(total) if total else 'none'}"
    return (
        f"{words}, and that of {phrases.plural(unknown, 'case')} is unknown."
        if unknown
        else (f"{words}.")
    )


def pair_counts(run: Run) -> str:
    """Return how many questions both answer alike: `4 questions: 3 the same, 1 differs`."""
    both = [pair for pair in pairs(run) if pair.emulator]
    asked = [pair for pair in both if _is_judged(pair.emulator) and _is_judged(pair.live)]
    same = sum(pair.is_same for pair in asked)
    parts = (
        f"{same:,} the same" if same else None,
        _counted(len(asked) - same, "differs", "differ"),
        _counted(len(both) - len(asked), "was not compared", "were not compared"),
    )
    return f"{phrases.plural(len(both), 'question')}: {', '.join(filter(None, parts))}"


def pair_note(run: Run) -> str | None:
    """Return what a difference of a secret of the user's own means; None: no case needs it."""
    names = {
        _name(credential.source): None
        for pair in pairs(run)
        if pair.emulator and not pair.is_same and _is_judged(pair.live)
        for credential in pair.live.credentials
        if credential.source
    }
    if not names:
        return None
    return (
        f"The emulator gets a valid made-up value in place of {' and '.join(names)}: if only your "
        "own differs, it is yours that is bad, and not the emulator that is wrong."
    )


def _counted(number: int, one: str, many: str) -> str | None:
    return f"{number:,} {one if number == 1 else many}" if number else None


def _is_judged(record: CaseRecord | None) -> bool:
    return record is not None and record.verdict.status is not Status.ERROR


def _difference(emulator: CaseRecord | None, live: CaseRecord) -> str:
    if not _is_judged(live):
        return f"not compared: live, {_detail(live)}"
    if emulator is None:
        return "not compared: the emulator was not asked"
    if not _is_judged(emulator):
        return f"not compared: at the emulator, {_detail(emulator)}"
    one, other = emulator.observation, live.observation
    if _answer(one, other) != _answer(other, one):
        return f"the emulator: {_words(one, other)}; the service: {_words(other, one)}"
    if (
        one.message
        and other.message
        and normalize_text(one.message) != normalize_text(other.message)
    ):
        return f"{SAME} in other words: “{one_line(other.message, 120)}”"
    return SAME


def _detail(record: CaseRecord) -> str:
    return one_line(record.observation.detail or phrases.outcome_words(record.observation), 200)


def _answer(observation: Observation, other: Observation) -> tuple[object, ...]:
    """Return what is compared; an error type that one of the two cannot show is not."""
    both = observation.error_type and other.error_type
    statuses = observation.status and other.status
    return (
        observation.outcome,
        observation.status if statuses else None,
        observation.error_type if both else None,
    )


def _words(observation: Observation, other: Observation) -> str:
    words = phrases.outcome_words(observation)
    is_other_type = observation.error_type != other.error_type
    return (
        f"{words} {observation.error_type}" if is_other_type and observation.error_type else (words)
    )
