"""Escaping by type: whatever a template or `Html` inserts is harmless unless it is HTML already."""

import subprocess
import sys
from pathlib import Path

import pytest

from authprobe.report.html import rendering
from authprobe.report.html.elements import Html, code, source, table, with_commands
from authprobe.report.html.rendering import render

HOSTILE = "<b>&\"'</b>\x1b[2J\u202e\nnext"
ESCAPED = "&lt;b&gt;&amp;&#34;&#39;&lt;/b&gt;\\u001b[2J\\u202e<br>next"
TEMPLATES = sorted(Path(rendering.__file__).with_name("templates").glob("*.html"))


def test_text_is_escaped_however_it_is_inserted() -> None:
    assert Html.escape(HOSTILE) == ESCAPED
    assert Html("<p>{}</p>").format(HOSTILE) == f"<p>{ESCAPED}</p>"
    assert Html(", ").join([HOSTILE, HOSTILE]) == f"{ESCAPED}, {ESCAPED}"
    assert Html("<p>") + HOSTILE == f"<p>{ESCAPED}"
    assert table("x", [HOSTILE], [[HOSTILE]]).count(ESCAPED) == 2


def test_html_is_inserted_as_it_is() -> None:
    assert Html("<p>{}</p>").format(code("a<b")) == "<p><code>a&lt;b</code></p>"
    assert Html.escape(code("a")) == "<code>a</code>"


def test_a_template_escapes_text_and_control_characters() -> None:
    page = render(
        "document.html", has_heading=False, title=HOSTILE, body="", policy="", styles="", script=""
    )
    assert page.count(ESCAPED) == 2
    assert "\n" not in page


def test_a_template_fails_on_a_name_that_it_was_not_given() -> None:
    with pytest.raises(Exception, match="'policy' is undefined"):
        render("document.html", has_heading=False, title="")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_no_template_switches_escaping_off(path: Path) -> None:
    text = path.read_text()
    assert "safe" not in text
    assert "autoescape" not in text


def test_only_a_web_address_becomes_a_link() -> None:
    assert source("https://example.org/?a=1&b").startswith(
        '<a rel="noreferrer" href="https://example.org/?a=1&amp;b">'
    )
    for text in ("javascript:alert(1)", "https://example.org/ <b>", "https://" + "x" * 3000):
        assert "<a" not in source(text)


@pytest.mark.parametrize(
    "module",
    ["cli", "items.collection", "commands.run", "commands.bisect", "commands.versions"],
)
def test_jinja2_is_not_imported_before_a_page_is_drawn(module: str) -> None:
    script = f"import sys, authprobe.{module}; print({{'jinja2', 'markupsafe'}} & {{*sys.modules}})"
    folder = Path(rendering.__file__).parents[3]
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "set()\n"


def test_only_plain_words_between_backticks_are_code_and_spaces_stay() -> None:
    assert with_commands("use `authprobe bisect` now") == "use <code>authprobe bisect</code> now"
    assert with_commands("`<b>` `") == "`&lt;b&gt;` `"
