"""Analyses of drivers from tables: which answers and drivers each takes, what it refuses, what it found.

driver values (one row per answer and driver), declared drivers  ->  one row per outcome, survey and driver (Arrow)
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from scoring.drivers import MAX_DRIVERS, Driver, Floats, Ints, analyse, needed
from scoring.threads import one_thread

AUTOMATIC_COVERAGE = 0.5
"""Of an automatic analysis a driver known for less than this share of the answers is left out: it would cost the others."""
DIGITS = 9
"""Figures are rounded here, so that how a machine adds up cannot be seen."""
FIGURES = tuple(name for name in Driver.__dataclass_fields__)
SCHEMA = pa.schema(
    [
        ("outcome", pa.string()),
        ("survey", pa.string()),
        ("driver", pa.string()),
        ("measure", pa.string()),
        ("above", pa.float64()),
        ("is_automatic", pa.bool_()),
        ("answers", pa.int64()),
        ("answered", pa.int64()),
        ("n", pa.int64()),
        ("respondents", pa.int64()),
        ("needed", pa.int64()),
        ("r_squared", pa.float64()),
        *((name, pa.float64()) for name in FIGURES),
        ("refused_because", pa.string()),
    ]
)
Key = tuple[str, str | None]
Row = dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """One analysis: scores (n), respondents' numbers (n), and by driver its values (n), nan where an answer does not know it."""

    survey: str | None
    declared_survey: str | None
    answers: int
    scores: Floats
    people: Ints
    values: dict[str, Floats]

    def known(self, driver: str) -> int:
        """How many answers know the driver."""
        return int(np.isfinite(self.values[driver]).sum()) if driver in self.values else 0


def fit_drivers(values: pa.Table, declared: pa.Table, seed: int = 0) -> pa.Table:
    """Fit every analysis.

    `values`: outcome, survey, declared_survey, feedback_id, respondent, outcome_score, driver, value, answers; rows with
    driver null name an analysis and its answers. `declared`: rows of config_drivers.
    """
    drivers: dict[Key, list[Row]] = {}
    for one in sorted(declared.to_pylist(), key=lambda one: str(one["driver"])):
        drivers.setdefault((one["outcome"], one["survey"]), []).append(one)
    rows: list[Row] = []
    asked: set[Key] = set()
    with one_thread():
        for outcome, found in gather(values):
            key = (outcome, found.declared_survey)
            asked.add(key)
            rows += fit_one(outcome, found, drivers[key], seed)
    nothing = np.empty(0)
    for (outcome, survey), wanted in drivers.items():
        if (outcome, survey) not in asked and not wanted[0]["is_automatic"]:
            found = Answers(survey, survey, 0, nothing, nothing.astype(np.int64), {})
            rows += fit_one(outcome, found, wanted, seed)
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def gather(values: pa.Table) -> Iterator[tuple[str, Answers]]:
    """The outcome and answers of each analysis, in the order of their names; answers in the order of their ids."""
    import pyarrow.compute as pc

    heads = values.filter(pc.is_null(values["driver"]))
    rest = values.filter(pc.is_valid(values["driver"])).sort_by("feedback_id")
    for head in sorted(heads.to_pylist(), key=lambda one: (one["outcome"], str(one["survey"]))):
        mine = pc.equal(rest["outcome"], head["outcome"])
        survey = head["survey"]
        same = pc.is_null(rest["survey"]) if survey is None else pc.equal(rest["survey"], survey)
        part = rest.filter(pc.and_kleene(mine, same))
        answers, ids = _numbered(part["feedback_id"])
        drivers, names = _numbered(part["driver"])
        matrix = np.full((len(names), len(ids)), np.nan)
        matrix[drivers, answers] = part["value"].to_numpy()
        first = np.unique(answers, return_index=True)[1]
        people, _ = _numbered(part["respondent"].take(pa.array(first)))
        scores = part["outcome_score"].to_numpy()[first]
        found = dict(zip(names, matrix, strict=True))
        yield (
            head["outcome"],
            Answers(survey, head["declared_survey"], head["answers"], scores, people, found),
        )


def _numbered(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Each value's number, in the order of first appearance, and the values: figures do not depend on people's ids."""
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def fit_one(outcome: str, found: Answers, declared: list[Row], seed: int) -> Iterator[Row]:
    """Rows of one analysis; `declared` in the order of the drivers' names."""
    if declared[0]["is_automatic"]:
        declared = _known_enough(found, declared)
    if not declared:  # an automatic analysis whose drivers hardly any answer knows says nothing
        return
    names = [one["driver"] for one in declared]
    y, x, people = complete(found, names)
    varying = np.array([len(y) > 0 and np.ptp(x[:, column]) > 0 for column in range(len(names))], dtype=bool)
    count = int(varying.sum())
    why = refusal(y, people, count)
    fit = None if why else analyse(y, x[:, varying], people, seed)
    figures = iter(fit.drivers) if fit else iter(())
    for one, varies in zip(declared, varying, strict=True):
        row: Row = {"outcome": outcome, "survey": found.survey, "answers": found.answers}
        row |= {name: one[name] for name in ("driver", "measure", "above", "is_automatic")}
        row |= {"answered": found.known(one["driver"]), "n": len(y), "respondents": len(np.unique(people))}
        row |= {"needed": needed(count), "refused_because": why}
        if fit and varies:
            row |= {name: round(value, DIGITS) for name, value in asdict(next(figures)).items()}
            row["r_squared"] = round(fit.r_squared, DIGITS)
        elif fit:
            row["refused_because"] = "it is the same in every answer"
        yield row


def _known_enough(found: Answers, declared: list[Row]) -> list[Row]:
    kept = [one for one in declared if found.known(one["driver"]) >= AUTOMATIC_COVERAGE * found.answers]
    kept = sorted(kept, key=lambda one: (-found.known(one["driver"]), one["driver"]))[:MAX_DRIVERS]
    return sorted(kept, key=lambda one: str(one["driver"]))


def complete(found: Answers, drivers: list[str]) -> tuple[Floats, Floats, Ints]:
    """Outcome (n), drivers (n, p) and respondents' numbers (n) of the answers that know every driver."""
    unknown = np.full(len(found.scores), np.nan)
    x = np.array([found.values.get(driver, unknown) for driver in drivers]).reshape(len(drivers), -1).T
    whole = np.isfinite(x).all(axis=1)
    return found.scores[whole], x[whole], found.people[whole]


def refusal(y: Floats, people: Ints, varying: int) -> str | None:
    """Why nothing can be said of this analysis, or None."""
    if not len(y):
        return "no answer knows all drivers"
    respondents = len(np.unique(people))
    if respondents < needed(varying):
        told = f"{needed(varying)} are needed for {varying} drivers"
        return f"{respondents} respondents know all drivers; {told}"
    if varying == 0:
        return "no driver varies"
    if np.ptp(y) == 0:
        return "the outcome is the same in every answer"
    return None
