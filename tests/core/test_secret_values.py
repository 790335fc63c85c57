import pytest

from authprobe.core.secret_values import secret_value_problem


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a-secret-value\n", "ends with a line break"),
        ("a-secret-value\r\n", "ends with a line break"),
        (" a-secret-value", "begins or ends with white space"),
        ("a-secret-value\t", "begins or ends with white space"),
        ("a-secret\nvalue", "has several lines"),
        ("a-secret\x1bvalue", "has a character that no header can carry"),
        ("a-sécret-value", "has a character that no header can carry"),
        ("'a-secret-value'", "begins or ends with a quotation mark"),
        ('a-secret-value"', "begins or ends with a quotation mark"),
        ("short", "has fewer than 8 characters"),
    ],
)
def test_what_cannot_be_a_secret_is_told_without_it(value: str, words: str) -> None:
    problem = secret_value_problem(value)
    assert problem is not None
    assert problem.startswith(words)
    assert value.strip() not in problem


def test_other_values_are_secrets() -> None:
    assert secret_value_problem("sk-ant-api03-a b~c") is None
