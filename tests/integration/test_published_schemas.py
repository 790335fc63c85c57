"""Reports match the published schemas of their formats; tests/schemas/README.md lists these."""

import json
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import referencing
import referencing.jsonschema
import xmlschema

from authprobe.core.gates import Gate
from authprobe.report import diff_document, watch_document
from authprobe.report.formats.ctrf import ctrf
from authprobe.report.formats.har import har_files
from authprobe.report.formats.junit import junit
from authprobe.run.model import Run
from authprobe.run.results_file import dump_run, dump_schema
from tests.support.command import PROJECT, environment
from tests.support.make import make_exchange, make_observation, make_record, make_run
from tests.support.runs import every_kind, failed_again, flaky, upgraded

ATTEMPTS = make_run(flaky(), failed_again(), fail_on=(Gate.FLAKY,))
RUNS = [every_kind(), upgraded(), ATTEMPTS, make_run()]


def unpacked(folder: Path, *command: str) -> Path:
    """Return the folder of the archive that a package manager fetched; skip if it could not."""
    result = subprocess.run(
        command,
        cwd=folder,
        env=environment(folder / "home"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    archives = [*folder.glob("*.tgz"), *folder.glob("*.tar.gz")]
    if result.returncode or not archives:
        pytest.skip(f"NO PACKAGE REGISTRY: no schema to compare with: {result.stderr[-200:]}")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    return folder / "unpacked"


@pytest.fixture(scope="module")
def junit_schema(tmp_path_factory: pytest.TempPathFactory) -> xmlschema.XMLSchema:
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    folder = unpacked(
        tmp_path_factory.mktemp("junit"),
        *(*pip, "--no-deps", "--no-binary", "pytest", "pytest==9.2.0"),
    )
    [path] = folder.rglob("junit-10.xsd")
    return xmlschema.XMLSchema(str(path))


@pytest.fixture(scope="module")
def ctrf_schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = unpacked(tmp_path_factory.mktemp("ctrf"), "npm", "pack", "--silent", "ctrf@0.3.0")
    return json.loads((folder / "package" / "dist" / "ctrf-schema-0.0.json").read_text())


@pytest.mark.parametrize("run", RUNS)
def test_junit_matches_the_published_schema(run: Run, junit_schema: xmlschema.XMLSchema) -> None:
    junit_schema.validate(junit(run))
    with pytest.raises(xmlschema.XMLSchemaException):
        junit_schema.validate(junit(run).replace("<testsuites", "<testsuites odd='1'"))


@pytest.mark.parametrize("run", RUNS)
def test_ctrf_matches_the_published_schema(run: Run, ctrf_schema: Any) -> None:
    validator = jsonschema.Draft7Validator(ctrf_schema)
    report = json.loads(ctrf(run))
    assert [error.message for error in validator.iter_errors(report)] == []
    assert list(validator.iter_errors(report | {"reportFormat": "other"}))


@pytest.fixture(scope="module")
def har_validator(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = unpacked(tmp_path_factory.mktemp("har"), "npm", "pack", "--silent", "har-schema@2.0.0")
    schemas = [json.loads(path.read_text()) for path in (folder / "package" / "lib").glob("*.json")]
    registry = referencing.Registry().with_resources(
        # Without the fragment, with which the schemas refer to one another.
        (schema["$id"].rstrip("#"), referencing.jsonschema.DRAFT6.create_resource(schema))
        for schema in schemas
    )
    return jsonschema.Draft6Validator({"$ref": "har.json"}, registry=registry)


@pytest.mark.parametrize("run", RUNS)
def test_archives_match_the_published_schema(run: Run, har_validator: Any) -> None:
    exchanges = (
        make_exchange(headers={"authorization": "Bearer [redacted:api-key]"}, size_bytes=9),
        make_exchange(status=None, host="a b", path='/"', method="CONNECT"),
    )
    seen = make_record(id="seen", observation=make_observation(exchanges=exchanges))
    for text in har_files(replace(run, cases=(*run.cases, seen))).values():
        archive = json.loads(text)
        assert [error.message for error in har_validator.iter_errors(archive)] == []
        del archive["log"]["creator"]
        assert list(har_validator.iter_errors(archive))


@pytest.mark.parametrize("run", RUNS)
def test_results_match_our_published_schema(run: Run) -> None:
    schema = json.loads(dump_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    results = json.loads(dump_run(run))
    assert [error.message for error in validator.iter_errors(results)] == []
    assert list(validator.iter_errors(results | {"cases": [{}]}))


def test_our_published_schema_of_comparisons_is_current() -> None:
    schema = diff_document.dump_schema()
    jsonschema.Draft202012Validator.check_schema(json.loads(schema))
    assert (PROJECT / "docs" / "diff.schema.json").read_text() == schema, "make docs"


def test_our_published_schema_of_checks_is_current() -> None:
    schema = watch_document.dump_schema()
    jsonschema.Draft202012Validator.check_schema(json.loads(schema))
    assert (PROJECT / "docs" / "watch.schema.json").read_text() == schema, "make docs"


def test_our_published_schema_of_results_is_current() -> None:
    assert (PROJECT / "docs" / "results.schema.json").read_text() == dump_schema(), "make docs"
