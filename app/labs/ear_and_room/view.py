"""The page of the lab in which an ear teaches a network to be a room: the FDN lab's, with what the ear hears first."""

from app.labs.ear_and_room.model import EarAndRoomModel
from app.labs.ear_and_room.picture import card
from app.labs.fdn.view import FdnLab
from app.page.protocol import Work

_GRID = """
.figures { grid-template-columns: repeat(3, minmax(0, 1fr));
           grid-template-areas: "corner corner corner" "three two six" "one four five" "loss response matrix"
                               "seven eight nine"; }
/* A map that a lesson is about has two columns and stands first; its place is another one's. */
@container (min-width: 700px) {
  .figures[data-lead="coch-target"] {
    grid-template-areas: "corner corner corner" "three three two" "one six four" "five loss response" "matrix . ."
                         "seven eight nine"; }
  .figures[data-lead="coch-difference"] {
    grid-template-areas: "corner corner corner" "six six two" "three five four" "one loss response" "matrix . ."
                         "seven eight nine"; }
  .figures[data-lead="heard"] {
    grid-template-areas: "corner corner corner" "four four five" "two one loss" "response matrix ."
                         "seven eight nine"; }
}
@container (max-width: 699px) {
  .figures { grid-template-columns: minmax(0, 1fr);
             grid-template-areas: "corner" "three" "six" "two" "one" "four" "loss" "five" "response" "matrix"
                                  "seven" "eight" "nine"; }
}
"""


class EarAndRoomLab(FdnLab):
    """The lab of ear and room, ready to display in a notebook or to serve."""

    slug = "ear_and_room"
    order = 5
    picture = staticmethod(card)
    title = "Ear and room"
    question = "Does it sound right to this ear?"
    opens_with = "room"
    upload_section = "Room and goal"
    grid = _GRID
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
