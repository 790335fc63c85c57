"""Every observation in the repository is valid, and the index is that of the files."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from authprobe.commands.observation_index import main, read_authors, write_index
from authprobe.drift.model import Kind
from authprobe.drift.observation_check import (
    name_problem,
    place_problem,
    read_observation,
    shared_files,
    shared_name,
)
from authprobe.drift.observation_file import SharedObservation, dump_observation
from authprobe.drift.observation_index import read_index
from authprobe.emulator.rules.routes import RULES
from authprobe.errors import ExitCode, ScenarioError, SettingsError
from authprobe.redaction.pseudonyms import Pseudonymizer
from authprobe.redaction.scanner import scan_text
from tests.drift.test_observation_index import sighting
from tests.support.command import PROJECT

GIT = shutil.which("git") or "git"
FOLDER = PROJECT / "observations"


def problems(path: Path) -> list[str]:
    """Return what is wrong with a file that was given back, whenever that was."""
    document = read_observation(path)
    found = list(document.messages)
    if document.value is not None:
        found += filter(None, [name_problem(path, document.value)])
        found += filter(None, [place_problem(path.parent.parent, path)])
    if scan_text(document.text) or Pseudonymizer()(document.text) != document.text:
        found.append("has a credential or personal data")
    return found


def test_every_observation_is_valid() -> None:
    assert {path: found for path in shared_files(FOLDER) if (found := problems(path))} == {}


def test_index_is_one_of_rules() -> None:
    assert set(read_index(FOLDER / "index.json")) <= set(RULES)


def put(folder: Path, observation: SharedObservation) -> Path:
    """Write a made-up observation where a pull request has it."""
    path = folder / shared_name(observation)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump_observation(observation))
    return path


def test_made_up_file_is_valid_and_each_change_of_it_is_found(tmp_path: Path) -> None:
    path = put(tmp_path, sighting("a", "2026-12-10").observation)
    assert problems(path) == []
    text = path.read_text()
    for before, after in (("401", "403"), ("A02", "A03"), ("{\n", "{ \n"), ("2026-12", "2026-11")):
        path.write_text(text.replace(before, after, 1))
        assert problems(path) != [], after
    path.write_text(text)
    assert problems(path.rename(path.with_suffix(".txt"))) != []


def git(folder: Path, *arguments: str, author: str = "a") -> str:
    """Run git in a repository of the test alone."""
    names = {f"GIT_{role}_NAME": author for role in ("AUTHOR", "COMMITTER")}
    mails = {f"GIT_{role}_EMAIL": f"{author}@example.org" for role in ("AUTHOR", "COMMITTER")}
    own = {"HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    return subprocess.run(
        [GIT, *arguments],
        cwd=folder,
        env={**own, **names, **mails},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def authors_of(folder: Path) -> dict[str, str]:
    """Return the authors as `make observations` finds them."""
    [line] = [
        line for line in (PROJECT / "Makefile").read_text().splitlines() if "\tgit log" in line
    ]
    script = line.strip().partition(" > ")[0]
    own = {"HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    ended = subprocess.run(
        ["/bin/sh", "-c", script], cwd=folder, env=own, capture_output=True, text=True, check=True
    )
    return read_authors(ended.stdout.splitlines())


def test_two_authors_move_a_date_and_a_copy_of_one_does_not(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    first = put(tmp_path, sighting("a", "2026-12-10").observation)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one", author="a")
    # Another account takes the file away and gives it back as its own.
    git(tmp_path, "rm", "-q", str(first))
    git(tmp_path, "commit", "-qm", "two", author="b")
    put(tmp_path, sighting("a", "2026-12-10").observation)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "three", author="b")
    folder = tmp_path / "observations"
    assert set(authors_of(tmp_path).values()) == {"a@example.org"}
    write_index(folder, authors_of(tmp_path))
    assert read_index(folder / "index.json") == {}
    put(tmp_path, sighting("b", "2026-12-20").observation)
    put(tmp_path, sighting("b", "2026-12-24", L05=Kind.CHANGED).observation)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "four", author="b")
    text = write_index(folder, authors_of(tmp_path))
    assert "3 observations, 1 rule" in text
    [(rule, result)] = read_index(folder / "index.json").items()
    assert (rule, result.last_seen, result.observers) == ("A02", "2026-12-10", 2)
    assert result.first_contradiction == "2026-12-24"
    before = (folder / "index.json").read_text()
    write_index(folder, authors_of(tmp_path))
    assert (folder / "index.json").read_text() == before


def test_two_addresses_of_one_person_are_one_account(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".mailmap").write_text("A <a@example.org> <b@example.org>\n")
    for author, day in (("a", "2026-12-10"), ("b", "2026-12-20")):
        put(tmp_path, sighting(author, day).observation)
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-qm", author, author=author)
    write_index(tmp_path / "observations", authors_of(tmp_path))
    assert read_index(tmp_path / "observations" / "index.json") == {}


def test_file_without_a_commit_is_refused_and_the_index_stays(tmp_path: Path) -> None:
    put(tmp_path, sighting("a", "2026-12-10").observation)
    with pytest.raises(SettingsError, match="commit them first"):
        write_index(tmp_path / "observations", {})
    assert not (tmp_path / "observations" / "index.json").exists()


def test_invalid_file_is_refused_at_its_place(tmp_path: Path) -> None:
    path = put(tmp_path, sighting("a", "2026-12-10").observation)
    path.write_text(path.read_text().replace('"status": 401', '"status": [1]'))
    with pytest.raises(ScenarioError, match=r"\.json:5:\d+: 'status' must be a whole number"):
        write_index(tmp_path / "observations", {"x": "a"})


def test_author_without_an_address_does_not_pass_for_the_one_before() -> None:
    lines = ["author a@example.org", "observations/2026-12/a.json", "author ", "", "x.json"]
    authors = read_authors(f"{line}\n" for line in lines)
    assert authors == {"observations/2026-12/a.json": "a@example.org", "x.json": ""}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other.json", "must be in the folder of its month"),
        ("copies/2026-12/one.json", "must be in the folder of its month"),
        ("2026-12/one.json", "its name must be"),
    ],
)
def test_one_content_has_one_place(tmp_path: Path, name: str, message: str) -> None:
    """Elsewhere, a copy by another account would agree with the first."""
    folder = tmp_path / "observations"
    path = put(tmp_path, sighting("a", "2026-12-10").observation)
    copy = folder / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(path.read_bytes())
    with pytest.raises(ScenarioError, match=message):
        write_index(folder, dict.fromkeys((f"observations/{name}", str(path)), "a"))
    assert not (folder / "index.json").exists()


@pytest.mark.parametrize("kind", ["file", "folder", "nothing", "device", "fifo"])
def test_what_is_no_file_is_not_folded_in(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "observations"
    path = put(tmp_path, sighting("a", "2026-12-10").observation)
    odd = path.with_name("0" * 32 + ".json")
    targets = {
        "file": path,
        "folder": path.parent,
        "nothing": tmp_path / "x",
        "device": Path("/dev/zero"),
    }
    if kind == "fifo":
        os.mkfifo(odd)
    else:
        odd.symlink_to(targets[kind])
    message = "not a regular file" if kind == "fifo" else "is a symbolic link; give the file itself"
    with pytest.raises(ScenarioError, match=message):
        write_index(folder, {})


def test_command_needs_the_folder() -> None:
    assert main([]) == ExitCode.USAGE
