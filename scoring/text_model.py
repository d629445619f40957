"""A linear model on hashed n-grams: what it counts, what it gives, which words decided.

Features: character n-grams (inside a word and its edges; inside a run where a script has no blanks), words and pairs
of words, each in one of 2^bits buckets, counted, times a weight for rarity, over the square root of how many there
are; and the lexicon's own verdict. Scores are P(positive) - P(negative) of a multinomial logistic model, from -1 to
1. A model is numbers only (`to_row`): nothing in it runs.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.text_corpus import Bools, Corpus, Ints, Words, mixed

Floats = npt.NDArray[np.float64]
LABELS = ("negative", "neutral", "positive")
# Name of the way features are counted and hashed: weights learnt by another are not understood. Change it with them.
COUNTING = "ngrams 1"
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Shape:
    """What is counted: n-grams from `shortest` to `longest` characters, words and pairs too, in 2^bits buckets."""

    shortest: int = 2
    longest: int = 4
    words: bool = True
    bits: int = 17


# One character is a syllable or a word in Chinese; Thai and its like have no word edges to count by.
SHAPES = {"zh": Shape(1, 4, False), "ja": Shape(1, 4, False)} | {
    language: Shape(2, 4, False) for language in ("th", "lo", "km", "my")
}


@dataclass(frozen=True)
class Spans:
    """Occurrences of one kind of feature: document, first position, length, bucket; all int64 (occurrences,)."""

    document: Ints
    start: Ints
    length: Ints
    bucket: Ints


@dataclass(frozen=True)
class Linear:
    """A fitted model. `weights` float32 (2^bits, 2): log odds of positive, of neutral against negative, per count.

    `intercept` (2,), `lexicon` (2,): per unit of the lexicon's verdict. `has_neutral` is False where no neutral text
    was learnt from: then a text is neutral when neither side has `sure` of the probability.
    """

    language: str
    shape: Shape
    weights: npt.NDArray[np.float32]
    intercept: tuple[float, float]
    lexicon: tuple[float, float]
    has_neutral: bool
    sure: float = 0.6

    def to_row(self) -> dict[str, Any]:
        """The model as plain values: used buckets, their weights, the rest as JSON."""
        used = np.flatnonzero(np.any(self.weights != 0, axis=1)).astype(np.int32)
        meta = {
            "shape": asdict(self.shape), "intercept": self.intercept, "lexicon": self.lexicon,
            "has_neutral": self.has_neutral, "sure": self.sure,
        }  # fmt: skip
        return {
            "language": self.language, "meta": json.dumps(meta), "buckets": used,
            "positive": self.weights[used, 0], "neutral": self.weights[used, 1],
        }  # fmt: skip

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Linear":
        """The model of `to_row`."""
        meta = json.loads(row["meta"])
        shape = Shape(**meta["shape"])
        weights = np.zeros((1 << shape.bits, 2), dtype=np.float32)
        used = np.asarray(row["buckets"], dtype=np.int64)
        weights[used, 0], weights[used, 1] = row["positive"], row["neutral"]
        first, second = meta["intercept"]
        third, fourth = meta["lexicon"]
        return cls(
            row["language"], shape, weights, (first, second), (third, fourth), meta["has_neutral"], meta["sure"]
        )  # fmt: skip


def features(corpus: Corpus, shape: Shape) -> Iterator[Spans]:
    """Every feature of every text, kind by kind."""
    blank = ~corpus.is_word
    blanks = np.concatenate([np.zeros(1, np.int64), np.cumsum(blank)])
    # words begin and end with one blank whatever stands there, so that edges count alike
    codes = np.where(blank, 32, corpus.codes)
    flat = Corpus(codes, corpus.starts, corpus.ends)
    for size in range(shape.shortest, shape.longest + 1):
        start = np.arange(max(codes.size - size + 1, 0), dtype=np.int64)
        inner = blanks[start + size - 1] - blanks[start + 1] if size > 1 else blank[start].astype(np.int64)
        keep = inner == 0
        if not shape.words:
            keep &= blanks[start + size] == blanks[start]
        elif size <= 2:
            keep &= blanks[start + size] - blanks[start] < 2
        start = start[keep]
        yield _spans(corpus, start, np.full(start.size, size), flat.hashes(start, size), shape, size)
    if shape.words:
        first, last = corpus.words
        one = flat.hashes(first, last - first)
        yield _spans(corpus, first, last - first, one, shape, 101)
        near = corpus.document[first[1:]] == corpus.document[first[:-1]]
        with np.errstate(over="ignore"):
            two = (mixed(one[:-1]) * np.uint64(3) + one[1:])[near]
        yield _spans(corpus, first[:-1][near], (last[1:] - first[:-1])[near], two, shape, 102)


def _spans(corpus: Corpus, start: Ints, length: Ints, hashes: Words, shape: Shape, kind: int) -> Spans:
    with np.errstate(over="ignore"):
        bucket = (mixed(hashes + np.uint64(kind) * _ODD) >> np.uint64(64 - shape.bits)).astype(np.int64)
    return Spans(corpus.document[start], start, length, bucket)


def _normaliser(counts: Floats) -> Floats:
    scale: Floats = 1 / np.sqrt(np.maximum(counts, 1))
    return scale


def logits(corpus: Corpus, model: Linear, verdict: Floats) -> Floats:
    """Log odds against negative, float64 (texts, 2): positive, neutral. `verdict` (texts,) is the lexicon's."""
    total, counts = np.zeros((corpus.size, 2)), np.zeros(corpus.size)
    for spans in features(corpus, model.shape):
        counts += np.bincount(spans.document, minlength=corpus.size)
        for column in range(2 if model.has_neutral else 1):
            total[:, column] += np.bincount(
                spans.document, weights=model.weights[spans.bucket, column], minlength=corpus.size
            )
    found: Floats = total * _normaliser(counts)[:, None] + np.asarray(model.intercept)
    found += verdict[:, None] * np.asarray(model.lexicon)
    return found


