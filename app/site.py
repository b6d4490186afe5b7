"""The site: which labs there are, the landing page, and what each served script does.
Source: our own.
Not a lab: those are in labs/, one folder each; adding one is a folder, a line here and a script in pages/.
"""

import asyncio
import contextlib
import html
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

import numpy as np
import panel as pn
import torch
import yaml

from amtlib import GammatoneFilterbank, __version__, fdn, scales
from app.labs.cochlea.model import CochleaModel
from app.labs.cochlea.view import CochleaLab
from app.labs.ear_and_room.model import EarAndRoomModel
from app.labs.ear_and_room.view import EarAndRoomLab
from app.labs.fdn import findings
from app.labs.fdn.ear import SENSATION
from app.labs.fdn.model import FdnModel
from app.labs.fdn.view import FdnLab
from app.labs.filterbank.view import FilterbankLab
from app.labs.loudness.model import LoudnessModel
from app.labs.loudness.view import LoudnessLab
from app.page.background import Background
from app.page.layout import SITE, page_frame
from app.page.part import LabPart
from app.server.state import VIEWS

AnyLab: TypeAlias = FilterbankLab | CochleaLab | LoudnessLab | FdnLab | EarAndRoomLab
#: In the order of the landing page. Each opens without a model of its own: `lab(link=..., served=True)`.
LABS: tuple[type[AnyLab], ...] = (FilterbankLab, CochleaLab, LoudnessLab, FdnLab, EarAndRoomLab)

_EVIDENCE = Path(__file__).with_name("evidence.yaml")
_STYLE = (Path(__file__).parent / "static" / "landing.css").read_text(encoding="utf-8")


#: How long a page waits for its first picture, s; one that takes longer comes after it.
PATIENCE = 0.8
#: Pages whose picture has been begun and whose session has not, by the id of the session.
_BEGUN: dict[str, AnyLab] = {}
#: Pages of sessions.
_PAGES: WeakValueDictionary[str, AnyLab] = WeakValueDictionary()


async def begin(slug: str, link: str, session_id: str, owner: str = "") -> None:
    """Compute a page's first picture before its session is made, off the event loop.

    Parameters
    ----------
    slug : str
        Which page; one that is no lab needs nothing.
    link : str
        Query of the page's address.
    session_id : str
        The session that `open_lab` will be called in; `forget` it if it is not made.
    owner : str
        The client whose page it is.
    """
    lab = next((lab for lab in LABS if lab.slug == slug), None)
    if lab is None:
        return
    background = Background(asyncio.get_running_loop(), owner)
    _BEGUN[session_id] = lab(link=link, served=True, background=background)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(background.turn(lambda: None), PATIENCE)


def forget(session_id: str) -> None:
    """Close what was begun for a session that was not made."""
    view = _BEGUN.pop(session_id, None)
    if view is not None:
        view.close()


def connected(session_id: str, *, is_there: bool) -> None:
    """Let a page know whether it has a connection; one that nobody sees computes nothing new."""
    view = _PAGES.get(session_id) or _BEGUN.get(session_id)
    if view is not None:
        view.connected(is_there=is_there)


def open_lab(slug: str) -> None:
    """Serve a lab to the present session: what `begin` made for it, or else the lab as it opens without a link."""
    document = pn.state.curdoc
    context = document.session_context if document is not None else None
    view = _BEGUN.pop(context.id, None) if context is not None else None
    if view is None:
        view = next(lab for lab in LABS if lab.slug == slug)(served=True)
    if context is not None:
        _PAGES[context.id] = view
    # The session owns the view: what watches the model lives as long as the page does.
    pn.state.on_session_destroyed(lambda session_context: view.close())
    VIEWS.add(view)
    view.arrived()
    view.page().servable()


def open_landing() -> None:
    """Serve the landing page: the labs, their lessons, and how we know that they are right."""
    content = pn.pane.HTML(landing_html(), stylesheets=[_STYLE], sizing_mode="stretch_width", margin=0)
    frame = LabPart(dict, lambda message: None, kind="frame")
    page_frame(SITE, sidebar=[], main=[content, frame]).servable()


@cache
def landing_html() -> str:
    """Return the landing page's content: plain HTML, so that thirty students can open it at once."""
    cards = "".join(_card(lab) for lab in LABS)
    evidence = yaml.safe_load(_EVIDENCE.read_text(encoding="utf-8"))
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(row['what'])}</th><td>{html.escape(row['against'])}</td>"
        f"<td class='number'>{row['worst']:.1g}</td><td>{html.escape(row['of'])}</td></tr>"
        for row in evidence
    )
    return f"""
<article>
<section class="hero">
  <h1>Hearing you can touch</h1>
  <p>Move a slider and see and hear what an ear does with sound. Every number comes from
  <code>amtlib</code>, a library of exact, differentiable auditory models; each lab shows the code behind its
  picture.</p>
</section>
<section class="cards" aria-label="Labs">{cards}</section>
<section>
  <h2>How do we know?</h2>
  <p>Each model is held against the numbers of the original one whenever the tests run. The worst errors at present:</p>
  <div class="scroll"><table>
    <thead><tr><th scope="col">Model</th><th scope="col">Held against</th><th scope="col">Worst error</th>
    <th scope="col">Relative to</th></tr></thead>
    <tbody>{rows}</tbody>
  </table></div>
</section>
<section>
  <h2>For teachers</h2>
  <p>The whole state of a lab is in its address: set it up, press <b>Copy link</b>, and the class opens what you see.
  <b>Make a lesson</b> hides the controls that students need not see. Your own sounds stay in your session.</p>
  <p class="fine">{SITE} {__version__}. Works without internet: nothing is fetched from elsewhere.</p>
</section>
</article>"""


