"""Step `probe` of the action: run a command of authprobe, and tell the job what it found.

Nothing here is evaluated by a shell: `args` are split into words as a shell would, and that is all.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, Final, NamedTuple

from runner import (
    MAX_TEXT_BYTES,
    UNUSABLE,
    annotate,
    for_log,
    read_exact,
    read_file,
    read_input,
    read_lines,
    refuse,
    run_step,
    run_url,
    runner_path,
    visible,
    write_output,
    write_summary,
)

BROKE: Final = 1
CHANGED: Final = 11
EXIT_CODES: Final = {
    0: "nothing to complain about",
    BROKE: "something failed or broke",
    2: "interrupted; what was finished is in the report",
    3: "an error of authprobe itself",
    4: "an invalid scenario, option or file",
    5: "no case selected",
    6: "nothing failed, but something could not be tested",
    10: "a report would contain a credential and was not written",
    CHANGED: "the real service answers otherwise than the emulator",
    12: "the real service could not be asked, or a secret for it is missing",
}
STATUSES: Final = ("passed", "failed", "skipped", "error")
COMPARED: Final = (0, BROKE, 6)
"""Exit codes after which `diff` has an answer."""
OWN_OPTIONS: Final = ("--html", "--json", "--markdown", "--out")
MAX_NAMES: Final = 1000
"""Names in the output `regressed`."""
MAX_NAME_LENGTH: Final = 300
MAX_OUTPUT_BYTES: Final = 32 * 1024
"""JSON in one output. Those of three jobs fit into a variable, as the input `key` of the action
`issue` is one: Linux starts no program with one above 128 KiB (execve(2))."""
MAX_ANNOTATED: Final = 10
MAX_DATA_BYTES: Final = 256 * 1024 * 1024
"""Size of a file for programs."""
UNREADABLE: Final = (*UNUSABLE, KeyError, TypeError, AttributeError)
"""Errors of reading a file that is missing, cut, or of another version of authprobe."""

Findings = tuple[dict[str, int], list[str]]
"""How many results there are of each kind, and the names of what regressed."""


class Files(NamedTuple):
    """The files that a command leaves in its folder, and the reader of the one for programs."""

    page: str
    summary: str
    data: str
    read: Callable[[Any], Findings]


def read_run(document: Any) -> Findings:
    """Return the verdicts in a `results.json`."""
    verdicts = {case["id"]: case["verdict"] for case in document["cases"]}
    counts = dict.fromkeys(STATUSES, 0) | Counter(each["status"] for each in verdicts.values())
    return counts, [name for name, verdict in verdicts.items() if verdict["regressed"]]


def read_diff(document: Any) -> Findings:
    """Return the effects in the JSON of `authprobe diff`."""
    questions = document["questions"]
    return document["counts"], [each["id"] for each in questions if each["effect"] == "broke"]


def read_drift(document: Any) -> Findings:
    """Return the kinds of the rows in a `drift.json`."""
    rows = document["rows"]
    return document["counts"], [row["row"] for row in rows if row["kind"] == "changed"]


def read_watch(document: Any) -> Findings:
    """Return the effects in all comparisons of `authprobe watch --json`."""
    counts: Counter[str] = Counter()
    broke = []
    for client in document["clients"]:
        for comparison in client["comparisons"]:
            if comparison["diff"]:
                of_one, names = read_diff(comparison["diff"])
                counts.update(of_one)
                broke += [f"{client['client']}@{comparison['version']}: {name}" for name in names]
    return counts, broke


RUN: Final = Files("report.html", "summary.md", "results.json", read_run)
COMMANDS: Final = {
    "run": RUN,
    "merge": RUN,
    "diff": Files("diff.html", "diff.md", "diff.json", read_diff),
    "watch": Files("watch.md", "watch.md", "watch-result.json", read_watch),
    "drift": Files("drift.html", "drift.md", "drift.json", read_drift),
}


def main() -> None:
    """Run the command, set the outputs, and end with its exit code."""
    command = read_exact("command") or "run"
    if command not in COMMANDS:
        refuse(f"command: {command!r} is not one of: {', '.join(COMMANDS)}")
    files = COMMANDS[command]
    folder = Path(tempfile.mkdtemp(prefix=f"{command}-", dir=runner_path("RUNNER_TEMP")))
    write_output("folder", str(folder))
    words = split_arguments()
    if command == "watch":
        code = run_watch(folder, words)
    else:
        page = [f"--html={folder / files.page}"] if command == "diff" else []
        code = run_program([*program(), command, *page, *options(command, folder), *words])
    if command == "diff" and code in COMPARED:
        run_step(lambda: write_diff(folder, words), title="authprobe diff", level="warning")
    reported = run_step(lambda: report(command, files, folder, code))
    sys.exit(code or reported)


def program() -> list[str]:
    """Return the words that start the authprobe of the step `prepare`."""
    return [str(runner_path("AUTHPROBE"))]


def split_arguments() -> list[str]:
    """Return the words of the input `args`; end the step if they cannot be the user's to set."""
    try:
        words = shlex.split(read_input("args"))
    except ValueError as error:
        refuse(f"args: {error}")
    for word in words:
        name = word.partition("=")[0]
        if name in OWN_OPTIONS:
            refuse(f"args: {name}: the action sets it, and its outputs name the files")
    return words


