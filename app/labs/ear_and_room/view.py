"""The page of the lab in which an ear teaches a network to be a room: the FDN lab's, with what the ear hears first."""

from app.labs.ear_and_room.model import EarAndRoomModel
from app.labs.ear_and_room.picture import card
from app.labs.fdn.view import FdnLab

_GRID = """
.figures { grid-template-columns: repeat(3, minmax(0, 1fr));
           grid-template-areas: "corner corner corner" "one two three" "four loss five" "response matrix ."; }
@container (max-width: 699px) {
  .figures { grid-template-columns: minmax(0, 1fr);
             grid-template-areas: "corner" "one" "two" "three" "four" "loss" "five" "response" "matrix"; }
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
