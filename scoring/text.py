"""What a text says: language, sentiment, emotion, intent, topics, and the words behind the score. Arrow in, Arrow out.

Data flow: key, text, declared language  ->  language  ->  learnt model | shipped model | lexicon  ->  one row per key

Per language the company's own model speaks where it has been measured to be better (text_learn.py), else the shipped
one, else the words of the lexicon; where none of them knows the language, or the lexicon finds no word, the sentiment
is null.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from scoring.text_corpus import Corpus, Ints, normalise
from scoring.text_language import declared_codes, detect
from scoring.text_lexicon import (
    EMOTIONS,
    INTENTS,
    Objects,
    Polarity,
    Read,
    claims,
    function_words,
    polar_languages,
    polarity,
)
from scoring.text_model import LABELS, Floats, Linear, contributions, labels, logits, probabilities, strongest
from scoring.text_phrases import Matches, Phrases
from scoring.text_shipped import shipped

# Texts worked on at once: what a processor's memory holds well; the result does not depend on it.
BATCH = 20_000
ANY_LANGUAGE = "*"
UNLEARNT = "shipped"
SCHEMA = pa.schema(
    [
        ("text_key", pa.string()),
        ("language", pa.string()),
        ("language_by", pa.string()),
        ("sentiment", pa.float64()),
        ("sentiment_label", pa.string()),
        ("sentiment_by", pa.string()),
        ("words", pa.string()),
        ("emotion", pa.string()),
        ("intent", pa.string()),
        ("topics", pa.list_(pa.string())),
        ("mark", pa.string()),
    ]
)


@dataclass(frozen=True)
class Topics:
    """Rules and discovered topics: names, their language (`*`: any), and the phrases of each with a weight.

    A rule speaks when one of its patterns is found (weight 1); a discovered topic when the weights found add up to 1.
    """

    names: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    topic: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    weights: Floats = field(default_factory=lambda: np.zeros(0))
    phrases: Phrases = field(default_factory=lambda: Phrases([]))

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str, str, float]]) -> "Topics":
        """From (topic, language, phrase, weight)."""
        listed = sorted(set(rows))
        keys = list(dict.fromkeys((name, language) for name, language, _, _ in listed))
        place = {key: number for number, key in enumerate(keys)}
        return cls(
            tuple(name for name, _ in keys),
            tuple(language for _, language in keys),
            np.array([place[name, language] for name, language, _, _ in listed], dtype=np.int64),
            np.array([weight for *_, weight in listed], dtype=np.float64),
            Phrases([phrase for _, _, phrase, _ in listed]),
        )


@dataclass(frozen=True)
class Learnt:
    """What was learnt from the company's own texts: a model per language that has one, and the mark of each language."""

    models: Mapping[str, Linear] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)


def score(
    keys: Sequence[str], texts: Sequence[str], declared: Sequence[str | None], topics: Topics, learnt: Learnt
) -> pa.Table:
    """One row per text, in the order given; columns of SCHEMA."""
    parts = [
        _batch(keys[at : at + BATCH], texts[at : at + BATCH], declared[at : at + BATCH], topics, learnt)
        for at in range(0, len(keys), BATCH)
    ]
    return pa.concat_tables(parts) if parts else SCHEMA.empty_table()


def _batch(
    keys: Sequence[str], texts: Sequence[str], declared: Sequence[str | None], topics: Topics, learnt: Learnt
) -> pa.Table:
    read = Read(Corpus.of([normalise(text) for text in texts]))
    corpus = read.corpus
    language, told = detect(read, declared_codes(declared))
    lexical, empty = polarity(read, language), function_words(read, language)
    found = _Sentiment(corpus.size)
    for name in sorted({one for one in language if one is not None}):
        if name in learnt.models or name in shipped() or name in polar_languages():
            mine = np.flatnonzero(language == name)
            model = learnt.models.get(name) or shipped().get(name)
            found.fill(corpus, mine, model, name in learnt.models, _of(lexical, mine, corpus), empty)
    emotion = claims(read, language, "emotion", EMOTIONS)
    intent = claims(read, language, "intent", INTENTS)
    columns: dict[str, Any] = {
        "text_key": list(keys),
        "language": list(language),
        "language_by": list(told),
        "sentiment": pa.array(np.round(found.score, 4), mask=np.isnan(found.score)),
        "sentiment_label": [LABELS[one] if one >= 0 else None for one in found.label.tolist()],
        "sentiment_by": list(found.by),
        "words": list(found.words),
        "emotion": [EMOTIONS[one] if one >= 0 else None for one in emotion.tolist()],
        "intent": [INTENTS[one] if one >= 0 else None for one in intent.tolist()],
        "topics": _topics(corpus, language, topics),
        "mark": [learnt.marks.get(one, UNLEARNT) for one in language],
    }
    return pa.table(
        {name: pa.array(columns[name], type=SCHEMA.field(name).type) for name in SCHEMA.names}, schema=SCHEMA
    )


