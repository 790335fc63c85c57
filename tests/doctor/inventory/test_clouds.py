"""Credentials of clouds: found by presence and dates, in the order of Claude Code."""

from pathlib import Path

import pytest

from authprobe.core.clouds import Cloud
from authprobe.doctor.inventory.clouds import CloudCredential, enabled_clouds
from authprobe.doctor.inventory.inventory import take_inventory
from authprobe.doctor.inventory.precedence import FoundCredential
from tests.support.homes import CANARY, Home, make_home


def names(home: Home, cloud: Cloud = Cloud.BEDROCK) -> list[str]:
    """Return the names of the credentials of a cloud, in order."""
    return [each.name for each in found(home, cloud)]


def found(home: Home, cloud: Cloud = Cloud.BEDROCK) -> tuple[CloudCredential, ...]:
    return take_inventory(home.machine()).clouds[cloud]


def test_the_order_of_bedrock(tmp_path: Path) -> None:
    # Measured with 2.1.332: each step without those before it.
    home = make_home(tmp_path, AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")
    home.write(home.home / ".aws/credentials", "[default]\naws_access_key_id=x\n")
    home.settings(awsCredentialExport="/bin/keys")
    home.variables |= {"AWS_BEARER_TOKEN_BEDROCK": "x", "ANTHROPIC_AWS_API_KEY": "x"}
    keys = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    chain = ["awsCredentialExport", keys, "profile default"]
    assert names(home) == ["AWS_BEARER_TOKEN_BEDROCK", *chain]
    assert names(home, Cloud.MANTLE) == ["AWS_BEARER_TOKEN_BEDROCK", *chain]
    assert names(home, Cloud.ANTHROPIC_AWS) == ["ANTHROPIC_AWS_API_KEY", *chain]
    home.variables["AWS_PROFILE"] = "work"
    assert names(home)[1:] == ["awsCredentialExport", "profile work"]


def test_the_order_of_foundry(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    tokens = ["ANTHROPIC_FOUNDRY_AUTH_TOKEN", "ANTHROPIC_FOUNDRY_API_KEY"]
    home.variables |= dict.fromkeys(tokens, "x")
    home.write(home.home / ".azure/msal_token_cache.json", "")
    assert names(home, Cloud.FOUNDRY) == [*tokens, "login of the Azure CLI"]


def test_a_named_file_of_google_is_used_even_if_it_is_missing(tmp_path: Path) -> None:
    # Measured with 2.1.332.
    home = make_home(tmp_path, GOOGLE_APPLICATION_CREDENTIALS="/nowhere")
    home.write(home.home / ".config/gcloud/application_default_credentials.json", "")
    (only,) = found(home, Cloud.VERTEX)
    assert only.problem == "names a file that does not exist"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("BEDROCK", "FOUNDRY"),
        ("FOUNDRY", "ANTHROPIC_AWS"),
        ("ANTHROPIC_AWS", "ANTHROPIC_GOOGLE_CLOUD"),
        ("ANTHROPIC_GOOGLE_CLOUD", "MANTLE"),
        ("MANTLE", "VERTEX"),
    ],
)
def test_the_first_of_two_clouds_is_used(first: str, second: str, tmp_path: Path) -> None:
    # Measured with 2.1.332, by `claude auth status`.
    home = make_home(tmp_path)
    home.variables |= {f"CLAUDE_CODE_USE_{name}": "1" for name in (second, first)}
    inventory = take_inventory(home.machine())
    assert enabled_clouds(inventory.variables)[0].name == first
    credential = inventory.active_credentials[0].credential
    assert credential
    assert credential.where == f"CLAUDE_CODE_USE_{first}"


def test_an_empty_value_in_settings_turns_a_cloud_off(tmp_path: Path) -> None:
    home = make_home(tmp_path, CLAUDE_CODE_USE_BEDROCK="1")
    home.settings(env={"CLAUDE_CODE_USE_BEDROCK": ""})
    assert enabled_clouds(take_inventory(home.machine()).variables) == ()


def test_the_credential_says_which_cloud_and_which_source(tmp_path: Path) -> None:
    def kind() -> str:
        credential = take_inventory(home.machine()).active_credentials[0].credential
        assert isinstance(credential, FoundCredential)
        return credential.kind

    home = make_home(tmp_path, CLAUDE_CODE_USE_BEDROCK="1")
    assert kind() == "Amazon Bedrock"
    (active, *_) = take_inventory(home.machine()).active_credentials
    assert active.credential
    assert active.credential.state == "no credential found"
    home.variables["AWS_BEARER_TOKEN_BEDROCK"] = CANARY
    assert kind() == "Amazon Bedrock with AWS_BEARER_TOKEN_BEDROCK"
    home.variables["CLAUDE_CODE_SKIP_BEDROCK_AUTH"] = "1"
    assert kind() == "Amazon Bedrock with a gateway that adds the credential"


def test_no_value_of_a_file_is_kept(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    lines = f"aws_access_key_id = {CANARY}\naws_secret_access_key={CANARY}\n{CANARY}\n"
    home.write(home.home / ".aws/credentials", f"[default]\n{lines}")
    home.write(home.home / ".azure/msal_token_cache.json", CANARY)
    assert "canary" not in repr(take_inventory(home.machine()))
    assert names(home) == ["profile default"]


@pytest.mark.parametrize(
    "header", ["[work]", "[profile work]", ' [ profile "work" ] ', "[profile 'work']"]
)
def test_headers_of_sections_may_be_written_in_several_ways(header: str, tmp_path: Path) -> None:
    home = make_home(tmp_path, AWS_PROFILE="work")
    home.write(home.home / ".aws/config", f"# x\n{header}\nrole_arn = x\n")
    assert [each.problem for each in found(home)] == [None]


def test_a_link_within_the_home_is_followed_and_one_out_of_it_is_not(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    content = "[default]\naws_access_key_id = x\n"
    home.write(home.home / "dotfiles/credentials", content)
    home.write(tmp_path / "outside/credentials", content)
    (home.home / ".aws").symlink_to(home.home / "dotfiles")
    assert [each.is_unread for each in found(home)] == [False]
    (home.home / ".aws").unlink()
    (home.home / ".aws").symlink_to(tmp_path / "outside")
    assert [each.is_unread for each in found(home)] == [True]
    assert [each.written for each in found(home)] == [None]
