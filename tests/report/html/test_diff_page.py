import html
import re

from authprobe.report.html.diff_page import diff_page
from tests.report.test_diff import COMMAND, DIFF, GOOD, REFUSED, make
from tests.support.make import make_exchange, make_observation

PAGE = str(diff_page(DIFF, COMMAND))


def test_the_page_has_the_counts_and_each_section() -> None:
    assert "<title>client 1.0 → 1.1</title>" in PAGE
    for effect in ("broke", "fixed", "changed", "same"):
        assert f'<a href="#{effect}" class="d-{effect}"><strong>1</strong> {effect}</a>' in PAGE
        assert f'id="{effect}"' in PAGE
    assert "authprobe bisect a --good 1.0 --bad 1.1 --when outcome" in PAGE
    assert "<li><code>e</code>: after: not published</li>" in PAGE
    for one_sided in ("Only before (1)", "Only after (1)", "<li>gone</li>", "<li>new</li>"):
        assert one_sided in PAGE


def test_every_link_leads_to_a_place_and_ids_are_unique() -> None:
    ids = re.findall(r' id="([^"]+)"', PAGE)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', PAGE)) <= set(ids)


def test_a_broken_question_is_open_with_its_requests_side_by_side() -> None:
    assert PAGE.count('<details class="ap-case" open>') == 1
    assert '<th scope="row">≠ Outcome</th><td>accepted 200</td><td>rejected 401</td>' in PAGE
    row = "<code>POST api.anthropic.com/v1/messages</code></th><td>not made</td>"
    assert f'<tr class="d-differs"><th scope="row">≠ {row}<td>no credential: 401</td>' in PAGE


def test_side_requests_are_folded() -> None:
    side = make_observation(exchanges=(make_exchange(path="/api/hello"),), message="other")
    page = str(diff_page(make(("a", GOOD, side)), None))
    assert "<details><summary>Side requests</summary>" in page
    assert "Requests, in order" not in page
    assert "Run again" not in page


def test_the_page_loads_nothing_and_has_no_script() -> None:
    assert "<script" not in PAGE
    assert "default-src 'none'" in html.unescape(PAGE)


def test_hostile_text_is_escaped() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    evil = make_observation(message=hostile, exchanges=(make_exchange(path=f"/v1/{hostile}"),))
    page = str(diff_page(make((hostile, REFUSED, evil)), hostile))
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_many_differences_are_folded() -> None:
    many = make_observation(
        exchanges=tuple(make_exchange(path=f"/v1/{number}") for number in range(20)), message="pong"
    )
    page = str(diff_page(make(("a", GOOD, many)), None))
    assert "<summary>14 more differences</summary>" in page
