"""Loudness: from an excitation pattern to sones, over time and across the ears, and two complete models.
Source: Glasberg and Moore (2002); Moore, Glasberg, Varathanathan and Schlittenlacher (2016); ANSI S3.4-2007.
Not here: spectra and excitation patterns (:mod:`amtlib.filterbanks`), outer and middle ear (:mod:`amtlib.ears`).
"""
