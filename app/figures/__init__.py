"""Figures on a page: kept up to date with a lab's settings, and films of them. What a figure is: `amtlib.plot`."""

from app.figures.film import Film, Moments
from app.figures.live import FigureSet, LiveFigures

__all__ = ["FigureSet", "Film", "LiveFigures", "Moments"]
