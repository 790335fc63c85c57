"""Time that `scan` and `explain` take for 1 MB of texts made to be slow, and for a report.

python bench/redaction.py [RESULTS_JSON]
"""

import base64
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent.parent))  # for a start as a file

from authprobe.diagnosis.decision import decide
from authprobe.diagnosis.text_facts import symptom_from_text
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import scan_text

LENGTH: Final = 1_000_000
TIME_LIMIT: Final = 2.0
"""Seconds for a text of `LENGTH` characters."""
REPEATED: Final = (
    *("\\", "a.", "eyJ", "eyJ-", "%25", "0x73, ", "a\n", "\u200b", "a\ufe0f", "115, 107, ", "1 "),
    *("sk-ant-oat01-abcdefgh1234 ", "\\x73\\x6b", "&amp;", "\\e]", "x<b ", "=73=6B", "a b"),
    *(
        '\n  "a":',
        "<td>",
        "<html><body><script>",
        "begin 644 a\nM",
        "https://a.b.c/d ",
        "error 401 ",
        "A.A",
    ),
)


def texts() -> Mapping[str, str]:
    """Return texts of `LENGTH` characters by name."""
    data = random.Random(1).randbytes(LENGTH)  # noqa: S311 - no secrets, and always the same
    twice = base64.b64encode(base64.b64encode(data))
    return {
        **{repr(part): (part * (LENGTH // len(part) + 1))[:LENGTH] for part in REPEATED},
        "random bytes": data.decode("latin-1"),
        "base64": base64.b64encode(data).decode()[:LENGTH],
        "base64 thrice": base64.b64encode(twice).decode()[:LENGTH],
        "base32": base64.b32encode(data).decode()[:LENGTH],
        "hex with spaces": data.hex(" ")[:LENGTH],
    }


def seconds(call: Callable[[], object]) -> float:
    """Return the processor time of a call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def explain(text: str) -> None:
    """Do what the command does with a text."""
    decide(symptom_from_text(text))


def strings(value: Any) -> Iterator[str]:
    """Yield all texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def main() -> None:
    """Print the time for each text."""
    for name, text in texts().items():
        scanned = seconds(partial(scan_text, text))
        explained = seconds(partial(explain, text))
        mark = "  exceeds the limit" if max(scanned, explained) > TIME_LIMIT else ""
        print(f"{name:32} scan {scanned:.2f} s, explain {explained:.2f} s{mark}")
    for path in sys.argv[1:]:
        print(f"{path}: {report_times(Path(path).read_text('utf-8'))}")


def report_times(report: str) -> str:
    """Return the times for a report, and for each text in it, as a phrase."""
    redactor, values = Redactor(), list(strings(json.loads(report)))
    redactor.learn("token", "sk-ant-oat01-" + "aB3" * 20)
    scanned = seconds(lambda: scan_text(report, redactor))
    redacted = seconds(lambda: list(map(redactor, values)))
    return (
        f"scan of {len(report) / 1e6:.1f} MB {scanned:.2f} s, "
        f"redaction of its {len(values):,} texts {redacted:.2f} s"
    )


if __name__ == "__main__":
    main()
