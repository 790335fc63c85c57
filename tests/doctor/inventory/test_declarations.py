"""Gateways and clouds that are used on purpose: files, options, and what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from authprobe.cli.doctor import CLOUDS
from authprobe.core.clouds import Cloud
from authprobe.doctor.inventory.declarations import (
    Declarations,
    load_declarations,
    option_declaration,
)
from authprobe.errors import SettingsError
from authprobe.service.addresses import Address
from tests.support.homes import CANARY, Home, make_home

URL = "https://gateway.example"


def declared(home: Home, text: str) -> Declarations:
    """Return the declarations of a home in which the user's file has this text."""
    home.write(home.own_config_folder / "authprobe.toml", text)
    return load_declarations(home.machine())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[doktor]", "doktor: unknown key; did you mean 'doctor'?"),
        ("x = 1", "x: unknown key; `authprobe config` lists the keys"),
        ("doctor = 1", "doctor: must be a table, [doctor]"),
        ("[doctor]\ngateway = []", "doctor.gateway: unknown key; did you mean 'gateways'?"),
        ("[doctor]\nregions = []", "doctor.regions: unknown key; known: gateways, clouds"),
        (f'[doctor]\ngateways = "{URL}"', "doctor.gateways: must be a list of texts of one line"),
        ("[doctor]\nclouds = [1]", 'such as ["one", "two"]'),
        ('[doctor]\nclouds = ["aws"]', "doctor.clouds: 'aws': must be one of bedrock, foundry,"),
        ('[doctor]\ngateways = ["gateway"]', "doctor.gateways: 'gateway': must be a URL with"),
        ('[doctor]\ngateways = ["ftp://x"]', "doctor.gateways: 'ftp://x': must be a URL with"),
        ('[doctor]\ngateways = ["https://u:p@x"]', "https://x: must have no user name and"),
        ("[doctor", "is not valid TOML: "),
        ("\0", "is not valid TOML: "),
        ("x = " + "[" * 100_000, "is not valid TOML: "),
    ],
)
def test_what_is_not_known_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        declared(make_home(tmp_path), text)
    assert str(error.value).startswith("~/.config/authprobe/authprobe.toml:")
    assert message in str(error.value)


@pytest.mark.parametrize(
    "text", ["x = 1\ny = 2\nclouds = 3", 'clouds = ["a", "b"]\ngateways = ["c"]']
)
def test_all_problems_of_a_file_are_named_at_once(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        declared(make_home(tmp_path), f"[doctor]\n{text}")
    assert len(str(error.value).splitlines()) == 3


def test_a_token_pasted_into_the_file_is_not_printed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        declared(make_home(tmp_path), f'[doctor]\nclouds = ["sk-ant-api03-{CANARY}"]')
    assert "canary" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[doctor]", "[doctor]\ngateways = []\nclouds = []"])
def test_an_empty_file_declares_nothing(text: str, tmp_path: Path) -> None:
    assert declared(make_home(tmp_path), text) == Declarations()


def test_a_link_within_the_folder_is_followed_and_one_out_of_it_is_refused(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    file = home.project / "authprobe.toml"
    target = home.write(home.project / "real.toml", '[doctor]\nclouds = ["vertex"]')
    file.symlink_to(target)
    (only,) = load_declarations(home.machine()).each
    assert only.clouds == {Cloud.VERTEX}
    file.unlink()
    file.symlink_to(home.write(tmp_path / "outside.toml", f"[{CANARY}]"))
    with pytest.raises(SettingsError, match=r"authprobe\.toml: is a link to another place"):
        load_declarations(home.machine())


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    (home.project / "authprobe.toml").mkdir(parents=True)
    with pytest.raises(SettingsError, match="is not a regular file; correct or remove it"):
        load_declarations(home.machine())


def test_the_file_at_the_root_of_a_repository_counts_too(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    (home.project / ".git").mkdir(parents=True)
    home.write(home.project / "authprobe.toml", '[doctor]\nclouds = ["vertex"]')
    machine = home.machine()
    (machine.folder / "sub").mkdir()
    machine = replace(machine, folder=machine.folder / "sub")
    (only,) = load_declarations(machine).each
    assert only.is_of_project


def test_a_file_above_the_root_of_a_repository_does_not_count(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    (home.project / ".git").mkdir(parents=True)
    home.write(home.folder / "authprobe.toml", '[doctor]\nclouds = ["vertex"]')
    assert load_declarations(home.machine()) == Declarations()


def test_options_come_first() -> None:
    declaration = option_declaration((f"{URL}/path",), ("bedrock",))
    assert declaration.gateways == {Address(scheme="https", host="gateway.example", port=443)}
    assert declaration.clouds == {Cloud.BEDROCK}
    with pytest.raises(SettingsError, match="--gateway: 'x': must be a URL"):
        option_declaration(("x",), ())


def test_the_option_knows_every_cloud() -> None:
    assert tuple(Cloud) == CLOUDS
