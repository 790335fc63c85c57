import dataclasses
import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from authprobe.observation.findings import Finding
from authprobe.observation.fingerprint import Transition
from authprobe.observation.model import Outcome
from authprobe.report.html import case as case_html
from authprobe.report.html import report
from authprobe.report.html.rendering import asset
from authprobe.report.model import phrases
from authprobe.report.model.phrases import anchor
from authprobe.run.model import Alternative, CaseRecord, Diagnosis, Reason, Run, Selection
from authprobe.scenario.model import Expectation, TextRule
from authprobe.verdict.model import Mismatch, Status, Verdict
from tests.support.make import make_exchange, make_observation, make_record, make_run

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x1b[31m\u202e`|"
VOID = {"br", "wbr", "img", "input", "meta", "link", "hr"}


class Page(HTMLParser):
    """The tags, attributes and texts of a page; raises AssertionError if tags are not nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def failed(**changes: object) -> CaseRecord:
    """Return a case that expected 200 and got 401."""
    mismatch = Mismatch(field="status", expected="200", actual="401")
    verdict = Verdict(status=Status.FAILED, mismatches=(mismatch,))
    values: dict[str, object] = {"id": "a/b/failed", "credential": "bad", "verdict": verdict}
    return make_record(**values | changes)


def hostile() -> CaseRecord:
    """Return a case in which every text from outside is hostile."""
    return make_record(
        **dict.fromkeys(
            (
                *("id", "scenario", "title", "client", "client_version", "endpoint", "credential"),
                *("headers", "backend", "environment", "fault", "flow", "why"),
            ),
            HOSTILE,
        ),
        sources=(HOSTILE, f"https://example.org/{HOSTILE}", "javascript:alert(1)"),
        expectation=Expectation(outcome=Outcome.ACCEPTED, message=TextRule(contains=HOSTILE)),
        observation=make_observation(
            **dict.fromkeys(("error_type", "message", "detail", "client_version"), HOSTILE),
            egress_refused=(HOSTILE,),
            exchanges=(
                make_exchange(
                    **dict.fromkeys(
                        (
                            *("method", "host", "path", "credential", "credential_header"),
                            *("rule", "error_type", "message"),
                        ),
                        HOSTILE,
                    ),
                    betas=(HOSTILE,) * 4,
                ),
            ),
        ),
        verdict=Verdict(
            status=Status.FAILED,
            mismatches=(Mismatch(field=HOSTILE, expected=HOSTILE, actual=HOSTILE),),
        ),
        diagnosis=Diagnosis(
            id=HOSTILE,
            summary=HOSTILE,
            remedy=HOSTILE,
            sources=(HOSTILE,),
            evidence=(HOSTILE,),
            experiment=HOSTILE,
            experiment_case=HOSTILE,
            alternatives=(Alternative(id=HOSTILE, summary=HOSTILE, confidence=0.5),),
        ),
    )


def details(record: CaseRecord) -> str:
    """Return the details of a case."""
    return case_html.details(record, f"authprobe run --case {record.id}")


@pytest.fixture
def run() -> Run:
    """Return a run with a case of each status and a hostile one."""
    return make_run(
        make_record(),
        failed(client="claude-code@latest"),
        make_record(id="a/b/error", credential="x", verdict=Verdict(status=Status.ERROR)),
        make_record(id="a/b_error", credential="y", verdict=Verdict(status=Status.SKIPPED)),
        hostile(),
    )


def test_the_report_is_well_formed_and_its_ids_are_unique(run: Run) -> None:
    ids = Page(report.report_content(run)).values("id")
    assert len([each for each in ids if each.startswith("case-")]) == len(run.cases)
    assert max(Counter(ids).values()) == 1


def test_every_internal_link_has_a_target(run: Run) -> None:
    page = Page(report.report_content(run))
    targets = {href[1:] for href in page.values("href") if href.startswith("#")}
    assert targets <= set(page.values("id"))
    assert {anchor(record.id) for record in run.cases} <= targets


@pytest.mark.parametrize("tag", ["img", "link", "iframe", "form"])
def test_nothing_from_outside_becomes_a_tag(run: Run, tag: str) -> None:
    assert tag not in Page(report.report_content(run)).tags


def test_the_only_script_is_that_of_the_report(run: Run) -> None:
    for page in (report.report_page(run), report.report_page(make_run())):
        assert Page(page).tags.count("script") == 1
        assert asset("report.js") in page


def test_nothing_from_outside_becomes_an_attribute(run: Run) -> None:
    page = Page(report.report_content(run))
    assert {name for _, name, _ in page.attributes} <= {
        *("class", "id", "href", "rel", "scope", "colspan", "open", "lang", "data-status"),
        *("tabindex", "role", "aria-label", "aria-labelledby", "aria-hidden", "title"),
        *("data-kind", "data-outcome"),
        *("x", "x1", "x2", "y1", "y2", "width", "cy", "r", "d"),
    }
    hrefs = [href for href in page.values("href") if not href.startswith("#")]
    assert set(hrefs) == {"https://example.org/issue/1"}


def test_control_and_bidi_characters_are_escaped(run: Run) -> None:
    drawn = report.report_content(run)
    assert "\x1b" not in drawn
    assert "\u202e" not in drawn
    assert "\\u001b[31m\\u202e" in drawn


def test_nothing_is_loaded_from_elsewhere(run: Run) -> None:
    drawn = report.report_page(run)
    assert "url(" not in drawn
    assert "@import" not in drawn
    assert Page(drawn).values("src") == []


def test_the_heat_map_is_a_table_with_caption_and_scopes(run: Run) -> None:
    page = Page(report.report_content(run))
    assert "caption" in page.tags
    assert {value for tag, name, value in page.attributes if name == "scope" and tag == "th"} == {
        *("col", "row", "rowgroup"),
    }


def test_a_status_has_a_word_and_a_symbol_beside_its_colour(run: Run) -> None:
    phrases = Page(report.report_content(run)).text
    for words in ("✓  passed", "✗  failed", "!  error", "○  skipped"):
        assert words in phrases


def test_failed_cases_are_listed_first_and_open(run: Run) -> None:
    drawn = report.report_content(run)
    assert "What broke (3 cases)" in drawn
    assert drawn.index("a/b/failed") < drawn.index("<caption")
    cases = drawn.split('<details class="ap-case" ')[1:]
    opened = [case for case in cases if case.split(">")[0].endswith(" open")]
    assert len(opened) == 3
    assert any(phrases.anchor("a/b/failed") in case for case in opened)
    assert not any(phrases.anchor("example/raw-http/default/none") in case for case in opened)


def test_a_passed_run_lists_no_problems() -> None:
    assert "What broke" not in report.report_content(make_run(make_record()))


def test_only_a_doubtful_run_has_banners() -> None:
    drawn = report.report_content(make_run(interrupted=True))
    assert "Inconclusive: this run has no cases." in drawn
    assert "The run was interrupted" in drawn
    assert 'class="ap-banner"' not in report.report_content(make_run(make_record()))


def test_details_have_the_expectation_the_observation_and_the_requests() -> None:
    exchange = make_exchange(
        at=1.234,
        credential="oauth",
        credential_header="authorization",
        status=401,
        error_type="authentication_error",
        message="expired",
        rule="messages.expired",
        betas=("one", "two", "three"),
    )
    observation = make_observation(
        exchanges=(exchange,), exit_code=1, egress_refused=("example.org",)
    )
    phrases = Page(details(failed(observation=observation))).text
    for words in (
        *("accepted", "example.org"),
        *("1.23", "POST /v1/messages", "oauth in authorization", "flags A (3)"),
        *("401 authentication_error", ": expired", "messages.expired", "one, two, three"),
    ):
        assert words in phrases


def test_a_set_of_flags_is_spelled_out_once() -> None:
    first, second = tuple(f"beta-{n}" for n in range(15)), ("other",)
    exchanges = [make_exchange(betas=betas) for betas in (first, second, first, ())]
    page = Page(details(make_record(observation=make_observation(exchanges=tuple(exchanges)))))
    assert page.text.count("beta-14") == 1
    assert "4 times" in page.text
    assert "flags A (15) or B (1) or none" in page.text
    assert page.texts.index("Flags A") < page.texts.index("Flags B")


def test_a_long_list_of_requests_is_truncated() -> None:
    exchanges = tuple(make_exchange(status=400 + number) for number in range(227))
    drawn = details(make_record(observation=make_observation(exchanges=exchanges)))
    assert drawn.count('role="img"') == 24
    assert "<summary>… 203 more requests</summary>" in drawn
    assert drawn.count("<tr>") == 101
    assert "103 more requests in results.json" in drawn


def test_long_text_is_truncated() -> None:
    drawn = report.report_content(make_run(make_record(why="x" * 5000)))
    assert "… (3,000 more characters)" in drawn
    assert "x" * 2001 not in drawn


def test_line_ends_in_text_become_line_breaks() -> None:
    drawn = details(failed(observation=make_observation(message="First.\nEvery second.\n")))
    assert "\n" not in drawn
    assert "First.<br>Every second." in drawn


def test_a_failed_case_has_the_command_that_runs_it_again() -> None:
    run = make_run(
        failed(), selection=Selection(scenarios=("my scenarios",), clients=("claude-code@>=2",))
    )
    command = "authprobe run 'my scenarios' --client 'claude-code@>=2' --case a/b/failed"
    assert command in " ".join(Page(report.report_content(run)).texts)
    assert "--case" not in report.report_content(make_run(make_record()))


def test_a_second_remedy_is_called_another_and_a_known_one_is_not_repeated() -> None:
    first, second = (
        Reason(id="message", summary="It broke.", remedy=text) for text in ("Keep it.", None)
    )
    diagnosis = Diagnosis(id="old", summary="The token is old.", remedy="Log in.")
    record = failed(reasons=(first, second, first), diagnosis=diagnosis)
    labels = re.findall(r"<strong>([^<]*emedy):</strong> ([^<]*?\.)", details(record))
    assert labels == [("Remedy", "Keep it."), ("Another remedy", "Log in.")]


def test_the_reason_of_a_scenario_appears_once(run: Run) -> None:
    drawn = report.report_content(make_run(*(make_record(id=f"example/{n}") for n in range(3))))
    assert drawn.count("It shows the shape.") == 1
    assert drawn.count(f'href="#{phrases.scenario_anchor("example")}"') == 3


def test_passed_cases_lose_their_details_first_on_a_large_page() -> None:
    observation = make_observation(exchanges=(make_exchange(),) * 5)
    records = [failed(id=f"a/{n}", observation=observation) for n in range(5)]
    records += [make_record(id=f"b/{n}", observation=observation) for n in range(5)]
    room = sum(len(details(record)) for record in records[:7]) + 200
    drawn = report.report_content(make_run(*records), limit_bytes=room)
    assert drawn.count('<ol aria-label="Requests in order') == 7
    assert drawn.count("Details are in results.json.") == 3
    assert "3 cases without details, to keep the page small" in drawn
    assert all(f"<code>{record.id}</code>" in drawn for record in records)


def test_failures_with_the_same_reason_are_one_entry_with_the_first_links_unfolded() -> None:
    drawn = report.report_content(make_run(*(failed(id=f"a/{n}") for n in range(12))))
    assert "What broke (12 cases)" in drawn
    assert drawn.count('<li class="ap-failed">') == 1
    news = drawn[: drawn.index('<section class="hm"')]
    assert news.count('<a href="#case-') == 12
    assert news.index("2 more cases") > news.index(anchor("a/7"))


def test_long_lists_of_failures_are_truncated() -> None:
    different = (failed(id=f"a/{n}", client=f"client-{n}") for n in range(102))
    drawn = report.report_content(make_run(*different))
    assert drawn.count('<li class="ap-failed">') == 100
    assert "… and 2 more below." in drawn
    alike = report.report_content(make_run(*(failed(id=f"a/{n}") for n in range(320))))
    assert alike[: alike.index('<section class="hm"')].count('<a href="#case-') == 310
    assert "… and 10 more below." in alike


def test_passed_cases_are_folded_under_their_scenario_and_failed_ones_are_not() -> None:
    drawn = report.report_content(make_run(make_record(), failed()))
    cases, folded = drawn[drawn.index('class="ap-cases"') :].split('<details class="ap-scenario">')
    assert "a/b/failed" in cases
    assert "example/raw-http/default/none" not in cases
    assert "example/raw-http/default/none" in folded
    assert "1 passed, 1 failed (above)" in folded


def test_details_of_an_attack_are_well_formed() -> None:
    assert "script" not in Page(details(hostile())).tags


def test_a_rule_is_listed_once_with_its_sources() -> None:
    observation = make_observation(exchanges=(make_exchange(rule="A04", status=401),) * 2)
    page = report.report_content(
        make_run(make_record(observation=observation), make_record(observation=observation))
    )
    assert page.count('id="rule-A04"') == 1
    assert '<a href="#rule-A04">A04</a>' in page
    assert "https://github.com/anthropics/claude-code/issues/5893" in page
    assert "several reports" in page


def test_rules_with_the_same_condition_are_one_folded_row() -> None:
    exchanges = tuple(make_exchange(rule=rule) for rule in ("bootstrap", "telemetry", "messages"))
    page = report.report_content(
        make_run(make_record(observation=make_observation(exchanges=exchanges)))
    )
    section = page.partition("Rules of the emulator that answered (3)")[2]
    assert section.startswith("</h2><details")
    assert section.count("Claude Code asks beside its task") == 1
    assert re.search(
        r'<td[^>]*><code id="rule-bootstrap">bootstrap</code> <code id="rule-telemetry">', section
    )
    sources = re.findall(r'href="(https://[^"]+)"', section)
    assert len(sources) == len(set(sources)) > 3


def test_an_unmatched_request_shows_the_nearest_rule() -> None:
    denied = make_exchange(
        rule="deny:route", nearest="messages", differs=("path",), faults=("delay",), status=404
    )
    page = details(make_record(observation=make_observation(exchanges=(denied,))))
    assert "rule <code>deny:route</code> · nearest: messages, differs in path" in page
    assert "fault: delay" in page


def test_an_unknown_rule_is_shown_as_text() -> None:
    other = make_exchange(rule='Z99"><b>', nearest="<i>")
    page = report.report_content(
        make_run(make_record(observation=make_observation(exchanges=(other,))))
    )
    assert "Z99&#34;&gt;&lt;b&gt;" in page
    assert "<i>" not in page


def crashed(version: str, **changes: object) -> CaseRecord:
    """Return a case of a client version with a finding."""
    return make_record(
        id=f"example/claude-code@{version}/{changes.pop('path', 'x')}",
        client=f"claude-code@{version}",
        client_version=version,
        findings=(Finding(name="crashes", text="TypeError: <b>no</b>"),),
        **changes,
    )


def test_a_finding_is_one_line_that_opens_to_its_cases() -> None:
    page = report.report_content(make_run(crashed("2.1.330"), crashed("2.1.330", path="y")))
    assert "Findings about clients <small>1 kind in 2 cases</small>" in page
    assert "The program ended without a message for its user." in page
    assert page.count("<code>crashes</code>") == 1
    assert "claude-code 2.1.330: TypeError: &lt;b&gt;no&lt;/b&gt;" in page
    assert "example: no credential" in page


def test_a_finding_names_the_versions_that_show_it() -> None:
    versions = ("1.0.128", "1.0.30", "2.1.9")
    page = report.report_content(make_run(*map(crashed, versions)))
    assert "<small>claude-code 1.0.30 to 2.1.9 · 3 cases</small>" in page
    section = page[page.index("Findings about clients") : page.index('<section class="hm"')]
    places = [section.index(f"claude-code {v}: ") for v in ("1.0.30", "1.0.128", "2.1.9")]
    assert places == sorted(places)


def test_a_run_without_findings_has_no_section_for_them() -> None:
    assert "Findings" not in report.report_content(make_run(make_record()))


def at(version: str, outcome: Outcome, **changes: object) -> CaseRecord:
    """Return the same question at a version of a client, with this outcome."""
    return make_record(
        id=f"example/claude-code@{version}/login",
        client=f"claude-code@{version}",
        client_version=version,
        observation=make_observation(outcome=outcome, status=None, **changes),
    )


def test_a_passed_run_states_what_changed_between_versions() -> None:
    page = report.report_content(
        make_run(at("2.1.9", Outcome.ACCEPTED), at("2.1.50", Outcome.TIMED_OUT))
    )
    assert "What changed between versions <small>1 outcome: 1 worse</small>" in page
    text = " ".join(Page(page).text.split())
    assert "claude-code 2.1.9 → 2.1.50 ▼ A → T accepted → timed-out example: no cred" in text
    assert page.index("What changed between versions") < page.index('<section class="hm"')


def test_upgrades_to_the_newest_version_come_first_and_most_are_folded() -> None:
    """Each client has a change to an older version, and one to its newest version."""
    records = [
        dataclasses.replace(
            at(version, outcome), id=f"s/client-{n}@{version}/x", client=f"client-{n}@{version}"
        )
        for n in range(9)
        for version, outcome in (
            ("1.0.0", Outcome.ACCEPTED), ("2.0.0", Outcome.REJECTED), ("10.0.0", Outcome.ACCEPTED)
        )
    ]  # fmt: skip
    page = report.report_content(make_run(*records))
    news = page[page.index("What changed between versions") : page.index('<section class="hm"')]
    heads = re.findall(r"<h3>(client-\d) <span>(.*?)</span>", news)
    assert [versions for _, versions in heads] == ["2.0.0 → 10.0.0"] * 9 + ["1.0.0 → 2.0.0"] * 9
    assert news[: news.index("11 more upgrades")].count("<h3>") == 7


def test_a_change_of_a_message_is_folded_and_quoted() -> None:
    page = report.report_content(
        make_run(
            at("2.1.9", Outcome.REJECTED, message="Log in <b>"),
            at("2.1.50", Outcome.REJECTED, message="Login expired"),
        )
    )
    assert "<details><summary>1 other change</summary>" in page
    assert "message: <q>Log in &lt;b&gt;</q> → <q>Login expired</q>" in page


def test_no_heading_appears_twice() -> None:
    changed = Transition(field="status", before="200", after="401")
    run = make_run(
        failed(verdict=Verdict(status=Status.FAILED, regressed=True, transitions=(changed,)))
    )
    drawn = report.report_content(run)
    headings = re.findall("<h2[^>]*>(.*?)</h2>", drawn)
    assert headings
    assert len(headings) == len(set(headings))
