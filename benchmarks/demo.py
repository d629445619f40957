"""Where the time of `cdp run` goes: `python -m benchmarks.demo [--people 5000]`.

Runs the simulated company cold and again with nothing new, and `examples/grocery_loyalty` cold, each as a process of its
own; prints wall seconds per stage, peak memory, and as floors in the same run: the imports alone, a bare `dbt build` of
the same project, and DuckDB reading the same transactions into a table. Two ratios have a bound: `cdp --help` to the
import of typer (at most 3), a run with nothing new to the bare build (at most 2).
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

ROOT = Path(__file__).resolve().parent.parent
REPEATS = 5


def timed(command: list[str], env: dict[str, str] | None = None) -> tuple[float, float, str]:
    """Wall seconds, peak memory in MiB, and stdout of one process. Raises CalledProcessError when it fails."""
    before = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=os.environ | (env or {}),
    )
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, out)
    return time.perf_counter() - before, _mebibytes(usage), out


def _mebibytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / 1024


def run(config: Path, *more: str) -> tuple[float, float, dict[str, float]]:
    """`cdp run`: wall seconds, MiB, seconds per stage as the run record has them."""
    wall, memory, out = timed(
        [sys.executable, "-m", "cli.main", "run", "--json", "--config", str(config), *more]
    )
    record: dict[str, Any] = json.loads(out)
    with duckdb.connect(str(config.parent / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        steps = con.execute(
            "select step, seconds from ops.run_steps where run_id = ? order by started_at", [record["run_id"]]
        ).fetchall()
    return wall, memory, {str(name): float(seconds) for name, seconds in steps}


def tell(name: str, wall: float, memory: float, steps: dict[str, float]) -> None:
    """One line per measured run."""
    parts = "  ".join(f"{step} {seconds:.1f}" for step, seconds in steps.items())
    print(f"{name:<34} {wall:6.1f} s  {memory:6.0f} MiB   {parts}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=5000)
    people = parser.parse_args().people
    for name, code in (
        ("import typer", "import typer"),
        ("import dlt", "import dlt"),
        ("import dbt", "import dbt.cli.main"),
        ("import great_expectations", "import great_expectations"),
    ):
        wall, memory, _ = timed([sys.executable, "-c", code])
        tell(f"floor: {name}", wall, memory, {})
    typer = median(timed([sys.executable, "-c", "import typer"])[0] for _ in range(REPEATS))
    helped = median(timed([sys.executable, "-m", "cli.main", "--help"])[0] for _ in range(REPEATS))
    ratio("cdp --help", helped, "import typer", typer)
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder) / "demo"
        wall, memory, _ = timed(
            [sys.executable, "-m", "demo.generate", "--people", str(people), "--out", str(demo)]
        )
        tell(f"generate {people} people", wall, memory, {})
        tell("cdp run, simulated, cold", *run(demo / "cdp.yml"))
        nothing_new = run(demo / "cdp.yml")
        tell("cdp run, simulated, nothing new", *nothing_new)
        tell("cdp run, simulated, full refresh", *run(demo / "cdp.yml", "--full-refresh"))
        ratio("cdp run, nothing new", nothing_new[0], "bare dbt build", _dbt_floor(demo))
        grocery = Path(folder) / "grocery"
        ignore = shutil.ignore_patterns(".cdp", "warehouse")
        shutil.copytree(ROOT / "examples" / "grocery_loyalty", grocery, ignore=ignore)
        tell("cdp run, grocery_loyalty, cold", *run(grocery / "cdp.yml"))
        _duckdb_floor(grocery)


def ratio(name: str, seconds: float, floor: str, floor_seconds: float) -> None:
    """One line per ratio."""
    print(
        f"{name} {seconds:.2f} s = {seconds / floor_seconds:.2f} times {floor} ({floor_seconds:.2f} s)",
        flush=True,
    )


def _dbt_floor(company: Path) -> float:
    out = timed([sys.executable, "-m", "cli.main", "env", "--json", "--config", str(company / "cdp.yml")])[2]
    variables: dict[str, str] = json.loads(out)
    dbt = str(Path(sys.executable).with_name("dbt"))
    wall, memory, _ = timed([dbt, "--quiet", "build", "--exclude-resource-type", "unit_test"], variables)
    tell("floor: bare dbt build, same project", wall, memory, {})
    return wall


def _duckdb_floor(company: Path) -> None:
    code = (
        "import duckdb, sys; duckdb.connect(sys.argv[2]).execute("
        "f\"create table t as select * from read_parquet('{sys.argv[1]}')\")"
    )
    data = company / "data" / "transactions.parquet"
    wall, memory, _ = timed([sys.executable, "-c", code, str(data), str(company / "floor.duckdb")])
    tell("floor: DuckDB reads the lines", wall, memory, {})


if __name__ == "__main__":
    main()
