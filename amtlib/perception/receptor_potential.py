"""The inner hair cell as an electrical circuit: motion opens channels, and the current charges the membrane.
Source: the Auditory Modeling Toolbox, paulick2024_ihc (version 1.6), after Paulick et al. (2024), the CASP model
revisited.
Not here: the loop over samples (:mod:`amtlib.perception.membrane`).
"""

import torch
from torch import Tensor

from amtlib import lti
from amtlib.filterbanks.precision import check_rate
from amtlib.inputs import Signal
from amtlib.modules import RealModule
from amtlib.perception.membrane import membrane_voltage
from amtlib.perception.memory import RecursionStream
from amtlib.ranges import Above

#: Displacement in m for a velocity of 1 m/s
_DISPLACEMENT = 10.0 ** (-105.0 / 20.0)
_START = -57.03e-3
_REST_CONDUCTANCE = 3.3514e-9
_REST_SECONDS = 0.05

#: Value and range of what may learn, in SI units; the reversal potentials of potassium are given as their magnitudes
_CIRCUIT = {
    "max_conductance": (30e-9, 1e-10, 1e-6),
    "half_displacement": (20e-9, 1e-10, 1e-6),
    "steep_displacement": (16e-9, 1e-10, 1e-6),
    "flat_displacement": (35e-9, 1e-10, 1e-6),
    "capacitance": (12.5e-12, 2e-12, 1e-9),
    "endocochlear_potential": (90e-3, 1e-3, 1.0),
    "fast_conductance": (19.8e-9, 1e-10, 4e-7),
    "slow_conductance": (19.8e-9, 1e-10, 4e-7),
    "fast_potential": (71e-3, 1e-3, 1.0),
    "slow_potential": (78e-3, 1e-3, 1.0),
}


