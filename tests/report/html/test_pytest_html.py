import pytest

from authprobe.report.html.pytest_html import with_landmarks

PAGE = (
    "<!DOCTYPE html><html><head></head><body>"
    '<h1 id="title">Title</h1><div id="environment-header"></div></body></html>'
)


@pytest.mark.parametrize("has_other_tests", [True, False])
def test_the_page_has_a_language_a_viewport_and_a_header(has_other_tests: bool) -> None:
    page = with_landmarks(PAGE, has_other_tests=has_other_tests)
    assert '<html lang="en">' in page
    assert '<head><meta name="viewport"' in page
    assert '<header><h1 id="title">Title</h1></header>' in page


def test_only_an_empty_table_is_hidden() -> None:
    assert '<body class="ap-alone">' in with_landmarks(PAGE, has_other_tests=False)
    assert "<body>" in with_landmarks(PAGE, has_other_tests=True)
