"""Dialogue of `authprobe explain --interactive`: questions that decide between the first causes."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from authprobe.commands.explain_output import answer_words, confidence, effect_words
from authprobe.commands.printing import print_error
from authprobe.core.wrapping import terminal_width, wrap_lines
from authprobe.diagnosis.causes import UNKNOWN
from authprobe.diagnosis.incident.incident import Incident
from authprobe.diagnosis.incident.questions import DecidingQuestion
from authprobe.diagnosis.match import CauseMatch
from authprobe.errors import SettingsError

MAX_QUESTIONS: Final = 3
MAX_ATTEMPTS: Final = 5
"""Answers that are not understood, after which one counts as not known."""
MAX_ANSWER: Final = 100
UNKNOWN_ANSWERS: Final = frozenset({"", "u", "unknown", "?", "don't know"})
TERMINAL: Final = "/dev/tty"


def open_terminal() -> IO[str]:
    """Return the terminal on which a person answers, also if the text comes through a pipe.

    Raises:
        SettingsError: there is no terminal.
    """
    message = (
        "--interactive: there is no terminal to ask on; leave it out, "
        "and read the line `What would decide`"
    )
    if not sys.stderr.isatty():
        raise SettingsError(message)
    try:
        return Path(TERMINAL).open(encoding="utf-8", errors="replace")
    except OSError:
        if sys.stdin.isatty():
            return sys.stdin
        raise SettingsError(message) from None


def ask_questions(incident: Incident, read_line: Callable[[], str]) -> Incident:
    """Return the incident after the questions that decide were asked, on stderr."""
    conclusion = incident.conclude()
    _show_ranking(conclusion.matches)
    for number in range(1, MAX_QUESTIONS + 1):
        question = conclusion.question
        if question is None and conclusion.matches[0].cause.id == UNKNOWN:
            question = incident.opening_question()
        if question is None:
            _say("there is nothing more to ask" if number > 1 else "there is nothing to ask")
            break
        _say(f"question {number} of at most {MAX_QUESTIONS}: {question.asks}")
        _show_answers(question, conclusion.candidates)
        answer, is_open = _ask(question, read_line)
        before = conclusion.matches
        incident = incident.with_answer(question, answer)
        conclusion = incident.conclude()
        if not is_open:
            break
        if answer is not None:
            _show_change(before, conclusion.matches)
    _say("")
    return incident


def _say(line: str) -> None:
    """Print a line on stderr, wrapped in a terminal."""
    for each in wrap_lines((line,), terminal_width(sys.stderr)):
        print_error(each)


def _show_ranking(matches: tuple[CauseMatch, ...]) -> None:
    _say("so far:")
    for match in matches:
        words = "" if match.cause.id == UNKNOWN else f" ({confidence(match)})"
        _say(f"  {match.cause.id}{words}")


def _show_answers(question: DecidingQuestion, candidates: tuple[str, ...]) -> None:
    for number, answer in enumerate(question.answers, 1):
        key = answer.id[0] if question.is_yes_or_no else str(number)
        effect = effect_words(answer, candidates)
        _say(f"  {key}  {answer_words(question, answer)}" + (f": {effect}" if effect else ""))
    for command in question.commands:
        _say(f"  $ {command}")


def _ask(question: DecidingQuestion, read_line: Callable[[], str]) -> tuple[str | None, bool]:
    """Return the id of the answer, None if it is not known; and False if the input has ended."""
    count = len(question.answers)
    keys = "y, n" if question.is_yes_or_no else f"1 to {count}"
    for _ in range(MAX_ATTEMPTS):
        print_error(f"{keys}, or u for unknown: ", end="", flush=True)
        try:
            line = read_line()
        except KeyboardInterrupt:
            _say("")
            raise
        if not line:
            _say("")
            return None, False
        word = line[:MAX_ANSWER].strip().lower()
        if word in UNKNOWN_ANSWERS:
            return None, True
        if (answer := _answer_id(question, word)) is not None:
            return answer, True
        _say("that is none of the answers")
    return None, True


def _answer_id(question: DecidingQuestion, word: str) -> str | None:
    if question.is_yes_or_no:
        return {"y": "yes", "yes": "yes", "n": "no", "no": "no"}.get(word)
    ids = [answer.id for answer in question.answers]
    if word in ids:
        return word
    is_number = word.isascii() and word.isdecimal() and len(word) < 4
    return ids[int(word) - 1] if is_number and 0 < int(word) <= len(ids) else None


def _show_change(before: tuple[CauseMatch, ...], after: tuple[CauseMatch, ...]) -> None:
    """Print how an answer changed the ranking."""
    old = {match.cause.id: match for match in before}
    for match in after:
        if match.cause.id == UNKNOWN:
            _say("  unknown")
            continue
        previous = old.get(match.cause.id)
        start = f"{previous.confidence:.2f}" if previous else "new"
        _say(f"  {match.cause.id}: {start} -> {match.confidence:.2f}, {match.level}")
    for match in before:
        if match.cause.id != UNKNOWN and all(match.cause.id != each.cause.id for each in after):
            _say(f"  {match.cause.id}: {match.confidence:.2f} -> ruled out")
