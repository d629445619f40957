"""Write the export for a company's published file: `python -m dashboard --config demo/cdp.yml [--out FILE] [--file FILE]`."""

import argparse
from pathlib import Path

from cli.config import load_company
from dashboard.pack import pack


def main() -> None:
    """Write the zip and say what to do with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("cdp.yml"))
    parser.add_argument("--file", type=Path, help="another published file, as Superset's machine sees it")
    parser.add_argument("--out", type=Path, default=Path("cdp_dashboard.zip"))
    given = parser.parse_args()
    published = given.file or load_company(given.config).published
    given.out.write_bytes(pack(published))
    print(f"{given.out}: superset import-dashboards --path {given.out} --username admin")


if __name__ == "__main__":
    main()
