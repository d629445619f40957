"""Which files lie in a drop folder now."""

from pathlib import Path

from pipelines.specs import FileRef


def list_files(root: Path, pattern: str) -> list[FileRef]:
    """Files that match a glob below the company's folder, in name order."""
    base = Path(pattern)
    paths = (
        Path(base.anchor).glob(str(base.relative_to(base.anchor)))
        if base.is_absolute()
        else root.glob(pattern)
    )
    files = []
    for path in sorted(path for path in paths if path.is_file()):
        stat = path.stat()
        label = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
        files.append(FileRef(path, label, stat.st_size, stat.st_mtime_ns))
    return files
