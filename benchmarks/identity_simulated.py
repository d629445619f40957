"""Identity of the simulated company against its truth: `python -m benchmarks.identity_simulated [--people 5000]`.

Precision and recall with their intervals as `cdp identity evaluate` gives them: with all identifiers and with each taken out of
every source, with probable links (the demo's model file) and by exact links alone.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from demo.generate import generate
from demo.world import IDENTIFIERS

ON, OFF = "fuzzy: {enabled: true", "fuzzy: {enabled: false"


def cdp(*arguments: str) -> str:
    """Standard output of a command. Raises CalledProcessError when it fails."""
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ).stdout


def evaluated(company: Path) -> dict[str, Any]:
    """Build what is loaded, and compare."""
    config = str(company / "cdp.yml")
    cdp("build", "--config", config)
    truth = str(company / "truth" / "persons.csv")
    found: dict[str, Any] = json.loads(
        cdp("identity", "evaluate", "--json", "--truth", truth, "--config", config)
    )
    return found


def main() -> None:
    """Print one line per company and kind of links."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=5000)
    people = parser.parse_args().people
    with tempfile.TemporaryDirectory(prefix="cdp-bench-") as folder:
        for left_out in (None, *IDENTIFIERS):
            company = Path(folder) / (left_out or "all")
            generate(company, people, without=frozenset([left_out] if left_out else []))
            cdp("load", "--config", str(company / "cdp.yml"))
            for links, wanted in (("exact and probable", ON), ("exact alone", OFF)):
                text = (company / "cdp.yml").read_text(encoding="utf-8")
                assert text.count(ON) == 1, "the demo's cdp.yml says otherwise"
                (company / "cdp.yml").write_text(text.replace(ON, wanted), encoding="utf-8")
                found = evaluated(company)
                figures = "  ".join(
                    f"{name} {found[name]:.4f} [{found[f'{name}_ci'][0]:.4f}, {found[f'{name}_ci'][1]:.4f}]"
                    for name in ("precision", "recall", "bcubed_f1")
                )
                print(f"without {left_out or 'nothing':<8} {links:<19} {figures}", flush=True)


if __name__ == "__main__":
    main()
