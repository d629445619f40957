"""Fit the linear model of text_model.py: multinomial logistic regression, seeded, the same weights for the same texts
in any order.

scikit-learn is imported here, inside `_solve`: scoring with a fitted model needs numpy only.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scoring.text_corpus import Corpus, Ints
from scoring.text_lexicon import Read, polarity
from scoring.text_model import Floats, Linear, Shape, features, labels, probabilities

FOLDS = 5
# Inverse strength of the penalty: the best of 0.5, 1.5, 2, 8 and 20 on the validation part of the Thai set (docs/text.md).
PENALTY = 0.5
# A feature of fewer texts than this is chance, or somebody's name.
LEAST_TEXTS = 2


@dataclass(frozen=True)
class Counted:
    """Texts as a sparse matrix float32 (texts, 2^bits), counts over the square root of their number, and the
    lexicon's verdict.
    """

    matrix: Any
    verdict: Floats


def count(texts: list[str], language: str, shape: Shape) -> Counted:
    """Features of normalised texts of one language."""
    from scipy import sparse

    corpus = Corpus.of(texts)
    spans = list(features(corpus, shape))
    rows = np.concatenate([one.document for one in spans])
    columns = np.concatenate([one.bucket for one in spans])
    matrix = sparse.coo_matrix(
        (np.ones(rows.size, dtype=np.float32), (rows, columns)), shape=(corpus.size, 1 << shape.bits)
    ).tocsr()
    scale = 1 / np.sqrt(np.maximum(np.bincount(rows, minlength=corpus.size), 1))
    spoken = np.full(corpus.size, language, dtype=object)
    return Counted(sparse.diags(scale.astype(np.float32)) @ matrix, polarity(Read(corpus), spoken).verdict)


def fit(
    counted: Counted, labelled: Ints, language: str, shape: Shape, weights: Floats | None = None
) -> Linear:
    """The model of these texts. `labelled` (texts,) holds 0 negative, 1 neutral, 2 positive; at least two of them must occur."""
    from scipy import sparse

    seen = np.diff(counted.matrix.tocsc().indptr)
    # a feature in few texts tells more than one in all; folded into the weight, so that scoring is one sum
    rarity = np.where(seen >= LEAST_TEXTS, np.log((1 + labelled.size) / (1 + seen)) + 1, 0)
    used = np.flatnonzero(rarity)
    matrix = counted.matrix[:, used] @ sparse.diags(rarity[used].astype(np.float32))
    joined = sparse.hstack([matrix, sparse.csr_matrix(counted.verdict[:, None].astype(np.float32))]).tocsr()
    classes, slopes, intercepts = _solve(joined, labelled, weights)
    base = int(np.searchsorted(classes, 0))
    total = np.zeros((1 << shape.bits, 2), dtype=np.float32)
    constant, lexical = [0.0, 0.0], [0.0, 0.0]
    for column, label in ((0, 2), (1, 1)):
        if label in classes:
            row = int(np.searchsorted(classes, label))
            odds = slopes[row] - slopes[base]
            total[used, column] = odds[:-1] * rarity[used]
            constant[column] = float(intercepts[row] - intercepts[base])
            lexical[column] = float(odds[-1])
    return Linear(
        language, shape, total, (constant[0], constant[1]), (lexical[0], lexical[1]), bool(1 in classes)
    )


def _solve(matrix: Any, labelled: Ints, weights: Floats | None) -> tuple[Ints, Floats, Floats]:
    """Classes ascending, coefficients (classes, features), intercepts (classes,)."""
    from sklearn.linear_model import LogisticRegression

    solver = LogisticRegression(C=PENALTY, max_iter=200, tol=1e-3)
    solver.fit(matrix, labelled, sample_weight=weights)
    slopes, intercepts = solver.coef_, solver.intercept_
    if slopes.shape[0] == 1:
        slopes, intercepts = (
            np.vstack([-slopes / 2, slopes / 2]),
            np.array([-intercepts[0] / 2, intercepts[0] / 2]),
        )
    return solver.classes_, slopes, intercepts


def predict(counted: Counted, model: Linear) -> tuple[Ints, Floats]:
    """Labels (texts,) and probabilities (texts, 3), from counted features."""
    total = counted.matrix @ model.weights.astype(np.float64)
    odds = total + np.asarray(model.intercept) + counted.verdict[:, None] * np.asarray(model.lexicon)
    shares = probabilities(model, odds)
    return labels(model, shares), shares


def folds(texts: list[str], number: int = FOLDS) -> Ints:
    """Fold of each text, by its content: the same in every run and in any order."""
    import hashlib

    return np.array(
        [int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) % number for text in texts],
        dtype=np.int64,
    )


def out_of_fold(
    counted: Counted, labelled: Ints, fold: Ints, language: str, shape: Shape
) -> tuple[Ints, Floats]:
    """Labels and probabilities of every text by a model that has not seen it."""
    found, shares = np.ones(labelled.size, dtype=np.int64), np.zeros((labelled.size, 3))
    for number in np.unique(fold):
        held = fold == number
        learnt = Counted(counted.matrix[~held], counted.verdict[~held])
        model = fit(learnt, labelled[~held], language, shape)
        found[held], shares[held] = predict(Counted(counted.matrix[held], counted.verdict[held]), model)
    return found, shares


def accuracy(truth: Ints, found: Ints) -> float:
    """Share of texts labelled right."""
    return float((truth == found).mean())


def macro_f1(truth: Ints, found: Ints) -> float:
    """Mean F1 over the labels that occur in the truth; a label never given has F1 0."""
    scores = []
    for label in np.unique(truth):
        hit = float(((truth == label) & (found == label)).sum())
        scores.append(2 * hit / float((truth == label).sum() + (found == label).sum()))
    return float(np.mean(scores))
