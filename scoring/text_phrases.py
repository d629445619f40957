"""A dictionary of phrases, found in a corpus all at once.

A phrase is found from word edge to word edge; `deliver*` where a word begins; a phrase of a script without blanks
anywhere. Hashes are compared whole (64 bits); the first two characters, then a bitmap of 2^16 places, say where
looking is worth it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scoring.text_corpus import Bools, Corpus, Ints, Words, normalise

_PLACES = np.uint64(48)


@dataclass(frozen=True)
class Matches:
    """Where phrases stand: document, first position, length, number of the phrase; int64 (matches,), by position."""

    document: Ints
    start: Ints
    length: Ints
    phrase: Ints

    def where(self, keep: Bools) -> "Matches":
        """The matches of a mask."""
        return Matches(self.document[keep], self.start[keep], self.length[keep], self.phrase[keep])


class Phrases:
    """Phrases by number. A phrase may be listed twice: both are found. `inside`: all of them are found inside words too."""

    def __init__(self, phrases: Sequence[str], inside: bool = False) -> None:
        corpus = Corpus.of([normalise(phrase.removesuffix("*")) for phrase in phrases])
        self.length: Ints = corpus.ends - corpus.starts
        self.hash: Words = corpus.hashes(corpus.starts, self.length)
        self.is_prefix: Bools = np.array([phrase.endswith("*") for phrase in phrases], dtype=bool)
        self.inside = inside
        self.pairs: Ints = corpus.pairs[np.minimum(corpus.starts, corpus.codes.size - 1)]
        unspaced = np.concatenate([np.zeros(1, np.int64), np.cumsum(corpus.is_unspaced)])
        # a phrase that does not begin with a word character (`?`) has no word edge to be found at
        begins = corpus.is_word[np.minimum(corpus.starts, corpus.codes.size - 1)]
        self.is_anywhere: Bools = (unspaced[corpus.ends] > unspaced[corpus.starts]) | ~begins | inside

    def find(self, corpus: Corpus) -> Matches:
        """All occurrences, overlapping ones too."""
        first, last = corpus.words
        is_end = np.zeros(corpus.codes.size + 1, dtype=bool)
        is_end[last] = True
        elsewhere = (
            np.arange(corpus.codes.size)
            if self.inside
            else np.flatnonzero(corpus.is_unspaced | ~corpus.is_word)
        )
        none = np.zeros(0, np.int64)
        found = [(none, none, none)]
        for anywhere, places in ((False, first), (True, elsewhere)):
            pairs = corpus.pairs[places]
            for size in np.unique(self.length[(self.is_anywhere == anywhere) & (self.length > 0)]).tolist():
                mine = np.flatnonzero((self.length == size) & (self.is_anywhere == anywhere))
                start = places[self._likely(mine, size)[pairs]]
                start = start[start + size <= corpus.codes.size]
                position, phrase = _lookup(corpus.hashes(start, size), self.hash[mine])
                start, phrase = start[position], mine[phrase]
                keep = self.is_anywhere[phrase] | self.is_prefix[phrase] | is_end[start + size]
                found.append((start[keep], np.full(int(keep.sum()), size), phrase[keep]))
        start, length, phrase = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = np.lexsort((phrase, -length, start))
        start, length, phrase = start[order], length[order], phrase[order]
        return Matches(corpus.document[start], start, length, phrase)

    def _likely(self, mine: Ints, size: int) -> Bools:
        """Which pairs of characters can begin one of these phrases: of one character, any pair that begins with it."""
        likely = np.zeros(1 << 16, dtype=bool)
        if size > 1:
            likely[self.pairs[mine]] = True
        else:
            likely[:] = True
        return likely


def _lookup(asked: Words, known: Words) -> tuple[Ints, Ints]:
    """Pairs (index of asked, index of known) with equal hashes."""
    order = np.argsort(known, kind="stable")
    ordered = known[order]
    likely = np.zeros(1 << 16, dtype=bool)
    likely[known >> _PLACES] = True
    candidates = np.flatnonzero(likely[asked >> _PLACES])
    low = np.searchsorted(ordered, asked[candidates], side="left")
    high = np.searchsorted(ordered, asked[candidates], side="right")
    times = high - low
    position = np.repeat(candidates, times)
    offset = np.arange(position.size) - np.repeat(np.cumsum(times) - times, times)
    return position, order[np.repeat(low, times) + offset]


def longest(matches: Matches) -> Matches:
    """Without matches that lie inside a longer one: in `not good` the word `good` says nothing of its own."""
    if not matches.start.size:
        return matches
    end = matches.start + matches.length
    before = np.concatenate([[-1], np.maximum.accumulate(end)[:-1]])
    same = np.concatenate(
        [[False], (matches.start[1:] == matches.start[:-1]) & (matches.length[1:] == matches.length[:-1])]
    )
    # listed twice is no overlap: the second stands or falls with the first
    keep = end > before
    for index in np.flatnonzero(same):
        keep[index] = keep[index - 1]
    return matches.where(keep)
