"""The report in a real browser."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from authprobe.emulator.config import TokenState
from authprobe.observation.findings import Finding
from authprobe.observation.fingerprint import Transition
from authprobe.observation.model import Outcome
from authprobe.report.html.bisection_page import bisection_page
from authprobe.report.html.versions_page import versions_page
from authprobe.report.model.phrases import anchor
from authprobe.verdict.model import Mismatch, Status, Verdict
from tests.compatibility.test_table import evidence, make_table
from tests.report.html.test_bisection_page import broken_from
from tests.report.html.test_versions_page import feature
from tests.report.model.test_login_life import login
from tests.report.model.test_sequence import REFRESH_THEN_RETRY, claude, refresh
from tests.support.command import results, run
from tests.support.make import make_exchange, make_observation, make_record, make_run
from tests.support.page import many, page_of

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
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a real run with passed and failed cases."""
    folder = tmp_path_factory.mktemp("report")
    by_case = "[{when: {credential: good}, then: {outcome: accepted}}, {then: {outcome: rejected}}]"
    for name, expect in (("all-accepted", "{outcome: accepted, status: 200}"), ("any", by_case)):
        (folder / f"{name}.yaml").write_text(SCENARIO.format(name=name, expect=expect))
    ended = run("run", "all-accepted.yaml", "any.yaml", cwd=folder)
    assert ended.code == 1, ended.err
    assert len(results(folder / "reports")["cases"]) == 6
    assert run("report", "--out", "again", cwd=folder).code == 0
    return folder


@pytest.fixture(scope="module", params=["reports", "again"], ids=["of run", "of results"])
def report(request: pytest.FixtureRequest, reports: Path) -> Path:
    """Return the page of the run, then that of `authprobe report`."""
    return reports / str(request.param) / "report.html"


@pytest.fixture(scope="module")
def run_report(reports: Path) -> Path:
    """Return the page of the run: its script finds the same cases in the other page."""
    return reports / "reports" / "report.html"


def open_page(
    browser: Browser, path: Path, *, forbids_script: bool = False, **context: Any
) -> Page:
    """Open a page; fail if it requests another resource, breaks its policy, or a script fails."""
    page = browser.new_context(**{"viewport": SIZES["wide"]} | context).new_page()
    page.on("pageerror", lambda error: pytest.fail(f"a script failed: {error}"))
    if not forbids_script:
        page.on("console", lambda message: _require_no_violation(message.text))
    page.on("request", lambda request: _require_local(request.url))
    page.goto(path.as_uri() + context.get("hash", ""))
    return page


def _require_no_violation(text: str) -> None:
    assert "Content Security Policy" not in text, text


def _require_local(url: str) -> None:
    assert url.startswith(("file:", "data:")), f"the report requests {url}"


def visible_cases(page: Page) -> list[str]:
    """Return the ids of the visible cases."""
    # Not the inner text: the browser skips that of a case outside the viewport.
    return page.locator(".ap-case:visible > summary code").all_text_contents()


def test_the_first_screen_has_the_verdict_and_the_problems(browser: Browser, report: Path) -> None:
    page = open_page(browser, report)
    for words in ("Failed", "6 cases: 2 failed, 4 passed", "What broke (2 cases)"):
        assert page.get_by_text(words).first.bounding_box()["y"] < 900  # type: ignore[index]
    assert page.get_by_text("all-accepted/raw-http/messages/bad").first.is_visible()
    assert page.locator("#results-table").is_hidden()


def test_each_failed_case_shows_how_to_run_it_again(browser: Browser, run_report: Path) -> None:
    page = open_page(browser, run_report)
    commands = page.locator(".ap-case .ap-again code:visible").all_inner_texts()
    paths = "authprobe run all-accepted.yaml any.yaml --case all-accepted/raw-http/messages"
    assert commands == [f"{paths}/bad", f"{paths}/none"]


@pytest.mark.parametrize(
    ("words", "count"),
    [("all-accepted", 3), ("ANY good", 1), ("invalid x-api-key", 2), ("nothing like it", 0)],
)
def test_a_search_lists_cases_with_all_its_words(
    browser: Browser, run_report: Path, words: str, count: int
) -> None:
    page = open_page(browser, run_report)
    page.get_by_label("Search cases").fill(words)
    page.get_by_text(f"{count} of 6 cases").wait_for()
    assert len(visible_cases(page)) == count
    assert page.locator(".hm td a:visible").count() == count


