"""Markers of the tests: `slow`, and `clients` for those that run real, published clients."""

from functools import cache
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

# A busy machine is no fault of the code: no example is timed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

TESTS: Final = Path(__file__).parent
SLOW: Final = (
    "action",
    "api/test_run.py",
    "bisection/test_search.py",
    "clients/claude_code/test_flows.py",
    "clients/claude_code/test_foreign_login.py",
    "clients/claude_code/test_login_renewal.py",
    "clients/claude_code/test_settings_precedence.py",
    "clients/installation",
    "clients/process",
    "clients/defined/test_litellm.py",
    "clients/defined/test_program.py",
    "clients/defined/test_readings.py",
    "clients/sdk/test_api_sdk.py",
    "commands",
    "core/test_json_paths.py",
    "diagnosis/test_text_facts.py",
    "doctor/checks/test_online.py",
    "emulator/rules/test_properties.py",
    "emulator/server/test_limits.py",
    "emulator/standalone/test_control_api.py",
    "emulator/test_fixture.py",
    "engine/test_faults.py",
    "hostile",
    "integration",
    "items",
    "live/test_claude_gateway.py",
    "live/test_claude_hostile.py",
    "live/test_claude_login.py",
    "live/test_claude_versions.py",
    "live/test_gate.py",
    "live/test_hostile_login.py",
    "live/test_live_command.py",
    "live/test_live_interruption.py",
    "live/test_live_login_command.py",
    "live/test_stored_login.py",
    "plan/test_expand.py",
    "run/history/test_database.py",
    "scenario/checks/test_urls.py",
    "scenario/test_hostile_files.py",
)
"""Files and folders that take more than two seconds: they start programs, or try many examples."""
CLIENTS: Final = (
    "clients/claude_code/test_foreign_login.py",
    "clients/claude_code/test_login_renewal.py",
    "clients/claude_code/test_installed.py",
    "clients/claude_code/test_remedies.py",
    "clients/defined/test_litellm.py",
    "clients/installation/test_real_packages.py",
    "clients/sdk/test_api_sdk.py",
    "integration/test_end_to_end.py",
    "integration/test_gateway.py",
    "integration/test_interrupt.py",
    "integration/test_leaks.py",
    "integration/test_node_sdk.py",
    "integration/test_published_programs.py",
    "integration/test_real_versions.py",
    "integration/test_starter.py",
    "integration/test_upgrade_recipe.py",
    "live/test_claude_gateway.py",
    "live/test_claude_hostile.py",
    "live/test_claude_login.py",
    "live/test_claude_versions.py",
    "live/test_live_login_command.py",
)
"""Files that install published clients, into the cache that users have as well."""


@cache
def markers_of(path: Path) -> frozenset[str]:
    """Return the markers that the tables above give a file; kept, as a file has many tests."""
    if not path.is_relative_to(TESTS):
        return frozenset()
    own = path.relative_to(TESTS)
    tables = (("slow", SLOW), ("clients", CLIENTS))
    return frozenset(m for m, places in tables if any(own.is_relative_to(p) for p in places))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of the files and folders above; if processes share them, slow files first."""
    for item in items:
        for marker in markers_of(item.path):
            item.add_marker(marker)
    if hasattr(config, "workerinput"):  # in a process of pytest-xdist
        items.sort(
            key=lambda item: [item.get_closest_marker(m) is None for m in ("clients", "slow")]
        )
