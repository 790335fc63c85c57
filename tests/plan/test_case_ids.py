"""Names of clients beside the versions that they ran in."""

import pytest

from authprobe.plan.case_ids import named_versions


@pytest.mark.parametrize(
    ("client", "versions", "expected"),
    [
        ("claude-code", ("2.1.112", "2.1.332"), "claude-code 2.1.112 → 2.1.332"),
        ("claude-code", (), "claude-code"),
        ("agent-sdk-python", ("0.1+claude-code@2.1",), "agent-sdk-python 0.1+claude-code@2.1"),
        (
            "router+claude-code",
            ("1.0.73+claude-code@2.1.332", "2.0.0+claude-code@2.1.332"),
            "router 1.0.73 → 2.0.0 + claude-code 2.1.332",
        ),
        ("router+our-bot", ("1.0+our-bot@installed",), "router 1.0 + our-bot installed"),
        ("router+claude-code", ("1.0",), "router 1.0 + claude-code"),
        ("5 clients", (), "5 clients"),
    ],
)
def test_each_name_has_its_own_versions(
    client: str, versions: tuple[str, ...], expected: str
) -> None:
    assert named_versions(client, *versions) == expected
