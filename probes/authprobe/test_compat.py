"""The compatibility test: one item per case, which passes on the engine's verdict."""

import pytest

from authprobe.plugin import describe
from authprobe.run.model import CaseRecord
from authprobe.verdict.model import Status


def test_compat(record: CaseRecord) -> None:
    if record.verdict.status is Status.FAILED:
        pytest.fail(describe(record), pytrace=False)
