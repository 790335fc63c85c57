"""Names of what the processes of pytest-xdist send: attributes of a test report, and an output."""

from typing import Final

RECORD: Final = "authprobe_record"
"""Attribute of the report of a probed case: its record, as one line of JSON."""
UNTESTABLE: Final = "authprobe_untestable"
"""Attribute of the report of a case that could not be tested: True."""
FACTS: Final = "authprobe_facts"
"""Output of a process: what it knows beside its records, as JSON."""
