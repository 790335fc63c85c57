from authprobe.redaction.redactor import Redactor
from authprobe.run.own_scenarios import MAX_TEXT_LENGTH, MAX_TOTAL_LENGTH, recorded_texts
from tests.support.make import make_record

TOKEN = "sk-ant-oat01-" + "made-up-value-" * 3


def test_only_scenarios_of_the_records_are_kept() -> None:
    texts = {"example": "id: example", "other": "id: other"}
    assert recorded_texts(texts, [make_record()], Redactor()) == {"example": "id: example"}
    assert recorded_texts({}, [make_record()], Redactor()) == {}


def test_tokens_are_redacted() -> None:
    (text,) = recorded_texts({"example": f"why: {TOKEN}"}, [make_record()], Redactor()).values()
    assert TOKEN not in text
    assert text.startswith("why: [redacted:")


def test_texts_that_are_too_long_are_left_out() -> None:
    fits, long = "x" * MAX_TEXT_LENGTH, "x" * (MAX_TEXT_LENGTH + 1)
    assert recorded_texts({"example": fits}, [make_record()], Redactor()) == {"example": fits}
    assert recorded_texts({"example": long}, [make_record()], Redactor()) == {}
    ids = [f"s{number:03}" for number in range(50)]
    kept = recorded_texts(
        dict.fromkeys(ids, fits), [make_record(scenario=x) for x in ids], Redactor()
    )
    assert list(kept) == ids[: MAX_TOTAL_LENGTH // MAX_TEXT_LENGTH]
