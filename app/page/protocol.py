"""What a lab's page and the server send each other, and what each part of the page is drawn from: plain data.

The browser's half is page/js. What a page may send is checked before Bokeh reads it, by the table
`app.server.messages.LAB_MESSAGES`, whose fields are those of the messages here (tests/app/test_protocol.py).
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, NotRequired, TypedDict

from app.lessons import Reading

# ---------------------------------------------------------------- from the page


class Set(TypedDict):
    """Controls that were moved; answered by an `Update` with the same number. A drag is one ``step`` of undo."""

    type: Literal["set"]
    values: dict[str, Any]
    sequence: int
    step: int


class Point(TypedDict):
    """A place of a figure, in its axes' units, that is looked at closer; answered like `Set`."""

    type: Literal["point"]
    figure: str
    x: float
    y: float
    sequence: int
    step: int


class Hide(TypedDict):
    """The controls that a teacher hides: these and no others."""

    type: Literal["hide"]
    keys: list[str]


class OpenLesson(TypedDict):
    """A lesson to open; "" leaves the present one."""

    type: Literal["lesson"]
    slug: str


class OpenLink(TypedDict):
    """Another address of the same page, by its query: where the browser's Back and Forward lead."""

    type: Literal["open"]
    link: str


class Sure(TypedDict):
    """What was chosen when the page asked (`Ask`); "" where all is to stay."""

    type: Literal["sure"]
    do: str


class Make(TypedDict):
    """A lesson in YAML (JSON is some) to open; ``keep``: it starts from what the page shows, whatever it says."""

    type: Literal["make"]
    text: str
    keep: bool


class AskCode(TypedDict):
    """A link whose QR code is wanted."""

    type: Literal["qr"]
    text: str


class Command(TypedDict):
    """A button, or the page's wish for all that there is ("hello")."""

    type: Literal["hello", "reset", "pin", "unpin", "swap", "fit", "undo", "redo"]


class Transport(TypedDict):
    """A button of what takes time, see `Work`."""

    type: Literal["work"]
    do: str


class ShowCode(TypedDict):
    """Whether the code is unfolded."""

    type: Literal["code"]
    open: bool


class PlayLive(TypedDict):
    """Whether live sound is played: its numbers then travel with every `Update` that changes them."""

    type: Literal["live"]
    on: bool


class AskFor(TypedDict):
    """A sound to play, as it is or ("hear") as the lab's other ear hears it; or a file to keep."""

    type: Literal["sound", "hear", "export"]
    key: str


class Piece(TypedDict):
    """A piece of a dropped file, in base 64; the next one is sent when it is asked for."""

    type: Literal["upload"]
    id: str
    name: str
    size: int
    start: int
    data: str


#: Kind of message -> its structure.
FROM_PAGE: Final[Mapping[str, type[Any]]] = {
    "set": Set,
    "point": Point,
    "hide": Hide,
    "lesson": OpenLesson,
    "open": OpenLink,
    "sure": Sure,
    "make": Make,
    "qr": AskCode,
    **dict.fromkeys(("hello", "reset", "pin", "unpin", "swap", "fit", "undo", "redo"), Command),
    "work": Transport,
    "code": ShowCode,
    "live": PlayLive,
    **dict.fromkeys(("sound", "hear", "export"), AskFor),
    "upload": Piece,
}
#: Kinds of which the newest alone matters: moves of a slider or of the pointer.
NEWEST_WINS: Final = ("set", "point")

# ---------------------------------------------------------------- what the parts show


class ControlsState(TypedDict):
    """What of the controls changes. ``made`` is the title of a lesson that is none of the lab's own; ``unsaved`` says
    whether leaving the page loses something that took long to make; ``carried`` is the query that takes the ear to
    another lab.
    """

    lesson: str
    made: str
    hide: list[str]
    undo: bool
    redo: bool
    unsaved: bool
    carried: str


class UploadBox(TypedDict):
    """Where a file may be dropped. ``awaited`` is the name of the file that the page's link goes with, "" if that is
    unknown; None where it goes with none.
    """

    awaited: str | None
    bytes: int
    page: bool
    section: str
    words: str


class Vocabulary(TypedDict):
    """What a lesson of the lab can name: measures ``[name, words, unit]``, figures, sounds ``[key, label]``."""

    measures: list[list[str]]
    figures: list[str]
    sounds: list[list[str]]


class ControlsContent(TypedDict):
    """What the part of the controls is drawn from."""

    id: str
    sections: list[dict[str, Any]]
    lessons: list[list[str]]
    vocabulary: Vocabulary
    upload: UploadBox | None


class BarContent(TypedDict):
    """What the title bar is drawn from: address and title of each lab and of the listening test.

    ``id`` and ``here`` are the present lab's; ``ears`` the addresses of labs that can hear with another ear.
    """

    id: str
    here: str
    labs: list[list[str]]
    ears: list[str]


