"""How well people are found: `python -m benchmarks.identity_accuracy [--data ../shared/data] [--sets ...] [--peers ...]`.

Pairwise precision, recall and F1 of final clusters against known truth, half-width of the 95 % bootstrap interval of F1 (over
people, 1,000 draws, seeded). One code path, one default configuration for all sets; peers in the same run, installed
with the extra `bench`. Sets in files are read from --data; the corrupted ones are generated here.
"""

import argparse
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.identity_peers import PEERS, Clusters, ours
from benchmarks.identity_sets import SETS

DRAWS = 1000


@dataclass(frozen=True)
class Result:
    """Figures of one method on one set."""

    precision: float
    recall: float
    f1: float
    half_width: float


def judge(clusters: Clusters, truth: dict[str, str], draws: int = DRAWS) -> Result:
    """Pairwise figures; a wrong pair counts half for each of its two people in the bootstrap."""
    people = sorted(set(truth.values()))
    place = {person: i for i, person in enumerate(people)}
    right, said, real = (np.zeros(len(people)) for _ in range(3))
    sizes = Counter(truth.values())
    for person, n in sizes.items():
        real[place[person]] = n * (n - 1) / 2
    inside: dict[str, Counter[str]] = {}
    for record, cluster in clusters.items():
        inside.setdefault(cluster, Counter())[truth[record]] += 1
    for counted in inside.values():
        total = sum(counted.values())
        for person, n in counted.items():
            right[place[person]] += n * (n - 1) / 2
            said[place[person]] += n * (n - 1) / 2 + n * (total - n) / 2
    rng = np.random.default_rng(20260101)
    drawn = rng.integers(0, len(people), (draws, len(people)))
    f1s = 2 * right[drawn].sum(axis=1) / np.maximum(said[drawn].sum(axis=1) + real[drawn].sum(axis=1), 1e-9)
    low, high = np.quantile(f1s, [0.025, 0.975])
    return Result(
        float(right.sum() / max(said.sum(), 1e-9)),
        float(right.sum() / max(real.sum(), 1e-9)),
        float(2 * right.sum() / max(said.sum() + real.sum(), 1e-9)),
        float(high - low) / 2,
    )


def main() -> None:
    """Print one line per set and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--peers", default=",".join(PEERS))
    asked = parser.parse_args()
    print(f"{'set':18} {'method':20} {'precision':>9} {'recall':>7} {'F1':>7} {'+-':>6} {'seconds':>8}")
    for name in asked.sets.split(","):
        records, truth = SETS[name](asked.data)
        methods = {"ours": ours} | {peer: PEERS[peer] for peer in asked.peers.split(",") if peer}
        for method, run in methods.items():
            started = time.perf_counter()
            try:
                found = run(records)
            except Exception as error:
                print(
                    f"{name:18} {method:20} failed: {type(error).__name__}: {str(error).splitlines()[0][:80]}",
                    flush=True,
                )
                continue
            seconds = time.perf_counter() - started
            for label, clusters in found.items():
                result = judge(clusters, truth)
                print(
                    f"{name:18} {label:20} {result.precision:9.4f} {result.recall:7.4f}"
                    f" {result.f1:7.4f} {result.half_width:6.4f} {seconds:8.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
