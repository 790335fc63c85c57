"""`authprobe completion`: scripts of shells, and the words that they offer.

Words come from a file of the package (`make docs`), and from what is on this machine; the scenarios
and tables that the file is made of take longer to read than a user waits for a completion.
"""

import contextlib
import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from authprobe.clients.installation.version_files import VERSIONS_FILE, read_versions
from authprobe.commands.printing import print_text
from authprobe.core.client_kinds import ClientKind
from authprobe.core.gates import NEVER, Gate
from authprobe.core.safe_files import read_bounded
from authprobe.core.version_ranges import EXACT, INSTALLED, LATEST, version_key
from authprobe.errors import ExitCode, SettingsError
from authprobe.settings import cache_folder

FOLDER: Final = Path(__file__).parent
WORDS_FILE: Final = FOLDER / "completion_words.json"
MAX_RESULTS_BYTES: Final = 10_000_000
"""Size of a results.json that is read in time: that of about 3,000 cases."""
MAX_WORDS: Final = 10_000
"""Words that are offered; for many more, a user would wait for the shell."""
SAFE_WORD: Final = re.compile(r"[A-Za-z0-9@%+=:,./_-]+")
"""A word that no shell expands. bash inserts words as they are, and an id can come from a file of
others: one with `$(...)` would run when the user presses Enter.
"""


def print_script(shell: str) -> int:
    """Print the script that makes a shell complete `authprobe`; return the exit code."""
    print_text((FOLDER / "completion_scripts" / f"authprobe.{shell}").read_text(), end="")
    return ExitCode.OK


def print_completions(items: Iterable[tuple[str, str, str]]) -> int:
    """Print a line for each item, as the scripts read them; return the exit code.

    An item has a kind, a word and an explanation. The kind is `plain`, or that of the paths that
    the shell itself completes: `file`, or `scenario` (a YAML file); directories are among both.
    More than `MAX_WORDS` are not printed: from a part, a shell would infer a wrong common prefix.
    """
    found = list(items)
    if len(found) > MAX_WORDS:
        return ExitCode.OK
    for kind, word, text in found:
        if kind != "plain":
            print_text(kind)
        elif SAFE_WORD.fullmatch(word):
            print_text(f"{kind}\t{word}\t{' '.join(text.split())}")
    return ExitCode.OK


@functools.cache
def _words() -> Mapping[str, Any]:
    words: Mapping[str, Any] = json.loads(WORDS_FILE.read_bytes())
    return words


def bundled_words(name: str) -> Mapping[str, str]:
    """Return the words of a list of the package, such as `suites`, with their explanations."""
    words = _words()[name]
    texts = words if isinstance(words, dict) else {}
    # A client has its folder and versions instead of an explanation.
    return {word: text if isinstance(text := texts.get(word), str) else "" for word in words}


def gate_words(typed: str) -> Iterator[str]:
    """Yield the typed gates, which commas separate, with each that can be the last one.

    None is there twice, and `never` stands alone.
    """
    before, comma, _ = typed.rpartition(",")
    chosen = before.split(",")
    if NEVER in chosen:
        return
    for gate in Gate if comma else (*Gate, NEVER):
        if gate not in chosen:
            yield f"{before}{comma}{gate}"


def client_words(typed: str) -> Iterator[str]:
    """Yield the names of clients or, after `NAME@`, the client in each known version."""
    name, at, _ = typed.partition("@")
    if at:
        yield from (f"{name}@{version}" for version in version_words(name))
    else:
        yield from _words()["clients"]


def version_words(client: str) -> Iterator[str]:
    """Yield the known versions of a client, newest first: those of its table, those that the
    registry published when it was last asked, and those in the cache.
    """
    found = _words()["clients"].get(client)
    if found is None:
        return
    yield LATEST
    if client == ClientKind.CLAUDE_CODE:
        yield INSTALLED
    versions = {*found["versions"], *_cached_versions(found["folder"])}
    yield from sorted(versions, key=version_key, reverse=True)


def _cached_versions(folder_name: str) -> Iterator[str]:
    """Yield the versions of a package that are installed, or were published."""
    if not folder_name:
        return
    with contextlib.suppress(OSError, ValueError, SettingsError):
        folder = cache_folder() / folder_name
        published = read_versions(folder / VERSIONS_FILE, single=False)
        yield from published[0] if published else ()
        yield from filter(EXACT.fullmatch, (each.name for each in folder.iterdir()))


def recorded_cases(results: Path) -> Iterator[str]:
    """Yield the ids of the cases in a results.json; none if it cannot be read in time.

    An id that begins with a dash is left out, as the command would take it for an option.
    """
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
        for case in json.loads(read_bounded(results, MAX_RESULTS_BYTES))["cases"]:
            if not (id := str(case["id"])).startswith("-"):
                yield id