def _card(lab: type[AnyLab]) -> str:
    lessons = "".join(
        f"<li><a href='{lab.slug}?lesson={html.escape(slug)}'>{html.escape(lesson.title)}</a></li>"
        for slug, lesson in lab.lessons.items()
    )
    return f"""
<div class="card">
  <a class="picture" href="{lab.slug}" aria-label="Open the {lab.title} lab">{_PICTURES[lab.slug]()}</a>
  <div class="text">
    <h2><a href="{lab.slug}">{html.escape(lab.title)}</a></h2>
    <p>{html.escape(lab.question)}</p>
    <h3>Lessons</h3>
    <ul>{lessons}</ul>
  </div>
</div>"""


def _filters_picture(width: int = 360, height: int = 150) -> str:
    """Draw the responses of a gammatone filterbank as a small picture: real ones, computed here."""
    bank = GammatoneFilterbank((80.0, 8000.0), fs=32000)
    axis = torch.linspace(2.0, 35.0, 320, dtype=torch.float64)
    gains = 20 * torch.log10(bank.frequency_response(scales.erb2fc(axis)).abs().clamp_min(1e-6))
    across = np.linspace(0, width, len(axis))
    down = np.clip(-gains.numpy() / 40, 0, 1.02) * (height - 12) + 8
    lines = "".join(
        "<polyline points='"
        + " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, row, strict=True) if y < height - 4)
        + f"' class='{'strong' if i == len(down) // 2 else 'weak'}'/>"
        for i, row in enumerate(down)
    )
    return f"<svg viewBox='0 0 {width} {height}' role='img' aria-hidden='true'>{lines}</svg>"


def _compression_picture(width: int = 360, height: int = 150) -> str:
    """Draw the input/output curves of a normal ear and of one without outer hair cells."""
    curve = CochleaModel().input_output
    across = curve.levels / curve.levels[-1] * width

    def line(values: np.ndarray[Any, Any], look: str) -> str:
        down = height - 8 - (values + 10) / 125 * (height - 16)
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True) if y < height)
        return f"<polyline points='{points}' class='{look}'/>"

    lines = line(curve.linear, "weak") + line(curve.total, "strong")
    return f"<svg viewBox='0 0 {width} {height}' role='img' aria-hidden='true'>{lines}</svg>"


def _loudness_picture(width: int = 360, height: int = 150) -> str:
    """Draw the excitation of a tone at five levels: louder ones lean towards high frequencies."""
    excitation = LoudnessModel().series.excitation
    across = np.linspace(0, width, excitation.shape[1])
    down = height - 6 - np.clip(excitation + 5, 0, None) / 110 * (height - 16)
    lines = "".join(
        "<polyline points='"
        + " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, row, strict=True))
        + f"' class='{'strong' if i == len(down) - 1 else 'weak'}'/>"
        for i, row in enumerate(down)
    )
    return f"<svg viewBox='0 0 {width} {height}' role='img' aria-hidden='true'>{lines}</svg>"


def _network_picture(width: int = 360, height: int = 150) -> str:
    """Draw how strongly the modes of a network are excited, before training: what stands out rings."""
    modes = fdn.modal_decomposition(findings.bare(FdnModel().start), band=(300.0, 900.0))
    excitation = modes.excitation_db.ravel()
    across = (modes.frequencies - 300) / 600 * width
    down = height - 6 - np.clip(excitation - excitation.max() + 45, 0, None) / 45 * (height - 16)
    lines = "".join(
        f"<polyline points='{x:.1f},{height - 4} {x:.1f},{y:.1f}' class='{'strong' if y < 0.22 * height else 'weak'}'/>"
        for x, y in zip(across, down, strict=True)
    )
    return f"<svg viewBox='0 0 {width} {height}' role='img' aria-hidden='true'>{lines}</svg>"


def _heard_picture(width: int = 360, height: int = 150) -> str:
    """Draw how the room of the lab sinks below an ear's threshold: low channels at the bottom, time to the right."""
    heard = EarAndRoomModel().room_heard()
    assert heard is not None
    rows, columns = heard.sensation.shape
    step = 4  # 40 ms a cell
    levels = heard.sensation[:, : columns // step * step].reshape(rows, -1, step).mean(-1) / SENSATION[1]
    across, down = width / levels.shape[1], height / rows
    cells = "".join(
        f"<rect x='{i * across:.1f}' y='{height - (row + 1) * down:.1f}' width='{across + 0.2:.1f}' "
        f"height='{down + 0.2:.1f}' class='cell' fill-opacity='{level:.2f}'/>"
        for row, line in enumerate(levels)
        for i, level in enumerate(line)
        if level > 0.02
    )
    return f"<svg viewBox='0 0 {width} {height}' role='img' aria-hidden='true'>{cells}</svg>"


_PICTURES = {
    "filterbank": _filters_picture,
    "cochlea": _compression_picture,
    "loudness": _loudness_picture,
    "fdn": _network_picture,
    "ear_and_room": _heard_picture,
}