def options(command: str, folder: Path) -> Iterator[str]:
    """Yield the options of the command that other inputs stand for.

    Each is one word with its value, so that no value is taken for another option.
    """
    yield f"--out={folder}"
    for name in ("suite", "fail-on"):
        if value := read_input(name):
            yield f"--{name}={value}"
    scenarios = read_lines("scenarios")
    if command in ("diff", "watch"):
        yield from (f"--scenarios={path}" for path in scenarios)
    else:  # a path that begins with a dash is still one
        yield from (f"./{path}" if path.startswith("-") else path for path in scenarios)


def environment() -> dict[str, str]:
    """Return the environment of authprobe, with the client cache of the step `prepare`."""
    return os.environ | {"AUTHPROBE_CACHE": str(runner_path("CACHE_FOLDER"))}


def run_program(argv: Sequence[str], output: BinaryIO | None = None) -> int:
    """Run a program, pass on the signals that end a job, and return its exit code."""
    print(for_log(f"$ {shlex.join(argv)}"), flush=True)
    with subprocess.Popen(argv, env=environment(), stdout=output) as process:

        def pass_on(number: int, _frame: FrameType | None) -> None:
            process.send_signal(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, pass_on)
        code = process.wait()
    return code if code >= 0 else 128 - code


def run_watch(folder: Path, words: Sequence[str]) -> int:
    """Run `authprobe watch` with the state of the job before, write its page; return the exit code.

    It is run once, as the next check finds nothing new: the page is made of its JSON.
    """
    state = runner_path("STATE_FOLDER")
    files = COMMANDS["watch"]
    with create(folder / files.data) as output:
        argv = [*program(), "watch", "--json", *options("watch", state), *words]
        code = run_program(argv, output)
    try:
        page = watch_page(read_json(folder / files.data))
        with create(folder / files.page) as file:
            file.write(page.encode(errors="replace"))
    except UNREADABLE:
        return code
    print("\n".join(map(for_log, page.splitlines())), flush=True)
    return code


def create(path: Path) -> BinaryIO:
    """Open a file for writing, in the place of whatever a run under test may have left there.

    Raises:
        OSError: it cannot be written.
    """
    path.unlink(missing_ok=True)
    return path.open("xb")


def read_json(path: Path) -> Any:
    """Return the content of a file for programs, or raise one of UNUSABLE.

    An empty file is a missing one: what `watch` printed before it failed.
    """
    content = read_file(path, MAX_DATA_BYTES)
    if not content:
        raise FileNotFoundError(path)
    return json.loads(content)


def watch_page(document: Any) -> str:
    """Return what is new, and what it broke, as Markdown."""
    word = "something broke" if document["broke"] else "nothing broke"
    rest = "" if document["complete"] else "; not everything could be tested"
    lines = [f"## authprobe watch: {word}{rest}", ""]
    for client in document["clients"]:
        news = ", ".join(map(span, client["new"])) or "nothing new"
        lines.append(f"- {span(client['client'])}: {span(client['problem'] or '') or news}")
    for client in document["clients"]:
        for comparison in client["comparisons"]:
            lines += comparison_lines(client["client"], comparison)
    return "\n".join(lines) + "\n"


