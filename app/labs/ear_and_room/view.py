"""The page of the lab in which an ear teaches a network to be a room: the FDN lab's, with what the ear hears first."""

from pathlib import Path

from app.labs.ear_and_room.model import EarAndRoomModel
from app.labs.ear_and_room.picture import card
from app.labs.fdn.view import FdnLab
from app.page.protocol import Work


class EarAndRoomLab(FdnLab):
    """The lab of ear and room, ready to display in a notebook or to serve."""

    slug = "ear_and_room"
    order = 5
    picture = staticmethod(card)
    title = "Ear and room"
    question = "Does it sound right to this ear?"
    opens_with = "room"
    upload_section = "Room and goal"
    grid = Path(__file__).with_name("grid.css").read_text(encoding="utf-8")
    model_class = EarAndRoomModel

    @property
    def _looks(self) -> bool:
        """Whether the lesson is about looking: it hides how long is trained."""
        return "t.steps" in self.link.hidden

    def transport(self) -> Work | None:
        """Return the buttons of the training, where there is to be one."""
        return None if self._looks else super().transport()

    def summary(self) -> str:
        """Return the line of words above the figures."""
        text = super().summary()
        return text.removesuffix(" Press Train.") if self._looks else text
