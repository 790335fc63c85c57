"""The website: its pages, their links, search without a server, and accessibility."""

import dataclasses
import html
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ViewportSize

from authprobe.diagnosis.causes import causes
from authprobe.report.reference.causes import causes_markdown, rules_of
from docs.website import generated
from docs.website.build import WebsiteError, build, check_navigation
from docs.website.markdown import BrokenLinkError, website_text
from tests.support.command import PROJECT
from tests.support.expected_causes import CAUSE_BY_RULE

SIZES = {"wide": {"width": 1300, "height": 900}, "phone": {"width": 390, "height": 844}}
HIDDEN_CODE = """() => [...document.querySelectorAll("pre")].filter(pre => {
  const code = pre.querySelector("code"), button = pre.querySelector("button");
  if (!code || !button) return false;
  const b = button.getBoundingClientRect();
  if (b.left < code.getBoundingClientRect().right) return true;
  code.scrollLeft = code.scrollWidth;
  const texts = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    for (const word of texts.currentNode.data.matchAll(/\\S+/g)) { // spaces may hang over the end
      const range = document.createRange();
      range.setStart(texts.currentNode, word.index);
      range.setEnd(texts.currentNode, word.index + word[0].length);
      const right = code.getBoundingClientRect().right;
      if ([...range.getClientRects()].some(r => r.right > right)) return true;
    }
  }
  return false;
}).length"""
"""Number of code blocks with a line that is cut at the end of the scrolling, or that the button
that copies it may cover."""
WRAPPED_CODE = """() => [...document.querySelectorAll("pre > code")].filter(code => {
  const height = parseFloat(getComputedStyle(code).lineHeight);
  const padding = 2 * parseFloat(getComputedStyle(code).paddingTop);
  const lines = code.textContent.replace(/\\n$/, "").split("\\n").length;
  return code.clientHeight - padding > (lines + 0.5) * height;
}).length"""
"""Number of code blocks with a line that goes on in another one."""
CUT_WORDS = """() => [...document.querySelectorAll("table:has(th:nth-child(4))")].flatMap(table => {
  const cut = [], texts = document.createTreeWalker(table, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    for (const word of texts.currentNode.data.matchAll(/[A-Za-z_]+/g)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, word.index);
      range.setEnd(texts.currentNode, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(r => r.top)).size > 1) cut.push(word[0]);
    }
  }
  return cut;
})"""
"""Words in tables of many columns that go on in another line."""
ERROR = "OAuth access token has expired"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("website") / "build")


def test_each_cause_has_a_page_with_its_error_in_the_title(site: Path) -> None:
    for cause in causes().values():
        page = (site / "causes" / f"{cause.id}.html").read_text()
        title = cause.errors[0] if cause.errors else cause.summary
        assert html.unescape(re.findall(r"<title>(.*?)</title>", page)[0]).startswith(title)


def test_a_quote_does_not_end_a_description(site: Path) -> None:
    page = (site / "incidents" / "issue-23568.html").read_text()
    assert '&quot;Invalid API key&quot; or &quot;Invalid bearer token&quot;.">' in page


def test_no_text_of_the_data_becomes_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = "\"'><script>alert(1)</script>"
    cause = causes()["access-token-expired"]
    cause = dataclasses.replace(
        cause, summary=hostile, errors=(), sources=(f"https://example.org/{hostile}", hostile)
    )
    head = {"id": "x", "title": hostile, "why": hostile, "sources": [f"https://x{hostile}"]}
    monkeypatch.setattr(generated, "causes", lambda: {cause.id: cause})
    monkeypatch.setattr(generated, "_head", lambda path: head)
    pages = [page for page in generated.generated_pages() if "alert(1)" in page.text]
    assert {page.path.partition("/")[0] for page in pages} == {"causes", "incidents"}
    assert [page.path for page in pages if "<script" in page.text] == []
    for page in pages:
        data = yaml.safe_load(page.text.split("---\n")[1])
        assert set("\"'<>") & set(data["title"] + data["description"]) == set()


def test_rules_are_linked_from_the_cause_that_they_are_expected_to_have() -> None:
    linked = {row.id: cause.id for cause in causes().values() for row in rules_of(cause)}
    assert len(linked) > 40
    assert {id: cause for id, cause in linked.items() if CAUSE_BY_RULE[id] != cause} == {}
    listed = re.findall(
        r"^- Rules of the \[emulator\]\(rules\.md\): (.*)$", causes_markdown(), re.M
    )
    assert {id for line in listed for id in line.split(", ")} == set(linked)


