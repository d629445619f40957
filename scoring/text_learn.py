"""Learning from the company's own pairs of text and score, language by language, and taking over only where it is
measurably better.

Every labelled text is predicted by a model that has not seen it (folds by content: a text that many wrote stands in
one fold). Learnt takes over when the 95 % interval (paired bootstrap over texts, seeded) of its lead in macro-F1 lies
above zero against what is shipped for the language and against always saying the commonest label, and its accuracy is
at least that of the commonest label.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scoring.text import judge
from scoring.text_corpus import Corpus, Ints, normalise
from scoring.text_fit import Counted, accuracy, count, fit, folds, macro_f1, out_of_fold
from scoring.text_lexicon import Read, polar_languages, polarity
from scoring.text_model import SHAPES, Floats, Linear, Shape
from scoring.text_shipped import shipped

# Below these floors nothing is learnt: distinct labelled texts of a language, and of each label that is to be told apart.
LEAST_LABELLED, LEAST_OF_A_LABEL = 200, 30
# Above this the figures stand still and only the time grows; which texts are taken is decided by their content.
MOST_LABELLED = 20_000
RESAMPLES, SEED = 1000, 20260630


@dataclass(frozen=True)
class Fit:
    """What was tried for one language and what was chosen; figures are null where there was nothing to measure."""

    language: str
    chosen: str
    refused_because: str | None
    n: int
    negatives: int
    neutrals: int
    positives: int
    learnt_accuracy: float | None = None
    learnt_macro_f1: float | None = None
    shipped_accuracy: float | None = None
    shipped_macro_f1: float | None = None
    majority_accuracy: float | None = None
    majority_macro_f1: float | None = None
    lead: float | None = None
    lead_ci_low: float | None = None
    lead_ci_high: float | None = None


def learn(language: str, texts: Sequence[str], means: Sequence[float]) -> tuple[Fit, Linear | None]:
    """Fit and judge. `texts` are distinct; `means` the mean label of each, -1 to 1 (thirds: negative, neutral, positive)."""
    pairs = sorted(zip((normalise(text) for text in texts), means, strict=True))
    words, labelled = _distinct(pairs)
    counts = np.bincount(labelled, minlength=3)
    before = "model" if language in shipped() else "lexicon" if language in polar_languages() else "none"
    told = dict(zip(("negatives", "neutrals", "positives"), counts.tolist(), strict=True))
    reason = _too_few(len(words), counts)
    if reason:
        return Fit(language, before, reason, len(words), **told), None
    shape = SHAPES.get(language, Shape())
    counted = count(words, language, shape)
    # a label with too few texts is not learnt, and its texts count against the model all the same
    usable = counts[labelled] >= LEAST_OF_A_LABEL
    learnt = _held_out(counted, labelled, usable, folds(words), language, shape)
    known = _shipped_labels(words, language) if before != "none" else np.full(len(words), -1)
    lead, low, high, over_majority = _leads(labelled, learnt, known)
    common = np.full(labelled.size, counts.argmax())
    figures = Fit(
        language, before, None, len(words), **told,
        learnt_accuracy=accuracy(labelled, learnt), learnt_macro_f1=macro_f1(labelled, learnt),
        shipped_accuracy=accuracy(labelled, known), shipped_macro_f1=macro_f1(labelled, known),
        majority_accuracy=accuracy(labelled, common), majority_macro_f1=macro_f1(labelled, common),
        lead=lead, lead_ci_low=low, lead_ci_high=high,
    )  # fmt: skip
    reason = _not_better(figures, over_majority)
    if reason:
        return Fit(**(asdict(figures) | {"refused_because": reason})), None
    model = fit(Counted(counted.matrix[usable], counted.verdict[usable]), labelled[usable], language, shape)
    return Fit(**(asdict(figures) | {"chosen": "learnt"})), model


def _shipped_labels(words: list[str], language: str) -> Ints:
    read = Read(Corpus.of(words))
    lexical = polarity(read, np.full(len(words), language, dtype=object))
    return judge(read.corpus, lexical, shipped().get(language))[0]


def _distinct(pairs: list[tuple[str, float]]) -> tuple[list[str], Ints]:
    """Each normalised text once, with the label of its mean; the first MOST_LABELLED of them in an order of content."""
    grouped: dict[str, list[float]] = {}
    for text, mean in pairs:
        grouped.setdefault(text, []).append(mean)
    words = sorted(grouped, key=lambda text: (folds([text], 1 << 62)[0], text))[:MOST_LABELLED]
    averages = np.array([float(np.mean(grouped[text])) for text in words])
    return words, np.where(averages < -1 / 3, 0, np.where(averages > 1 / 3, 2, 1))


def _too_few(size: int, counts: Ints) -> str | None:
    if size < LEAST_LABELLED:
        return f"{size} different texts with a score, fewer than {LEAST_LABELLED}"
    for name, label in (("negative", 0), ("positive", 2)):
        if counts[label] < LEAST_OF_A_LABEL:
            return f"{int(counts[label])} {name} texts, fewer than {LEAST_OF_A_LABEL}"
    return None


def _not_better(figures: Fit, over_majority: float) -> str | None:
    assert figures.lead_ci_low is not None
    assert figures.learnt_accuracy is not None
    assert figures.majority_accuracy is not None
    if over_majority <= 0:
        return "not measurably better than always saying the commonest label"
    if figures.learnt_accuracy < figures.majority_accuracy:
        return "less accurate than always saying the commonest label"
    if figures.lead_ci_low <= 0:
        return "not measurably better than what is shipped"
    return None


def _held_out(
    counted: Counted, labelled: Ints, usable: "np.ndarray[Any, Any]", fold: Ints, language: str, shape: Shape
) -> Ints:
    found = np.ones(labelled.size, dtype=np.int64)
    if usable.all():
        return out_of_fold(counted, labelled, fold, language, shape)[0]
    from scoring.text_fit import predict

    for number in np.unique(fold):
        held, learn_from = fold == number, (fold != number) & usable
        model = fit(
            Counted(counted.matrix[learn_from], counted.verdict[learn_from]),
            labelled[learn_from],
            language,
            shape,
        )
        found[held] = predict(Counted(counted.matrix[held], counted.verdict[held]), model)[0]
    return found


def _leads(truth: Ints, learnt: Ints, known: Ints) -> tuple[float, float, float, float]:
    """Lead of learnt over shipped in macro-F1 with its interval, and the lower end of its lead over the commonest label."""
    cells = np.bincount((truth * 4 + learnt + 1) * 4 + known + 1, minlength=48).reshape(3, 4, 4)
    drawn = np.random.default_rng(SEED).multinomial(truth.size, cells.ravel() / truth.size, RESAMPLES)
    tables = drawn.reshape(RESAMPLES, 3, 4, 4)
    ours, theirs = _f1(tables.sum(axis=3)), _f1(tables.sum(axis=2))
    of_truth = tables.sum(axis=(2, 3))
    most = of_truth.max(axis=1)
    common = 2 * most / (most + truth.size) / np.maximum((of_truth > 0).sum(axis=1), 1)
    low, high = np.quantile(ours - theirs, [0.025, 0.975])
    point = float(_f1(cells.sum(axis=2)[None])[0] - _f1(cells.sum(axis=1)[None])[0])
    return point, float(low), float(high), float(np.quantile(ours - common, 0.025))


def _f1(tables: "np.ndarray[Any, Any]") -> Floats:
    """Macro-F1 of tables (n, 3 true labels, 4 given: none, negative, neutral, positive)."""
    hits = np.stack([tables[:, label, label + 1] for label in range(3)], axis=1).astype(np.float64)
    true = tables.sum(axis=2).astype(np.float64)
    given = tables.sum(axis=1)[:, 1:].astype(np.float64)
    scores = np.where(true > 0, 2 * hits / np.maximum(true + given, 1), 0)
    found: Floats = scores.sum(axis=1) / np.maximum((true > 0).sum(axis=1), 1)
    return found
