from pathlib import Path

import pytest

from authprobe.run.scenario_files import name_file, name_location


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of bundled scenarios beside the working directory."""
    for name in ("bundled/incidents", "work/folder/deep", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "bundled"


@pytest.mark.parametrize(
    ("given", "location", "found", "file"),
    [
        ("one.yaml", "one.yaml", "one.yaml", "one.yaml"),
        ("./folder/../one.yaml", "one.yaml", "./folder/../one.yaml", "one.yaml"),
        ("folder", "folder/", "folder/deep/two.yaml", "folder/deep/two.yaml"),
        ("{work}/folder", "folder/", "{work}/folder/two.yaml", "folder/two.yaml"),
        (".", "./", "deep/two.yaml", "deep/two.yaml"),
        ("{bundled}", "bundled:/", "{bundled}/key.yaml", "bundled:/key.yaml"),
        (
            "{bundled}/incidents",
            "bundled:/incidents/",
            "{bundled}/incidents/x.yaml",
            "bundled:/incidents/x.yaml",
        ),
        ("../elsewhere", ".../elsewhere/", "../elsewhere/d/x.yaml", ".../elsewhere/d/x.yaml"),
        (
            "../elsewhere/x.yaml",
            ".../elsewhere/x.yaml",
            "../elsewhere/x.yaml",
            ".../elsewhere/x.yaml",
        ),
    ],
)
def test_a_file_has_the_same_name_on_every_machine(
    given: str, location: str, found: str, file: str, bundled: Path
) -> None:
    folders = {"bundled": bundled, "work": Path.cwd()}
    argument, path = Path(given.format_map(folders)), Path(found.format_map(folders))
    assert name_location(argument, bundled=bundled) == location
    assert name_file(path, argument, bundled=bundled) == file


def test_a_file_in_the_home_directory_does_not_name_the_user(
    bundled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = bundled.parent / "elsewhere"
    monkeypatch.setenv("HOME", str(home))
    file, deep = home / "x.yaml", home / "folder" / "x.yaml"
    assert name_file(file, file, bundled=bundled) == ".../~/x.yaml"
    assert name_file(file, home, bundled=bundled) == ".../~/x.yaml"
    assert name_location(home, bundled=bundled) == ".../~/"
    assert name_file(deep, deep, bundled=bundled) == ".../folder/x.yaml"


def test_a_name_that_is_not_unicode_is_printable(bundled: Path) -> None:
    path = Path("bad\udcff.yaml")
    assert name_file(path, path, bundled=bundled) == "bad?.yaml"


def test_a_file_is_elsewhere_if_the_working_directory_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    file = tmp_path / "folder" / "x.yaml"
    assert name_file(file, file, bundled=tmp_path / "bundled") == ".../folder/x.yaml"