def test_every_link_and_anchor_of_every_page_exists(site: Path) -> None:
    texts = {path.resolve(): path.read_text() for path in site.rglob("*.html")}
    ids = {path: set(re.findall(r' id="?([^" >]+)', text)) for path, text in texts.items()}
    assert len(texts) > 100
    broken = set()
    for path, text in texts.items():
        for link in re.findall(r'(?:href|src)="?([^" >]+)', text.split("<body", 1)[1]):
            target, _, anchor = unquote(html.unescape(link)).partition("#")
            if re.match(r"\w+:", target) or "404" in path.name:
                continue
            file = (path.parent / target).resolve() if target else path
            if not file.exists() or (
                anchor and file in ids and anchor not in ids[file] | {"__skip"}
            ):
                broken.add(f"{path.name}: {link}")
    assert broken == set()


@pytest.mark.parametrize(
    ("text", "nav", "message"),
    [("", [{"A": "a.md"}], "b.md: in no section"), ("", ["a.md", "b.md", "c.md"], "no such page")],
)
def test_a_page_that_is_in_no_section_is_an_error(
    tmp_path: Path, text: str, nav: list[object], message: str
) -> None:
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text(text)
    with pytest.raises(WebsiteError, match=re.escape(message)):
        check_navigation(nav, tmp_path)


def test_a_link_to_a_missing_file_is_an_error_but_not_in_code() -> None:
    page = PROJECT / "build" / "page.md"
    page.parent.mkdir(exist_ok=True)
    try:
        page.write_text("`[a](none.py)`\n\n- [b](../README.md#start)\n  - c\n")
        text = website_text(page, {PROJECT / "README.md": "index.md"})
        assert text == "`[a](none.py)`\n\n- [b](index.md#start)\n    - c"
        page.write_text("[a](none.py)")
        with pytest.raises(BrokenLinkError, match=r"build/page\.md: no such file: none\.py"):
            website_text(page, {})
    finally:
        page.unlink()


@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize(
    "name", ["index", "tutorial", "causes/access-token-expired", "incidents/slow-login"]
)
def test_a_page_of_each_kind_is_accessible_fits_and_loads_nothing_from_elsewhere(
    browser: Browser, site: Path, name: str, size: str
) -> None:
    page = browser.new_context(viewport=SIZES[size]).new_page()  # type: ignore[arg-type]
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto((site / f"{name}.html").as_uri())
    page.wait_for_load_state("networkidle")
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    assert page.evaluate(WRAPPED_CODE) == 0
    assert page.evaluate(HIDDEN_CODE) == 0
    assert [url for url in requests if not url.startswith(("file:", "blob:", "data:"))] == []


def test_search_finds_a_cause_by_its_error_in_pages_opened_as_files(
    browser: Browser, site: Path
) -> None:
    page = browser.new_context(viewport=SIZES["wide"]).new_page()  # type: ignore[arg-type]
    page.goto((site / "index.html").as_uri())
    page.wait_for_load_state("networkidle")
    page.keyboard.press("/")
    page.keyboard.type(ERROR, delay=20)
    first = page.locator("a[href*='causes/access-token-expired.html']:visible").first
    first.wait_for()
    assert "expired" in first.inner_text()


@pytest.mark.parametrize("size", list(SIZES))
def test_a_table_of_many_columns_cuts_no_word_and_scrolls(
    browser: Browser, site: Path, size: str
) -> None:
    page = browser.new_context(viewport=SIZES[size]).new_page()  # type: ignore[arg-type]
    page.goto((site / "rules.html").as_uri())
    page.wait_for_load_state("networkidle")
    assert page.evaluate(CUT_WORDS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    rows = "[...document.querySelectorAll('tr')].map(row => row.offsetHeight)"
    assert max(page.evaluate(rows)) < SIZES[size]["height"] / 2


def test_the_title_of_the_home_page_says_what_this_is(site: Path) -> None:
    page = (site / "index.html").read_text()
    assert "<title>A laboratory for Claude authentication - authprobe</title>" in page


@pytest.mark.parametrize("width", [390, 800])
def test_a_tap_on_the_page_or_on_the_cross_closes_the_search(
    browser: Browser, site: Path, width: int
) -> None:
    size = ViewportSize(width=width, height=844)
    context = browser.new_context(viewport=size, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    page.wait_for_load_state("networkidle")
    search = page.get_by_role("dialog", name="Search").and_(page.locator("dialog"))
    close = page.get_by_role("button", name="Close search")
    for place in (None, close):
        page.locator("label[for=__search]:visible").first.tap()
        search.wait_for()
        if place:
            place.tap()
        else:
            page.touchscreen.tap(width - 15, 800)
        search.wait_for(state="hidden")
    page.locator("label[for=__search]:visible").first.tap()
    search.wait_for()
    look = "each => getComputedStyle(each, '::after').content"
    assert (close.evaluate(look) == '"✕"') == (width == 390)
    page.keyboard.type(ERROR, delay=20)
    search.get_by_role("option").first.wait_for()
    search.get_by_role("status").tap()
    assert search.is_visible()
