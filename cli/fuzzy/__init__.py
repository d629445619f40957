"""Fuzzy identity links: records of one person that share no exact identifier.

`train` makes a model file from the user's records, `score` weighs pairs by that file and the two records alone,
`thresholds` turns target precisions into weights, `cut_weak_bridges` judges whole components, and
`describe_difference` says what a new file would change. Nothing here imports Splink before it is needed.
"""

from cli.fuzzy.bridges import cut_weak_bridges
from cli.fuzzy.calibrate import thresholds, with_labels
from cli.fuzzy.difference import describe_difference
from cli.fuzzy.errors import ModelError
from cli.fuzzy.model import Model
from cli.fuzzy.score import Scored, score
from cli.fuzzy.train import train

__all__ = [
    "Model",
    "ModelError",
    "Scored",
    "cut_weak_bridges",
    "describe_difference",
    "score",
    "thresholds",
    "train",
    "with_labels",
]
