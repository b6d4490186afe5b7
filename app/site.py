"""The site: finds the labs in labs/, one folder each, and serves them and the landing page."""

import asyncio
import contextlib
import importlib
import pkgutil
from functools import cache
from pathlib import Path
from types import ModuleType
from weakref import WeakValueDictionary

import panel as pn

import app.labs
from app import landing
from app.page.authoring import of_course
from app.page.background import Background
from app.page.layout import SITE, page_frame, title_bar
from app.page.view import LabView
from app.state import VIEWS
from app.upstream import forget_sent


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
    pn.state.onload(forget_sent)


def open_landing() -> None:
    """Serve the landing page: the labs, their lessons, and how we know that they are right."""
    content = pn.pane.HTML(landing_html(), stylesheets=[landing.STYLE], sizing_mode="stretch_width", margin=0)
    page_frame(SITE, title_bar(LABS), sidebar=[], main=[content]).servable()


@cache
def landing_html() -> str:
    """Return the landing page's content, made once a process."""
    return landing.landing_html(LABS)
