"""What the parts of a lab's page are drawn from, as plain data of the structures in page/js/types.ts."""

from dataclasses import dataclass, field
from typing import Any

from app.figures.wire import Scene
from app.lessons import Reading
from app.page import audiogram
from app.page.link import carried
from app.page.listen import DATA, how_loud
from app.page.protocol import Content
from app.page.upload import MAX_BYTES


@dataclass
class Status:
    """The words of the present state: what is seen, why it cannot be computed, notes, and how far the task is."""

    summary: str = ""
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    task_done: bool = False


class Contents:
    """The content of each part of one page, at the moment that it is asked for.

    Parameters
    ----------
    lab : LabView
        The page. Its class is not imported here: it owns this object.
    """

    def __init__(self, lab: Any) -> None:
        self._lab = lab

    def controls(self) -> Content:
        """Return what the controls are drawn from."""
        lab = self._lab
        box = {
            "awaited": lab.link.awaited_file,
            "bytes": MAX_BYTES,
            "page": lab.served,
            "section": lab.upload_section,
            "words": lab.upload_words,
        }
        return {
            "id": lab.id,
            "sections": lab.model.schema(),
            "lessons": [[slug, lesson.title] for slug, lesson in lab.model.lessons.items()],
            "vocabulary": {
                "measures": [[name, each.words, each.unit] for name, each in lab.model.quantities.items()],
                "figures": list(lab.figures),
                "sounds": [[key, each.label] for key, each in lab.sounds.items()],
            },
            "upload": None if lab.stimulus() is None else box,
        }

    def controls_state(self) -> Content:
        """Return what of the controls changes."""
        lab = self._lab
        lesson = lab.link.lesson
        return {
            "lesson": lesson.slug if lesson else "",
            "made": lesson.title if lesson and lab.link.is_made else "",
            "hide": list(lab.link.hidden),
            "undo": lab.messages.steps.can_undo,
            "redo": lab.messages.steps.can_redo,
            "unsaved": lab.model.unsaved,
            "carried": carried(lab.model),
        }

    def main(self) -> Content:
        """Return what the main part is drawn from."""
        return {"id": self._lab.id, "figures": self.figures(), "words": self.words(), "tools": self.tools()}

    def words(self) -> Content:
        """Return what the words above and beside the figures are drawn from."""
        lab, status = self._lab, self._lab.status
        lesson = lab.link.lesson
        quick = (lesson and lesson.controls) or lab.model.quick_controls()
        return {
            "question": lab.question,
            "summary": status.summary,
            "problem": status.problem,
            "notes": [note for note in status.notes if note != status.problem],
            "story": self._story(),
            "readings": status.readings,
            "done": status.task_done,
            "quick": [lab.model.fields[key].schema() for key in quick] if lab.served else [],
        }

    def _story(self) -> Content | None:
        lesson, following = self._lab.link.lesson, self._lab.link.next_lesson
        if lesson is None:
            return None
        slugs = list(self._lab.model.lessons)
        return {
            "slug": lesson.slug,
            "place": [0 if self._lab.link.is_made else slugs.index(lesson.slug) + 1, len(slugs)],
            "figure": lesson.figure,
            "title": lesson.title,
            "text": lesson.text,
            "questions": [list(pair) for pair in lesson.questions],
            "task": lesson.task.text if lesson.task else "",
            "done": lesson.task.done if lesson.task else "",
            "next": [following.slug, following.title] if following else None,
        }

    def tools(self) -> Content:
        """Return what the tools under the figures are drawn from."""
        lab = self._lab
        first = lab.link.lesson.sound if lab.link.lesson else ""
        sounds = sorted(lab.sounds.items(), key=lambda item: item[0] != first)
        return {
            "title": lab.title,
            "file": f"amtlab-{lab.slug}",
            "sounds": [[key, each.label, each.help] for key, each in sounds],
            "levels": how_loud(lab.sounds.values()),
            "silent": lab.silent(),
            "exports": [
                *([key, each.label, each.help] for key, each in lab.exports.items()),
                list(DATA),
            ],
            "pinned": lab.comparison.state is not None,
            "compares": lab.compares,
            "fits": lab.fits,
            "work": lab.transport(),
            "table": lab.runs(),
            "code": lab.model.code() if lab.code_open else "",
            "live": lab.live_sound.tools() if lab.served else None,
        }

    def figures(self) -> Content:
        """Return what the figures are drawn from, and what the parts share."""
        lab = self._lab
        # A picture that takes long comes after the page, which asks for it as soon as it listens.
        computing = lab.computing
        return {
            "template": lab.figures.template(),
            "grid": lab.figures.areas() + audiogram.GRID + (lab.grid or lab.figures.one_column()),
            "axes": lab.figures.axes(),
            "pointable": [figure.name for figure in lab.figures.values() if figure.pointable],
            "films": lab.figures.films(),
            "moments": lab.figures.moments(),
            "late": computing or lab.late(),
            "scene": Scene().whole() if computing else lab.scene.whole(),
            # The figures are always drawn, the drawer of a phone is not: they start what the parts share.
            "engine": {
                "values": lab.model.values(),
                "link": self.link(),
                "permalink": lab.served,
                "frame": self.controls_state(),
            },
        }

    def link(self) -> str:
        """Return the query of an address that opens what is there now."""
        return self._lab.link.write(self._lab.comparison.in_link)
