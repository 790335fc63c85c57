"""A complete HTML document: nothing in it is loaded from elsewhere."""

from authprobe.report.html.elements import Html
from authprobe.report.html.policy import content_policy
from authprobe.report.html.rendering import asset, render


def document(
    title: str,
    body: Html,
    *,
    style: str = "",
    script: str = "",
    has_style_attributes: bool = False,
    has_heading: bool = False,
) -> Html:
    """Return a document with the title as its heading, unless `body` has one: `has_heading`.

    `style` and `script` name the files that `body` needs beside the styles of the report.
    """
    sheets = ("report.css", "sequence.css", "document.css", *([style] if style else []))
    styles = Html().join(map(asset, sheets))
    code = asset(script) if script else Html()
    return render(
        "document.html",
        title=title,
        has_heading=has_heading,
        body=body,
        styles=styles,
        script=code,
        policy=content_policy(
            styles=[styles], scripts=[code], has_style_attributes=has_style_attributes
        ),
    )
