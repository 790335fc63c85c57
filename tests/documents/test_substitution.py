"""Variables in the texts of a document."""

import pytest

from authprobe.documents.node_tree import Node, Value, compose, plain
from authprobe.documents.substitution import MAX_ADDED_LENGTH, substitute
from authprobe.documents.vocabulary import Vocabulary

WORDS = Vocabulary(document="a file", start="a key")
VALUES: dict[str, Value] = {"host": "llm.example", "limit": 5, "on": True, "none": None, "r": 0.5}


def tree(text: str) -> Node:
    """Return the tree of a YAML text."""
    return compose(text, WORDS).root


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${host}", "llm.example"),
        ("https://${host}/v1", "https://llm.example/v1"),
        ("${host} and ${host}", "llm.example and llm.example"),
        ("${limit}", 5),
        ("${on}", True),
        ("${none}", None),
        ("${r}", 0.5),
        ("a ${limit} ${on} ${none}.", "a 5 true ."),
        ("$${host}", "${host}"),
        ("$host {host} $ {host} ${}", "$host {host} $ {host} ${}"),
    ],
)
def test_a_reference_stands_for_the_value_of_the_variable(text: str, value: Value) -> None:
    found = substitute(tree(f"key: ['{text}']"), VALUES)
    assert plain(found.root) == {"key": [value]}
    assert found.problems == ()


def test_an_unknown_variable_is_a_problem_at_its_text() -> None:
    found = substitute(tree("a: 1\nb: {c: 'x ${hots}'}"), VALUES)
    (problem,) = found.problems
    assert (problem.position.line, problem.position.column) == (2, 8)
    assert problem.message == "no variable '${hots}' is defined; did you mean 'host'?"


def test_code_keeps_what_is_no_variable() -> None:
    found = substitute(
        tree("files: {run.sh: 'echo ${HOME} ${host} $${host}'}"), VALUES, code=["files"]
    )
    assert plain(found.root) == {"files": {"run.sh": "echo ${HOME} llm.example ${host}"}}
    assert found.problems == ()


def test_values_are_not_read_again_and_keys_are_not_replaced() -> None:
    found = substitute(tree("${a}: '${a}'"), {"a": "${b}", "b": "x"})
    assert plain(found.root) == {"${a}": "${b}"}


def test_names_of_hosts_are_replaced_where_the_caller_says_so() -> None:
    root = tree("hosts: {'${host}': {'${limit}': '${host}'}, b.example: 1}\nlive: {hosts: [a]}")
    found = substitute(root, VALUES, keyed=["hosts"])
    assert plain(found.root) == {
        "hosts": {"llm.example": {"${limit}": "llm.example"}, "b.example": 1},
        "live": {"hosts": ["a"]},
    }
    assert found.used == {"host"}
    assert found.problems == ()


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("${host}", "with these variables, 'llm.example' is here twice"),
        ("${hots}", "no variable '${hots}' is defined; did you mean 'host'?"),
    ],
)
def test_a_name_of_a_host_is_a_problem_at_its_place(key: str, message: str) -> None:
    found = substitute(tree(f"hosts: {{llm.example: 1, '{key}': 2}}"), VALUES, keyed=["hosts"])
    (problem,) = found.problems
    assert (problem.position.line, problem.position.column) == (1, 25)
    assert problem.message == message


def test_the_used_variables_are_known() -> None:
    assert substitute(tree("a: '${host}$${r}'"), VALUES).used == {"host"}


def test_a_small_file_cannot_become_a_huge_one() -> None:
    text = "a: [" + ", ".join(["'${x}'"] * 2000) + "]"
    found = substitute(tree(text), {"x": "y" * 2000})
    assert f"more than {MAX_ADDED_LENGTH:,} characters" in found.problems[0].message
