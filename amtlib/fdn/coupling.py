"""Two rooms in one network: two groups of lines with decay times of their own, and a matrix that lets energy across.
Source: coupled rooms as groups of delay lines, Das, Abel and Canfield-Dafilou (2020), DAFx (grouped feedback delay
networks); rotation of pairs of lines between two orthogonal blocks.
Not here: filters with these times (:mod:`amtlib.fdn.absorption`).
"""

import math

import numpy as np
import numpy.typing as npt

from amtlib.fdn.build import Array, finite_number, real_array
from amtlib.fdn.matrices import orthogonality_error


def first_group(lines: int) -> int:
    """
    Return how many lines belong to the first of two groups: half of them, rounded up.

    Examples
    --------
    >>> first_group(7)
    4
    """
    return (lines + 1) // 2


def coupled_matrix(first: npt.ArrayLike, second: npt.ArrayLike, coupling: float) -> Array:
    """
    Feedback matrix of two groups of lines that share a part of their energy each round, without losing any.

    Parameters
    ----------
    first, second : array, shapes (N1, N1) and (N2, N2)
        Orthogonal matrices within the groups, N1 = N2 or N2 + 1.
    coupling : float
        Share of the energy that changes from a line of one group to one of the other each round, 0 to 1. With 0 the
        groups are two networks side by side.

    Returns
    -------
    array, shape (N1 + N2, N1 + N2)
        Orthogonal: ``[[c I, s I], [-s I, c I]]`` times the two blocks, with ``s^2 = coupling``.

    Raises
    ------
    ValueError
        If a block is not orthogonal, the groups are of other sizes, or the coupling is out of range.

    Examples
    --------
    >>> coupled_matrix([[1.0]], [[1.0]], 0.36)
    array([[ 0.8,  0.6],
           [-0.6,  0.8]])
    """
    a, b = real_array(first, "first"), real_array(second, "second")
    for name, block in (("first", a), ("second", b)):
        if block.ndim != 2 or block.shape[0] != block.shape[1] or not block.size:
            raise ValueError(f"{name} has shape {block.shape}: give a square matrix")
        if orthogonality_error(block) > 1e-6:
            raise ValueError(
                f"{name} is off orthogonal by {orthogonality_error(block):.3g}: give one that keeps energy"
            )
    if len(a) - len(b) not in (0, 1):
        raise ValueError(
            f"the groups have {len(a)} and {len(b)} lines: give as many to both, or one more to the first"
        )
    share = finite_number(coupling, "coupling", -1e-300, 1.0)
    pairs = len(b)
    n = len(a) + len(b)
    whole = np.zeros((n, n))
    whole[: len(a), : len(a)], whole[len(a) :, len(a) :] = a, b
    turn = np.eye(n)
    one, other = np.arange(pairs), len(a) + np.arange(pairs)
    turn[one, one] = turn[other, other] = math.sqrt(1.0 - share)
    turn[one, other], turn[other, one] = math.sqrt(share), -math.sqrt(share)
    return np.asarray(turn @ whole)
