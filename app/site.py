"""The site: finds the labs in labs/, one folder each, makes the landing page, and serves both."""

import asyncio
import contextlib
import html
import importlib
import pkgutil
from functools import cache
from pathlib import Path
from types import ModuleType
from weakref import WeakValueDictionary

import panel as pn
import yaml

import app.labs
from amtlib import __version__
from app.page.authoring import of_course
from app.page.background import Background
from app.page.layout import SITE, page_frame, title_bar
from app.page.view import LabView
from app.state import VIEWS


def find_labs(labs: ModuleType) -> tuple[type[LabView], ...]:
    """Return the labs of a package: of each folder the one that its view.py makes, in the order of the landing page.

    Parameters
    ----------
    labs : module
        A package with one folder a lab, such as :mod:`app.labs`.

    Raises
    ------
    ValueError
        If a view.py makes no lab with the name of its folder as ``slug``.
    """
    found = []
    for folder in pkgutil.iter_modules(labs.__path__):
        view = importlib.import_module(f"{labs.__name__}.{folder.name}.view")
        made = [
            each
            for each in vars(view).values()
            if isinstance(each, type) and issubclass(each, LabView) and each.__module__ == view.__name__
        ]
        named = [each for each in made if each.slug == folder.name]
        if not named:
            raise ValueError(
                f"{view.__file__} makes no lab with slug = {folder.name!r}, the name of its folder; it makes "
                f"{', '.join(each.__name__ for each in made) or 'none'}."
            )
        found += named
    return tuple(sorted(found, key=lambda lab: (lab.order, lab.title)))


#: In the order of the landing page. Each opens without a model of its own: `lab(link=..., served=True)`.
LABS = find_labs(app.labs)


def add_lessons(folder: Path) -> None:
    """Give the labs a course's own lessons, after their own; see `app.page.authoring.of_course`."""
    for slug, lessons in of_course(folder, {lab.slug: lab for lab in LABS}).items():
        model = next(lab for lab in LABS if lab.slug == slug).model_class
        model.lessons = {**model.lessons, **lessons}


_EVIDENCE = Path(__file__).with_name("evidence.yaml")
_STYLE = (Path(__file__).parent / "static" / "landing.css").read_text(encoding="utf-8")


#: How long a page waits for its first picture, s; one that takes longer comes after it.
PATIENCE = 0.8
#: Pages whose picture has been begun and whose session has not, by the id of the session.
_BEGUN: dict[str, LabView] = {}
#: Pages of sessions.
_PAGES: WeakValueDictionary[str, LabView] = WeakValueDictionary()


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
    view.page(LABS).servable()


def open_landing() -> None:
    """Serve the landing page: the labs, their lessons, and how we know that they are right."""
    content = pn.pane.HTML(landing_html(), stylesheets=[_STYLE], sizing_mode="stretch_width", margin=0)
    page_frame(SITE, title_bar(LABS), sidebar=[], main=[content]).servable()


@cache
def landing_html() -> str:
    """Return the landing page's content: plain HTML, so that thirty students can open it at once."""
    cards = "".join(lab_card(lab) for lab in LABS)
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
  <b>QR code</b> shows it to the room. <b>Make a lesson</b> adds text, questions, a task, and hides what students need
  not see; it is kept in a link or a file. Your own sounds stay in your session and, for a day, in your browser.</p>
  <p class="fine">{SITE} {__version__}. Works without internet: nothing is fetched from elsewhere.</p>
</section>
</article>"""


def lab_card(lab: type[LabView]) -> str:
    """Return a lab's card on the landing page."""
    lessons = "".join(
        f"<li><a href='{lab.slug}?lesson={html.escape(slug)}'>{html.escape(lesson.title)}</a></li>"
        for slug, lesson in lab.model_class.lessons.items()
    )
    return f"""
<div class="card">
  <a class="picture" href="{lab.slug}" aria-label="Open the {lab.title} lab">{lab.picture()}</a>
  <div class="text">
    <h2><a href="{lab.slug}">{html.escape(lab.title)}</a></h2>
    <p>{html.escape(lab.question)}</p>
    <h3>Lessons</h3>
    <ul>{lessons}</ul>
  </div>
</div>"""
