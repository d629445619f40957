"""DuckDB clients of other versions, as BI tools carry them: installed once into `.cache/duckdb-<version>`.

`python -m tests.clients 1.1.3 ...` installs them beforehand (the Makefile does).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".cache"


def client(version: str) -> Path:
    """Return the folder that holds `duckdb` of this version; install it if it is not there."""
    folder = CACHE / f"duckdb-{version}"
    if not folder.exists():
        fresh = CACHE / f".duckdb-{version}-{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(fresh)]
        subprocess.run([*command, f"duckdb=={version}"], check=True, stdout=sys.stderr)
        _settle(fresh, folder)
    return folder


def packages(name: str) -> Path:
    """A folder for PYTHONPATH with a package and what it needs; installed once, with the DuckDB of this project."""
    import duckdb

    folder = CACHE / f"packages-{name}-{duckdb.__version__}"
    if not folder.exists():
        fresh = CACHE / f".{name}-{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(fresh)]
        subprocess.run([*command, name, f"duckdb=={duckdb.__version__}"], check=True, stdout=sys.stderr)
        _settle(fresh, folder)
    return folder


def node(name: str) -> Path:
    """A folder whose `node_modules` has a package; installed once."""
    folder = CACHE / f"node-{name.strip('@').replace('/', '-')}"
    if not folder.exists():
        fresh = CACHE / f".node-{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        subprocess.run(
            ["npm", "install", "--silent", "--prefix", str(fresh), name], check=True, stdout=sys.stderr
        )
        _settle(fresh, folder)
    return folder


# What Superset 6.1 needs beside what it declares: it imports `rich` and `cachetools`, flask-caching 2.5 calls its cache with an
# argument that it does not know; and it holds SQLAlchemy 1.4: duckdb-sqlalchemy wants 2, duckdb-engine does not.
SUPERSET = ("apache-superset==6.1.0", "flask-caching<2.4", "rich", "cachetools", "duckdb-engine==0.17.0")


def superset() -> Path:
    """The program `superset` of an environment of its own, with the DuckDB of this project; installed once, in some minutes."""
    import duckdb

    folder = CACHE / f"superset-6.1.0-{duckdb.__version__}"
    if not folder.exists():
        # not moved when it is whole: the programs of an environment know where it lies
        try:
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            command = [str(folder / "bin" / "pip"), "install", "--quiet", *SUPERSET]
            subprocess.run([*command, f"duckdb=={duckdb.__version__}"], check=True, stdout=sys.stderr)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return folder / "bin" / "superset"


def _settle(fresh: Path, folder: Path) -> None:
    try:
        fresh.rename(folder)
    except OSError:
        # two test processes installed it at once; the first one's is as good
        shutil.rmtree(fresh, ignore_errors=True)


def ask(version: str, file: Path, sql: str) -> str:
    """Run one query on a file with a client of this version; the rows as text, or its error."""
    code = (
        "import sys, duckdb\n"
        "assert duckdb.__version__ == sys.argv[3], duckdb.__version__\n"
        "con = duckdb.connect(sys.argv[1], read_only=True)\n"
        "print(con.execute(sys.argv[2]).fetchall())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file), sql, version],
        env=os.environ | {"PYTHONPATH": str(client(version))},
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() or done.stderr.strip()


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        print(client(wanted))
