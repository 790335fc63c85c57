"""Assemble the record of a case: its definition, observation, verdict, findings and diagnosis."""

import dataclasses

from authprobe.engine.faults import failed_observation
from authprobe.observation.findings import find_findings
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.run.baseline import EMPTY_BASELINE, Baseline
from authprobe.run.known_failures import KnownFailureList
from authprobe.run.model import CaseRecord, Diagnosis
from authprobe.run.results_file import dump_record
from authprobe.scenario.client_definitions import ClientDefinition
from authprobe.verdict.judge import judge
from authprobe.verdict.model import Status


def make_record(
    case: Case, observation: Observation, baseline: Baseline, known_failures: KnownFailureList
) -> CaseRecord:
    """Judge an observation and return the case's record for `results.json`.

    If that fails, the record says so in place of the observation: one case never ends a run.
    """
    try:
        record = _judge(case, observation, baseline, known_failures)
        dump_record(record)
    except Exception as error:  # noqa: BLE001 - a fault of ours, provoked by this observation
        failed = failed_observation(error, elapsed=observation.elapsed)
        return _judge(case, failed, EMPTY_BASELINE, KnownFailureList())
    return record


def _judge(
    case: Case, observation: Observation, baseline: Baseline, known_failures: KnownFailureList
) -> CaseRecord:
    previous = baseline.previous(case.id, case.formerly, version=observation.client_version)
    known_failure = known_failures.for_case(case.id, observation.client_version)
    verdict = judge(case, observation, previous, known_failure)
    return complete_record(
        CaseRecord(
            id=case.id,
            scenario=case.scenario,
            title=case.title,
            client=str(case.client),
            client_version=observation.client_version,
            is_gateway=case.client.is_gateway,
            holds_key=case.client.holds_key,
            endpoint=case.names.endpoint,
            credential=case.names.credential,
            headers=case.names.headers,
            backend=case.names.backend,
            environment=case.names.environment,
            credentials=case.credentials,
            shadowed_variables=_shadowed_variables(case),
            fault=case.fault,
            flow=case.flow,
            surface=case.client.definition.surface if case.client.definition else None,
            own_program=own_program(case.client.definition),
            formerly=case.formerly,
            why=case.why,
            sources=case.sources,
            expectation=case.expectation,
            observation=observation,
            verdict=verdict,
            target=case.target,
        )
    )


def _shadowed_variables(case: Case) -> tuple[str, ...]:
    both = case.environment.keys() & case.settings_env.keys()
    return tuple(sorted(name for name in both if case.environment[name] != case.settings_env[name]))


def complete_record(record: CaseRecord) -> CaseRecord:
    """Return a judged record with its findings, the cause of a refusal, and the reasons."""
    return _explain(
        dataclasses.replace(
            record,
            findings=find_findings(record.observation),
            diagnosis=_diagnose(record),
        )
    )


def own_program(definition: ClientDefinition | None) -> str | None:
    """Return the program that a definition names and does not install; None: there is none."""
    if definition is None or (definition.install and not definition.install.path):
        return None
    command = definition.run or (definition.serve.run if definition.serve else ())
    return definition.install.path if definition.install else next(iter(command), None)


def _explain(record: CaseRecord) -> CaseRecord:
    verdict = record.verdict
    if not (verdict.mismatches or verdict.transitions or verdict.status is Status.ERROR):
        return record
    # Imported here: a run whose cases all pass unchanged need not load the reasons.
    from authprobe.diagnosis.reasons.explain import explain_record

    return explain_record(record)


def _diagnose(record: CaseRecord) -> Diagnosis | None:
    is_accepted = record.observation.outcome is Outcome.ACCEPTED
    if is_accepted and record.verdict.status is not Status.FAILED:
        return None
    # Imported here: a run whose cases are all accepted need not load the causes.
    from authprobe.diagnosis.diagnose import diagnose

    return diagnose(record)
