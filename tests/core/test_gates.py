import pytest

from authprobe.core.gates import Gate, parse_gates


@pytest.mark.parametrize(
    ("text", "gates"),
    [
        ("failed", (Gate.FAILED,)),
        ("changed, failed,changed", (Gate.FAILED, Gate.CHANGED)),
        (",".join(Gate), tuple(Gate)),
        ("never", ()),
    ],
)
def test_words_are_read_in_one_order(text: str, gates: tuple[Gate, ...]) -> None:
    assert parse_gates(text) == gates


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chnaged", "'chnaged' is not a reason to fail; did you mean 'changed'?"),
        ("failed,regresed", "'regresed' is not a reason to fail; did you mean 'regressed'?"),
        ("qqq", "'qqq' is not a reason to fail; use failed, regressed, changed, absent, "),
        ("", "'' is not a reason to fail; use failed, "),
        ("never,failed", "'never' excludes the other words; give it alone"),
    ],
)
def test_other_words_are_refused_with_the_nearest(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"not a reason|excludes") as caught:
        parse_gates(text)
    assert str(caught.value).startswith(message)