def comparison_lines(client: str, comparison: Any) -> Iterator[str]:
    """Yield the lines about a comparison: counts, what broke or was fixed, and its command."""
    versions = (
        f"{client} {comparison['before'] or 'no version before it'} → {comparison['version']}"
    )
    diff = comparison["diff"]
    if not diff:
        yield from ("", f"### {span(versions)}")
        return
    counts = ", ".join(f"{count:d} {name_of(effect)}" for effect, count in diff["counts"].items())
    yield from ("", f"### {span(versions)}: {counts}", "")
    for question in diff["questions"]:
        if question["effect"] in ("broke", "fixed"):
            reasons = "; ".join(map(span, question["reasons"]))
            yield f"- **{question['effect']}** {span(question['id'])}: {reasons}"
    if diff["command"]:
        yield from ("", f"Again: {span(diff['command'])}")


def name_of(effect: str) -> str:
    """Return the name of an effect as it is, and any other text as a span of code."""
    return effect if effect.isascii() and effect.isalpha() else span(effect)


def span(text: str) -> str:
    """Return text as a span of code, in which nothing is Markdown; empty if it is empty."""
    line = visible(" ".join(text.replace("`", "'").split()))
    return f"`{line}`" if line else ""


def write_diff(folder: Path, words: Sequence[str]) -> None:
    """Write the comparison, which the log of its probes answers, for programs and the summary."""
    are_runs = any(word.endswith(".json") and os.path.isfile(word) for word in words)  # noqa: PTH113
    log = [] if are_runs else ["--log"]
    for option, name in (("--json", "diff.json"), ("--markdown", "diff.md")):
        argv = [*program(), "diff", option, *log, *options("diff", folder), *words]
        with create(folder / name) as file:
            subprocess.run(argv, env=environment(), stdout=file, check=False)


def report(command: str, files: Files, folder: Path, code: int) -> None:
    """Set the outputs, write the summary, and annotate what `authprobe run` does not itself."""
    write_output("exit-code", str(code))
    counts, regressed = read_findings(files, folder)
    write_output("counts", json.dumps(counts))
    write_output("regressed", json.dumps(shortened(regressed)))
    page, summary = folder / files.page, folder / files.summary
    text = read_summary(summary)
    write_output("report", str(page) if os.path.isfile(page) else "")  # noqa: PTH113 (never raises)
    write_output("summary", "" if text is None else str(summary))
    meaning = EXIT_CODES.get(code, "an exit code that this action does not know")
    words = f"`authprobe {command}` ended with exit code {code}: {meaning}."
    more = f"## authprobe {command}\n\n{words} [The log]({run_url()}) says more."
    write_summary(more if text is None else text)
    if code and (command, code) != ("run", BROKE):  # which annotates each of its problems
        names = ", ".join(shortened(regressed)[:MAX_ANNOTATED])
        left = len(regressed) - MAX_ANNOTATED
        rest = f", and {left:,} more" if left > 0 else ""
        annotate("error", f"authprobe {command}", f"{words} {names}{rest}".strip())


def read_summary(path: Path) -> str | None:
    """Return the summary that the command wrote; None: it wrote none that can be read."""
    try:
        return read_file(path, MAX_TEXT_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return None
    except UNUSABLE as error:
        annotate("warning", "authprobe: no summary", str(error))
        return None


def read_findings(files: Files, folder: Path) -> Findings:
    """Return what the file for programs says, or nothing if the command did not write it."""
    try:
        # A run under test can have written the file: no type of it is certain.
        findings: Any = files.read(read_json(folder / files.data))
        counts, names = findings
        is_valid = all(isinstance(name, str) for name in names) and all(
            isinstance(kind, str) and type(count) is int for kind, count in counts.items()
        )
        if not is_valid or len(json.dumps(counts)) > MAX_OUTPUT_BYTES:
            raise TypeError("counts or names of another form")
    except FileNotFoundError:
        return {}, []
    except UNREADABLE as error:
        reason = f"{files.data} cannot be read: {type(error).__name__}: {error}"
        annotate("warning", "authprobe: no counts", reason)
        return {}, []
    return counts, names


def shortened(names: Sequence[str]) -> list[str]:
    """Return the names that fit into an output, each cut to its first letters if it is too long."""
    kept, size = [], 0
    for name in names[:MAX_NAMES]:
        text = name if len(name) <= MAX_NAME_LENGTH else f"{name[:MAX_NAME_LENGTH]}…"
        size += len(json.dumps(text)) + len(", ")
        if size > MAX_OUTPUT_BYTES - len("[]"):
            break
        kept.append(text)
    return kept


if __name__ == "__main__":
    sys.exit(run_step(main))
