"""`authprobe card`: the picture of a run for sharing, as SVG or PNG."""

from pathlib import Path
from typing import Final

from authprobe.commands.picture import check_picture, write_picture
from authprobe.errors import SettingsError
from authprobe.report.svg.card import FONTS, card_svg
from authprobe.run.results_file import read_run

SVG, PNG = ".svg", ".png"
_PROBE: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">'
    f'<text y="16" font-family="{FONTS}">{{}}</text></svg>'
)


def card(results: Path, *, out: Path | None) -> int:
    """Write the card of a run, and return the exit code.

    Raises:
        RecordError: `results` cannot be read, or is not a results file.
        SettingsError: `out` cannot be written, or a PNG cannot be made here.
    """
    suffix = out.suffix.lower() if out else SVG
    if suffix not in (SVG, PNG):
        raise SettingsError(f"--out {out}: the name must end in {SVG} or {PNG}")
    check_picture(out)
    text = card_svg(read_run(results))
    return write_picture(out, text, make_png if suffix == PNG else None)


def make_png(svg: str) -> bytes:
    """Return an SVG image as PNG, drawn with the fonts of this machine.

    Raises:
        SettingsError: the extra is not installed, or there is no font.
    """
    try:
        import resvg_py
    except ImportError:
        raise SettingsError(
            "a PNG needs the extra `card`: pip install 'authprobe[card]'; or write a .svg"
        ) from None
    if resvg_py.svg_to_bytes(svg_string=_PROBE.format("W")) == resvg_py.svg_to_bytes(
        svg_string=_PROBE.format("")
    ):
        raise SettingsError(
            f"a PNG needs one of the fonts {FONTS.removesuffix(',sans-serif').replace(',', ', ')}; "
            "install one, such as the package fonts-dejavu-core, or write a .svg"
        )
    return resvg_py.svg_to_bytes(svg_string=svg)
