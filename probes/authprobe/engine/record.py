"""Assemble the record of a case: its definition, observation, verdict, findings and diagnosis."""

from authprobe.observation.findings import find_findings
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.run.baseline import Baseline
from authprobe.run.known_failures import KnownFailureList
from authprobe.run.model import CaseRecord, Diagnosis
from authprobe.verdict.judge import judge
from authprobe.verdict.model import Status, Verdict


def make_record(
    case: Case, observation: Observation, baseline: Baseline, known_failures: KnownFailureList
) -> CaseRecord:
    """Judge an observation and return the case's record for `results.json`."""
    previous = baseline.get(case.id, case.formerly)
    known_failure = known_failures.for_case(case.id, observation.client_version)
    verdict = judge(case, observation, previous, known_failure)
    return CaseRecord(
        id=case.id,
        scenario=case.scenario,
        title=case.title,
        client=str(case.client),
        client_version=observation.client_version,
        endpoint=case.names.endpoint,
        credential=case.names.credential,
        headers=case.names.headers,
        backend=case.names.backend,
        environment=case.names.environment,
        credentials=case.credentials,
        fault=case.fault,
        flow=case.flow,
        formerly=case.formerly,
        why=case.why,
        sources=case.sources,
        expectation=case.expectation,
        observation=observation,
        verdict=verdict,
        findings=find_findings(observation),
        diagnosis=_diagnose(observation, verdict),
    )


def _diagnose(observation: Observation, verdict: Verdict) -> Diagnosis | None:
    if observation.outcome is Outcome.ACCEPTED and verdict.status is not Status.FAILED:
        return None
    # Imported here: a run whose cases are all accepted need not load the causes.
    from authprobe.diagnosis.diagnose import diagnose

    return diagnose(observation, verdict)
