"""How well is the mood of a text told? `python -m benchmarks.sentiment --data FOLDER [--vader PYTHON] [--speed]`

FOLDER holds `sentiment/` and `olist/` with the labelled sets (docs/text.md names them; some may be measured on but
not passed on). Every figure is of texts the layer has not seen: the shipped layer is fitted anew without them where
it was made from the set (Thai: fitted on the train split, measured on the validation split; English: five folds), the
learnt layer by five folds over the whole set, a company's answers in its place. Thai: its `q` (question) counts as
neutral. Stars: 1 and 2 negative, 3 neutral, 4 and 5 positive. A set without neutral texts is judged by the sign of
the score.

VADER runs in a process of the interpreter named by --vader (`pip install vaderSentiment` in a venv of its own).
"""

import argparse
import csv
import gzip
import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scoring import text_fit
from scoring.text import Learnt, Topics, judge, score
from scoring.text_corpus import Corpus, Ints, normalise
from scoring.text_learn import learn
from scoring.text_lexicon import Read, polar_languages, polarity
from scoring.text_memory import languages
from scoring.text_model import SHAPES, Floats, Linear, Shape
from scoring.train_text import SETS as SHIPPED_SETS


@dataclass(frozen=True)
class Labelled:
    """A labelled set and its published figure."""

    language: str
    file: str
    label: str
    text: str
    meaning: dict[str, int]
    published: str


SETS = (
    Labelled("en", "sentiment/en_yelp.csv.gz", "label", "text", {"0": 0, "1": 2},
             "none for this copy; Kotzias et al. 2015 learn from whole reviews"),
    Labelled("th", "sentiment/th_wisesight_train_valid.csv.gz", "label", "text", {"neg": 0, "neu": 1, "q": 1, "pos": 2},
             "accuracy 0.728 logistic regression, 0.734 ULMFit (PyThaiNLP, four labels, public test split)"),
    Labelled("vi", "sentiment/vi_uit_vsfc_train_dev.csv.gz", "sentiment", "text", {"0": 0, "1": 1, "2": 2},
             "F1 0.879 maximum entropy (Nguyen et al. 2018, test split, averaged by frequency)"),
    Labelled("zh", "sentiment/zh_chnsenticorp_hotel.csv.gz", "label", "review", {"0": 0, "1": 2},
             "none for this copy; F1 0.920 on other hotel reviews (Lin et al. 2015)"),
    Labelled("pt", "olist/olist_order_reviews_dataset.csv.gz", "review_score", "review_comment_message",
             {"1": 0, "2": 0, "3": 1, "4": 2, "5": 2}, "none"),
)  # fmt: skip
SIGN_ONLY = frozenset({"en", "zh"})
VADER = """
import json, sys
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
judge = SentimentIntensityAnalyzer()
print(json.dumps([judge.polarity_scores(text)["compound"] for text in json.load(sys.stdin)]))
"""


@dataclass(frozen=True)
class Texts:
    """Different texts of a set, as written, with label (0, 1, 2) and split."""

    words: list[str]
    labels: Ints
    split: list[str]


def read(folder: Path, one: Labelled) -> Texts:
    """Each different text once, with its first label."""
    with gzip.open(folder / one.file, "rt", encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row[one.text] or "").strip() and row[one.label] in one.meaning
        ]
    seen: dict[str, tuple[int, str]] = {}
    for row in rows:
        seen.setdefault(row[one.text], (one.meaning[row[one.label]], row.get("split") or ""))
    labelled = np.array([label for label, _ in seen.values()], dtype=np.int64)
    return Texts(list(seen), labelled, [split for _, split in seen.values()])


def shipped_layer(language: str, texts: Texts) -> tuple[Ints, Ints, Floats]:
    """Which texts are measured, their labels (-1: cannot tell) and scores, by what ships in that language."""
    words = [normalise(text) for text in texts.words]
    shape = SHAPES.get(language, Shape())
    if language not in SHIPPED_SETS:
        label, found = _judged(words, language, None)
        return np.arange(len(words)), label, found
    counted = text_fit.count(words, language, shape)
    if language == "th":
        train = np.array([split == "train" for split in texts.split])
        learnt = text_fit.Counted(counted.matrix[train], counted.verdict[train])
        model = text_fit.fit(learnt, texts.labels[train], language, shape)
        held = np.flatnonzero(~train)
        label, found = _judged([words[one] for one in held], language, model)
        return held, label, found
    label, shares = text_fit.out_of_fold(counted, texts.labels, text_fit.folds(words), language, shape)
    return np.arange(len(words)), label, shares[:, 2] - shares[:, 0]


def _judged(words: list[str], language: str, model: Linear | None) -> tuple[Ints, Floats]:
    read_once = Read(Corpus.of(words))
    lexical = polarity(read_once, np.full(len(words), language, dtype=object))
    label, found, _ = judge(read_once.corpus, lexical, model)
    return label, found


def figures(language: str, truth: Ints, label: Ints, found: Floats | None) -> dict[str, object]:
    """Accuracy and macro-F1 over all texts (one that cannot be told counts as wrong), share told, accuracy of those."""
    if found is not None and language in SIGN_ONLY:
        label = np.where(label < 0, -1, np.where(found >= 0, 2, 0))
    told = label >= 0
    return {
        "n": truth.size,
        "accuracy": round(text_fit.accuracy(truth, label), 3),
        "macro_f1": round(text_fit.macro_f1(truth, label), 3),
        "told": round(float(told.mean()), 3),
        "accuracy_of_told": round(text_fit.accuracy(truth[told], label[told]), 3)
        if told.any()
        else float("nan"),
    }