class Story(TypedDict):
    """A lesson's card: ``place`` is its number and how many there are, ``figure`` the one in question, ``next`` key and
    title of the lesson after it.
    """

    slug: str
    place: list[int]
    figure: str
    title: str
    text: str
    questions: list[list[str]]
    task: str
    done: str
    next: list[str] | None


class WordsContent(TypedDict):
    """What the words above and beside the figures are drawn from."""

    question: str
    summary: str
    problem: str
    notes: list[str]
    story: Story | None
    readings: list[Reading]
    done: bool
    quick: list[dict[str, Any]]


class Work(TypedDict):
    """The buttons of what takes time, ``[action, label]``, and how far it is.

    ``share`` is 0 to 1, ``left`` seconds or None, ``text`` a few words beside it.
    """

    buttons: list[list[str]]
    running: bool
    share: float
    left: float | None
    text: str


class LiveTools(TypedDict):
    """What live sound is offered with: rate in Hz, the setting of what is sent, whether a microphone is allowed."""

    fs: int
    source: dict[str, Any]
    microphone: bool


class Table(TypedDict):
    """A table of words under the figures. ``clear`` is what the button says that empties it, "" for no button."""

    title: str
    head: list[str]
    rows: list[list[str]]
    clear: str


class ToolsContent(TypedDict):
    """What the tools under the figures are drawn from: listen, compare, keep, code. Lists hold key, label, help.

    ``levels`` says how loud the sounds are played.
    """

    title: str
    file: str
    sounds: list[list[str]]
    levels: str
    silent: list[str]
    exports: list[list[str]]
    pinned: bool
    compares: bool
    fits: bool
    work: Work | None
    table: Table | None
    code: str
    live: LiveTools | None


class Engine(TypedDict):
    """What the page's parts share. ``link`` is the query of the address, "" for a fresh lab."""

    values: dict[str, Any]
    link: str
    permalink: bool
    frame: ControlsState


class AxisContent(TypedDict):
    """What an axis measures."""

    label: str
    unit: str
    scale: str


class CellsContent(TypedDict):
    """The data source of a layer of coloured cells, and their unit."""

    source: str
    unit: str


class FigureAxes(TypedDict):
    """What a figure's axes and cells measure; of which sounds the x axis is the time, and how far a second reaches."""

    x: AxisContent
    y: AxisContent
    cells: list[CellsContent]
    sounds: list[str]
    perSecond: float


class FilmContent(TypedDict):
    """What a page plays a film with: its source in the scene, and the fields of `app.figures.Film`."""

    source: str
    called: str
    switch: list[str]
    slower: list[int]


class MomentsContent(TypedDict):
    """A picture that goes along with sounds: its source in the scene, and their keys."""

    source: str
    sounds: list[str]


class FiguresContent(TypedDict):
    """What the figures are drawn from, and the engine that the other parts wait for."""

    template: str
    grid: str
    pointable: list[str]
    films: list[FilmContent]
    moments: list[MomentsContent]
    axes: dict[str, FigureAxes]
    late: bool
    scene: dict[str, dict[str, Any]]
    engine: Engine


class MainContent(TypedDict):
    """What the main part is drawn from."""

    id: str
    figures: FiguresContent
    words: WordsContent
    tools: ToolsContent


# ---------------------------------------------------------------- to the page


class Ask(TypedDict):
    """What a person must be sure of before it is done; choices are ``[what to do, label]``."""

    text: str
    choices: list[list[str]]


class Update(TypedDict):
    """All that a change moves, in one message, so that the page never shows half of it; ``opened`` answers
    `OpenLink`.
    """

    type: Literal["update"]
    ask: NotRequired[Ask]
    opened: NotRequired[str]
    answered: NotRequired[int]
    values: NotRequired[dict[str, Any]]
    link: NotRequired[str]
    words: NotRequired[WordsContent]
    tools: NotRequired[ToolsContent]
    controls: NotRequired[ControlsState]
    scene: NotRequired[dict[str, dict[str, Any]]]
    live: NotRequired[dict[str, dict[str, Any]]]


class Sound(TypedDict):
    """A sound to play: a WAV file in base 64."""

    type: Literal["sound"]
    title: str
    data: str


class File(TypedDict):
    """A file to keep, in base 64."""

    type: Literal["file"]
    name: str
    mime: str
    data: str


class Made(TypedDict):
    """A lesson that was opened: its entry (`app.lessons.entry_of`) and the file that holds it; or what is wrong.

    ``too_long`` is by how many characters its link is longer than links may be.
    """

    type: Literal["made"]
    problem: str
    slug: str
    entry: dict[str, Any]
    file: str
    too_long: int


class Code(TypedDict):
    """The QR code of a text: rows of "0" and "1"."""

    type: Literal["code"]
    rows: list[str]
    text: str


class Failed(TypedDict):
    """Why there is no sound, no file or no code."""

    type: Literal["failed"]
    text: str


class UploadMore(TypedDict):
    """The next piece of a file may come."""

    type: Literal["upload-more"]
    id: str


class UploadEnd(TypedDict):
    """A file is there, or why it was not taken."""

    type: Literal["upload-done", "upload-failed"]
    id: str
    text: str
