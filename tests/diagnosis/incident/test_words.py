"""Several texts as one, with a map of its lines."""

import random

from authprobe.diagnosis.incident.words import (
    MANY_VALUES,
    MAX_HOSTS,
    TextPassage,
    join_passages,
    request_facts,
)
from authprobe.diagnosis.symptom import Evidence, FactKind, quote_line
from authprobe.diagnosis.text_facts import MAX_ANALYZED_CHARACTERS, symptom_from_text
from tests.support.speed import processor_time


def test_each_line_has_its_place() -> None:
    words = join_passages([TextPassage("a", "one\ntwo"), TextPassage("b", "three\nfour", line=10)])
    places = {
        word: words.place(quote_line(words.text, words.text.index(word)))
        for word in ("one", "two", "three", "four")
    }
    assert {word: (each.source, each.line) for word, each in places.items()} == {
        "one": ("a", 1),
        "two": ("a", 2),
        "three": ("b", 10),
        "four": ("b", 11),
    }


def test_a_place_that_is_known_stays() -> None:
    words = join_passages([TextPassage("a", "one")])
    for evidence in (Evidence("x", 5, "z"), Evidence("x")):
        assert words.place(evidence) == evidence


def test_of_long_texts_both_ends_are_read_with_their_lines() -> None:
    long = "\n".join(f"line {number}" for number in range(200_000))
    words = join_passages([TextPassage("long", long), TextPassage("short", "API Error: 401")])
    assert len(words.text) <= MAX_ANALYZED_CHARACTERS
    assert "API Error: 401" in words.text
    last = words.place(quote_line(words.text, words.text.index("line 199999")))
    assert (last.source, last.line) == ("long", 200_000)


def test_short_texts_leave_their_room_to_a_long_one() -> None:
    passages = [TextPassage(str(n), "x") for n in range(40)] + [
        TextPassage("long", "y" * 2_000_000)
    ]
    words = join_passages(passages)
    assert MAX_ANALYZED_CHARACTERS * 0.9 < len(words.text) <= MAX_ANALYZED_CHARACTERS


def test_a_web_page_is_read_without_its_markup_in_any_place() -> None:
    page = "<html><head><script>var token_expired</script></head><body>Just a moment</body></html>"
    words = join_passages([TextPassage("a", "403 Forbidden"), TextPassage("b", page)])
    assert "Just a moment" in words.text
    assert "token_expired" not in words.text


def test_a_request_in_the_words_tells_its_host() -> None:
    text = "GET https://docs.example/x\nPOST https://gw.example:444/a/v1/messages?k=v 401"
    words = join_passages([TextPassage("a", text)])
    (fact,) = request_facts(words, symptom_from_text(words.text).fact_sets[0].text)
    assert (fact.answer, fact.value, fact.evidence.line) == ("yes", "gw.example", 2)
    assert fact.factors == {}


def test_of_requests_to_very_many_hosts_the_first_are_facts_and_the_limit_is_told() -> None:
    text = "\n".join(f"POST https://gw{n}.example/v1/messages 401" for n in range(MAX_HOSTS + 5))
    words = join_passages([TextPassage("a", text)])
    *hosts, told = request_facts(words, words.text)
    assert [each.value for each in hosts] == [f"gw{n}.example" for n in range(MAX_HOSTS)]
    assert told.evidence.text == "requests went to more than 20 hosts; these are the first"
    assert (told.question, told.cause, told.factors) == (None, None, {})
    few = join_passages([TextPassage("a", "\n".join(text.split("\n")[:MAX_HOSTS]))])
    assert len(list(request_facts(few, few.text))) == MAX_HOSTS


def test_errors_that_are_too_many_to_look_at_are_noted() -> None:
    letters = random.Random(4)  # noqa: S311
    text = "".join(f"error {''.join(letters.choices('ghijklmnop', k=9))}\n" for _ in range(150_000))
    notes = join_passages([TextPassage("a", text)]).notes
    assert "a: these are too many to look at each of them; give the part around the error" in notes


def test_a_token_over_two_lines_does_not_move_the_lines_of_another_text() -> None:
    wrapped = "sk-ant-api03-" + "Ab3" * 10 + "\n" + "Cd4" * 15 + "\nnext"
    words = join_passages(
        [TextPassage("a", f"ANTHROPIC_API_KEY={wrapped}"), TextPassage("b", "x\nHTTP 529")]
    )
    symptom = symptom_from_text(words.text)
    place = words.place(symptom.fact_sets[0].facts[FactKind.STATUS]["529"])
    assert (place.source, place.line) == ("b", 2)
    assert "api-key" in symptom.fact_sets[0].facts[FactKind.CREDENTIAL]


def test_values_are_left_out_of_the_words() -> None:
    words = join_passages([TextPassage("a", "the key long-secret and long-secret-2")])
    assert words.without(["long-secret", "long-secret-2"]).text == (
        "the key [redacted:credential] and [redacted:credential]"
    )


def test_very_many_values_are_left_out_like_few_in_little_more_time() -> None:
    words = join_passages([TextPassage("a", "ok 401 19999-secret x\n" * 20_000)])

    def leave_out(count: int) -> None:
        values = {f"{number:05}-secret" for number in range(20_000 - count, 20_000)}
        text = words.without(values).text
        assert text.startswith("ok 401 [redacted:credential] x")
        assert "secret" not in text

    few = processor_time(lambda: leave_out(MANY_VALUES))
    assert processor_time(lambda: leave_out(20_000)) < 8 * few
