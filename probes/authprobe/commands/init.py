"""`authprobe init`: write a first scenario, options and a job that probes it, and probe it once."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from authprobe.commands.output import check_writable
from authprobe.commands.printing import print_error, print_json, print_text
from authprobe.commands.run import run
from authprobe.commands.starter_files import (
    CONFIG,
    GITLAB_INCLUDE,
    GITLAB_MAIN,
    SCENARIO,
    CiService,
    StarterUse,
    starter_texts,
    write_new,
)
from authprobe.core.escaping import for_shell
from authprobe.engine.last_failed import RESULTS_FILE
from authprobe.errors import ExitCode, SettingsError
from authprobe.options import OUT, SCENARIOS
from authprobe.settings import Settings, parse_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class InitOptions:
    """Options of `authprobe init`."""

    folder: Path
    use: StarterUse
    ci: CiService
    only_write: bool
    as_json: bool


def init(options: InitOptions) -> int:
    """Write the files, probe the scenario and print what to do next; return the exit code.

    Raises:
        SettingsError: nothing was written.
    """
    folder = options.folder
    settings = parse_settings(
        {
            SCENARIOS.name: [str((folder / SCENARIO).parent)],
            OUT.name: [str(folder / OUT.default())],
        }
    )
    reports = folder / OUT.default()
    if not options.only_write:
        _check_reports(reports)
    texts = starter_texts(folder, options.use, options.ci)
    write_new(folder, texts)
    names = [str(folder / name) for name in texts]
    print_error(f"written: {', '.join(names)}")
    code = None if options.only_write else _probe(settings, as_json=options.as_json)
    steps = dict(_next_steps(options, texts))
    if options.as_json:
        print_json(json.dumps({"written": names, "exit_code": code, "next": steps}, indent=1))
    else:
        width = max(map(len, steps))
        lines = (f"  {command:<{width}}  {text}" for command, text in steps.items())
        print_text("\n".join(["", "Next:", *lines]))
    return code or ExitCode.OK


def _check_reports(folder: Path) -> None:
    """Check that the first run can write its reports and replaces none.

    Raises:
        SettingsError: something is in the way.
    """
    check_writable(folder)
    if os.path.lexists(folder / RESULTS_FILE):
        raise SettingsError(
            f"{folder / RESULTS_FILE}: already there, and the first run would replace it; nothing "
            "was written; move it away, or only write the files, with --no-run"
        )


def _probe(settings: Settings, *, as_json: bool) -> int:
    """Probe the scenario and write the reports; return the exit code of the run."""
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        return run(settings, None, only_list=False, as_json=False)


def _next_steps(options: InitOptions, texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the commands that the user can enter next, each with what it is for."""
    folder, scenarios = options.folder, f"{Path(SCENARIO).parent}/"
    run, watch = "authprobe run", "authprobe watch"
    if CONFIG not in texts:  # the options that are there may name other scenarios
        run, watch = f"{run} {scenarios}", f"{watch} --scenarios {scenarios}"
    if folder.resolve() != Path.cwd():
        yield (
            for_shell(["cd", *(["--"] if str(folder).startswith("-") else []), str(folder)]),
            "where the files are",
        )
    yield run, f"again, after each change of {SCENARIO}"
    yield "authprobe accept", "make what the client does now the baseline of later runs"
    yield watch, "what new versions of the client break"
    if options.ci is CiService.GITLAB and GITLAB_MAIN not in texts:
        line = GITLAB_INCLUDE.strip()
        yield for_shell(["edit", GITLAB_MAIN]), f"it is there already; add the line `{line}`"
    if options.ci is not CiService.NONE:
        yield for_shell(["git", "add", *texts]), "and commit, so that the job runs"