def test_the_keyboard_filters_by_status(browser: Browser, report: Path) -> None:
    page = open_page(browser, report)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "ap-search"
    page.keyboard.press("Tab")
    page.keyboard.type("failed")
    page.get_by_text("2 of 6 cases").wait_for()
    assert visible_cases(page) == [
        f"all-accepted/raw-http/messages/{name}" for name in ("bad", "none")
    ]
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("messages/none")
    page.get_by_text("1 of 6 cases").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("2 of 6 cases").wait_for()
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("status").get_by_text("6 cases", exact=True).wait_for()
    assert page.evaluate("document.activeElement.id") == "ap-search"


def test_the_number_of_matches_is_announced(browser: Browser, run_report: Path) -> None:
    """An output element is a live region of the role `status`."""
    page = open_page(browser, run_report)
    assert page.get_by_role("status").inner_text() == "6 cases"
    page.get_by_label("every outcome").select_option("accepted")
    assert page.get_by_role("status").inner_text() == "2 of 6 cases"


def test_a_filter_dims_cells_and_hides_rows_of_the_heat_map(
    browser: Browser, run_report: Path
) -> None:
    page = open_page(browser, run_report)
    assert page.locator(".hm td a:visible").count() == 6
    page.get_by_label("every outcome").select_option("accepted")
    links = page.locator(".hm td a:visible")
    assert [links.nth(n).get_attribute("title") for n in range(links.count())] == [
        "accepted 200 · passed"
    ] * 2
    assert page.locator(".hm .s:visible").count() == 2


def test_the_address_keeps_the_filters(browser: Browser, run_report: Path) -> None:
    page = open_page(browser, run_report)
    page.get_by_label("every status").select_option("passed")
    page.get_by_label("Search cases").fill("any bad")
    page.get_by_text("1 of 6 cases").wait_for()
    address = page.url
    assert address.endswith("#?text=any+bad&status=passed")
    again = open_page(browser, run_report, viewport=SIZES["phone"])
    again.goto("about:blank")
    again.goto(address)
    again.get_by_text("1 of 6 cases").wait_for()
    assert visible_cases(again) == ["any/raw-http/messages/bad"]
    again.get_by_role("button", name="Clear filters").click()
    again.get_by_role("status").get_by_text("6 cases", exact=True).wait_for()
    assert "#" not in again.url


def test_passed_cases_are_folded_by_scenario(browser: Browser, run_report: Path) -> None:
    page = open_page(browser, run_report)
    assert visible_cases(page) == [
        f"all-accepted/raw-http/messages/{name}" for name in ("bad", "none")
    ]
    page.get_by_label("Search cases").fill("any/")
    page.get_by_text("3 of 6 cases").wait_for()
    assert len(visible_cases(page)) == 3
    page.get_by_label("Search cases").fill("")
    page.get_by_role("status").get_by_text("6 cases", exact=True).wait_for()
    assert len(visible_cases(page)) == 2


def test_the_keyboard_opens_a_case(browser: Browser, run_report: Path) -> None:
    page = open_page(browser, run_report)
    page.locator(".ap-scenario", has_text="What any shows").locator("summary").first.focus()
    page.keyboard.press("Enter")
    case = page.locator(".ap-case", has_text="any/raw-http/messages/good")
    case.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert case.get_by_text("api-key in x-api-key").last.is_visible()


def test_a_link_reveals_a_case_that_a_filter_hides(browser: Browser, run_report: Path) -> None:
    page = open_page(browser, run_report)
    page.get_by_label("Search cases").fill("bad")
    page.get_by_text("2 of 6 cases").wait_for()
    target = anchor("any/raw-http/messages/good")
    page.evaluate(f"location.hash = '{target}'")
    page.locator(f"#{target}").get_by_text("Requests, in order").wait_for()
    require_below_the_bar(page, target)


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("size", list(SIZES))
def test_a_link_opens_its_folded_case_clear_of_the_search_bar(
    browser: Browser, report: Path, size: str, has_script: bool
) -> None:
    page = open_page(browser, report, viewport=SIZES[size], java_script_enabled=has_script)
    for name in ("any/raw-http/messages/good", "all-accepted/raw-http/messages/none"):
        target = anchor(name)
        page.locator(f".hm a[href='#{target}']").click()
        page.locator(f"#{target}").get_by_text("Requests, in order").wait_for()
        require_below_the_bar(page, target)