def probabilities(model: Linear, odds: Floats) -> Floats:
    """Negative, neutral, positive: float64 (texts, 3)."""
    neutral = odds[:, 1] if model.has_neutral else np.full(odds.shape[0], -np.inf)
    raised = np.stack([np.zeros(odds.shape[0]), neutral, odds[:, 0]], axis=1)
    raised = np.exp(raised - raised.max(axis=1, keepdims=True))
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares


def labels(model: Linear, shares: Floats) -> Ints:
    """Index into LABELS: the likeliest; without neutral texts to learn from, neutral where neither side is sure."""
    chosen: Ints = shares.argmax(axis=1)
    if not model.has_neutral:
        chosen = np.where(shares.max(axis=1) < model.sure, 1, chosen)
    return chosen


def contributions(corpus: Corpus, model: Linear) -> tuple[Ints, Ints, Ints, Floats]:
    """Candidates for the words behind a score: document, first position, length, weight towards positive in log odds.

    A word weighs what all features that begin in it weigh; where a script has no blanks each n-gram of two characters
    and more that does not cut a syllable stands for itself.
    """
    found = [spans for spans in features(corpus, model.shape) if spans.start.size]
    if not found:
        return (*(np.zeros(0, np.int64) for _ in range(3)), np.zeros(0))  # type: ignore[return-value]
    counts = sum(np.bincount(spans.document, minlength=corpus.size) for spans in found)
    scale = _normaliser(np.asarray(counts, dtype=np.float64))
    if not model.shape.words:
        found = [spans for spans in found if spans.length[0] > 1] or found
        start = np.concatenate([spans.start for spans in found])
        length = np.concatenate([spans.length for spans in found])
        bucket = np.concatenate([spans.bucket for spans in found])
        whole = ~_cuts(corpus, start, length)
        start, length, bucket = start[whole], length[whole], bucket[whole]
        document = corpus.document[start]
        return document, start, length, model.weights[bucket, 0] * scale[document]
    first, last = corpus.words
    weight = np.zeros(first.size)
    for spans in found:
        # the word that holds the feature's first character, or the one that begins just after it
        word = np.searchsorted(first, spans.start + 1, side="right") - 1
        weight += np.bincount(
            np.maximum(word, 0), weights=model.weights[spans.bucket, 0], minlength=first.size
        )
    document = corpus.document[first]
    return document, first, last - first, weight * scale[document]


# Thai and Lao: what belongs to the consonant before it (vowels and tones above, below, after), and vowels written before theirs.
_TRAILING = np.array(
    [*range(0x0E30, 0x0E3B), *range(0x0E45, 0x0E4F), *range(0x0EB0, 0x0EBE), *range(0x0EC8, 0x0ECE)]
)
_LEADING = np.array([*range(0x0E40, 0x0E45), *range(0x0EC0, 0x0EC5)])


def _cuts(corpus: Corpus, start: Ints, length: Ints) -> Bools:
    """Spans that begin or end in the middle of a syllable."""
    trailing, leading = np.isin(corpus.codes, _TRAILING), np.isin(corpus.codes, _LEADING)
    after = np.minimum(start + length, corpus.codes.size - 1)
    cut: Bools = trailing[start] | trailing[after] | leading[start + length - 1]
    return cut


def strongest(
    texts: int, document: Ints, start: Ints, length: Ints, weight: Floats, most: int = 3
) -> tuple[Ints, Ints]:
    """Up to `most` spans a text that weigh most and do not overlap: documents and indexes, heaviest first in a text.

    A span of less than a fifth of the heaviest one's weight is not worth telling.
    """
    top = np.zeros(texts)
    np.maximum.at(top, document, weight)
    order = np.flatnonzero((weight > 0) & (weight >= 0.2 * top[document]))
    order = order[np.lexsort((start[order], -weight[order], document[order]))]
    documents: list[Ints] = []
    chosen: list[Ints] = []
    for _ in range(most):
        if not order.size:
            break
        heads = order[np.concatenate([[True], document[order][1:] != document[order][:-1]])]
        documents.append(document[heads])
        chosen.append(heads)
        low, high = np.full(texts, -1, np.int64), np.full(texts, -1, np.int64)
        low[document[heads]], high[document[heads]] = start[heads], start[heads] + length[heads]
        mine = document[order]
        order = order[(start[order] >= high[mine]) | (start[order] + length[order] <= low[mine])]
    if not chosen:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    found, indexes = np.concatenate(documents), np.concatenate(chosen)
    stable = np.argsort(found, kind="stable")
    return found[stable], indexes[stable]
