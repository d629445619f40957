"""Columns of `order_rhythms` and `contract_spells` as arrays; a null is nan."""

from typing import Any

import numpy as np

from scoring.prediction.histories import Floats


class Columns:
    """A table by column name, read as doubles when asked for."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __getitem__(self, name: str) -> Floats:
        return np.asarray(self._table.column(name).to_numpy(zero_copy_only=False), dtype=np.float64)
