"""How far a model is believed: telephones held back contradict weights that are too bold, and confirm honest ones."""

import numpy as np
import pytest

from cli.fuzzy.comparisons import BY_NAME
from cli.fuzzy.levels import Comparison
from cli.fuzzy.mixture import Fit, Floats, Observed
from cli.fuzzy.temper import USUAL, temper

COMPARED = [BY_NAME["given"], BY_NAME["birth"], BY_NAME["phone"]]
SHARE = 0.9  # of one person's telephones agree


def _grades(comparison: Comparison, best: float) -> Floats:
    """The best grade has this probability, the others share the rest."""
    others = len(comparison.levels) - 1
    return np.array([*[(1 - best) / others] * others, best])


def _judged(agreeing: float, pairs: float = 1000) -> float:
    """Temper when `agreeing` of the telephones agree where names alone say one person with 0.8 (two bits)."""
    fitted = Fit(
        m=[_grades(c, 0.9) for c in COMPARED[:2]] + [np.array([0.08, 0.02, SHARE])],
        u=[_grades(c, 0.9 / 4096) for c in COMPARED[:2]] + [np.array([0.98, 0.0199, 0.0001])],
        shared=[0.0, 0.0, 0.0],
        match_share=2.0**-10,
        relative_share=1e-9,
        namesake_share=1e-9,
        expected_matches=2 * pairs,
        support=[pairs] * 3,
        rounds=1,
    )
    best_given, best_birth = (len(c.levels) - 1 for c in COMPARED[:2])
    patterns = np.array([[best_given, b, phone] for b in (best_birth, -1) for phone in (2, 0)])
    counts = np.array([SHARE, 1 - SHARE, agreeing, 1 - agreeing]) * pairs
    return temper(COMPARED, Observed(patterns, counts, 1e7, fitted.u, fitted.u), fitted)


def test_honest_weights_are_believed() -> None:
    assert _judged(0.8 * SHARE) >= 0.9


@pytest.mark.parametrize("right", [0.6, 0.3])
def test_bold_weights_are_tempered(right: float) -> None:
    """Where the names said 0.8, the telephones say less."""
    assert _judged(right * SHARE) <= (0.35 if right < 0.5 else 0.5)


def test_without_data_the_usual_value_stands() -> None:
    assert _judged(0.0, pairs=0) == USUAL
