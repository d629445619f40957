"""The language of a text: by script where one language has it, else by function words and pieces of words, else as
declared, else null.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from scoring.text_corpus import TABLE, Corpus, Ints
from scoring.text_lexicon import Objects, Read, lexicons
from scoring.text_model import Floats

# First and last code point, and the language if the script has one only; else the languages to tell apart.
SCRIPTS: tuple[tuple[str, tuple[tuple[int, int], ...], tuple[str, ...]], ...] = (
    ("thai", ((0x0E00, 0x0E7F),), ("th",)),
    ("lao", ((0x0E80, 0x0EFF),), ("lo",)),
    ("burmese", ((0x1000, 0x109F),), ("my",)),
    ("khmer", ((0x1780, 0x17FF),), ("km",)),
    ("hangul", ((0xAC00, 0xD7AF), (0x1100, 0x11FF), (0x3130, 0x318F)), ("ko",)),
    ("kana", ((0x3040, 0x30FF),), ("ja",)),
    ("han", ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF)), ("zh",)),
    ("greek", ((0x0370, 0x03FF),), ("el",)),
    ("hebrew", ((0x0590, 0x05FF),), ("he",)),
    ("georgian", ((0x10A0, 0x10FF),), ("ka",)),
    ("armenian", ((0x0530, 0x058F),), ("hy",)),
    ("tamil", ((0x0B80, 0x0BFF),), ("ta",)),
    ("arabic", ((0x0600, 0x06FF),), ("ar", "fa")),
    ("cyrillic", ((0x0400, 0x04FF),), ("ru", "uk")),
    ("devanagari", ((0x0900, 0x097F),), ()),
    ("bengali", ((0x0980, 0x09FF),), ()),
    ("latin", ((0x61, 0x7A), (0xC0, 0x24F), (0x1E00, 0x1EFF)), ("en", "vi", "pt", "es", "fr", "de", "it", "nl", "id",
    "pl", "tr")),
)  # fmt: skip
# Evidence (words, pieces of words) below which a text does not tell: of up to three words, of more; and the share of
# all evidence that the best language must have.
LEAST_SHORT, LEAST_LONG, SHARE = 1.0, 1.75, 0.5


def declared_codes(declared: Sequence[str | None]) -> Objects:
    """ISO 639-1 codes of what sources say (`pt`, `pt-BR`, `EN_us`); None for anything else."""
    found = np.full(len(declared), None, dtype=object)
    for at, value in enumerate(declared):
        if value and (match := _CODE.fullmatch(value.strip())):
            found[at] = match[1].lower()
    return found


def detect(read: Read, declared: Objects) -> tuple[Objects, Objects]:
    """Language (ISO 639-1 or None) and how it was told: script, words, declared, None; object arrays (texts,).

    A declared language decides only where the words do not, and only if it is written in the script of the text.
    """
    corpus = read.corpus
    script = _script(corpus)
    votes = _votes(read)
    names = sorted(votes)
    language = np.full(corpus.size, None, dtype=object)
    told = np.full(corpus.size, None, dtype=object)
    for number, (_, _, choices) in enumerate(SCRIPTS):
        mine = np.flatnonzero(script == number)
        if len(choices) == 1:
            language[mine], told[mine] = choices[0], "script"
            continue
        known = [name for name in names if name in choices]
        if known and mine.size:
            first, _ = corpus.words
            long = np.bincount(corpus.document[first], minlength=corpus.size)[mine] > 3
            _by_words(mine, known, votes, np.where(long, LEAST_LONG, LEAST_SHORT), language, told)
        for index in (one for one in mine.tolist() if language[one] is None):
            if declared[index] in choices or (
                declared[index] and declared[index] not in KNOWN and choices == ()
            ):
                language[index], told[index] = declared[index], "declared"
    return language, told


_CODE = re.compile(r"([A-Za-z]{2})([-_].*)?")
KNOWN = frozenset(choice for _, _, choices in SCRIPTS for choice in choices)


def _by_words(
    mine: Ints, known: list[str], votes: dict[str, Floats], least: Floats, language: Objects, told: Objects
) -> None:
    counted = np.stack([votes[name][mine] for name in known], axis=1)
    best = counted.argmax(axis=1)
    top = counted.max(axis=1)
    total = counted.sum(axis=1)
    ordered = np.sort(counted, axis=1)
    clear = (top >= least) & (top > SHARE * total)
    if len(known) > 1:
        # where many languages share words, the lead over the next counts
        clear |= (top >= 2) & (top >= 1.5 * ordered[:, -2])
    language[mine[clear]] = np.array(known, dtype=object)[best[clear]]
    told[mine[clear]] = "words"


@lru_cache(maxsize=1)
def _table() -> npt.NDArray[np.uint8]:
    """Number of the script of each code point; the last number is none."""
    table = np.full(TABLE, len(SCRIPTS), dtype=np.uint8)
    for number, (_, ranges, _) in enumerate(SCRIPTS):
        for first, last in ranges:
            table[first : last + 1] = number
    return table


def _script(corpus: Corpus) -> Ints:
    """Number of the script with most letters, -1 for none; any kana makes Japanese."""
    each = _table()[np.minimum(corpus.codes, TABLE - 1)].astype(np.int64)
    width = len(SCRIPTS) + 1
    counts = np.bincount(corpus.document * width + each, minlength=corpus.size * width)
    letters = counts.reshape(-1, width)[:, :-1].astype(np.float64)
    told = letters.sum(axis=1) > 0
    names = [name for name, _, _ in SCRIPTS]
    # brand names are Latin everywhere, and a Chinese character carries more than a letter
    letters[:, names.index("latin")] *= 0.25
    kana, han = names.index("kana"), names.index("han")
    letters[:, kana] = np.where(letters[:, kana] > 0, letters[:, kana] + letters[:, han], 0)
    return np.where(told, letters.argmax(axis=1), -1)


def _votes(read: Read) -> dict[str, Floats]:
    """Per language the weight of words and pieces found: a word that several languages have counts a share for each."""
    words, pieces = lexicons()
    votes: dict[str, Floats] = {}
    for lexicon, found, kinds in (
        (words, read.matches, ("language", "sentiment")),
        (pieces, pieces.phrases.find(read.corpus), ("piece",)),
    ):
        counts = np.isin(lexicon.kinds, kinds)
        _, inverse, times = np.unique(lexicon.phrases.hash[counts], return_inverse=True, return_counts=True)
        weight = np.zeros(counts.size)
        weight[counts] = (lexicon.weights[counts] if kinds == ("piece",) else 1.0) / times[inverse]
        found = found.where(counts[found.phrase])
        for name in dict.fromkeys(lexicon.languages[counts]):
            mine = lexicon.languages[found.phrase] == name
            counted = np.bincount(
                found.document[mine], weights=weight[found.phrase[mine]], minlength=read.corpus.size
            )
            votes[name] = votes.get(name, np.zeros(read.corpus.size)) + counted
    return votes
