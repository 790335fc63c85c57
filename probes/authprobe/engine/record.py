"""TODO module docstring."""

from authprobe.observation.findings import find
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.run.baseline import Baseline
from authprobe.run.known_failures import KnownFailureList
from authprobe.run.model import CaseRecord, Diagnosis
from authprobe.verdict.judge import judge
from authprobe.verdict.model import Status, Verdict


def make_record(
    case: Case, observation: Observation, baseline: Baseline, known: KnownFailureList
) -> CaseRecord:
    """What `results.json` holds of a case."""
    previous = baseline.of(case.id, case.formerly)
    about = known.about(case.id, observation.client_version)
    verdict = judge(case, observation, previous, about)
    return CaseRecord(
        id=case.id,
        scenario=case.scenario,
        title=case.title,
        client=case.names.client,
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
        findings=find(observation),
        diagnosis=_diagnose(observation, verdict),
    )


def _diagnose(observation: Observation, verdict: Verdict) -> Diagnosis | None:
    if observation.outcome is Outcome.ACCEPTED and verdict.status is not Status.FAILED:
        return None
    # Read when it is first needed: a run in which all is accepted has no use for the causes.
    from authprobe.diagnosis.diagnose import diagnose

    return diagnose(observation, verdict)
