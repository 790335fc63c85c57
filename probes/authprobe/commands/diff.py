"""`authprobe diff`: what changed between two versions of a client, or between two runs."""

import dataclasses
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic_core import to_json

from authprobe.bisection.question import unpublished_message
from authprobe.commands.output import (
    check_output_format,
    check_writable,
    looks_words,
    print_lines,
    read_trials,
)
from authprobe.compatibility.features import BUNDLED_FEATURES, load_features
from authprobe.compatibility.sampling import usable_trials
from authprobe.core.client_kinds import ClientKind
from authprobe.core.escaping import for_json, for_log
from authprobe.core.version_ranges import EXACT, newest
from authprobe.diff.runs import Diff, diff_runs
from authprobe.diff.versions import VersionComparison, check_clients, select_pairs
from authprobe.engine.laboratory import published_versions
from authprobe.engine.progress import make_reporter
from authprobe.engine.signals import interruptible
from authprobe.errors import ClientError, ExitCode, SettingsError
from authprobe.options import default_jobs
from authprobe.plan.expand import read_client
from authprobe.redaction.pseudonyms import display_path
from authprobe.report import diff as words
from authprobe.run.results_file import read_run
from authprobe.scenario.clients import LATEST, Client, kind_name
from authprobe.scenario.load import load_all
from authprobe.scenario.model import Scenario
from authprobe.settings import Settings, is_ci
from authprobe.trials.log import LOG_FILE, ProbeLog, Trial
from authprobe.trials.scheduler import ProbeScheduler, probe_until_done

CLIENT: Final = re.compile(r"[a-z-]+@\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffOptions:
    """What the user has asked for."""

    before: str
    after: str
    names: tuple[str, ...]
    scenarios: tuple[Path, ...]
    out: Path
    looks: int
    jobs: int | None
    from_log: bool
    as_json: bool
    as_markdown: bool


def diff(options: DiffOptions) -> int:
    """Compare, and print what differs; the exit code.

    Raises:
        ScenarioError, SettingsError, RecordError: nothing was compared.
    """
    check_output_format(as_json=options.as_json, as_markdown=options.as_markdown)
    log = ProbeLog(options.out / LOG_FILE)
    problem, code = None, ExitCode.OK
    if _is_client(options.before):
        found, problem, code = _of_clients(options, log)
    else:
        found = _of_runs(options)
    withheld = print_lines(_lines(options, found), log)
    if problem:
        print(problem, file=sys.stderr)
    differ = ExitCode.OK if found.same else ExitCode.FAILURES
    return withheld or code or differ


def _is_client(name: str) -> bool:
    """Whether this is meant as a client, well written or not, and no file."""
    meant = kind_name(name) in list(ClientKind) or CLIENT.fullmatch(name) is not None
    return meant and not Path(name).exists()


def _lines(options: DiffOptions, found: Diff) -> list[str]:
    command = _command(options)
    if options.as_json:
        return [for_json(to_json(words.as_json(found, command), indent=1).decode())]
    lines = words.markdown(found, command) if options.as_markdown else words.text(found, command)
    return list(map(for_log, lines))


def _command(options: DiffOptions) -> str:
    """What asks the same, without the folders of this machine."""
    sides = (options.before, options.after)
    told = [name if _is_client(name) else display_path(Path(name)) for name in sides]
    scenarios = [word for path in options.scenarios for word in ("--scenarios", display_path(path))]
    words = ["authprobe", "diff", *told, *options.names, *scenarios]
    return shlex.join([*words, *(looks_words(options.looks) if _is_client(options.before) else [])])


def _of_runs(options: DiffOptions) -> Diff:
    """What differs between two results files, of these cases.

    Raises:
        SettingsError, RecordError: they are no such files, or hold no such case.
    """
    if _is_client(options.after):
        raise SettingsError(
            f"{options.before} and {options.after}: two clients can be compared, or two results"
        )
    if options.from_log or options.scenarios or options.jobs:
        raise SettingsError("--log, --scenarios and --jobs are of use between two clients alone")
    found = diff_runs(read_run(Path(options.before)), read_run(Path(options.after)))
    return found.restrict_to(options.names) if options.names else found


def _of_clients(options: DiffOptions, log: ProbeLog) -> tuple[Diff, str | None, ExitCode]:
    """What differs between two clients, what is to be told, and the exit code.

    Raises:
        ScenarioError, SettingsError, RecordError: nothing can be asked.
    """
    before, after = (_client(name) for name in (options.before, options.after))
    check_clients(before, after)
    settings = Settings(
        scenarios=options.scenarios, out=options.out, jobs=options.jobs or default_jobs()
    )
    scenarios = tuple(load_all(settings.all_scenario_paths))
    usual = () if options.scenarios else _usual(scenarios, before.kind)
    contrast = VersionComparison(
        before=before,
        after=after,
        pairs=select_pairs(scenarios, before, after, options.names, default_names=usual),
        max_probes=options.looks,
    )
    trials = read_trials(log)
    known = list(trials if options.from_log else usable_trials(trials))
    if options.from_log:
        return contrast.diff(known), None, ExitCode.OK
    check_writable(options.out)
    problem, code = _probe(contrast, known, settings, log)
    return contrast.diff(known), problem, code


def _client(name: str) -> Client:
    """The client that is named, at a version that is published.

    Raises:
        SettingsError: there is none.
    """
    client = read_client(name)
    if client.kind is ClientKind.RAW_HTTP:
        raise SettingsError(f"{name}: this is authprobe's own request, which has no versions")
    if client.through:
        _exact(client.through)
    return dataclasses.replace(client, version=_exact(client))


def _exact(client: Client) -> str:
    """The version of a client, which is published.

    Raises:
        SettingsError: it is not, or is no version.
    """
    exact = client.version != LATEST
    if exact and not EXACT.fullmatch(client.version):
        raise SettingsError(f"{client}: give one version, such as {client.kind}@2.1.31")
    try:
        published = published_versions(client.kind, having=[client.version] if exact else ())
    except ClientError as error:
        raise SettingsError(f"{client}: {error}") from None
    known = {version for version in published if EXACT.fullmatch(version)}
    version = client.version if exact else newest(known)
    if version is None:
        raise SettingsError(f"{client}: no version of it is published")
    if version not in known:
        raise SettingsError(f"{client.kind}@{unpublished_message(version, known)}")
    return version


def _usual(scenarios: tuple[Scenario, ...], kind: ClientKind) -> tuple[str, ...]:
    """The cases by which the versions of a client are told apart; none: no feature is known."""
    try:
        asked = load_features(BUNDLED_FEATURES, scenarios, kind)
    except SettingsError:
        return ()
    return tuple(dict.fromkeys(each.definition.case for each in asked))


def _probe(
    contrast: VersionComparison, known: list[Trial], settings: Settings, log: ProbeLog
) -> tuple[str | None, ExitCode]:
    """Add what is not known; what is to be told, and the exit code."""
    disk_bytes = settings.cache_limit_bytes
    with (
        interruptible(),
        make_reporter(plain=is_ci()) as reporter,
        ProbeScheduler(settings, log.redactor, reporter, disk_bytes=disk_bytes) as collector,
    ):
        try:
            reason = probe_until_done(contrast.next_cases, known, collector, log, reporter)
        except KeyboardInterrupt:
            return "interrupted; the same command goes on from here", ExitCode.INTERRUPTED
    if reason:
        return f"nothing can be installed here: {reason}", ExitCode.FAILURES
    return None, ExitCode.OK
