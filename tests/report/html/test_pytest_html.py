import base64
import hashlib

import pytest

from authprobe.report.html.pytest_html import with_landmarks, with_policy

PAGE = (
    "<!DOCTYPE html><html><head></head><body>"
    '<h1 id="title">Title</h1><p>Report generated</p><div id="environment-header"></div>{}'
    "<footer><script></script></footer></body></html>"
)
REPORT = PAGE.format('<h1 class="ap-verdict">Passed</h1>')


@pytest.mark.parametrize("has_other_tests", [True, False])
def test_the_page_has_a_language_and_a_viewport(has_other_tests: bool) -> None:
    page = with_landmarks(REPORT, has_other_tests=has_other_tests)
    assert '<html lang="en">' in page
    assert '<head><meta name="viewport"' in page


def test_the_verdict_is_the_heading_and_the_title_of_pytest_html_is_at_the_foot() -> None:
    page = with_landmarks(REPORT, has_other_tests=False)
    assert page.count("<h1") == 1
    assert '<footer><p id="title">Title</p><p>Report generated</p><script>' in page
    assert page.index("Passed") < page.index("Title")


def test_a_page_without_a_report_keeps_its_title_at_the_head() -> None:
    page = with_landmarks(PAGE.format(""), has_other_tests=True)
    assert '<header><h1 id="title">Title</h1><p>Report generated</p></header>' in page


def test_only_an_empty_table_is_hidden() -> None:
    assert '<body class="ap-alone">' in with_landmarks(REPORT, has_other_tests=False)
    assert "<body>" in with_landmarks(REPORT, has_other_tests=True)


def test_only_our_own_styles_and_scripts_are_allowed() -> None:
    page = (
        "<html><head><style>\n  a {}\n</style></head><body><script>ours()</script>"
        "<script>theirs()</script><style>b {}</style></body></html>"
    )
    assets = ("a {}", "ours()")
    strict = with_policy(page, assets, has_style_attributes=False)
    assert '<head><meta http-equiv="Content-Security-Policy" content="default-src ' in strict
    for text, is_allowed in (
        ("\n  a {}\n", True),
        ("ours()", True),
        ("theirs()", False),
        ("b {}", False),
    ):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert (f"'sha256-{digest}'" in strict) == is_allowed
    assert "unsafe" not in strict
    assert "base-uri 'none'; form-action 'none'" in strict
