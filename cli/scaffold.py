"""`cdp init`: the files of `cli/scaffold_files/` -> a new company folder; what is there is not touched."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from cli import warehouse
from cli.errors import UsageError

# name in the package -> place in the company folder; a package cannot ship an empty folder
FILES = {
    "cdp.yml": "cdp.yml",
    "data.md": "data/README.md",
    "audiences.md": "models/audiences/README.md",
    "syncs.md": "models/syncs/README.md",
    "gitignore": ".gitignore",
}


def create(folder: Path) -> list[Path]:
    """Write the files; return where they are.

    Raises UsageError when one of them exists (nothing is written then), CdpError when the place cannot be
    written.
    """
    source: Traversable = files("cli").joinpath("scaffold_files")
    targets = {name: folder / place for name, place in FILES.items()}
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", hint="name a folder that does not exist yet")
    if there := [path for path in targets.values() if path.exists()]:
        raise UsageError(
            f"{there[0]} is there already; nothing was written",
            hint="name another folder, or move the file away",
        )
    try:
        for name, path in targets.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            # "x": a file that came in between is not overwritten either
            with path.open("x", encoding="utf-8") as handle:
                handle.write(source.joinpath(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise warehouse.translate(error, folder) from error
    return list(targets.values())