def _named(layer: str) -> dict[str, object]:
    return {"layer": layer}


def learnt_layer(language: str, texts: Texts) -> tuple[Ints, Floats, str]:
    """Labels and scores out of five folds, and what the choice between the layers would be on this set as a company's answers."""
    words = [normalise(text) for text in texts.words]
    shape = SHAPES.get(language, Shape())
    counted = text_fit.count(words, language, shape)
    label, shares = text_fit.out_of_fold(counted, texts.labels, text_fit.folds(words), language, shape)
    fit, _ = learn(language, texts.words, [float(label) - 1 for label in texts.labels])
    return label, shares[:, 2] - shares[:, 0], fit.chosen


def vader(python: Path, texts: Texts) -> tuple[Ints, Floats]:
    """VADER's labels and compound: 0.05 and more is positive, -0.05 and less negative, as its authors say."""
    done = subprocess.run(
        [str(python), "-c", VADER], input=json.dumps(texts.words), capture_output=True, text=True, check=True
    )
    compound = np.array(json.loads(done.stdout))
    return np.where(compound >= 0.05, 2, np.where(compound <= -0.05, 0, 1)), compound


def measure(folder: Path, one: Labelled, python: Path | None) -> list[dict[str, object]]:
    """Rows of the table for one set."""
    texts = read(folder, one)
    held, label, found = shipped_layer(one.language, texts)
    common = np.full(held.size, np.bincount(texts.labels[held]).argmax())
    layer = "shipped model" if one.language in SHIPPED_SETS else "shipped lexicon"
    rows: list[dict[str, object]] = [
        _named("majority") | figures(one.language, texts.labels[held], common, None),
        _named(layer) | figures(one.language, texts.labels[held], label, found),
    ]
    if one.language in SHIPPED_SETS and one.language in polar_languages():
        words = [normalise(texts.words[at]) for at in held]
        rows.append(
            _named("lexicon alone")
            | figures(one.language, texts.labels[held], *_judged(words, one.language, None))
        )
    if one.language == "en" and python is not None:
        rows.append(_named("VADER") | figures(one.language, texts.labels, *vader(python, texts)))
    label, found, chosen = learnt_layer(one.language, texts)
    # where what ships was made from the set, it has seen these texts, and the choice says nothing
    used = "" if one.language in SHIPPED_SETS else f" (chosen: {chosen})"
    told: dict[str, object] = {"layer": f"learnt, five folds{used}"}
    rows.append(told | figures(one.language, texts.labels, label, found))
    right = np.mean([name == one.language for name in languages(texts.words, [None] * len(texts.words))])
    rows.append({"layer": "language told right", "n": len(texts.words), "accuracy": round(float(right), 3)})
    return [{"language": one.language} | row for row in rows]


def intents(folder: Path) -> list[dict[str, object]]:
    """No set has labels of intent: how negative the texts are that are called complaints, how positive the praise."""
    rows: list[dict[str, object]] = []
    for one in SETS:
        texts = read(folder, one)
        found = score(
            [""] * len(texts.words), texts.words, [one.language] * len(texts.words), Topics(), Learnt()
        )
        intent = np.array(found["intent"].to_pylist(), dtype=object)
        for name, label in (("complain", 0), ("cancel", 0), ("praise", 2)):
            mine = intent == name
            if mine.sum() >= 20:
                right = round(float((texts.labels[mine] == label).mean()), 3)
                rows.append(
                    {"language": one.language, "intent": name, "n": int(mine.sum()), "label agrees": right}
                )
    return rows


def speed(folder: Path, wanted: int = 500_000) -> dict[str, object]:
    """Texts of all sets, repeated with a number at their end until there are enough: each is another text."""
    words = [text for one in SETS for text in read(folder, one).words]
    words = [f"{words[at % len(words)][:200]} {at}" for at in range(wanted)]
    started = time.perf_counter()
    score([""] * wanted, words, [None] * wanted, Topics(), Learnt())
    seconds = time.perf_counter() - started
    return {
        "texts": wanted,
        "mean_characters": round(float(np.mean([*map(len, words)])), 1),
        "seconds": round(seconds, 1),
    }


def table(rows: Sequence[dict[str, object]]) -> str:
    """Markdown."""
    heads = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(
        [*lines, *("| " + " | ".join(str(row.get(name, "")) for name in heads) + " |" for row in rows)]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables of docs/text.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with sentiment/ and olist/")
    parser.add_argument("--vader", type=Path, help="interpreter that has vaderSentiment")
    parser.add_argument("--speed", action="store_true", help="half a million texts only")
    chosen = parser.parse_args(arguments)
    if chosen.speed:
        print(table([speed(chosen.data)]))
        return
    print(table([row for one in SETS for row in measure(chosen.data, one, chosen.vader)]))
    print()
    print(table([{"language": one.language, "published": one.published} for one in SETS]))
    print()
    print(table(intents(chosen.data)))


if __name__ == "__main__":
    main()