class IHCPaulick2024(RealModule):
    """
    Inner hair cell of the revised CASP model: basilar-membrane velocity in, receptor potential out.

    The displacement of the hair bundle, 105 dB below the velocity, opens transduction channels by a second-order
    Boltzmann function; their current and those of two potassium conductances charge the membrane, and what comes out is
    its voltage above that at rest. It follows 500 Hz cycle by cycle, keeps the envelope alone of 4 kHz, and saturates
    at about 60 mV.

    Parameters
    ----------
    fs : float
        Sampling rate in Hz, above 2784: below it the steps of the circuit (forward Euler) grow beyond all bounds.
    learnable : bool
        Make the ten values of the circuit parameters, stored as logarithms.
    dtype : torch.dtype
        torch.float32 or torch.float64, of the signals; the circuit is computed in float64 either way.

    Attributes
    ----------
    max_conductance : Tensor, shape (), float64
        Of all transduction channels, 30 nS (the unit is S).
    half_displacement, steep_displacement, flat_displacement : Tensor, shape (), float64
        Of the Boltzmann function, 20, 16 and 35 nm (the unit is m).
    capacitance : Tensor, shape (), float64
        Of the membrane, 12.5 pF (the unit is F).
    endocochlear_potential : Tensor, shape (), float64
        90 mV (the unit is V).
    fast_conductance, slow_conductance : Tensor, shape (), float64
        Of the potassium channels, 19.8 nS each.
    fast_potential, slow_potential : Tensor, shape (), float64
        Magnitudes of their negative reversal potentials, 71 and 78 mV.
    fs, learnable, dtype
        As given.

    Raises
    ------
    ValueError
        If `fs` is no sampling rate, or too low.

    See Also
    --------
    amtlib.DRNLFilterbank : what comes before.
    AdaptLoop : what comes next.

    Notes
    -----
    The rest is what the membrane reaches in 50 ms from -57.03 mV at a conductance of 3.3514 nS. Silence gives up to
    9 nV, not 0, since the conductance of a bundle at rest differs a little from that. Against the original toolbox the
    error is 1e-12 of the maximum.

    References
    ----------
    Paulick, Relano-Iborra and Dau (2024), The Computational Auditory Signal Processing and Perception Model (CASP): A
    Revised Version, bioRxiv.

    Examples
    --------
    >>> cell = IHCPaulick2024(44100, dtype=torch.float64)
    >>> time = torch.arange(4410, dtype=torch.float64) / 44100
    >>> [round(1e3 * float(cell(v * torch.sin(2 * torch.pi * 500 * time)).max()), 2) for v in (1e-4, 1e-2, 0.3)]
    [0.36, 40.6, 57.86]
    """

    capacitance: Tensor

    def __init__(self, fs: float, learnable: bool = False, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(dtype)
        self.fs, self.learnable = check_rate(fs), bool(learnable)
        for name, (value, low, high) in _CIRCUIT.items():
            at = torch.tensor(value, dtype=torch.float64)
            self._keep(name, at, self.learnable, exact=True, within=Above(low, high))
        self._check_steps()

    def _check_steps(self) -> None:
        """Raise if a step of the circuit may overshoot by as much as it steps."""
        values = {name: self._now(name).detach() for name in _CIRCUIT}
        if values["capacitance"].is_meta:
            return
        total = values["max_conductance"] + values["fast_conductance"] + values["slow_conductance"]
        least = float(total / values["capacitance"]) / 2.0
        if self.fs <= least:
            raise ValueError(
                f"fs = {self.fs:g} Hz is too low for this membrane, whose voltage would grow beyond all bounds; give "
                f"more than {least:.0f} Hz"
            )

    def _circuit(self) -> tuple[Tensor, Tensor]:
        """Return the voltage at rest, and the eight numbers of a step of the circuit, in float64."""
        now = {name: self._now(name) for name in _CIRCUIT}
        fast, slow = now["fast_conductance"], now["slow_conductance"]
        others = fast + slow
        outward = fast * now["fast_potential"] + slow * now["slow_potential"]
        per_step = 1.0 / (now["capacitance"] * self.fs)
        driving = now["endocochlear_potential"]
        # 50 ms at one conductance: the distance to where that leads shrinks by the same factor with every step
        total = others + _REST_CONDUCTANCE
        end = (_REST_CONDUCTANCE * driving - outward) / total
        rest = end + (_START - end) * (1.0 - total * per_step) ** round(_REST_SECONDS * self.fs)
        channels = [now[name] for name in list(_CIRCUIT)[:4]]
        channels = [*channels[1:], channels[0]]
        return rest, torch.stack([*channels, driving, others, outward, per_step])

    def _run(self, x: Tensor, start: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return voltage above rest, and the voltage at the end."""
        self._check_steps()
        rest, circuit = self._circuit()
        before = rest.expand(x.shape[:-1]) if start is None else start
        return membrane_voltage(x * _DISPLACEMENT, before, rest, circuit)

    def forward(self, x: Signal) -> Tensor:
        """
        Turn motion into voltage.

        Parameters
        ----------
        x : Tensor or ndarray, shape (..., T)
            Velocity of the basilar membrane in m/s, as :class:`amtlib.DRNLFilterbank` gives it.

        Returns
        -------
        Tensor, shape (..., T)
            Receptor potential above rest in V. Differentiable once.

        Raises
        ------
        ValueError
            If `x` is complex, empty, on another device, or has non-finite samples.
        TypeError
            If `x` is neither a tensor nor an array.
        """
        x = lti.check_signal(x, self.dtype, self.capacitance.device, fs=self.fs)
        return self._run(x, None)[0]

    def stream(self) -> RecursionStream:
        """
        Take a signal that arrives in chunks of any length.

        Returns
        -------
        amtlib.perception.RecursionStream
            ``process(chunk)`` returns as many samples as it is given, shape (..., T).

        Examples
        --------
        >>> IHCPaulick2024(44100).stream().process(torch.zeros(3, 64)).shape
        torch.Size([3, 64])
        """

        def check(chunk: Tensor) -> Tensor:
            return lti.check_signal(chunk, self.dtype, self.capacitance.device, "the chunk", self.fs)

        self._check_steps()
        return RecursionStream(self._run, check)

    def extra_repr(self) -> str:
        """Return the main settings, for printing the module."""
        return f"fs={self.fs:g} Hz, learnable={self.learnable}, dtype={self.dtype}"
