"""The page of the loudness lab: the chain from spectrum to sones, loudness over time, and an experiment beside it.
Source: figures from `app.plots.loudness`, numbers from model.py and experiments.py.
Not computing: it arranges and patches, and asks only for the experiment that is shown.
"""

import io
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from amtlib import audfiltbw, signals
from amtlib.loudness.iso226 import iso226_contour
from app import plots
from app.background import Background
from app.figures import template
from app.labs.loudness.experiments import CONTOUR_FREQUENCIES, PHONS, SERIES_LEVELS
from app.labs.loudness.model import FS, WINDOWS, LoudnessModel
from app.plots import loudness as figures
from app.shell import LabView, to_csv
from app.stimulus import Stimulus
from app.work import Job

_BESIDE = ("series", "growth", "binaural", "masking", "bandwidth", "contours")
_GRID = (
    """
.figures { grid-template-columns: repeat(2, minmax(0, 1fr)); grid-template-rows: 170px 66px 139px 225px auto;
           grid-template-areas: "spectrum time" "excitation time" "excitation beside" "specific beside"
                                "corner corner"; }
"""
    + "".join(f'.figures > [data-name="{name}"] {{ grid-area: 3 / 2 / 5 / 3; }}\n' for name in _BESIDE)
    + """
.corner { padding-left: 4px; min-height: 44px; }
@container (max-width: 699px) {
  .figures { grid-template-columns: minmax(0, 1fr); grid-template-rows: none;
             grid-template-areas: "specific" "time" "beside" "excitation" "spectrum" "corner"; }
"""
    + "".join(f'  .figures > [data-name="{name}"] {{ grid-area: beside; }}\n' for name in _BESIDE)
    + "}\n"
)
_PINNED = {
    "excitation-left": "excitation-pinned",
    "time-long": "time-pinned",
    "growth-both": "growth-pinned",
    "masking-masked": "masking-pinned",
    "bandwidth-live": "bandwidth-pinned",
}
#: Axes that follow the loudness that is there, in steps, and which data they must hold.
_TOPS = ("time", "specific", "bandwidth", "binaural")


def _draw() -> dict[str, Any]:
    """Draw the figures with stand-in data: what is to be seen comes with each page's scene."""
    return {
        "spectrum": figures.spectrum(WINDOWS),
        "excitation": figures.excitation(),
        "specific": figures.specific(),
        "time": figures.over_time(),
        "series": figures.series(SERIES_LEVELS),
        "growth": figures.growth(),
        "binaural": figures.binaural(),
        "masking": figures.masking(),
        "bandwidth": figures.bandwidth(),
        "contours": figures.contours(PHONS),
    }


def _link(found: Mapping[str, Any]) -> None:
    """Join the chain's figures: one place of the ear stands above itself."""
    found["excitation"].x_range = found["spectrum"].x_range
    found["specific"].x_range = found["spectrum"].x_range


