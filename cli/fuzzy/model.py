"""The model: a reviewed JSON file that decides, with two records, what a pair scores.

The file holds numbers and names, no SQL: comparisons and keys are defined in this package, and a file that names
others was made by another version and must be trained again.
"""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cli.fuzzy.blocking import KEYS
from cli.fuzzy.comparisons import BY_NAME
from cli.fuzzy.errors import ModelError
from cli.fuzzy.levels import Comparison

FORMAT = 1


@dataclass(frozen=True)
class Grade:
    """Weights of one grade: how often one person falls here (m), how often two people do (u)."""

    label: str
    m: float
    u: float

    @property
    def weight(self) -> float:
        """Evidence in bits."""
        return math.log2(self.m / self.u)


@dataclass(frozen=True)
class Trained:
    """One comparison as fitted; `reason` says why a usual value stands where data could not speak."""

    name: str
    filled: float
    support: float
    shared: float  # how often relatives agree because they are relatives
    grades: tuple[Grade, ...]  # best first, as in comparisons.py
    reason: str | None = None

    @property
    def definition(self) -> Comparison:
        """What is compared."""
        return BY_NAME[self.name]


@dataclass(frozen=True)
class Terms:
    """How frequent the frequent values of a column are; all others count as `otherwise`."""

    column: str
    hashed: bool
    otherwise: float
    values: dict[str, float]


@dataclass(frozen=True)
class Step:
    """Calibration: precision of all pairs at or above a weight, and probability of a pair at it."""

    weight: float
    pairs: int
    precision: float
    low: float
    high: float
    marginal: float


@dataclass(frozen=True)
class Model:
    """Everything the file holds."""

    trained_at: str
    records: int
    fingerprint: str
    seed: int
    versions: dict[str, str]
    refused_because: str | None = None
    match_share: float = 0.0
    relative_share: float = 0.0
    namesake_share: float = 0.0
    expected_matches: float = 0.0
    comparisons: tuple[Trained, ...] = ()
    terms: tuple[Terms, ...] = ()
    rules: tuple[tuple[str, ...], ...] = ()
    block_cap: int = 0
    calibration: tuple[Step, ...] = ()
    calibrated_by: str = "mixture"
    temper: float = 1.0  # power of the odds that identifiers held back speak for
    notes: tuple[str, ...] = field(default=())

    def to_text(self) -> str:
        """The bytes of the file: sorted, rounded, so that equal models are equal files."""
        return json.dumps(_plain(self), ensure_ascii=False, indent=1, sort_keys=True) + "\n"

    def save(self, path: Path) -> None:
        """Write the file whole or not at all."""
        part = path.with_suffix(path.suffix + ".part")
        part.write_text(self.to_text(), encoding="utf-8")
        part.replace(path)

    @staticmethod
    def load(path: Path) -> "Model":
        """Read a model file; what this version cannot use is an error that says what to do."""
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            message = f"the identity model {path} cannot be read: {error}"
            raise ModelError(
                message, hint="restore the file, or make a new one: cdp identity train"
            ) from error
        return from_plain(held, str(path))


def _plain(model: Model) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "trained_at": model.trained_at,
        "records": model.records,
        "fingerprint": model.fingerprint,
        "seed": model.seed,
        "versions": model.versions,
        "refused_because": model.refused_because,
        "notes": list(model.notes),
        "prior": {
            "match_share": _short(model.match_share),
            "relative_share": _short(model.relative_share),
            "namesake_share": _short(model.namesake_share),
            "expected_matches": _short(model.expected_matches),
        },
        "comparisons": [_plain_comparison(c) for c in model.comparisons],
        "term_frequencies": [_plain_terms(t) for t in model.terms],
        "blocking": {"cap": model.block_cap, "rules": [list(rule) for rule in model.rules]},
        "calibration": {
            "by": model.calibrated_by,
            "temper": _short(model.temper),
            "steps": [{k: _short(v) for k, v in asdict(step).items()} for step in model.calibration],
        },
    }


def _plain_comparison(c: Trained) -> dict[str, Any]:
    grades = [
        {"label": g.label, "m": _short(g.m), "u": _short(g.u), "weight": round(g.weight, 3)} for g in c.grades
    ]
    return {
        "name": c.name,
        "filled": _short(c.filled),
        "support": _short(c.support),
        "shared": _short(c.shared),
        "reason": c.reason,
        "grades": grades,
    }


def _plain_terms(t: Terms) -> dict[str, Any]:
    values = {value: _short(share) for value, share in t.values.items()}
    return {"column": t.column, "hashed": t.hashed, "otherwise": _short(t.otherwise), "values": values}


def _short(value: float) -> float:
    """Nine digits: far more than the data carry, few enough that no platform's last bit shows."""
    return int(value) if isinstance(value, int) else float(f"{value:.9g}")


def from_plain(held: dict[str, Any], where: str) -> Model:
    """A model from the file's content."""
    _check(held, where)
    return Model(
        trained_at=held["trained_at"],
        records=held["records"],
        fingerprint=held["fingerprint"],
        seed=held["seed"],
        versions=held["versions"],
        refused_because=held["refused_because"],
        notes=tuple(held["notes"]),
        match_share=held["prior"]["match_share"],
        relative_share=held["prior"]["relative_share"],
        namesake_share=held["prior"].get("namesake_share", 0.0),
        expected_matches=held["prior"]["expected_matches"],
        comparisons=tuple(_comparison(c) for c in held["comparisons"]),
        terms=tuple(
            Terms(t["column"], t["hashed"], t["otherwise"], t["values"]) for t in held["term_frequencies"]
        ),
        rules=tuple(tuple(rule) for rule in held["blocking"]["rules"]),
        block_cap=held["blocking"]["cap"],
        calibration=tuple(Step(**step) for step in held["calibration"]["steps"]),
        calibrated_by=held["calibration"]["by"],
        temper=held["calibration"].get("temper", 1.0),
    )


def _comparison(c: dict[str, Any]) -> Trained:
    grades = tuple(Grade(g["label"], g["m"], g["u"]) for g in c["grades"])
    return Trained(c["name"], c["filled"], c["support"], c["shared"], grades, c["reason"])


def _check(held: dict[str, Any], where: str) -> None:
    """Refuse what another version wrote, naming it."""
    again = "make a new one and review it: cdp identity train"
    if not isinstance(held, dict) or held.get("format") != FORMAT:
        raise ModelError(f"{where}: not a model file of format {FORMAT}", hint=again)
    for comparison in held["comparisons"]:
        known = BY_NAME.get(comparison["name"])
        labels = [grade["label"] for grade in comparison["grades"]]
        if known is None or labels != [level.label for level in known.levels]:
            raise ModelError(
                f"{where}: comparison `{comparison['name']}` is not as this version defines it", hint=again
            )
        if any(not 0 < g["m"] <= 1 or not 0 < g["u"] <= 1 for g in comparison["grades"]):
            raise ModelError(
                f"{where}: m and u of `{comparison['name']}` must be above 0 and at most 1", hint=again
            )
    for rule in held["blocking"]["rules"]:
        unknown = [key for key in rule if key not in KEYS]
        if unknown:
            raise ModelError(
                f"{where}: blocking key `{unknown[0]}` is unknown; known: {', '.join(KEYS)}", hint=again
            )
