"""The shipped models: numbers in a Parquet file, made by `python -m scoring.train_text`; reading it runs nothing."""

from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.text_model import Linear

FILE = Path(__file__).parent / "data" / "text_models.parquet"
SCHEMA = pa.schema(
    [
        ("language", pa.string()),
        ("meta", pa.string()),
        ("buckets", pa.list_(pa.int32())),
        ("positive", pa.list_(pa.float32())),
        ("neutral", pa.list_(pa.float32())),
    ]
)


def write(models: list[Linear], file: Path) -> None:
    """One row a model."""
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist([model.to_row() for model in models], SCHEMA)
    pq.write_table(table, file, compression="zstd", compression_level=19)


@lru_cache(maxsize=1)
def shipped() -> dict[str, Linear]:
    """Language -> model."""
    return {row["language"]: Linear.from_row(row) for row in pq.read_table(FILE).to_pylist()}
