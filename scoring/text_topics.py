"""Topics nobody named: non-negative matrix factorisation over tf-idf of words (n-grams where a script has no blanks),
named by top words.

Seeded and by content: the same texts give the same topics in any order. A word that fewer texts hold than the floor
is none: it could be a name. scikit-learn is imported inside `_factors`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scoring.text_corpus import Bools, Corpus, Ints, normalise
from scoring.text_fit import folds
from scoring.text_lexicon import Read
from scoring.text_model import SHAPES, Floats, Shape, _cuts

# Below this many different texts of a language there is nothing to discover; above the cap only the time grows.
LEAST_TEXTS, MOST_TEXTS = 300, 20_000
# A word of a topic stands in at least so many texts and so great a share, and in no more than this share.
LEAST_HOLDERS, LEAST_SHARE, MOST_SHARE = 10, 0.003, 0.25
# One topic for so many texts, between these numbers; so many words each.
TEXTS_A_TOPIC, FEWEST, MOST, WORDS = 150, 3, 12, 8
SEED = 20260630


@dataclass(frozen=True)
class Topic:
    """A discovered topic: its name (the three heaviest words), its words with weights (the heaviest 1), texts it was found in."""

    name: str
    words: tuple[str, ...]
    weights: tuple[float, ...]
    n: int


def discover(language: str, texts: Sequence[str]) -> list[Topic]:
    """Topics of different texts of one language; none where they are too few."""
    words = sorted(set(map(normalise, texts)), key=lambda text: (folds([text], 1 << 62)[0], text))[
        :MOST_TEXTS
    ]
    if len(words) < LEAST_TEXTS:
        return []
    terms, document, term = _terms(words, language)
    if len(terms) < 2 * FEWEST * 3:
        return []
    return _topics(terms, document, term, len(words))


def _terms(texts: list[str], language: str) -> tuple[list[str], Ints, Ints]:
    """Vocabulary, and pairs (document, term), each once."""
    read = Read(Corpus.of(texts))
    corpus = read.corpus
    start, length = _candidates(corpus, SHAPES.get(language, Shape()))
    spoken = np.full(corpus.size, language, dtype=object)
    usable = ~_covered(read, spoken, start, length)
    start, length = start[usable], length[usable]
    hashes, first, inverse = np.unique(corpus.hashes(start, length), return_index=True, return_inverse=True)
    once = np.unique(corpus.document[start] * hashes.size + inverse)
    document, term = once // hashes.size, once % hashes.size
    holders = np.bincount(term, minlength=hashes.size)
    kept = (holders >= max(LEAST_HOLDERS, LEAST_SHARE * corpus.size)) & (holders <= MOST_SHARE * corpus.size)
    kept &= ~_inside_longer(corpus, start[first], length[first], hashes, holders, kept)
    number = np.cumsum(kept) - 1
    mine = kept[term]
    at, size = start[first][kept].tolist(), length[first][kept].tolist()
    names = [corpus.joined[one : one + many] for one, many in zip(at, size, strict=True)]
    # numbered by spelling, so that no hash decides an order
    order = np.argsort(np.array(names, dtype=object), kind="stable")
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(order.size)
    return [names[one] for one in order], document[mine], rank[number[term[mine]]]


def _candidates(corpus: Corpus, shape: Shape) -> tuple[Ints, Ints]:
    """Words and pairs of words; n-grams of two to six characters inside a run where there are no blanks."""
    first, last = corpus.words
    if shape.words:
        long = last - first >= 3
        near = (first[1:] - last[:-1] == 1) & (corpus.codes[last[:-1]] == 32)
        start = np.concatenate([first[long], first[:-1][near]])
        return start, np.concatenate([(last - first)[long], (last[1:] - first[:-1])[near]])
    blanks = np.concatenate([np.zeros(1, np.int64), np.cumsum(~corpus.is_unspaced)])
    parts = []
    for size in range(2, 7):
        at = np.arange(corpus.codes.size - size, dtype=np.int64)
        at = at[blanks[at + size] == blanks[at]]
        at = at[~_cuts(corpus, at, np.full(at.size, size))]
        parts.append((at, np.full(at.size, size)))
    start, length = (np.concatenate(part) for part in zip(*parts, strict=True))
    return start, length


def _covered(read: Read, spoken: Any, start: Ints, length: Ints) -> Bools:
    """Spans that begin or end with a word of the lexicon that is no matter to talk about: function words, praise and
    blame, digits.
    """
    corpus = read.corpus
    begins, ends = np.zeros(corpus.codes.size + 1, dtype=bool), np.zeros(corpus.codes.size + 1, dtype=bool)
    for kind in ("language", "sentiment", "negator"):
        found = read.of(kind, spoken)
        begins[found.start] = True
        ends[found.start + found.length] = True
    digits = (corpus.codes >= 48) & (corpus.codes <= 57)
    covered: Bools = begins[start] | ends[start + length] | digits[start]
    return covered


def _inside_longer(
    corpus: Corpus, start: Ints, length: Ints, hashes: Any, holders: Ints, kept: Bools
) -> Bools:
    """Terms that nearly always stand in one longer term: `custom` in `customer`, one character less of an n-gram."""
    inside = np.zeros(hashes.size, dtype=bool)
    longer = np.flatnonzero(kept & (length > 2))
    for offset in (0, 1):
        shorter = corpus.hashes(start[longer] + offset, length[longer] - 1)
        place = np.minimum(np.searchsorted(hashes, shorter), hashes.size - 1)
        same = (hashes[place] == shorter) & (holders[longer] >= 0.7 * holders[place])
        inside[place[same]] = True
    return inside


def _topics(terms: list[str], document: Ints, term: Ints, size: int) -> list[Topic]:
    holders = np.bincount(term, minlength=len(terms))
    rarity = np.log(size / holders)
    scale = 1 / np.sqrt(np.maximum(np.bincount(document, weights=rarity[term] ** 2, minlength=size), 1e-12))
    values = rarity[term] * scale[document]
    number = int(np.clip(size // TEXTS_A_TOPIC, FEWEST, MOST))
    texts, weights = _factors(document, term, values, (size, len(terms)), min(number, len(terms) // 3))
    owner = np.where(texts.max(axis=1) > 0, texts.argmax(axis=1), -1)
    found = []
    for topic in range(weights.shape[0]):
        order = sorted(range(len(terms)), key=lambda one: (-round(weights[topic, one], 9), terms[one]))
        heavy = _apart([one for one in order if weights[topic, one] > 0.1 * weights[topic, order[0]]], terms)
        if not heavy or weights[topic, order[0]] <= 0:
            continue
        share = weights[topic, heavy] / weights[topic, heavy[0]]
        words = tuple(terms[one] for one in heavy)
        found.append(
            Topic(
                " / ".join(words[:3]),
                words,
                tuple(round(float(one), 3) for one in share),
                int((owner == topic).sum()),
            )
        )
    return sorted(found, key=lambda one: (-one.n, one.name))


def _apart(order: list[int], terms: list[str]) -> list[int]:
    """The first WORDS of terms of which none is a part of another: `delivery` and `delivery time` are one matter."""
    kept: list[int] = []
    for one in order:
        if len(kept) < WORDS and not any(
            terms[one] in terms[other] or terms[other] in terms[one] for other in kept
        ):
            kept.append(one)
    return kept


def _factors(
    document: Ints, term: Ints, values: Floats, shape: tuple[int, int], number: int
) -> tuple[Floats, Floats]:
    """Texts by topics and topics by terms."""
    from scipy import sparse
    from sklearn.decomposition import NMF

    matrix = sparse.csr_matrix((values, (document, term)), shape=shape)
    solver = NMF(number, init="nndsvda", random_state=SEED, max_iter=200, tol=1e-3)
    texts: Floats = solver.fit_transform(matrix)
    return texts, solver.components_
