"""The site: which labs there are, the landing page, and what each served script does.
Source: our own.
Not a lab: those are in labs/, one folder each; adding one is a folder, a line here and a script in pages/.
"""

import panel as pn

from app.labs.filterbank.view import FilterbankLab
from app.shell import SITE, page_frame

#: In the order of the landing page. Each opens without a model of its own: `lab(link=..., served=True)`.
LABS: tuple[type[FilterbankLab], ...] = (FilterbankLab,)


def open_lab(slug: str) -> None:
    """Serve a lab to the present session, in the state that its link asks for."""
    lab = next(lab for lab in LABS if lab.slug == slug)
    link = pn.state.location.search if pn.state.location else ""
    # The session owns the view: what watches the model lives as long as the page does.
    lab(link=link or "", served=True).page().servable()


def open_landing() -> None:
    """Serve the landing page: the labs, their lessons, and how we know that they are right."""
    page_frame(SITE, sidebar=[], main=[pn.pane.HTML(landing_html(), sizing_mode="stretch_width")]).servable()


def landing_html() -> str:
    """Return the landing page's content: plain HTML, so that thirty students can open it at once."""
    return ""
