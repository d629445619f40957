"""Fits as rows, and rows as fits: what dbt's models `text_fits` (memory) and `text_scores` call.

Data flow: texts of a company  ->  fit_all  ->  rows of text_fits  ->  read_texts  ->  rows of text_scores
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

from scoring.text import ANY_LANGUAGE, Learnt, Topics, score
from scoring.text_corpus import Corpus, normalise
from scoring.text_language import declared_codes, detect
from scoring.text_learn import learn
from scoring.text_lexicon import Read
from scoring.text_model import COUNTING, Linear
from scoring.text_topics import discover

DISCOVERED = "discovered: "
# A fit that saw half of what there is now is out of date within its week.
GROWN = 2
_FIGURES = [
    "learnt_accuracy", "learnt_macro_f1", "shipped_accuracy", "shipped_macro_f1", "majority_accuracy", "majority_macro_f1",
    "lead", "lead_ci_low", "lead_ci_high",
]  # fmt: skip
SCHEMA = pa.schema(
    [
        ("fit_seq", pa.int64()),
        ("week_start", pa.date32()),
        ("fitted_at", pa.timestamp("us")),
        ("kind", pa.string()),
        ("language", pa.string()),
        ("mark", pa.string()),
        ("texts", pa.int64()),
        ("chosen", pa.string()),
        ("refused_because", pa.string()),
        ("n", pa.int64()),
        ("negatives", pa.int64()),
        ("neutrals", pa.int64()),
        ("positives", pa.int64()),
        *((name, pa.float64()) for name in _FIGURES),
        ("topic", pa.string()),
        ("words", pa.list_(pa.string())),
        ("word_weights", pa.list_(pa.float64())),
        ("meta", pa.string()),
        ("buckets", pa.list_(pa.int32())),
        ("positive", pa.list_(pa.float32())),
        ("neutral", pa.list_(pa.float32())),
    ]
)


def monday(moment: datetime) -> date:
    """First day of the week of a moment, UTC."""
    return (moment - timedelta(days=moment.weekday())).date()


def due(as_of: datetime, texts: int, last: tuple[int, date, int, str] | None) -> bool:
    """Is it time to fit? `last` is (number, week, texts seen, way of counting) of the fit before."""
    if last is None or last[3] != COUNTING:
        return True
    return monday(as_of) > last[1] or texts >= GROWN * max(last[2], 1)


def nothing() -> pa.Table:
    """No row."""
    return SCHEMA.empty_table()


def fit_all(table: pa.Table, as_of: datetime, total: int, number: int) -> pa.Table:
    """Rows of a fit. `table`: text, declared_language, label (-1 to 1 or null), is_by_customer; one row per different text."""
    rows = table.to_pylist()
    head = {"fit_seq": number, "week_start": monday(as_of), "fitted_at": as_of}
    found: list[dict[str, Any]] = [head | {"kind": "fit", "texts": total, "meta": COUNTING}]
    spoken = _spoken(rows)
    for language in sorted(set(spoken.values())):
        mine = [row for at, row in enumerate(rows) if spoken.get(at) == language]
        said = [row for row in mine if row["is_by_customer"]]
        pairs = [(row["text"], row["label"]) for row in said if row["label"] is not None]
        fit, model = learn(language, [text for text, _ in pairs], [label for _, label in pairs])
        topics = discover(language, [row["text"] for row in said])
        # a language nothing was learnt for keeps its mark, and its texts need not be read again
        mark = f"fit {number}" if model or topics else None
        found.append(
            head | {"kind": "sentiment", "texts": len(mine), "mark": mark} | asdict(fit) | _numbers(model)
        )
        found += [
            head
            | {
                "kind": "topic",
                "language": language,
                "topic": DISCOVERED + one.name,
                "n": one.n,
                "texts": len(said),
            }
            | {"words": list(one.words), "word_weights": list(one.weights)}
            for one in topics
        ]
    return pa.Table.from_pylist(found, SCHEMA)


def _spoken(rows: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Place of a row -> its language, where it has one."""
    found: dict[int, str] = {}
    for at in range(0, len(rows), 20_000):
        part = rows[at : at + 20_000]
        language = languages([row["text"] for row in part], [row["declared_language"] for row in part])
        found |= {at + place: one for place, one in enumerate(language) if one is not None}
    return found


def languages(texts: Sequence[str], declared: Sequence[str | None]) -> list[str | None]:
    """Language of each text."""
    read = Read(Corpus.of([normalise(text) for text in texts]))
    return list(detect(read, declared_codes(declared))[0])


def _numbers(model: Linear | None) -> dict[str, Any]:
    if model is None:
        return {}
    row = model.to_row()
    return {name: row[name] for name in ("meta", "buckets", "positive", "neutral")}


def read_texts(table: pa.Table, patterns: Sequence[tuple[str, str, str]], fits: pa.Table) -> pa.Table:
    """Rows of text_scores for `table` (text_key, text, declared_language), by rules and the rows of the latest fit."""
    rows = fits.to_pylist()
    counted = any(row["kind"] == "fit" and row["meta"] == COUNTING for row in rows)
    own = [row for row in rows if row["kind"] == "sentiment" and counted]
    learnt = Learnt(
        {row["language"]: Linear.from_row(row) for row in own if row["buckets"]},
        {row["language"]: row["mark"] for row in own if row["mark"]},
    )
    listed = [(topic, language or ANY_LANGUAGE, pattern, 1.0) for topic, language, pattern in patterns]
    for row in rows:
        if row["kind"] == "topic":
            weighed = zip(row["words"], row["word_weights"], strict=True)
            listed += [(row["topic"], row["language"], word, weight) for word, weight in weighed]
    columns = [table[name].to_pylist() for name in ("text_key", "text", "declared_language")]
    return score(columns[0], columns[1], columns[2], Topics.of(listed), learnt)
