"""Which of variables and files counts."""

from pathlib import Path

import pytest

from authprobe.configuration.files import ConfigFile, Setting
from authprobe.configuration.merged import Shape, configured_options, variable_names
from authprobe.errors import SettingsError

SHAPES = {
    "jobs": Shape.ONE,
    "client": Shape.MANY,
    "verbose": Shape.FLAG,
    "suite": Shape.ONE,
    "scenarios": Shape.MANY,
    "case": Shape.MANY,
    "looks": Shape.ONE,
}


def file(name: str, **table: object) -> ConfigFile:
    folder = Path("/project")
    return ConfigFile(
        path=folder / name,
        name=name,
        root=folder,
        working_folder=folder,
        is_of_project=True,
        table=table,
        text="",
    )


def merged(command: str, *files: ConfigFile, **variables: str) -> dict[str, tuple[Setting, str]]:
    """Return the value of each option, and what sets it."""
    found = configured_options(command, SHAPES, variables, files)
    return {name: (each.value, each.source) for name, each in found.items()}


def test_a_variable_comes_before_the_project_and_that_before_the_users_own_file() -> None:
    project, own = file("project", jobs=2), file("own", jobs=3, client=["a"])
    assert merged("run", project, own, AUTHPROBE_JOBS="1") == {
        "jobs": ("1", "AUTHPROBE_JOBS"),
        "client": (("a",), "own"),
    }
    assert merged("run", project, own)["jobs"] == ("2", "project")


def test_a_variable_of_a_command_comes_before_that_of_all() -> None:
    variables = {"AUTHPROBE_JOBS": "1", "AUTHPROBE_DIFF_JOBS": "2", "AUTHPROBE_RUN_JOBS": "3"}
    assert merged("run", **variables)["jobs"] == ("3", "AUTHPROBE_RUN_JOBS")
    assert merged("diff", **variables)["jobs"] == ("2", "AUTHPROBE_DIFF_JOBS")
    assert merged("versions", **variables)["jobs"] == ("1", "AUTHPROBE_JOBS")


def test_what_means_something_else_in_a_command_needs_its_name() -> None:
    assert list(variable_names("versions", "client")) == ["AUTHPROBE_VERSIONS_CLIENT"]
    assert list(variable_names("clients prune", "older-than")) == [
        "AUTHPROBE_CLIENTS_PRUNE_OLDER_THAN"
    ]
    assert merged("versions", AUTHPROBE_CLIENT="x") == {}


def test_values_of_a_repeatable_option_are_separated_by_semicolons() -> None:
    text = "claude-code@>=2.1.30 <2.2; raw-http ;;$(x)"
    assert merged("run", AUTHPROBE_CLIENT=text)["client"][0] == (
        "claude-code@>=2.1.30 <2.2",
        "raw-http",
        "$(x)",
    )
    assert merged("run", AUTHPROBE_JOBS="1;2")["jobs"][0] == "1;2"


@pytest.mark.parametrize(("text", "value"), [("1", True), ("TRUE", True), ("0", False)])
def test_flags_are_words(text: str, value: bool) -> None:
    assert merged("run", AUTHPROBE_VERBOSE=text)["verbose"][0] is value


def test_another_word_for_a_flag_is_refused() -> None:
    with pytest.raises(SettingsError) as error:
        merged("run", AUTHPROBE_VERBOSE="yes")
    assert str(error.value) == "AUTHPROBE_VERBOSE: yes: must be 1, true, 0, false"


def test_an_empty_variable_sets_nothing() -> None:
    assert merged("run", file("f", jobs=2), AUTHPROBE_JOBS="")["jobs"] == ("2", "f")


def test_what_selects_gives_way_to_what_comes_before() -> None:
    assert set(merged("run", file("f", suite="smoke"), AUTHPROBE_SCENARIOS="x")) == {"scenarios"}
    assert set(merged("run", file("f", scenarios=["x"]), AUTHPROBE_SUITE="smoke")) == {"suite"}
    assert set(merged("run", file("f", suite="smoke"), AUTHPROBE_CASE="x")) == {"case"}
    # Both in one file contradict each other, which the run says.
    assert set(merged("run", file("f", suite="smoke", scenarios=["x"]))) == {"suite", "scenarios"}
