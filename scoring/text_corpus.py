"""Texts as one array of code points, so that n-grams, words and phrases are found by arithmetic and not one text at a
time.

Data flow: texts  ->  normalised (NFC, lower case, one blank)  ->  `Corpus`  ->  hashes of spans

A span's hash is a polynomial over its code points, read off prefix sums modulo 2^64: the base is odd, hence
invertible there. What that buys is in docs/decisions.md.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

SEPARATOR = "\n"
TABLE = 0x20000
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
# Scripts written without blanks between words: Thai, Lao, Burmese, Khmer, kana, Han.
UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
)


def normalise(text: str) -> str:
    """One spelling: composed, lower case, single blanks, straight apostrophes."""
    text = unicodedata.normalize("NFC", text).lower().replace("\u2019", "'")
    return " ".join(text.split())


@lru_cache(maxsize=1)
def _kinds() -> tuple[Bools, Bools]:
    """Per code point: is it part of a word, is it of a script without blanks."""
    word = np.fromiter(
        (
            unicodedata.category(chr(code))[0] in "LMN" or unicodedata.category(chr(code)) == "So"
            for code in range(TABLE)
        ),
        dtype=bool,
        count=TABLE,
    )
    unspaced = np.zeros(TABLE, dtype=bool)
    for first, last in UNSPACED:
        unspaced[first : last + 1] = True
    return word, unspaced


@dataclass(frozen=True)
class Corpus:
    """Texts one after the other: a separator, the first text, a separator, the second one, ... a separator.

    `codes` int64 (characters,), `starts` and `ends` int64 (texts,): a text is codes[start:end]; `joined` is the same
    as text.
    """

    codes: Ints
    starts: Ints
    ends: Ints
    joined: str = ""

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Corpus":
        """Lay out normalised texts."""
        joined = SEPARATOR + SEPARATOR.join(texts) + SEPARATOR
        codes = np.frombuffer(joined.encode("utf-32-le", "replace"), dtype="<u4").astype(np.int64)
        lengths = np.fromiter((len(text) for text in texts), dtype=np.int64, count=len(texts))
        starts = 1 + np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths + 1)])[: len(texts)]
        return cls(codes, starts, starts + lengths, joined)

    @property
    def size(self) -> int:
        """Number of texts."""
        return int(self.starts.size)

    @cached_property
    def document(self) -> Ints:
        """Text each character belongs to; a separator to the text after it."""
        marks = np.zeros(self.codes.size, dtype=np.int64)
        marks[self.starts - 1] = 1
        found: Ints = np.minimum(np.cumsum(marks) - 1, max(self.size - 1, 0))
        return found

    @cached_property
    def is_word(self) -> Bools:
        """Letters, marks, digits, pictures; an apostrophe between two of them."""
        inside = np.minimum(self.codes, TABLE - 1)
        word = _kinds()[0][inside]
        quote = self.codes == ord("'")
        quote[1:] &= word[:-1]
        quote[:-1] &= word[1:]
        found: Bools = word | quote
        return found

    @cached_property
    def is_unspaced(self) -> Bools:
        """Characters of scripts without blanks."""
        found: Bools = _kinds()[1][np.minimum(self.codes, TABLE - 1)]
        return found

    @cached_property
    def pairs(self) -> Ints:
        """A number below 2^16 of each character and the next: what it cannot be, no phrase there can be either."""
        following = np.concatenate([self.codes[1:], np.zeros(1, np.int64)])
        found: Ints = (self.codes * 31 + following * 1021) & 0xFFFF
        return found

    @cached_property
    def words(self) -> tuple[Ints, Ints]:
        """First position of each run of word characters, and the one after its last."""
        edge = np.diff(self.is_word.astype(np.int8), prepend=0, append=0)
        return np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)

    @cached_property
    def _prefix(self) -> tuple[Words, Words]:
        size = self.codes.size
        with np.errstate(over="ignore"):
            powers = np.full(size + 1, _BASE, dtype=np.uint64)
            powers[0] = 1
            powers = np.cumprod(powers)
            inverse = np.full(size + 1, _INVERSE, dtype=np.uint64)
            inverse[0] = 1
            inverse = np.cumprod(inverse)
            values = (self.codes.astype(np.uint64) + np.uint64(1)) * _MIX * powers[:size]
            return np.concatenate([np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)]), inverse

    def hashes(self, starts: Ints, lengths: Ints | int) -> Words:
        """64-bit hashes of the spans codes[start:start + length], equal for equal text anywhere; not yet `mixed`."""
        prefix, inverse = self._prefix
        with np.errstate(over="ignore"):
            found: Words = (prefix[starts + lengths] - prefix[starts]) * inverse[starts]
        return found


def mixed(values: Any) -> Words:
    """Spread 64-bit values, so that any of their bits can number a bucket (the finaliser of SplitMix64)."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * _MIX
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        spread: Words = values ^ (values >> np.uint64(31))
    return spread
