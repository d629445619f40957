"""Nodes and weights of integrals without closed or stable forms."""

from functools import lru_cache

import numpy as np

from scoring.prediction.histories import Floats

NODES = 48


def beta_nodes(a: float, b: Floats) -> tuple[Floats, Floats]:
    """Gauss-Jacobi rule for expectations over p ~ Beta(a, b[i]): nodes and weights, both (len(b), NODES); weights sum to 1.

    Golub and Welsch (1969): eigenvalues of the recurrence of the orthogonal polynomials. Stable for b in the thousands,
    where power series of the hypergeometric function are not.
    """
    upper, lower = np.asarray(b, dtype=float)[:, None] - 1, a - 1
    n = np.arange(1, NODES)[None, :]
    both = upper + lower
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = (lower**2 - upper**2) / ((2 * n + both) * (2 * n + both + 2))
        side = 4 * n * (n + upper) * (n + lower) * (n + both)
        side = side / ((2 * n + both) ** 2 * (2 * n + both + 1) * (2 * n + both - 1))
    # n = 1 with both factors (n + both) cancelled: they vanish together where a + b = 1
    side[:, :1] = 4 * (1 + upper) * (1 + lower) / ((2 + both) ** 2 * (3 + both))
    matrix = np.zeros((upper.shape[0], NODES, NODES))
    index = np.arange(NODES)
    matrix[:, index, index] = np.concatenate([(lower - upper) / (both + 2), middle], axis=1)
    matrix[:, index[1:], index[:-1]] = matrix[:, index[:-1], index[1:]] = np.sqrt(side)
    values, vectors = np.linalg.eigh(matrix)
    return np.clip((values + 1) / 2, 1e-300, 1.0), vectors[:, 0, :] ** 2


@lru_cache(maxsize=4)
def unit_nodes(count: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre rule on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2