class LoudnessLab(LabView):
    """The loudness lab, ready to display in a notebook or to serve.

    Parameters
    ----------
    model : LoudnessModel, optional
        State and numbers; a fresh one where none is given. Setting its parameters moves the page.
    link : str
        Query string of a permalink.
    served : bool
        Whether the lab is a page of its own (and owns the address bar) or stands in a notebook.
    background : Background, optional
        Where a served page's work is done; else where it is asked for.
    """

    slug = "loudness"
    title = "Loudness"
    question = "How loud is it, and why?"
    lessons = LoudnessModel.lessons
    grid = _GRID
    pointable = ("time",)
    sounds: ClassVar[dict[str, tuple[str, str]]] = {
        "input": ("Sound", "The sound as it reaches both ears"),
        "band": ("Band of noise", "The band of noise of the masking and bandwidth experiments"),
    }
    exports: ClassVar[dict[str, tuple[str, str]]] = {
        "csv": ("CSV", "Excitation and specific loudness at the moment, one line a channel"),
        "npz": ("NPZ", "Loudness over time, all patterns and the experiment that is shown, for NumPy"),
    }

    def __init__(
        self,
        model: LoudnessModel | None = None,
        link: str = "",
        *,
        served: bool = False,
        background: Background | None = None,
    ) -> None:
        self.lab = model or LoudnessModel()
        self._tops: dict[str, float] = dict.fromkeys(_TOPS, 0.0)
        super().__init__(self.lab, link, served, background)

    def stimulus(self) -> Stimulus:
        """Return the stimulus that a dropped file goes to."""
        return self.lab.stimulus

    def figures(self) -> str:
        """Return the template of the figures."""
        return template("loudness", _draw, _link)

    def pointed(self, figure: str, x: float, y: float) -> list[str]:
        """Move the moment to where the time plot was clicked."""
        share = 100 * x / float(self.lab.course.moments[-1])
        return self.lab.update({"v.moment": round(min(max(share, 0), 100), 1)})

    def job(self) -> Job | None:
        """Return the computation of the contours, where they are looked at."""
        return self.lab.contour_job() if self.lab.look.view == "contours" else None

    def fit(self) -> None:
        """Let every axis of loudness go to what is there."""
        self._tops = dict.fromkeys(_TOPS, 0.0)

    # ------------------------------------------------------------------ drawing

    def draw(self) -> None:
        """Put the present results into the scene."""
        view = self.lab.look.view
        self._draw_chain()
        self._draw_time()
        {
            "series": self._draw_series,
            "growth": self._draw_growth,
            "binaural": self._draw_binaural,
            "masking": self._draw_masking,
            "bandwidth": self._draw_bandwidth,
            "contours": self._draw_contours,
        }[view]()
        for name in _BESIDE:
            self.scene.set(name, visible=name == view)

    def _top(self, figure: str, highest: float) -> None:
        """Keep an axis of loudness as it is while the curve fits: it moves in steps, seldom."""
        held = self._tops[figure]
        if not held / 10 < highest <= held:
            held = self._tops[figure] = next_step(1.15 * max(highest, 1e-3))
        self.scene.limits(f"{figure}.y_range", 0.0, held)

    def _draw_chain(self) -> None:
        scene, lab = self.scene, self.lab
        course, frame = lab.course, lab.frame
        now = f"{course.moments[frame]:.2f} s"
        spectrum = lab.spectrum
        erb = plots.erb_number(spectrum.frequencies).astype(np.float32)
        window = np.searchsorted(lab.inside.edges, spectrum.frequencies, side="right")
        for i in range(len(WINDOWS)):
            x, y = erb[window == i], spectrum.levels[window == i].astype(np.float32)
            if not len(x):  # one stem out of sight: without any, the legend would show no colour
                x, y = np.zeros(1, dtype=np.float32), np.full(1, -40, dtype=np.float32)
            scene.data(f"spectrum-{i}", x0=x, y0=np.full_like(y, -40.0), x1=x, y1=y)
        edges = plots.erb_number(np.array(lab.inside.edges))
        scene.data("spectrum-edges", x0=edges, y0=np.full(5, -40.0), x1=edges, y1=np.full(5, 200.0))
        scene.set("spectrum.title", text=f"Spectrum behind the middle ear at {now}, by window")
        places = plots.erb_number(course.frequencies).astype(np.float32)
        (left, right), (specific_left, specific_right) = lab.patterns
        two = bool(np.any(right != left)) and lab.right > -math.inf
        for name, values in (
            ("left", left),
            ("right", right if two else right[:0]),
            ("threshold", lab.threshold),
        ):
            scene.data(
                f"excitation-{name}",
                excitation_x=places[: len(values)],
                excitation_y=np.maximum(values, -60).astype(np.float32),
            )
        top = int(left.argmax())
        heard = bool((left > lab.threshold).any())
        peak = f"{left[top]:.0f} dB near {course.frequencies[top]:.0f} Hz" if heard else "below threshold"
        scene.set("excitation.title", text=f"Excitation pattern: {peak}")
        # Counter-clockwise around each area, right on top of left.
        cam, floor = course.cam, np.zeros_like(specific_left)
        for name, low, high in (
            ("left", floor, specific_left),
            ("right", specific_left, specific_left + specific_right),
        ):
            scene.data(
                f"specific-{name}",
                x=np.concatenate([cam, cam[::-1]]).astype(np.float32),
                y=np.concatenate([low, high[::-1]]).astype(np.float32),
            )
        self._top("specific", float(course.specific.sum(0).max()))
        area = float(course.at_moments[frame])
        ears = [plain(area_of(ear)) for ear in (specific_left, specific_right) if ear.any()]
        shares = f"{' + '.join(ears)} = " if len(ears) > 1 else ""
        kind = "short-term" if lab.listener.model == "moore2016" else "instantaneous"
        scene.set("specific.title", text=f"Area: {shares}{plain(area)} sone, {kind}")

    def _draw_time(self) -> None:
        scene, course = self.scene, self.lab.course
        step = max(len(course.time) // plots.COLUMNS, 1)
        times = course.time[::step].astype(np.float32)
        for name, values in (
            ("instantaneous", course.instantaneous),
            ("short", course.short_term),
            ("long", course.long_term),
        ):
            scene.data(f"time-{name}", time_x=times, time_y=values[::step].astype(np.float32))
        highest = float(course.instantaneous.max())
        self._top("time", highest)
        at = float(course.moments[self.lab.frame])
        scene.data("time-moment", time_x=np.array([at, at]), time_y=np.array([0.0, 1e5]))
        scene.limits("time.x_range", float(course.time[0]), float(course.time[-1]))
        scene.set("time.title", text=f"Loudness over time: {self.lab.sones(course.peak)}")

    def _draw_series(self) -> None:
        places = plots.erb_number(self.lab.course.frequencies).astype(np.float32)
        for i, line in enumerate(self.lab.series.excitation):
            # To 0.01 dB: what a move of the level leaves as it is, is neither sent nor drawn again.
            values = np.maximum(line, -60).round(2).astype(np.float32)
            self.scene.data(f"series-{i}", series_x=places[: len(values)], series_y=values)

    def _draw_growth(self) -> None:
        scene, found, level = self.scene, self.lab.growth, float(self.lab.stimulus.level)
        for name, values in (("one", found.one), ("both", found.both)):
            scene.data(f"growth-{name}", growth_x=found.levels, growth_y=np.maximum(values, 1e-5))
        rule = np.array([0.0, 110.0])
        scene.data("growth-rule", growth_x=rule, growth_y=2 ** ((rule - 40) / 10))
        scene.data("growth-here", growth_x=np.array([level, level]), growth_y=np.array([1e-5, 1e5]))
        heard = found.one if self.lab.right == -math.inf else found.both
        now = float(np.exp(np.interp(level, found.levels, np.log(np.maximum(heard, 1e-5)))))
        scene.set("growth.title", text=f"If it lasts: {self.lab.sones(now)} at {level:g} dB SPL")

    def _draw_binaural(self) -> None:
        scene, found = self.scene, self.lab.steady
        later = self.lab.listener.model == "moore2016"
        both = [found.both, found.uninhibited] if later else [0.0, found.both]
        values, names = np.array([found.left, found.right, *both]), list(figures.EARS)
        words = [f"{plain(v)} sone" for v in values]
        if not later:  # its ears do not know of each other
            words[2] = "not in this model"
        scene.data("binaural", ears=names, ears_loudness=values)
        scene.data("binaural-values", ears=names, ears_loudness=values, text=words)
        self._top("binaural", float(values.max()))

    def _draw_masking(self) -> None:
        scene, found, look = self.scene, self.lab.masking, self.lab.look
        erb = plots.erb_number(found.frequencies)
        for name, values in (("quiet", found.quiet), ("masked", found.masked)):
            scene.data(f"masking-{name}", masking_x=erb, masking_y=values)
        scene.data(
            "masking-noise",
            masking_x=plots.erb_number(np.array(found.edges)),
            masking_y=np.full(2, float(look.level)),
        )

    def _draw_bandwidth(self) -> None:
        scene, found, look = self.scene, self.lab.bandwidth, self.lab.look
        scene.data("bandwidth-live", bandwidth_x=found.widths, bandwidth_y=found.loudness)
        erb = float(audfiltbw(torch.tensor(float(look.centre))))
        scene.data("bandwidth-erb", bandwidth_x=np.array([erb, erb]), bandwidth_y=np.array([0.0, 1e5]))
        self._top("bandwidth", float(found.loudness.max()))
        scene.set(
            "bandwidth.title",
            text=f"{look.level:g} dB SPL around {look.centre:g} Hz; one ERB is {erb:.0f} Hz",
        )

    def _draw_contours(self) -> None:
        scene, found = self.scene, self.lab.contours
        erb = plots.erb_number(CONTOUR_FREQUENCIES)
        for i, level in enumerate(PHONS):
            standard = iso226_contour(level).numpy()
            scene.data(f"iso-{i}", contour_x=erb, contour_y=standard)
            mine = found.levels[i] if found else np.full(len(erb), np.nan)
            known = np.isfinite(mine)
            scene.data(f"contour-{i}", contour_x=erb[known], contour_y=mine[known])
        at = plots.erb_number([1000.0])[0]
        scene.data(
            "contour-marks",
            contour_x=np.full(len(PHONS), at),
            contour_y=np.array([float(max(p, 2)) + 2 for p in PHONS]),
            text=[f"{p} phon" if p else "threshold" for p in PHONS],
        )

    def draw_pinned(self, shown: bool) -> None:
        """Keep the present curves as ghosts, or clear them."""
        if shown:  # of every experiment: the reader may look at another one while A is pinned
            self._draw_growth()
            self._draw_masking()
            self._draw_bandwidth()
        for live, pinned in _PINNED.items():
            columns = self.scene.columns(live)
            if columns:
                self.scene.data(pinned, **{key: v if shown else v[:0] for key, v in columns.items()})
        _, (left, right) = self.lab.patterns
        ghost = (self.lab.course.cam, left + right)
        x, y = (v.astype(np.float32) if shown else v[:0] for v in ghost)
        self.scene.data("specific-pinned", specific_x=x, specific_y=y)

    # ------------------------------------------------------------------ words, sound, files

    def measures(self) -> Mapping[str, float]:
        """Return the numbers that a lesson's task can ask for."""
        return self.lab.measures()

    def summary(self) -> str:
        """Return the line of words above the figures."""
        return self.lab.summary()

    def sound(self, key: str) -> tuple[str, torch.Tensor, int]:
        """Return title, samples and rate of the sound at both ears, or of the band of noise."""
        if key == "input":
            return self.lab.stimulus.summary, self.lab.both_ears(), FS
        if key == "band":
            look = self.lab.look
            half = float(look.width) / 2
            low = math.hypot(float(look.centre), half) - half
            band = signals.band_noise(low, low + 2 * half, level=float(look.level), duration=1.0, fs=FS)
            return f"Noise, {low:.0f} to {low + 2 * half:.0f} Hz", band, FS
        raise KeyError(f"There is no sound called {key}")

    def compared_sound(self) -> tuple[torch.Tensor, int]:
        """Return the sound at both ears."""
        return self.lab.both_ears(), FS

    def export(self, key: str) -> tuple[str, str, bytes]:
        """Return the patterns at the moment as CSV, or everything as NPZ."""
        lab, course = self.lab, self.lab.course
        (left, right), (specific_left, specific_right) = lab.patterns
        if key == "csv":
            columns = {
                "erb_number_cam": course.cam,
                "frequency_hz": course.frequencies,
                "excitation_left_db": left,
                "excitation_right_db": right,
                "specific_loudness_left_sone_per_cam": specific_left,
                "specific_loudness_right_sone_per_cam": specific_right,
            }
            return "amtlab-loudness.csv", "text/csv", to_csv(columns, lab.summary())
        if key == "npz":
            view = lab.look.view
            shown = lab.steady if view == "binaural" else getattr(lab, view)
            buffer = io.BytesIO()
            np.savez_compressed(
                buffer,
                **vars(course),
                **{f"{view}_{name}": value for name, value in (vars(shown) if shown else {}).items()},
            )
            return f"amtlab-loudness-{view}.npz", "application/zip", buffer.getvalue()
        raise KeyError(f"There is no export called {key}")


def area_of(specific: Any) -> float:
    """Return the area of a specific loudness on channels 0.25 Cam apart, sone."""
    return float(np.sum(specific)) / 4


def plain(sone: float) -> str:
    """Write a loudness with three digits, and never in powers of ten."""
    return f"{sone:.{max(0, 2 - math.floor(math.log10(sone)))}f}" if sone >= 1e-3 else "0"


def next_step(value: float) -> float:
    """Return the next number of the series 1, 1.5, 2, 3, 5, 7, 10 that is not smaller."""
    decade = 10.0 ** math.floor(math.log10(value))
    steps = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
    return decade * next(step for step in steps if value <= step * decade * (1 + 1e-9))
