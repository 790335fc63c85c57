"""The report as people meet it, in a real browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from authprobe.report.html.versions_page import versions_page
from authprobe.report.model.phrases import anchor
from authprobe.verdict.model import Mismatch, Status, Verdict
from tests.compatibility.test_table import evidence, make_table
from tests.report.html.test_versions_page import feature
from tests.support.command import results, run
from tests.support.make import make_exchange, make_observation, make_record, make_run
from tests.support.page import many, page_of

CHROMIUM = shutil.which("chromium")
SIZES = {"wide": {"width": 1300, "height": 900}, "phone": {"width": 390, "height": 844}}
SCENARIO = """
id: {name}
title: What {name} shows
why: A page must show it.
sources: [https://example.org/1]
credentials:
  good: {{token: api-key, via: x-api-key}}
  bad: {{token: api-key, state: unknown, via: x-api-key}}
endpoints:
  messages: {{url: "https://api.anthropic.com/v1/messages"}}
matrix: {{client: [raw-http], endpoint: [messages], credential: [good, bad, none]}}
expect: {expect}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("NO CHROMIUM: install Debian's package to test the report in a browser")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a real run, with cases that passed and cases that failed."""
    folder = tmp_path_factory.mktemp("report")
    by_case = "[{when: {credential: good}, then: {outcome: accepted}}, {then: {outcome: rejected}}]"
    for name, expect in (("all-accepted", "{outcome: accepted, status: 200}"), ("any", by_case)):
        (folder / f"{name}.yaml").write_text(SCENARIO.format(name=name, expect=expect))
    ended = run("run", "all-accepted.yaml", "any.yaml", cwd=folder)
    assert ended.code == 1, ended.err
    assert len(results(folder / "reports")["cases"]) == 6
    return folder / "reports" / "report.html"


def opened(browser: Browser, path: Path, **context: Any) -> Page:
    """The page at this path; nothing may be asked of anybody else, and no script may fail."""
    page = browser.new_context(**{"viewport": SIZES["wide"]} | context).new_page()
    page.on("pageerror", lambda error: pytest.fail(f"a script failed: {error}"))
    page.on("request", lambda request: _only_the_file(request.url))
    page.goto(path.as_uri() + context.get("hash", ""))
    return page


def _only_the_file(url: str) -> None:
    assert url.startswith(("file:", "data:")), f"the report asks for {url}"


def shown(page: Page) -> list[str]:
    """Ids of the cases that can be seen."""
    return page.locator(".ap-case:visible > summary code").all_inner_texts()


def test_the_first_screen_has_the_verdict_and_what_went_wrong(
    browser: Browser, report: Path
) -> None:
    page = opened(browser, report)
    for words in ("Failed", "6 cases: 2 failed, 4 passed", "What went wrong (2 cases)"):
        assert page.get_by_text(words).first.bounding_box()["y"] < 900  # type: ignore[index]
    assert page.get_by_text("all-accepted/raw-http/messages/bad").first.is_visible()
    assert page.locator("#results-table").is_hidden()


def test_each_failed_case_shows_how_to_run_it_again(browser: Browser, report: Path) -> None:
    page = opened(browser, report)
    commands = page.locator(".ap-again code:visible").all_inner_texts()
    paths = "authprobe run all-accepted.yaml any.yaml --case all-accepted/raw-http/messages"
    assert commands == [f"{paths}/bad", f"{paths}/none"]


@pytest.mark.parametrize(
    ("words", "count"),
    [("all-accepted", 3), ("ANY good", 1), ("invalid x-api-key", 2), ("nothing like it", 0)],
)
def test_a_search_finds_cases_by_all_its_words(
    browser: Browser, report: Path, words: str, count: int
) -> None:
    page = opened(browser, report)
    page.get_by_label("Search cases").fill(words)
    page.get_by_text(f"{count} of 6 cases").wait_for()
    assert len(shown(page)) == count
    rows = page.locator(".ap-matrix tbody tr:not(.ap-group):visible")
    assert rows.count() == count


def test_a_status_is_chosen_with_the_keyboard(browser: Browser, report: Path) -> None:
    page = opened(browser, report)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "ap-search"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("2 of 6 cases").wait_for()
    assert shown(page) == [f"all-accepted/raw-http/messages/{name}" for name in ("bad", "none")]
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("messages/none")
    page.get_by_text("1 of 6 cases").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("2 of 6 cases").wait_for()


def test_a_case_opens_with_the_keyboard(browser: Browser, report: Path) -> None:
    page = opened(browser, report)
    case = page.locator(".ap-case", has_text="any/raw-http/messages/good")
    case.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert case.get_by_text("api-key in x-api-key").last.is_visible()


def test_a_link_leads_to_its_case_though_it_is_filtered_away(
    browser: Browser, report: Path
) -> None:
    page = opened(browser, report)
    page.get_by_label("Search cases").fill("bad")
    page.get_by_text("2 of 6 cases").wait_for()
    target = anchor("any/raw-http/messages/good")
    page.evaluate(f"location.hash = '{target}'")
    page.locator(f"#{target}").get_by_text("Requests, in order").wait_for()


def test_a_case_is_copied_as_markdown(browser: Browser, report: Path) -> None:
    page = opened(browser, report, permissions=["clipboard-read", "clipboard-write"])
    case = page.locator(".ap-case", has_text="all-accepted/raw-http/messages/bad").first
    case.get_by_role("button", name="Copy as Markdown").click()
    case.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("### failed: `all-accepted/raw-http/messages/bad` (rejected 401)")
    assert "| `status` | `200` | `401` |" in copied
    assert "- Message: `invalid x-api-key`" in copied
    assert "api.anthropic.com" in copied
    case.get_by_role("button", name="Copy link").click()
    page.wait_for_function(
        "wanted => navigator.clipboard.readText().then(text => text.endsWith(wanted))",
        arg=f"#{anchor('all-accepted/raw-http/messages/bad')}",
    )


@pytest.mark.parametrize("how", ["switched off", "forbidden"])
def test_without_script_nothing_is_missing(
    browser: Browser, report: Path, tmp_path: Path, how: str
) -> None:
    if how == "forbidden":
        policy = '<meta http-equiv="Content-Security-Policy" content="script-src \'none\'">'
        path = tmp_path / "report.html"
        path.write_text(report.read_text().replace("<head>", f"<head>{policy}", 1))
        page = opened(browser, path)
    else:
        page = opened(browser, report, java_script_enabled=False)
    assert page.locator(".ap-tools").count() == 0
    assert len(page.locator(".ap-case:visible").all()) == 6
    assert page.get_by_text("6 cases: 2 failed, 4 passed").is_visible()
    page.locator(f"a[href='#{anchor('any/raw-http/messages/good')}']").first.click()
    case = page.locator(".ap-case", has_text="any/raw-http/messages/good")
    assert case.get_by_text("Requests, in order").is_visible()


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_there_is_no_violation_of_accessibility(
    browser: Browser, report: Path, size: str, colors: str
) -> None:
    page = opened(browser, report, viewport=SIZES[size], color_scheme=colors)
    page.locator(".ap-case").last.locator("summary").click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_dark_is_dark(browser: Browser, report: Path) -> None:
    backgrounds = {
        colors: opened(browser, report, color_scheme=colors).evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for colors in ("light", "dark")
    }
    assert backgrounds == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}


def test_a_phone_scrolls_tables_and_not_the_page(browser: Browser, report: Path) -> None:
    page = opened(browser, report, viewport=SIZES["phone"])
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES["phone"]["width"]


def test_paper_has_no_buttons(browser: Browser, report: Path) -> None:
    page = opened(browser, report)
    page.emulate_media(media="print")
    assert page.locator("button:visible").count() == 0
    assert page.get_by_text("6 cases: 2 failed, 4 passed").is_visible()


def test_hostile_text_stays_text(browser: Browser, tmp_path: Path) -> None:
    text = "<script>document.title='hit'</script><img src=x onerror=\"document.title='hit'\">`|@a"
    record = make_record(
        id="a/b",
        title=text,
        why=text,
        client_version=text,
        observation=make_observation(message=text, exchanges=(make_exchange(message=text),)),
        verdict=Verdict(
            status=Status.FAILED, mismatches=(Mismatch(field=text, expected=text, actual=text),)
        ),
    )
    path = page_of(make_run(record), tmp_path)
    page = opened(browser, path, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as Markdown").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.title() != "hit"
    copied = page.evaluate("navigator.clipboard.readText()")
    outside = "".join(part for part in copied.replace("``", "\0").split("\0")[::2])
    assert "<img" not in outside
    assert "@a" not in outside


def test_ten_thousand_cases_open_and_filter(browser: Browser, tmp_path: Path) -> None:
    """How fast is measured in bench/report.py; here only that it works, and how large it is."""
    path = page_of(make_run(*many(10_000)), tmp_path)
    assert path.stat().st_size < 10_000_000
    page = opened(browser, path)
    page.get_by_label("Search cases").fill("credential-499 2.1.19")
    page.get_by_text("1 of 10000 cases").wait_for(timeout=60_000)
    assert len(shown(page)) == 1


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of versions with values, doubts and gaps, and a word that is too long for a phone."""
    path = tmp_path_factory.mktemp("versions") / "versions.html"
    found = evidence(v0="no", v3="yes", v4=None, v9="yes", v10="A_LONG_NAME=" * 9, v23="no")
    long = feature(*found, id="long", title="A_LONG_NAME=" * 9, contains="A_LONG_NAME=" * 9)
    path.write_text(versions_page(make_table(features=(feature(*found), long))), encoding="utf-8")
    return path


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_lines_of_versions_are_for_everybody(
    browser: Browser, versions: Path, size: str, colors: str
) -> None:
    page = opened(browser, versions, viewport=SIZES[size], color_scheme=colors)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(
    ("size", "written"),
    [("wide", [True, True, True, False, True]), ("phone", [False, False, True, False, False])],
)
def test_a_value_is_written_in_its_line_only_where_there_is_room(
    browser: Browser, versions: Path, size: str, written: list[bool]
) -> None:
    page = opened(browser, versions, viewport=SIZES[size])
    bar = page.locator(".v-feature .v-bar").first
    below = bar.evaluate("bar => bar.getBoundingClientRect().bottom")
    tops = bar.locator("b").evaluate_all("all => all.map(b => b.getBoundingClientRect().top)")
    assert [top < below for top in tops] == written