def require_below_the_bar(page: Page, target: str) -> None:
    """Fail unless the line that names the case is on the screen, below the search bar."""
    case = page.locator(".ap-case", has=page.locator(f"#{target}"))
    head = case.locator("summary").first.bounding_box()
    assert head is not None
    bar = page.locator(".ap-tools")
    box = bar.bounding_box() if bar.count() else None
    is_sticky = box is not None and page.viewport_size == SIZES["wide"]
    least = box["y"] + box["height"] if box and is_sticky else 0
    # Near the end of the page, the browser cannot scroll it to the top.
    assert page.viewport_size
    assert least <= head["y"] < page.viewport_size["height"] - head["height"]


def test_a_case_is_copied_as_markdown(browser: Browser, run_report: Path) -> None:
    page = open_page(browser, run_report, permissions=["clipboard-read", "clipboard-write"])
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
        "end => navigator.clipboard.readText().then(text => text.endsWith(end))",
        arg=f"#{anchor('all-accepted/raw-http/messages/bad')}",
    )


@pytest.mark.parametrize("how", ["switched off", "forbidden"])
def test_the_report_is_complete_without_script(
    browser: Browser, report: Path, tmp_path: Path, how: str
) -> None:
    if how == "forbidden":
        policy = '<meta http-equiv="Content-Security-Policy" content="script-src \'none\'">'
        path = tmp_path / "report.html"
        path.write_text(report.read_text().replace("<head>", f"<head>{policy}", 1))
        page = open_page(browser, path, forbids_script=True)
    else:
        page = open_page(browser, report, java_script_enabled=False)
    assert page.locator(".ap-tools").count() == 0
    assert len(page.locator(".ap-case").all()) == 6
    assert page.get_by_text("6 cases: 2 failed, 4 passed").first.is_visible()
    page.locator(f"a[href='#{anchor('any/raw-http/messages/good')}']").first.click()
    case = page.locator(".ap-case", has_text="any/raw-http/messages/good")
    assert case.get_by_text("Requests, in order").is_visible()


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_the_report_is_accessible(browser: Browser, report: Path, size: str, colors: str) -> None:
    page = open_page(browser, report, viewport=SIZES[size], color_scheme=colors)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page with every outcome, as passed, failed or regressed, and every mark."""
    name = str(request.param)
    verdict = {
        "passed": Verdict(status=Status.PASSED),
        "failed": Verdict(status=Status.FAILED),
        "regressed": Verdict(
            status=Status.FAILED,
            regressed=True,
            transitions=(
                Transition(field="client", before="2.1.9", after="2.1.50"),
                Transition(field="status", before="200", after="401"),
            ),
        ),
    }[name]
    records = [
        make_record(
            id=f"example/claude-code@{version}/{credential}-{n}",
            client=f"claude-code@{version}",
            client_version=version,
            credential=f"{credential}-{n}",
            observation=make_observation(
                outcome=outcome if version == "2.1.50" else Outcome.ACCEPTED,
                status=None,
                exchanges=(make_exchange(),),
            ),
            verdict=verdict if version == "2.1.50" else Verdict(status=Status.PASSED),
            findings=(Finding(name="crashes", text="no"),) if n == 1 else (),
        )
        for version in ("2.1.9", "2.1.50")
        for n, outcome in enumerate(Outcome)
        for credential in ("a", "b")
    ]
    return page_of(make_run(*records), tmp_path_factory.mktemp(name))


@pytest.mark.parametrize(
    ("outcomes", "size", "colors"),
    [  # each two of them together: a contrast does not depend on the size
        ("passed", "wide", "light"),
        ("passed", "phone", "dark"),
        ("failed", "wide", "dark"),
        ("failed", "phone", "light"),
        ("regressed", "wide", "light"),
        ("regressed", "phone", "dark"),
    ],
    indirect=["outcomes"],
)
def test_every_outcome_and_mark_is_accessible(
    browser: Browser, outcomes: Path, size: str, colors: str
) -> None:
    """Also with a filter, which dims the cells that it leaves out."""
    page = open_page(browser, outcomes, viewport=SIZES[size], color_scheme=colors)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    page.get_by_label("every outcome").select_option("timed-out")
    result = Axe().run(page, context=".hm")
    assert result.violations_count == 0, result.generate_report()


def test_dark_mode_has_a_dark_background(browser: Browser, report: Path) -> None:
    backgrounds = {
        colors: open_page(browser, report, color_scheme=colors).evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for colors in ("light", "dark")
    }
    assert backgrounds == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}


def test_the_page_fits_the_width_of_a_phone(browser: Browser, report: Path) -> None:
    page = open_page(browser, report, viewport=SIZES["phone"])
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES["phone"]["width"]


def test_the_printed_report_has_no_buttons(browser: Browser, report: Path) -> None:
    page = open_page(browser, report)
    page.emulate_media(media="print")
    assert page.locator("button:visible").count() == 0
    assert page.get_by_text("6 cases: 2 failed, 4 passed").first.is_visible()


def test_hostile_text_is_neither_run_nor_copied_as_markup(browser: Browser, tmp_path: Path) -> None:
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
    page = open_page(browser, path, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as Markdown").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.title() != "hit"
    copied = page.evaluate("navigator.clipboard.readText()")
    outside = "".join(part for part in copied.replace("``", "\0").split("\0")[::2])
    assert "<img" not in outside
    assert "@a" not in outside


def test_ten_thousand_cases_open_and_filter(browser: Browser, tmp_path: Path) -> None:
    """Opening and size only; bench/report.py measures the speed."""
    path = page_of(make_run(*many(10_000)), tmp_path)
    assert path.stat().st_size < 10_000_000
    page = open_page(browser, path)
    page.get_by_label("Search cases").fill("credential-499 2.1.19")
    page.get_by_text("1 of 10000 cases").wait_for(timeout=60_000)
    assert len(visible_cases(page)) == 1


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a versions page with values, uncertain ranges, gaps, and a long word."""
    path = tmp_path_factory.mktemp("versions") / "versions.html"
    items = evidence(v0="no", v3="yes", v4=None, v9="yes", v10="A_LONG_NAME=" * 9, v23="no")
    long = feature(*items, id="long", title="A_LONG_NAME=" * 9, contains="A_LONG_NAME=" * 9)
    path.write_text(versions_page(make_table(features=(feature(*items), long))), encoding="utf-8")
    return path


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_timelines_are_accessible_and_fit_the_screen(
    browser: Browser, versions: Path, size: str, colors: str
) -> None:
    page = open_page(browser, versions, viewport=SIZES[size], color_scheme=colors)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_the_line_of_a_bisection_is_accessible_and_fills_the_screen(
    browser: Browser, tmp_path: Path, size: str, colors: str
) -> None:
    path = tmp_path / "bisection.html"
    path.write_text(bisection_page(broken_from(5), "authprobe bisect CASE"), encoding="utf-8")
    page = open_page(browser, path, viewport=SIZES[size], color_scheme=colors)
    width = SIZES[size]["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator(".b-line").bounding_box()
    assert box is not None
    assert box["width"] > 0.9 * width
    label = page.locator(".b-change > small").bounding_box()
    assert label is not None
    assert 0 <= label["x"] < label["x"] + label["width"] <= width
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()


@pytest.mark.parametrize("size", list(SIZES))
def test_timelines_fill_the_screen(browser: Browser, versions: Path, size: str) -> None:
    page = open_page(browser, versions, viewport=SIZES[size])
    for bar in page.locator(".v-bar").all():
        box = bar.bounding_box()
        assert box is not None
        assert box["width"] > 0.9 * SIZES[size]["width"]


@pytest.mark.parametrize(
    ("size", "labelled"),
    [("wide", [True, True, True, False, True]), ("phone", [False, False, True, False, False])],
)
def test_a_value_is_labelled_in_its_segment_only_where_there_is_room(
    browser: Browser, versions: Path, size: str, labelled: list[bool]
) -> None:
    page = open_page(browser, versions, viewport=SIZES[size])
    bar = page.locator(".v-feature .v-bar").first
    below = bar.evaluate("bar => bar.getBoundingClientRect().bottom")
    tops = bar.locator("b").evaluate_all("all => all.map(b => b.getBoundingClientRect().top)")
    assert [top < below for top in tops] == labelled


GEOMETRY = """root => {
  const box = (each) => each.getBoundingClientRect();
  const texts = [...root.querySelectorAll(".q *, .y *")].filter(
    (each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return {
    sizes: texts.map((each) => parseFloat(getComputedStyle(each).fontSize)),
    wide: texts.filter((each) => each.scrollWidth > each.clientWidth + 1
      && getComputedStyle(each).display !== "inline").map((each) => each.textContent),
    right: Math.max(...texts.map((each) => box(each).right)),
    arrows: [...root.querySelectorAll(".q li > svg")].map((each) => {
      const [line, arrow] = [box(each.closest(".q").querySelector(".q-l")), box(each)];
      return [(arrow.left - line.left) / line.width, (arrow.right - line.left) / line.width];
    }),
  };
}"""


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_a_sequence_fits_the_screen_and_is_accessible(
    browser: Browser, tmp_path: Path, size: str, colors: str
) -> None:
    host = f"{'long-' * 12}name.example.org"
    exchanges = (
        *REFRESH_THEN_RETRY,
        refresh(3.0, host=host, path=f"/{'x' * 300}/oauth/token", status=None),
        make_exchange(method="CONNECT", host=host, path="", status=502, rule="deny:host"),
    )
    record = claude(*exchanges, credentials=(login(TokenState.REVOKED),))
    page = open_page(
        browser,
        page_of(make_run(record), tmp_path),
        viewport=SIZES[size],
        color_scheme=colors,
    )
    case = page.locator(".ap-case")
    case.evaluate("each => { each.open = true; each.closest('.ap-scenario').open = true }")
    case.scroll_into_view_if_needed()
    found = case.evaluate(GEOMETRY)
    assert min(found["sizes"]) >= 11
    assert found["wide"] == []
    assert found["right"] <= SIZES[size]["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    # Five lifelines: each arrow begins and ends at one of them.
    ends = [[round(4 * end, 1) for end in arrow] for arrow in found["arrows"]]
    assert ends == [[0, 1], [0, 1], [0, 2], [0, 1], [0, 1], [0, 3], [0, 4]]
    assert case.get_by_role("img", name="claude-code to token endpoint").count() == 2
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()


def test_a_column_break_keeps_rows_that_are_alike_below_their_heading(
    browser: Browser, tmp_path: Path
) -> None:
    ended = run("run", "--suite", "smoke", "-k", "raw-http", "--out", "out", cwd=tmp_path)
    assert ended.code == 0, ended.err
    page = browser.new_context(viewport=SIZES["wide"]).new_page()  # type: ignore[arg-type]
    page.goto((tmp_path / "out" / "report.html").as_uri())
    left = "each => each.getBoundingClientRect().left"
    parts = page.locator(".hm-big tbody")
    assert len({parts.nth(n).evaluate(left) for n in range(parts.count())}) == 2
    folds = page.locator(".hm-big tbody:has(> .k)")
    assert folds.count() > 2
    for n in range(folds.count()):
        before = folds.nth(n).locator("xpath=preceding-sibling::tbody[1]")
        assert folds.nth(n).evaluate(left) == before.evaluate(left)


def test_nothing_touches_the_buttons_and_the_footer_has_its_parts_apart(
    browser: Browser, report: Path
) -> None:
    page = browser.new_context(viewport=SIZES["wide"]).new_page()  # type: ignore[arg-type]
    page.goto(report.as_uri())
    box = page.get_by_role("button", name="Open listed cases").bounding_box()
    cases = page.locator(".ap-cases").bounding_box()
    assert box
    assert cases
    assert cases["y"] - box["y"] - box["height"] >= 10
    for title in page.locator("body > footer > #title").all():
        assert title.evaluate("each => getComputedStyle(each, '::after').content") == '" · "'
