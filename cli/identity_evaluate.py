"""How right are the clusters? Against a csv of known truth: pairwise figures and B-cubed, each with its interval.

Pairwise figures weigh a person of ten records 45 times a person of two; B-cubed (Bagga and Baldwin 1998) weighs every record
once: precision is the mean share of a record's cluster that is of its person, recall the mean share of its person that is in
its cluster. Pairs of one person are right or wrong together, so intervals come from drawing whole people (bootstrap, seeded).
Where no draw differs, because nothing is wrong, the interval is Wilson's over the people concerned: no error is no certainty.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from cli.errors import UsageError

DRAWS = 1000
SEED = 20260101
Floats = npt.NDArray[np.float64]
# One row per kind of person: how many there are, and what one of them adds to each sum. A pair between two people counts
# half for each.
_PEOPLE = """
    with labelled as (
        select truth.record_id, truth.person_id, owners.customer_id
        from truth left join identity.node_customers as owners on truth.record_id = owners.node_id
    ),
    known as (select * from labelled where customer_id is not null),
    cells as (select person_id, customer_id, count(*) as n from known group by all),
    sized as (
        select
            *,
            sum(n) over (partition by customer_id) as cluster,
            sum(n) over (partition by person_id) as person
        from cells
    ),
    people as (
        select
            person_id,
            sum(n * (n - 1) / 2) as right_pairs,
            sum(n * (n - 1) / 2 + n * (cluster - n) / 2) as found_pairs,
            any_value(person * (person - 1) / 2) as true_pairs,
            sum(n * n / cluster) as own_share,
            sum(n * n / person) as found_share,
            any_value(person) as records
        from sized
        group by person_id
    )
    select count(*), right_pairs, found_pairs, true_pairs, own_share, found_share, records
    from people group by all order by all
"""


@dataclass(frozen=True)
class Evaluation:
    """Agreement of the clusters with the truth over the records both know; `people` has one row per kind of person."""

    missing_records: int
    people: Floats

    def totals(self) -> dict[str, int]:
        """Records and pairs as whole numbers."""
        right, found, true, _, _, records = self.people[:, 0] @ self.people[:, 1:]
        return {
            "records": round(records),
            "missing_records": self.missing_records,
            "true_pairs": round(true),
            "found_pairs": round(found),
            "right_pairs": round(right),
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values: each figure, and under `<figure>_ci` its 95 % interval."""
        counts = self.people[:, 0]
        drawn = np.random.default_rng(SEED).multinomial(
            round(counts.sum()), counts / counts.sum(), size=DRAWS
        )
        figures = _figures(counts[None, :] @ self.people[:, 1:])
        draws = _figures(drawn.astype(np.float64) @ self.people[:, 1:])
        out: dict[str, Any] = dict(self.totals())
        for name, value in figures.items():
            low, high = np.quantile(draws[name], [0.025, 0.975])
            if low == high:
                low, high = _wilson(float(value[0]), self._concerned(name))
            out |= {name: float(value[0]), f"{name}_ci": [float(low), float(high)]}
        return out

    def _concerned(self, name: str) -> float:
        """People who can be right or wrong in a figure: those with pairs, or everybody."""
        counts, _, found, true = self.people[:, :4].T
        pairs = {"precision": found, "recall": true, "f1": found + true}.get(name)
        return float(counts.sum() if pairs is None else counts[pairs > 0].sum())


def _figures(sums: Floats) -> dict[str, Floats]:
    """Figures of each row of sums; 1 where there was nothing to be right or wrong about."""
    right, found, true, own, recalled, records = sums.T
    precision, recall = _share(right, found), _share(right, true)
    return {
        "precision": precision,
        "recall": recall,
        "f1": _share(2 * right, found + true),
        "bcubed_precision": (bp := _share(own, records)),
        "bcubed_recall": (br := _share(recalled, records)),
        "bcubed_f1": _share(2 * bp * br, bp + br),
    }


def _share(part: Floats, whole: Floats) -> Floats:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 1.0)


def _wilson(share: float, n: float) -> tuple[float, float]:
    """95 % score interval of a share (Wilson 1927); everything where nothing was counted."""
    if not n:
        return 0.0, 1.0
    z = 1.959963984540054
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def evaluate(con: duckdb.DuckDBPyConnection, truth: Path) -> Evaluation:
    """Compare the present clusters with a csv of `record_id,person_id`.

    Raises UsageError when the file lacks a column or names no record of the warehouse.
    """
    if not truth.is_file():
        raise UsageError(f"no truth file at {truth}", hint="give a csv with the columns record_id,person_id")
    try:
        con.execute(
            "create or replace temp table truth as select record_id, person_id"
            f" from read_csv('{str(truth).replace(chr(39), chr(39) * 2)}', header = true, all_varchar = true)"
        )
    except duckdb.Error as error:
        raise UsageError(
            f"{truth}: not a csv with the columns record_id,person_id", hint="record_id is source.table:key"
        ) from error
    rows = con.execute(_PEOPLE).fetchall()
    if not rows:
        raise UsageError(
            f"{truth}: none of its records is in the warehouse",
            hint="record_id is source.table:key, e.g. crm.contacts:42; run `cdp run` first",
        )
    missing = con.execute(
        "select count(*) from truth where record_id not in (select node_id from identity.node_customers)"
    ).fetchone()
    return Evaluation(int(missing[0]) if missing else 0, np.array(rows, dtype=np.float64))
