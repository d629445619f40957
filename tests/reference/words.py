"""Seeds of words (titles, family names, mail providers, address words, currencies) -> what the macros know of them.

The seeds are the lists to edit; the macro `lexicon` holds the same as patterns, folded by the macro that folds the values.
"""

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from tests.macros import sql

# Pairs of the list (short, formal) that would hide what everybody means by the short form.
NOT_MEANT = {
    ("michael", "miguel"), ("mike", "miguel"), ("mike", "micheal"), ("bill", "robert"), ("bill", "willis"), ("billy", "robert"),
    ("bob", "bert"), ("bob", "bobby"), ("rob", "bob"), ("rob", "bobby"), ("rob", "roberto"), ("tom", "thom"), ("beth", "bethena"),
}  # fmt: skip
SEEDS = Path(__file__).resolve().parents[2] / "seeds"


def seed(name: str) -> list[dict[str, str]]:
    """The rows of a seed."""
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def through(macro: str, values: Iterable[str]) -> list[str]:
    """Values as a macro writes them; '' for null."""
    listed = list(values)
    query = f"select {sql(macro, 'one')} from (select unnest($1::varchar[]) as one)"
    with duckdb.connect() as con:
        return [row[0] or "" for row in con.execute(query, [listed]).fetchall()]


def lexicon(currencies: list[dict[str, str]]) -> dict[str, Any]:
    """What the macros of `macros/normalise` ask."""
    return {
        "titles": _titles(),
        "families": _families(),
        "emails": _emails(),
        "address": _address(),
        **_money(currencies),
    }


def _either(words: Iterable[str]) -> str:
    """Alternatives, the longest first: the first that fits is taken."""
    return "|".join(
        sorted({re.sub(r"\.", "[.]", word) for word in words}, key=lambda word: (-len(word), word))
    )


def _titles() -> dict[str, str]:
    rows = seed("name_titles")
    folded = through("folded", (row["title"] for row in rows))
    pairs = [(row, text) for row, text in zip(rows, folded, strict=True)]
    spoken = [row["title"] for row, _ in pairs if row["language"] == "vi" and not row["title"].isascii()]
    return {
        # Vietnamese titles are told from names by their tone only, so before diacritics go
        "toned": _either(spoken),
        "before": _either(
            text for row, text in pairs if row["position"] == "before" and row["title"] not in spoken
        ),
        "after": _either(text for row, text in pairs if row["position"] == "after"),
        "attached_before": _either(
            text for row, text in pairs if row["position"] == "attached before" and text != "คุณ"
        ),
        "attached_after": _either(text for row, text in pairs if row["position"] == "attached after"),
    }


def _families() -> dict[str, str]:
    rows = seed("family_names")
    listed = {region: [row["name"] for row in rows if row["region"] == region] for region in ("CN", "VN")}
    listed["VN_common"] = [row["name"] for row in rows if row["common"] == "true"]
    return {region: _either(through("folded", names)) for region, names in listed.items()}


def _emails() -> list[dict[str, str]]:
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for row in seed("email_providers"):
        grouped.setdefault((row["canonical_domain"], row["ignores_dots"], row["tag"]), []).append(
            row["domain"]
        )
    return [
        {"domains": _either(domains), "domain": domain, "ignores_dots": dots, "tag": tag}
        for (domain, dots, tag), domains in grouped.items()
    ]


def _address() -> list[list[str]]:
    """Pattern and replacement: one pattern for all words that keep their beginning, in groups of nine, one for each other form.

    Words stand between two spaces each, so that neighbours do not share one.
    """
    rows = seed("address_words")
    forms: dict[str, list[str]] = {}
    for row, word in zip(rows, through("folded", (row["word"] for row in rows)), strict=True):
        forms.setdefault(row["normal"], []).append(word.replace(" ", "  "))
    known = {word for words in forms.values() for word in words}
    assert not known & set(forms), f"a short form is a word with another one: {known & set(forms)}"
    kept: list[str] = []
    steps = []
    for normal, words in sorted(forms.items()):
        beginning = [word for word in words if normal and word.startswith(normal)]
        if beginning:
            kept.append(f"({normal})(?:{_either(word.removeprefix(normal) for word in beginning)})")
        if rest := [word for word in words if word not in beginning]:
            steps.append([f" (?:{_either(rest)}) ", f" {normal} " if normal else " "])
    for start in range(0, len(kept), 9):
        part = kept[start : start + 9]
        steps.append(
            [f" (?:{'|'.join(part)}) ", " " + "".join(f"\\{n}" for n in range(1, len(part) + 1)) + " "]
        )
    return steps


def _money(currencies: list[dict[str, str]]) -> dict[str, Any]:
    signs: dict[str, list[str]] = {}
    for row in currencies:
        for sign in filter(None, row["signs"].split(" ")):
            signs.setdefault(sign.lower(), []).append(row["code"])
    return {
        "currencies": [row["code"] for row in currencies],
        "whole_currencies": [row["code"] for row in currencies if row["decimals"] == "0"],
        "signs": signs,
    }


def nicknames() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Pairs (short, formal), and the root of each name that has exactly one.

    Components of the graph would join Albert and Alexander through `al`. So a step is taken only where one formal name is left, after
    those that are themselves short for another of them (tom: thomas, not thom), and only to a name with more short forms than
    one's own: the list also says that `michael` is short for `mike`.
    """
    with (Path(__file__).parent / "nicknames.csv").open(encoding="utf-8", newline="") as handle:
        listed = {
            (row["name2"], row["name1"]) for row in csv.DictReader(handle) if row["name2"] and row["name1"]
        }
    pairs = sorted(listed - NOT_MEANT)
    shorts: dict[str, set[str]] = {}
    formals: dict[str, set[str]] = {}
    for short, formal in pairs:
        shorts.setdefault(formal, set()).add(short)
    for short, formal in pairs:
        if len(shorts[formal]) > len(shorts.get(short, ())):
            formals.setdefault(short, set()).add(formal)
    step = {}
    for name, found in formals.items():
        left = {one for one in found if not formals.get(one, set()) & found}
        if len(left) == 1:
            step[name] = left.pop()
    roots = []
    for name, root in sorted(step.items()):
        while root in step:
            root = step[root]
        roots.append({"name": name, "root": root})
    forms = [
        {"name": short, "formal_name": formal}
        for short in sorted(formals)
        for formal in sorted(formals[short])
    ]
    return forms, roots
