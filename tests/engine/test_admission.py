from dataclasses import replace

import pytest

from authprobe.engine.admission import (
    MEMORY_PER_CLIENT,
    QUIET_SPARE,
    SPARE,
    STARTING,
    Activity,
    AdmissionGate,
    admits,
)
from authprobe.engine.load import MachineLoad

IDLE = MachineLoad(idle=2.0, memory_bytes=100 * MEMORY_PER_CLIENT)
BUSY = MachineLoad(idle=0.0, memory_bytes=100 * MEMORY_PER_CLIENT)


def test_one_client_may_always_run() -> None:
    """Without memory, a processor, or while others are installed: else nothing would ever end."""
    assert admits(1, 1, Activity(programs=0, installs=2), MachineLoad(idle=0.0, memory_bytes=0))


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_jobs_are_an_upper_bound(jobs: int) -> None:
    assert admits(jobs, 8, Activity(programs=jobs - 1), IDLE)
    assert not admits(jobs, 8, Activity(programs=jobs), IDLE)


def test_as_many_clients_run_as_there_are_processors_however_busy_these_are() -> None:
    assert admits(16, 4, Activity(programs=3), BUSY)
    assert not admits(16, 4, Activity(programs=4), BUSY)


def test_more_clients_run_while_processors_are_idle() -> None:
    activity = Activity(programs=9)
    assert admits(16, 2, activity, replace(BUSY, idle=SPARE))
    assert not admits(16, 2, activity, replace(BUSY, idle=SPARE - 0.01))


def test_an_installation_counts_like_a_client() -> None:
    assert not admits(16, 2, Activity(programs=1, installs=1), BUSY)
    assert admits(16, 2, Activity(programs=1, installs=1), IDLE)


def test_a_client_that_has_just_started_will_need_a_processor() -> None:
    assert admits(16, 2, Activity(programs=4, starting=1), replace(IDLE, idle=1 + SPARE))
    assert not admits(16, 2, Activity(programs=4, starting=1), replace(IDLE, idle=1.0))


def test_a_case_that_depends_on_time_keeps_a_reserve() -> None:
    load = replace(IDLE, idle=(SPARE + QUIET_SPARE) / 2)
    assert admits(16, 2, Activity(programs=4), load)
    assert not admits(16, 2, Activity(programs=4, timed=1), load)
    assert admits(16, 2, Activity(programs=4, timed=1), replace(IDLE, idle=QUIET_SPARE))


def test_each_client_needs_memory() -> None:
    for programs in (1, 9):
        activity = Activity(programs=programs, starting=1)
        enough = replace(IDLE, memory_bytes=2 * MEMORY_PER_CLIENT)
        assert admits(16, 16, activity, enough)
        assert not admits(16, 16, activity, replace(enough, memory_bytes=2 * MEMORY_PER_CLIENT - 1))
    assert admits(16, 16, Activity(programs=1), replace(IDLE, memory_bytes=None))


def test_gate_counts_those_that_start() -> None:
    now = 100.0
    gate = AdmissionGate(
        16, processors=1, read_load=lambda: MachineLoad(idle=1.5), clock=lambda: now
    )
    assert gate.enter(0)
    assert gate.enter(1)
    assert not gate.enter(2)  # the two that have started will need more than what is idle
    now += 2 * STARTING
    assert gate.enter(2)


def test_gate_measures_nothing_at_its_bound() -> None:
    def read_load() -> MachineLoad:
        raise AssertionError

    assert not AdmissionGate(3, read_load=read_load).enter(3)
