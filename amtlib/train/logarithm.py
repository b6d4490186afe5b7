"""The skew-symmetric matrix that a given rotation is the exponential of, exactly.
Source: real Schur form (Golub and Van Loan, Matrix Computations, 7.4); an orthogonal matrix is turns of planes in it.
Not here: the exponential (:mod:`amtlib.train.rotations`).
"""

import math

import numpy as np
import scipy.linalg

from amtlib.fdn.build import Array


def skew_logarithm(rotation: Array) -> Array:
    """
    Return a skew-symmetric K with ``expm(K) == rotation``, for any rotation.

    A real Schur form of an orthogonal matrix has turned planes, ones and minus ones on its diagonal; in a rotation
    the minus ones are even in number, and two of them are a plane turned by half a circle. (The principal matrix
    logarithm has no real value there, so Hadamard matrices, permutations and -I come out as other matrices.)

    Parameters
    ----------
    rotation : array, shape (N, N)
        Orthogonal, with determinant +1.

    Returns
    -------
    array, shape (N, N)
        Skew-symmetric; ``expm`` of it is the rotation to about 1e-15.

    Raises
    ------
    ValueError
        If the matrix is not orthogonal within 1e-6, or its determinant is -1.

    See Also
    --------
    turned, turned_and_flipped : the way back, in torch.

    Examples
    --------
    >>> half_turn = skew_logarithm(-np.eye(2))
    >>> bool(np.allclose(scipy.linalg.expm(half_turn), -np.eye(2), atol=1e-15))
    True
    """
    size = len(rotation)
    error = float(np.abs(rotation.T @ rotation - np.eye(size)).max())
    if error > 1e-6:
        raise ValueError(f"rotation is off orthogonality by {error:.2g}: give an orthogonal matrix")
    form, basis = scipy.linalg.schur(rotation, output="real")
    flat = np.zeros((size, size))
    minus: list[int] = []
    k = 0
    while k < size:
        # Rounding leaves tiny entries under the diagonal; a true plane has its sine there, twice.
        if k + 1 < size and abs(form[k + 1, k]) > 1e-9 and abs(form[k, k + 1]) > 1e-9:
            angle = math.atan2(form[k + 1, k] - form[k, k + 1], form[k, k] + form[k + 1, k + 1])
            flat[k + 1, k], flat[k, k + 1] = angle, -angle
            k += 2
        else:
            if form[k, k] < 0.0:
                minus.append(k)
            k += 1
    if len(minus) % 2:
        raise ValueError("rotation has determinant -1: flip the sign of one column first")
    for first, second in zip(minus[::2], minus[1::2], strict=True):
        flat[second, first], flat[first, second] = math.pi, -math.pi
    skew = basis @ flat @ basis.T
    return np.asarray((skew - skew.T) / 2.0, dtype=np.float64)
