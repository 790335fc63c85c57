"""Tests of the route table: exact paths first, then parameters."""

import pytest

from authprobe.emulator.rules.route_table import RouteTable

TABLE = RouteTable(
    {
        ("GET", "a", "/items"): (),
        ("GET", "a", "/items/new"): (),
        ("GET", "a", "/items/{item_id}"): (),
        ("GET", "a", "/items/{item_id}/parts/{part_id}"): (),
        ("POST", "a", "/model/{model_id:path}/invoke"): (),
        ("POST", "b", "/items.json"): (),
    }
)


@pytest.mark.parametrize(
    ("method", "host", "path", "parameters"),
    [
        ("GET", "a", "/items", {}),
        ("GET", "a", "/items/new", {}),
        ("GET", "a", "/items/1", {"item_id": "1"}),
        ("GET", "a", "/items/1%2F2\n", {"item_id": "1%2F2\n"}),
        ("GET", "a", "/items/{item_id}", {"item_id": "{item_id}"}),
        ("GET", "a", "/items/1/parts/2", {"item_id": "1", "part_id": "2"}),
        ("POST", "a", "/model/arn:x/y:0/invoke", {"model_id": "arn:x/y:0"}),
        ("POST", "b", "/items.json", {}),
        *(
            ("GET", "a", path, None)
            for path in ("", "/items/", "/items/1/", "/items//", "/items/1/parts/", "/itemsx1", "/")
        ),
        ("POST", "a", "/items/1", None),
        ("GET", "b", "/items/1", None),
        ("POST", "a", "/model//invoke", None),
        ("POST", "b", "/itemsXjson", None),
    ],
)
def test_a_route_is_found_by_the_path_of_a_request(
    method: str, host: str, path: str, parameters: dict[str, str] | None
) -> None:
    match = TABLE.find(method, host, path)
    assert (match and match.parameters) == parameters


def test_the_routes_with_a_path_are_those_without_parameters_if_there_are_any() -> None:
    assert TABLE.routes_with("/items/new") == (("GET", "a", "/items/new"),)
    assert TABLE.routes_with("/items/old") == (("GET", "a", "/items/{item_id}"),)
    assert TABLE.routes_with("/nowhere") == ()
