import sys
import time
from pathlib import Path

import pytest

from authprobe.core import processors
from authprobe.engine.load import WINDOW, LoadMeter, Times, available_memory, read_times_of_machine


def meter_of(*samples: tuple[float, float]) -> LoadMeter:
    """Return a meter that reads these pairs of the time and the idle seconds."""
    times = iter([Times(*sample) for sample in samples])
    return LoadMeter(lambda: next(times))


def test_nothing_is_idle_before_it_was_measured() -> None:
    meter = meter_of((0.0, 0.0), (WINDOW / 2, 9.0))
    assert [meter.read().idle, meter.read().idle] == [0.0, 0.0]


def test_idle_processors_are_those_of_the_last_window() -> None:
    meter = meter_of((0.0, 0.0), (1.0, 2.0), (1.2, 2.2), (1.3, 2.3), (1.6, 2.3))
    assert [round(meter.read().idle, 3) for _ in range(5)] == [0.0, 2.0, 1.833, 1.0, 0.0]


def test_a_counter_that_runs_backwards_is_no_idle_processor() -> None:
    meter = meter_of((0.0, 5.0), (1.0, 4.0))
    assert [meter.read().idle, meter.read().idle] == [0.0, 0.0]


def test_machine_has_times_and_memory() -> None:
    before = read_times_of_machine()
    time.sleep(0.05)
    after = read_times_of_machine()
    assert after.at > before.at
    assert after.idle >= before.idle
    assert available_memory() > 1_000_000


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a control group within another one."""
    own = tmp_path / "own"
    own.write_text("1:name=systemd:/x\n0::/outer/inner\n")
    monkeypatch.setattr(processors, "GROUPS", tmp_path)
    monkeypatch.setattr(processors, "OWN_GROUP", own)
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    return tmp_path / "outer" / "inner"


def test_control_group_limits_the_processors(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    (groups / "cpu.max").write_text("max 100000\n")
    assert processors.processor_quota() is None
    (groups.parent / "cpu.max").write_text("150000 100000\n")
    assert processors.processor_quota() == 1.5
    assert processors.available_processors() <= 2
    (groups / "cpu.stat").write_text("nr_periods 7\nusage_usec 30000000\nuser_usec 1\n")
    assert read_times_of_machine() == Times(100.0, 100.0 * 1.5 - 30.0)


def test_control_group_limits_the_memory(groups: Path) -> None:
    (groups / "memory.max").write_text("max\n")
    whole = available_memory()
    (groups.parent / "memory.max").write_text("1000000\n")
    (groups.parent / "memory.current").write_text("400000\n")
    assert available_memory() == 600_000 < whole
    (groups.parent / "memory.stat").write_text("anon 5\ninactive_file 100000\n")
    assert available_memory() == 700_000


@pytest.mark.parametrize("text", ["", "rubbish", "-5 0", "0 0", "1 0"])
def test_unreadable_limit_is_none(groups: Path, text: str) -> None:
    (groups / "cpu.max").write_text(text)
    assert processors.processor_quota() is None
    assert processors.available_processors() >= 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has control groups")
def test_a_group_outside_of_the_folder_is_not_read(
    groups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = groups / "own"
    own.write_text("0::/../../etc\n")
    monkeypatch.setattr(processors, "OWN_GROUP", own)
    assert list(processors.own_groups()) == []
