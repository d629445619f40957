"""Train the shipped sentiment models: `python -m scoring.train_text --data FOLDER [--out FILE]`.

Data flow: labelled sets  ->  text_fit.fit  ->  scoring/data/text_models.parquet (numbers only)

From sets whose licence lets us pass on what was learnt: Thai wisesight-sentiment (CC0) and English yelp sentences of
the UCI Sentiment Labelled Sentences (CC BY 4.0, Kotzias et al. 2015). Sets that may only be looked at (Vietnamese,
Chinese, Portuguese) are not read here. Where FOLDER comes from, and what the models are worth: docs/text.md.
"""

import argparse
import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scoring.text_corpus import Ints, normalise
from scoring.text_fit import count, fit
from scoring.text_model import SHAPES, Linear, Shape
from scoring.text_shipped import FILE, write


@dataclass(frozen=True)
class Labelled:
    """A labelled set: file, columns, and what its labels mean (0 negative, 1 neutral, 2 positive)."""

    file: str
    label: str
    text: str
    meaning: dict[str, int]
    source: str


# A question is no praise and no blame: neutral.
SETS = {
    "en": Labelled("en_yelp.csv.gz", "label", "text", {"0": 0, "1": 2}, "UCI yelp sentences, CC BY 4.0"),
    "th": Labelled(
        "th_wisesight_train_valid.csv.gz", "label", "text", {"neg": 0, "neu": 1, "q": 1, "pos": 2}, "wisesight-sentiment, CC0"
    ),
}  # fmt: skip


def read(folder: Path, one: Labelled) -> tuple[list[str], Ints, list[str]]:
    """Normalised texts, labels, and the split each row says it is of (empty where it says none)."""
    with gzip.open(folder / one.file, "rt", encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row[one.text] or "").strip() and row[one.label] in one.meaning
        ]
    labelled = np.array([one.meaning[row[one.label]] for row in rows], dtype=np.int64)
    return [normalise(row[one.text]) for row in rows], labelled, [row.get("split") or "" for row in rows]


def slim(model: Linear) -> Linear:
    """Three decimals, and nothing that would not show in them: a third of the file for the same labels."""
    return replace(model, weights=np.round(model.weights, 3))


def train(folder: Path) -> list[Linear]:
    """One model a language, from whole sets."""
    models = []
    for language, one in SETS.items():
        texts, labelled, _ = read(folder, one)
        shape = SHAPES.get(language, Shape())
        models.append(slim(fit(count(texts, language, shape), labelled, language, shape)))
    return models


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the models and say what they are of."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the labelled sets")
    parser.add_argument("--out", type=Path, default=FILE)
    chosen = parser.parse_args(arguments)
    write(train(chosen.data), chosen.out)
    print(f"{chosen.out}: {', '.join(SETS)}, {chosen.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