class _Sentiment:
    """Columns being filled, language by language; score is NaN and label -1 where nothing spoke."""

    def __init__(self, size: int) -> None:
        self.score = np.full(size, np.nan)
        self.label = np.full(size, -1, dtype=np.int64)
        self.by = np.full(size, None, dtype=object)
        self.words = np.full(size, None, dtype=object)

    def fill(
        self,
        corpus: Corpus,
        mine: Ints,
        model: Linear | None,
        is_learnt: bool,
        lexical: Polarity,
        empty: Matches,
    ) -> None:
        """Judge the texts `mine`; `lexical` is of them alone, with positions in a corpus of them alone."""
        part = _part(corpus, mine)
        label, score, (document, start, length, weight) = judge(part, lexical, model)
        spoke = label >= 0
        self.label[mine], self.score[mine] = label, score
        self.by[mine[spoke]] = "learnt" if is_learnt else "model" if model else "lexicon"
        # words that only hold the sentence together explain nothing
        shift = part.starts - corpus.starts[mine]
        place = np.full(corpus.size, -1, dtype=np.int64)
        place[mine] = np.arange(mine.size)
        inside = place[empty.document] >= 0
        idle = np.zeros(part.codes.size, dtype=np.int64)
        idle[empty.start[inside] + shift[place[empty.document[inside]]]] = empty.length[inside]
        # the words that pull to the side of the verdict; both sides where it is neutral
        side = np.array([-1.0, 0.0, 1.0, 0.0])[label][document]
        pull = np.where(side == 0, np.abs(weight), side * weight)
        pull[~spoke[document] | (idle[start] == length)] = 0
        documents, chosen = strongest(part.size, document, start, length, pull)
        listed: dict[int, list[str]] = {}
        for at, index in zip(documents.tolist(), chosen.tolist(), strict=True):
            listed.setdefault(at, []).append(part.joined[start[index] : start[index] + length[index]].strip())
        for at, words in listed.items():
            self.words[mine[at]] = ", ".join(dict.fromkeys(words))


def judge(
    corpus: Corpus, lexical: Polarity, model: Linear | None
) -> tuple[Ints, Floats, tuple[Ints, Ints, Ints, Floats]]:
    """Label (-1: cannot tell), score (NaN: cannot tell), and candidate words (document, start, length, weight).

    With a model every text is judged; without one those in which the lexicon finds a word.
    """
    found = lexical.matches
    if model is None:
        silent = lexical.spoke == 0
        label = np.where(lexical.verdict > 0, 2, np.where(lexical.verdict < 0, 0, 1))
        label[silent] = -1
        score = np.where(silent, np.nan, lexical.verdict)
        return label, score, (found.document, found.start, found.length, lexical.weights)
    shares = probabilities(model, logits(corpus, model, lexical.verdict))
    counted = contributions(corpus, model)
    words = (found.document, found.start, found.length, lexical.weights * model.lexicon[0])
    document, start, length, weight = (np.concatenate(pair) for pair in zip(words, counted, strict=True))
    return labels(model, shares), shares[:, 2] - shares[:, 0], (document, start, length, weight)


def _of(lexical: Polarity, mine: Ints, corpus: Corpus) -> Polarity:
    """The verdicts of some texts, as if they stood alone in a corpus."""
    if mine.size == corpus.size:
        return lexical
    place = np.full(corpus.size, -1, dtype=np.int64)
    place[mine] = np.arange(mine.size)
    lengths = corpus.ends[mine] - corpus.starts[mine]
    starts = 1 + np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths + 1)])[:-1]
    found = lexical.matches
    keep = place[found.document] >= 0
    found = found.where(keep)
    document = place[found.document]
    start = found.start - corpus.starts[mine][document] + starts[document]
    matches = Matches(document, start, found.length, found.phrase)
    return Polarity(lexical.verdict[mine], lexical.spoke[mine], matches, lexical.weights[keep])


def _part(corpus: Corpus, mine: Ints) -> Corpus:
    if mine.size == corpus.size:
        return corpus
    return Corpus.of([corpus.joined[corpus.starts[one] : corpus.ends[one]] for one in mine.tolist()])


def _topics(corpus: Corpus, language: Objects, topics: Topics) -> list[list[str]]:
    """Names of the topics of each text, by name."""
    found = topics.phrases.find(corpus)
    named: list[list[str]] = [[] for _ in range(corpus.size)]
    if not found.phrase.size:
        return named
    wanted = np.array([*topics.languages, None], dtype=object)[:-1][topics.topic[found.phrase]]
    found = found.where((wanted == ANY_LANGUAGE) | (wanted == language[found.document]))
    # a phrase counts once a text
    once = np.unique(found.document * len(topics.weights) + found.phrase)
    document, phrase = once // len(topics.weights), once % len(topics.weights)
    cells, inverse = np.unique(document * len(topics.names) + topics.topic[phrase], return_inverse=True)
    total = np.bincount(inverse, weights=topics.weights[phrase])
    for cell in cells[total >= 1 - 1e-9].tolist():
        named[cell // len(topics.names)].append(topics.names[cell % len(topics.names)])
    return [sorted(set(names)) for names in named]
