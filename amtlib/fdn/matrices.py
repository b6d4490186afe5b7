"""Feedback matrices that keep energy: orthogonal N x N matrices, from none to full mixing of the lines.
Source: each function names its own; which matrices are lossless: Schlecht and Habets (2017), IEEE Trans. Signal
Process. 65, 1554-1564.
Not here: matrices of filters (scattering), matrices that decay (see :mod:`amtlib.fdn.absorption`).
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from amtlib.fdn.build import Array, finite_number, real_array
from amtlib.fdn.delays import Seed, as_generator, line_count

Gallery: TypeAlias = Callable[..., Array]


def random_orthogonal(N: int, *, rng: Seed = None) -> Array:
    """
    Random rotation: uniformly distributed over SO(N), the orthogonal matrices of determinant 1.

    Parameters
    ----------
    N : int
        Number of lines, 1 to 64.
    rng : Generator, int or None
        Where the N * N normal numbers come from.

    Returns
    -------
    array, shape (N, N)
        QR factor of a normal matrix with the signs of R moved into it; its last column is negated where that
        makes the determinant positive.

    References
    ----------
    Mezzadri (2007), Notices of the AMS 54, 592-604.

    Examples
    --------
    >>> random_orthogonal(2, rng=0).round(4)
    array([[ 0.1926, -0.9813],
           [ 0.9813,  0.1926]])
    """
    normal = as_generator(rng).standard_normal((line_count(N), N))
    q, r = np.linalg.qr(normal)
    q = q * np.sign(np.diag(r))
    if np.linalg.det(q) < 0.0:
        q[:, -1] = -q[:, -1]
    return q


def hadamard(N: int, *, rng: Seed = None) -> Array:
    """
    Hadamard matrix: every line feeds every line equally strongly, with signs; N = 1, 2, 4, 8, 16, 32, 64.

    Sylvester's construction, divided by sqrt(N). Symmetric. Nothing is drawn.

    Raises
    ------
    ValueError
        If N is no power of two.

    References
    ----------
    Jot (1997), "Efficient models for reverberation and distance rendering", ICMC.

    Examples
    --------
    >>> 2 * hadamard(4)
    array([[ 1.,  1.,  1.,  1.],
           [ 1., -1.,  1., -1.],
           [ 1.,  1., -1., -1.],
           [ 1., -1., -1.,  1.]])
    """
    count = line_count(N)
    if count & (count - 1):
        below = 1 << (count.bit_length() - 1)
        raise ValueError(
            f"N = {count} is no power of two, so this Hadamard matrix does not exist: give N = {below} or {2 * below}"
        )
    signs = np.ones((1, 1))
    while len(signs) < count:
        signs = np.block([[signs, signs], [signs, -signs]])
    return signs / math.sqrt(count)


def householder(N: int, v: npt.ArrayLike | None = None, *, rng: Seed = None) -> Array:
    """
    Householder reflection: ``I - 2 v v^T / (v^T v)``; determinant -1. Nothing is drawn.

    Parameters
    ----------
    N : int
        Number of lines.
    v : array, shape (N,), optional
        Normal of the mirror, not zero. Default: ones, which costs one sum and one subtraction per line. The
        diagonal then dominates for N above 4.
    rng : ignored

    References
    ----------
    Jot and Chaigne (1991), AES 90th Convention, preprint 3030.

    Examples
    --------
    >>> householder(4)
    array([[ 0.5, -0.5, -0.5, -0.5],
           [-0.5,  0.5, -0.5, -0.5],
           [-0.5, -0.5,  0.5, -0.5],
           [-0.5, -0.5, -0.5,  0.5]])
    """
    count = line_count(N)
    normal = np.ones(count) if v is None else real_array(v, "v")
    scale = float(np.abs(normal).max()) if normal.size else 0.0
    if normal.shape != (count,) or scale == 0.0:
        raise ValueError(f"v has shape {normal.shape} and peak {scale:g}: give {count} numbers, not all zero")
    normal = normal / scale
    mirrored = (2.0 / float(normal @ normal)) * np.outer(normal, normal)
    return np.asarray(np.eye(count) - mirrored, dtype=np.float64)


def nested_householder(N: int, *, rng: Seed = None) -> Array:
    """
    Householder of Householders: the Kronecker square of a reflection; N = 1, 4, 9, 16, 25, 36, 49, 64.

    At N = 16 all entries are equally strong, as in a Hadamard matrix. Nothing is drawn.

    Raises
    ------
    ValueError
        If N is no square.

    References
    ----------
    Rocchesso and Smith (1997), IEEE Trans. Speech Audio Proc. 5, 51-63; the 16 x 16 case of Jot.

    Examples
    --------
    >>> 4 * nested_householder(16)[0]
    array([ 1., -1., -1., -1., -1.,  1.,  1.,  1., -1.,  1.,  1.,  1., -1.,
            1.,  1.,  1.])
    """
    count = line_count(N)
    side = math.isqrt(count)
    if side * side != count:
        raise ValueError(
            f"N = {count} is no square, so no Householder matrix can be nested in one: give N = {side**2} or "
            f"{(side + 1) ** 2}"
        )
    return np.asarray(np.kron(householder(side), householder(side)), dtype=np.float64)


def circulant(N: int, *, rng: Seed = None) -> Array:
    """
    Random circulant orthogonal matrix: every row is the one above, turned by one line.

    Its eigenvalues, the Fourier transform of its first column, have unit magnitude; their phases are drawn.

    References
    ----------
    Rocchesso and Smith (1997), IEEE Trans. Speech Audio Proc. 5, 51-63.

    Examples
    --------
    >>> circulant(3, rng=0).round(4)
    array([[-0.416 ,  0.2809, -0.8649],
           [-0.8649, -0.416 ,  0.2809],
           [ 0.2809, -0.8649, -0.416 ]])
    """
    count = line_count(N)
    generator = as_generator(rng)
    spectrum = np.exp(2j * np.pi * generator.uniform(size=count // 2 + 1))
    # eigenvalues at zero and at half the turn are real
    ends = np.where(generator.uniform(size=2) < 0.5, -1.0, 1.0)
    spectrum[0] = ends[0]
    if count % 2 == 0:
        spectrum[-1] = ends[1]
    column = np.fft.irfft(spectrum, count)
    turn = (np.arange(count)[:, None] - np.arange(count)) % count
    return np.asarray(column[turn], dtype=np.float64)


def permutation(N: int, *, rng: Seed = None) -> Array:
    """
    One ring of all lines in a random order, each feeding the next: as one line as long as all together.

    Without a seed of yours the order is another one each time. No mixing: the sparsest matrix that couples all.

    Examples
    --------
    >>> permutation(3, rng=0)
    array([[0., 0., 1.],
           [1., 0., 0.],
           [0., 1., 0.]])
    """
    order = as_generator(rng).permutation(line_count(N))
    matrix = np.zeros((N, N))
    matrix[np.roll(order, -1), order] = 1.0
    return matrix


def parallel(N: int, *, rng: Seed = None) -> Array:
    """
    Identity: every line feeds itself alone, the parallel combs of the oldest reverberators. Nothing is drawn.

    References
    ----------
    Schroeder (1962), J. Audio Eng. Soc. 10, 219-223.

    Examples
    --------
    >>> parallel(2)
    array([[1., 0.],
           [0., 1.]])
    """
    return np.eye(line_count(N))


def anderson(N: int, block: int | None = None, *, rng: Seed = None) -> Array:
    """
    Ring of small Hadamard matrices: each group of lines mixes and feeds the next group. Nothing is drawn.

    Parameters
    ----------
    N : int
        Number of lines, a multiple of `block`, at least two blocks.
    block : int, optional
        Lines of a group, a power of two. Default: 4 where there are two groups of 4, else 2.
    rng : ignored

    Raises
    ------
    ValueError
        If N cannot be divided into groups so.

    References
    ----------
    Anderson, Lin, So and Lui (2015), "Flatter frequency response from feedback delay network reverbs", ICMC.

    Examples
    --------
    >>> anderson(4, block=2).round(4)
    array([[ 0.    ,  0.    ,  0.7071,  0.7071],
           [ 0.    ,  0.    ,  0.7071, -0.7071],
           [ 0.7071,  0.7071,  0.    ,  0.    ],
           [ 0.7071, -0.7071,  0.    ,  0.    ]])
    """
    count = line_count(N)
    size = line_count(block) if block is not None else (4 if count % 4 == 0 and count >= 8 else 2)
    if count % size or count < 2 * size:
        raise ValueError(
            f"N = {count} cannot be divided into at least two groups of {size} lines: give N = {2 * size}, "
            f"{3 * size}, ..., or another block"
        )
    ring = np.roll(np.eye(count // size), 1, axis=0)
    return np.asarray(np.kron(ring, hadamard(size)) + 0.0, dtype=np.float64)  # no minus zeros


def rotation(N: int, angle: float = 0.4, *, rng: Seed = None) -> Array:
    """
    Small rotation: a random one whose eigenvalues lie within `angle` of 1, so that lines mix slowly.

    Parameters
    ----------
    N : int
        Number of lines.
    angle : float
        Largest turn in rad, 0 < angle <= pi. The N // 2 turns are evenly spaced from angle / (N // 2) up; an odd
        N leaves one direction still.
    rng : Generator, int or None
        Draws the planes.

    References
    ----------
    Schlecht and Habets (2015), "Time-varying feedback matrices in feedback delay networks", JASA 138, 1389-1398.

    Examples
    --------
    >>> rotation(2, 0.1, rng=0).round(4)
    array([[ 0.995 , -0.0998],
           [ 0.0998,  0.995 ]])
    """
    count = line_count(N)
    widest = finite_number(angle, "angle", 0.0, math.pi, "rad")
    planes = random_orthogonal(count, rng=rng)
    turned = np.eye(count)
    pairs = count // 2
    for pair in range(pairs):
        theta = widest * (pair + 1) / pairs
        c, s = math.cos(theta), math.sin(theta)
        turned[2 * pair : 2 * pair + 2, 2 * pair : 2 * pair + 2] = [[c, -s], [s, c]]
    return np.asarray(planes @ turned @ planes.T, dtype=np.float64)


def cosine(N: int, *, rng: Seed = None) -> Array:
    """
    Orthonormal discrete cosine transform (type II): full mixing at every N. Nothing is drawn.

    References
    ----------
    Ahmed, Natarajan and Rao (1974), IEEE Trans. Computers 23, 90-93.

    Examples
    --------
    >>> cosine(2).round(4)
    array([[ 0.7071,  0.7071],
           [ 0.7071, -0.7071]])
    """
    count = line_count(N)
    k, n = np.arange(count)[:, None], np.arange(count)
    matrix = math.sqrt(2.0 / count) * np.cos(math.pi * (2 * n + 1) * k / (2 * count))
    matrix[0] = 1.0 / math.sqrt(count)
    return matrix


#: The gallery: name to function ``f(N, *, rng=None)``.
MATRICES: dict[str, Gallery] = {
    "random": random_orthogonal,
    "hadamard": hadamard,
    "householder": householder,
    "nested householder": nested_householder,
    "circulant": circulant,
    "anderson": anderson,
    "rotation": rotation,
    "cosine": cosine,
    "permutation": permutation,
    "parallel": parallel,
}


def feedback_matrix(name: str, N: int, *, rng: Seed = None) -> Array:
    """
    Make a matrix of the gallery by its name.

    Parameters
    ----------
    name : str
        A key of ``MATRICES``.
    N : int
        Number of lines.
    rng : Generator, int or None
        For those that are drawn: 'random', 'circulant', 'rotation', 'permutation'.

    Returns
    -------
    array, shape (N, N)
        Orthogonal to rounding.

    Raises
    ------
    ValueError
        If there is no such matrix, or not at this N (see :func:`matrices_for`).

    Examples
    --------
    >>> orthogonality_error(feedback_matrix("circulant", 7, rng=1)) < 1e-14
    True
    """
    if name not in MATRICES:
        raise ValueError(f"feedback matrix {name!r} is unknown: choose from {list(MATRICES)}")
    return MATRICES[name](N, rng=rng)


def matrices_for(N: int) -> tuple[str, ...]:
    """
    List the matrices of the gallery that exist for N lines.

    Examples
    --------
    >>> matrices_for(3)
    ('random', 'householder', 'circulant', 'rotation', 'cosine', 'permutation', 'parallel')
    """
    count = line_count(N)
    exists = {
        "hadamard": count & (count - 1) == 0,
        "nested householder": math.isqrt(count) ** 2 == count,
        "anderson": count >= 4 and count % 2 == 0,
    }
    return tuple(name for name in MATRICES if exists.get(name, True))


def orthogonality_error(A: npt.ArrayLike) -> float:
    """
    Return how far a matrix is from orthogonal: the largest entry of ``|A^T A - I|``.

    Parameters
    ----------
    A : array, shape (N, N)
        Matrix.

    Returns
    -------
    float
        0 for a matrix that keeps energy; about 1e-15 after rounding.

    Examples
    --------
    >>> orthogonality_error([[0.0, 1.0], [-0.5, 0.0]])
    0.75
    """
    a = real_array(A, "A")
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise ValueError(f"A has shape {a.shape}: give a square matrix, (N, N)")
    return float(np.abs(a.T @ a - np.eye(len(a))).max())
