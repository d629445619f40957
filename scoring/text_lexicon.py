"""Words by hand: polarity, emotion and intent in five languages, function words of fifteen (`data/text_lexicon.csv`).

Written for this project from general knowledge and not from any labelled set, so that the sets in
benchmarks/sentiment.py can judge it. A language without words here gets null: silence is not neutral.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.text_corpus import Bools, Corpus, Ints
from scoring.text_model import Floats
from scoring.text_phrases import Matches, Phrases, longest

Objects = npt.NDArray[Any]

FILE = Path(__file__).parent / "data" / "text_lexicon.csv"
# The stronger claim wins where a text makes several: who cancels has complained enough.
INTENTS = ("cancel", "complain", "buy", "ask", "praise")
EMOTIONS = ("anger", "disappointment", "worry", "gratitude", "joy", "surprise")
# How far before a word `not` turns it: three short words, or three Chinese or Thai characters.
NEGATED_WITHIN, NEGATED_WITHIN_UNSPACED = 14, 3
NEGATION = -0.7
STOPS = [ord(mark) for mark in "\n.,;!?"] + [0x3002, 0xFF0C, 0xFF01, 0xFF1F, 0xFF1B]  # the same in Chinese


@dataclass(frozen=True)
class Lexicon:
    """Lines of the file as columns: kind, language, value as object arrays, weights, and the phrases to find them by."""

    kinds: Objects
    languages: Objects
    values: Objects
    weights: Floats
    phrases: Phrases

    @classmethod
    def of(cls, rows: Sequence[dict[str, str]], inside: bool = False) -> "Lexicon":
        """From lines of the file."""
        columns = [
            np.array([row[name] for row in rows], dtype=object) for name in ("kind", "language", "value")
        ]
        weights = np.array([float(row["weight"]) for row in rows])
        return cls(
            columns[0], columns[1], columns[2], weights, Phrases([row["phrase"] for row in rows], inside)
        )

    @property
    def polar(self) -> frozenset[str]:
        """Languages with polarity words."""
        return frozenset(self.languages[self.kinds == "sentiment"])


@lru_cache(maxsize=1)
def lexicons() -> tuple[Lexicon, Lexicon]:
    """The shipped lexicon: words, and pieces of words (they tell languages apart)."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    pieces = [row for row in rows if row["kind"] == "piece"]
    return Lexicon.of([row for row in rows if row["kind"] != "piece"]), Lexicon.of(pieces, inside=True)


def polar_languages() -> frozenset[str]:
    """Languages with polarity words."""
    return lexicons()[0].polar


class Read:
    """A corpus read once with the whole lexicon; `language` (texts,) decides which words count."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.matches = lexicons()[0].phrases.find(corpus)

    def of(self, kind: str, language: Objects) -> Matches:
        """Matches of one kind, in the language of their text."""
        words, found = lexicons()[0], self.matches
        mine = words.kinds[found.phrase] == kind
        found = found.where(mine)
        return found.where(words.languages[found.phrase] == language[found.document])

    def negated(self, found: Matches, language: Objects) -> Bools:
        """Matches shortly after a word of negation in the same part of the sentence."""
        negators = self.of("negator", language)
        if not negators.start.size or not found.start.size:
            return np.zeros(found.start.size, dtype=bool)
        codes = self.corpus.codes
        # a negator that begins the phrase itself (`not good`) ends behind its start and does not count
        ends = np.sort(negators.start + negators.length)
        nearest = np.searchsorted(ends, found.start, side="right") - 1
        end = ends[np.maximum(nearest, 0)]
        reach = np.where(self.corpus.is_unspaced[found.start], NEGATED_WITHIN_UNSPACED, NEGATED_WITHIN)
        stops = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.isin(codes, STOPS))])
        near = (nearest >= 0) & (found.start - end < reach)
        turned: Bools = near & (stops[found.start] == stops[np.minimum(end, found.start)])
        return turned


@dataclass(frozen=True)
class Polarity:
    """The lexicon's verdict per text, -1 to 1; how many words spoke; those words, and what each adds to the verdict."""

    verdict: Floats
    spoke: Ints
    matches: Matches
    weights: Floats


def polarity(read: Read, language: Objects) -> Polarity:
    """Sum of polar words, turned where negated, over one more than the sum of their strengths."""
    size = read.corpus.size
    found = longest(read.of("sentiment", language))
    weights = lexicons()[0].weights[found.phrase].copy()
    weights[read.negated(found, language)] *= NEGATION
    strength = 1 + np.bincount(found.document, weights=np.abs(weights), minlength=size)
    verdict = np.bincount(found.document, weights=weights, minlength=size) / strength
    spoke = np.bincount(found.document, minlength=size)
    return Polarity(verdict, spoke, found, weights / strength[found.document])


def claims(read: Read, language: Objects, kind: str, order: tuple[str, ...]) -> Ints:
    """Index into `order` of the first value a text has words for, -1 for none; negated words claim nothing."""
    found = longest(read.of(kind, language))
    found = found.where(~read.negated(found, language))
    rank = {value: number for number, value in enumerate(order)}
    ranks = np.array([rank.get(value, len(order)) for value in lexicons()[0].values], dtype=np.int64)
    first = np.full(read.corpus.size, len(order), dtype=np.int64)
    np.minimum.at(first, found.document, ranks[found.phrase])
    return np.where(first == len(order), -1, first)


def function_words(read: Read, language: Objects) -> Matches:
    """Words that carry no meaning of their own; words of negation are not among them."""
    return read.of("language", language)
