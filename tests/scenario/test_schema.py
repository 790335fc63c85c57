from pydantic import TypeAdapter

from authprobe.scenario.model import Scenario
from authprobe.scenario.schema import dump_schema, scenario_schema
from tests.support.command import PROJECT

FILE = PROJECT / "scenarios" / "schema.json"


def test_the_schema_file_of_the_scenarios_is_up_to_date() -> None:
    assert FILE.read_text() == dump_schema(), "write it with `authprobe schema`"


def test_the_schema_names_its_dialect() -> None:
    assert scenario_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert scenario_schema()["title"] == "authprobe scenario"


def test_docstrings_of_fields_are_descriptions() -> None:
    schema = scenario_schema()
    assert schema["properties"]["limit"]["description"].startswith("Seconds after which")
    assert schema["$defs"]["Fault"]["properties"]["times"]["description"].startswith(
        "Number of times"
    )


def test_the_schema_allows_no_unknown_key() -> None:
    schema = scenario_schema()
    assert schema["additionalProperties"] is False
    for name, definition in schema["$defs"].items():
        assert definition.get("additionalProperties") is False or "enum" in definition, name


def test_every_accepted_key_is_in_the_schema() -> None:
    read = TypeAdapter(Scenario).json_schema(mode="validation")["properties"]
    assert scenario_schema()["properties"].keys() == read.keys()
    assert scenario_schema()["required"] == ["id", "title", "why", "sources", "matrix", "expect"]
