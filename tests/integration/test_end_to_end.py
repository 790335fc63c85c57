"""The whole road with the real clients: from the bundled scenarios to the reports."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from authprobe.core.claude_api import MESSAGES_PATH
from authprobe.settings import cache_folder
from tests.support.command import PROJECT, Ended, command, results, run, verdicts

CHOSEN = ("-k", "not slow")
"""What waits on purpose for a time limit says little on a machine that is busy with tests."""
PRODUCTS = {
    "claude-code": ("claude-cli", "claude-code"),
    "agent-sdk-python": ("agent-sdk",),
    "agent-sdk-node": ("agent-sdk",),
}


class Whole:
    """A run of everything."""

    def __init__(self, ended: Ended, folder: Path) -> None:
        self.ended = ended
        self.folder = folder
        self.results = results(folder)
        self.cases: list[dict[str, Any]] = self.results["cases"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    ended = run("run", *CHOSEN, cwd=folder, AUTHPROBE_HISTORY="")
    made = Whole(ended, folder / "reports")
    reasons = [case["observation"]["detail"] or "" for case in made.cases]
    if any("the package registry cannot be reached" in reason for reason in reasons):
        pytest.skip("NO PACKAGE REGISTRY: the real clients could not be installed or tested")
    return made


def test_every_bundled_case_is_as_expected(whole: Whole) -> None:
    assert {c["id"]: c["verdict"] for c in whole.cases if c["verdict"]["status"] != "passed"} == {}
    assert whole.ended.code == 0


def test_the_reports_are_written_and_nothing_else(whole: Whole) -> None:
    names = {path.name for path in whole.folder.iterdir() if not path.name.startswith(".")}
    assert names == {
        *("report.html", "results.json", "junit.xml", "ctrf.json", "summary.md", "history.db"),
    }


def test_the_report_shows_each_case_and_needs_no_other_file(whole: Whole) -> None:
    html = (whole.folder / "report.html").read_text()
    assert all(f"<code>{case['id']}</code>" in html for case in whole.cases)
    assert 'src="http' not in html
    assert "<link" not in html


def test_the_results_have_the_shape_that_is_promised(whole: Whole) -> None:
    assert {
        "schema_version", "id", "mode", "started_at", "elapsed", "tool", "platform", "cases",
    } <= set(whole.results)  # fmt: skip
    for case in whole.cases:
        assert {
            "id", "scenario", "client", "client_version", "endpoint", "credential", "fault", "flow",
            "observation", "verdict", "diagnosis",
        } <= set(case)  # fmt: skip
        assert {
            "outcome", "status", "error_type", "message", "exit_code", "elapsed", "detail",
            "exchanges", "egress_refused",
        } <= set(case["observation"])  # fmt: skip
        assert {"status", "baseline", "regressed", "mismatches"} <= set(case["verdict"])
        for exchange in case["observation"]["exchanges"]:
            assert {
                "method", "host", "path", "credential_header", "credential", "betas", "status",
                "elapsed",
            } <= set(exchange)  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has networks of this kind")
def test_it_is_said_what_kept_the_clients_from_the_outside(whole: Whole) -> None:
    isolation = whole.results["client_isolation"]
    words = {
        "sealed": "clients sealed: each in a container of its own",
        "network": "clients not sealed: loopback only",
        "none": "clients not isolated",
    }
    assert words[isolation] in (whole.folder / "report.html").read_text()
    assert whole.results["client_network"] == ("machine" if isolation == "none" else "loopback")
    assert (whole.results["isolation_refusal"] is None) == (isolation == "sealed")


def test_the_backend_saw_the_versions_that_were_asked_for(whole: Whole) -> None:
    programs = [case for case in whole.cases if case["client"].split("@")[0] in PRODUCTS]
    assert len(programs) >= 20
    for case in programs:
        kind, _, asked = case["client"].partition("@")
        if asked != "latest":
            assert case["client_version"] == asked
        products = {p for e in case["observation"]["exchanges"] for p in e["products"]}
        seen = {p.partition("/")[2] for p in products if p.partition("/")[0] in PRODUCTS[kind]}
        assert seen <= {case["client_version"]}, case["id"]
        # Who asks no model may end before its first side request is out.
        asked_model = any(e["path"] == MESSAGES_PATH for e in case["observation"]["exchanges"])
        assert seen or not asked_model, case["id"]


def test_a_version_that_is_not_what_was_asked_for_is_not_judged(
    whole: Whole, tmp_path: Path
) -> None:
    """The folder of one version holds another: only what the backend sees can tell."""
    clients = tmp_path / "cache" / "claude-code"
    clients.mkdir(parents=True)
    (clients / "2.1.33").symlink_to(cache_folder() / "claude-code" / "2.1.32")
    chosen = ("-k", "cli-api-key", "--client", "claude-code@2.1.33")
    ended = run("run", *chosen, cwd=tmp_path, AUTHPROBE_CACHE=str(clients.parent))
    assert ended.code == 6
    [case] = results(tmp_path / "reports")["cases"]
    assert case["verdict"]["status"] == "error"
    assert case["observation"]["detail"] == "asked for 2.1.33, but 2.1.32 ran"


def test_an_expired_login_is_refreshed_where_this_version_does_so(whole: Whole) -> None:
    expired = [case for case in whole.cases if case["id"].startswith("cli-login/")]
    expired = [case for case in expired if case["credential"] == "expired"]
    assert len(expired) == 3
    for case in expired:
        refreshed = [
            (exchange["host"], exchange["path"], exchange["credential"])
            for exchange in case["observation"]["exchanges"]
            if exchange["credential_header"] == "body"
        ]
        assert refreshed == [("platform.claude.com", "/v1/oauth/token", "refresh-token")]


def test_no_client_keeps_a_token_in_the_reports(whole: Whole) -> None:
    for path in whole.folder.iterdir():
        assert b"sk-ant-" not in path.read_bytes(), path.name


def test_plain_pytest_has_the_same_cases_and_verdicts(whole: Whole, tmp_path: Path) -> None:
    listed = run(
        argv=[
            *(sys.executable, "-m", "pytest", "--collect-only", "-q"),
            *(option.replace("--client", "--authprobe-client") for option in CHOSEN),
            f"--authprobe-report={tmp_path / 'none'}",
        ],
        cwd=PROJECT,
        HOME=str(tmp_path),
    )
    ids = [line.split("::", 1)[1] for line in listed.out.splitlines() if "::" in line]
    assert sorted(ids) == sorted(case["id"] for case in whole.cases)
    assert not (tmp_path / "none").exists()

    wanted = "cli-nothing or oauth-direct or token-console"
    run(
        argv=[
            sys.executable,
            "-m",
            "pytest",
            "-k",
            wanted,
            f"--authprobe-report={tmp_path / 'out'}",
        ],
        cwd=PROJECT,
        HOME=str(tmp_path),
    )
    judged = verdicts(tmp_path / "out")
    assert len(judged) == 8
    assert judged == {id: status for id, status in verdicts(whole.folder).items() if id in judged}


@pytest.mark.skipif(
    shutil.which("unshare") is None or sys.platform != "linux", reason="NO unshare: needs Linux"
)
def test_nothing_leaves_the_machine(whole: Whole, tmp_path: Path) -> None:
    """A run where there is no network but loopback has the same verdicts."""
    alone = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c"]
    if run(argv=[*alone, "ip link set lo up"], cwd=tmp_path).code:
        pytest.skip("THE KERNEL REFUSES unshare: the run without a network was not tried")
    chosen = cases_of_each_kind(whole.cases)
    words = command("run", "--out", tmp_path / "out", *(f"--case={id}" for id in chosen))
    ended = run(argv=[*alone, 'ip link set lo up && exec "$@"', "sh", *words], cwd=tmp_path)
    assert verdicts(tmp_path / "out") == chosen
    assert ended.code == 0


def cases_of_each_kind(cases: list[dict[str, Any]]) -> dict[str, str]:
    """Return the statuses by id of cases with every scenario, and every flow of each version."""
    chosen: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    for case in cases:
        kinds = {("scenario", case["scenario"]), (case["client"], case["flow"])}
        if not kinds <= seen:
            chosen[case["id"]] = case["verdict"]["status"]
        seen |= kinds
    return chosen
