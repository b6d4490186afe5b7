"""Small pictures of a notebook's figures, for where no script runs: on a code host, and before the first run.

Figures come as Bokeh’s JSON (displays.py); Chromium draws them, with Bokeh's script from its package.
Not here: what is stored of a notebook (notebooks/refresh.py).
"""

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import bokeh
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import sync_playwright

from docs.chromium import LAUNCH_ARGUMENTS, find_chromium

#: Width of the page that is photographed, px (a figure of fixed size may be wider); pixels of a picture for each;
#: its colours; longest wait, ms.
WIDTH, SCALE, COLOURS, _LONGEST = 720, 1.5, 160, 30_000
#: Mean difference of two pictures, of 255, below which nobody sees one: fonts are drawn otherwise elsewhere.
UNSEEN = 1.5
_BOKEH = Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"
_PAGE = f"<style>body {{ margin: 0 }} #figure {{ width: {WIDTH}px; background: white }}</style><div id='figure'></div>"
_DRAW = """async (text) => {
  const place = document.getElementById("figure");
  place.replaceChildren();
  place.style.width = "";
  const set = { Toolbar: { visible: false }, GridPlot: { toolbar_location: null } };
  const item = JSON.parse(text, (key, value) =>
    value?.id && value.name in set ? { ...value, attributes: { ...value.attributes, ...set[value.name] } } : value);
  await Bokeh.embed.embed_item({ ...item, target_id: "figure" });
  await document.fonts.ready;
  const laidOut = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  await laidOut();
  if (place.scrollWidth > place.clientWidth) {
    place.style.width = `${place.scrollWidth}px`;
    await laidOut();
  }
  while (Bokeh.documents.length > 1) Bokeh.documents.shift().clear();
}"""


def small(png: bytes) -> bytes:
    """Return a picture with fewer colours, in a quarter of the bytes."""
    packed = io.BytesIO()
    seen = Image.open(io.BytesIO(png)).convert("RGB")
    seen.quantize(COLOURS, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
    return packed.getvalue()


def alike(one: bytes, other: bytes) -> bool:
    """Whether two pictures show the same to an eye."""
    first, second = (Image.open(io.BytesIO(each)).convert("RGB") for each in (one, other))
    if first.size != second.size:
        return False
    return max(ImageStat.Stat(ImageChops.difference(first, second)).mean) < UNSEEN


@contextlib.contextmanager
def camera() -> Iterator[Callable[[str], bytes]]:
    """Give what takes a picture of a figure, given as JSON.

    Raises
    ------
    SystemExit
        If there is no Chromium.
    """
    path = find_chromium()
    if path is None:
        raise SystemExit(
            "no Chromium found to draw pictures with: install chromium or name one in AMTLAB_CHROMIUM"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=LAUNCH_ARGUMENTS)
        page = browser.new_page(viewport={"width": WIDTH, "height": 1200}, device_scale_factor=SCALE)
        page.set_default_timeout(_LONGEST)
        page.set_content(_PAGE)
        page.add_script_tag(path=_BOKEH)

        def picture(item: str) -> bytes:
            page.evaluate(_DRAW, item)
            return small(page.locator("#figure").screenshot())

        yield picture
        browser.close()
