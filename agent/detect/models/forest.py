"""Rows in, a trained isolation forest; rows in, how quickly they are isolated out (Liu, Ting & Zhou 2008).

scikit-learn trains it. The trees are kept as arrays: a row passes all of them at once, which is a hundred
times faster for a single row, and the process that scores needs no scikit-learn.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from agent.detect.models.member import SEED, Plain, sampled
from agent.records import FloatArray, IntArray

_TREES = 48  # the paper: path lengths have settled well before a hundred
_SAMPLE = 256  # rows of a tree, as in the paper
_MOST_ROWS = 512  # the sum of what trees draw says as much of more
_STRANGE = 0.1  # share of the rows it learns from that it calls strange; only moves the scores' zero
_CHUNK = 2000  # rows that pass the trees together
_EULER = 0.5772156649015329


class IsolationForest(Plain):
    """scikit-learn's IsolationForest, its trees unpacked: tables of tree x node."""

    def __init__(self, seed: int = SEED) -> None:
        self._seed = seed
        self._left: npt.NDArray[np.int16] = np.zeros((0, 0), np.int16)
        self._right = self._left
        self._feature = self._left
        self._threshold: npt.NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._length = self._threshold  # of the path that ends at a node, and what would follow below it
        self._depth = 0
        self._usual = 1.0
        self._offset = 0.0

    def fit(self, rows: FloatArray) -> Self:
        """Learn. Imports scikit-learn."""
        from sklearn.ensemble import IsolationForest as Forest

        chosen = sampled(rows, _MOST_ROWS)
        sample = min(_SAMPLE, len(chosen))
        model = Forest(
            n_estimators=_TREES, max_samples=sample, contamination=_STRANGE, random_state=self._seed
        )
        model.fit(chosen)
        self._unpack([estimator.tree_ for estimator in model.estimators_])
        self._usual = float(_path_length(np.array([sample]))[0]) or 1.0
        self._offset = float(model.offset_)
        return self

    def decision_function(self, rows: FloatArray) -> FloatArray:
        """Return two to the minus mean path length in usual ones, plus the offset; positive is strange."""
        parts = [self._lengths(rows[begin : begin + _CHUNK]) for begin in range(0, len(rows), _CHUNK)]
        lengths = np.concatenate(parts) if parts else np.empty(0)
        result: FloatArray = 2.0 ** (-lengths / self._usual) + self._offset
        return result

    def _lengths(self, rows: FloatArray) -> FloatArray:
        values = np.ascontiguousarray(rows, np.float32).ravel()
        trees, size = self._feature.shape
        first = np.arange(0, trees * size, size, dtype=np.int32)  # each tree's root in the flat tables
        row = np.arange(0, len(values), rows.shape[1], dtype=np.int32)[:, None]
        feature, threshold = self._feature.ravel(), self._threshold.ravel()
        left, right = self._left.ravel(), self._right.ravel()
        node = np.broadcast_to(first, (len(rows), trees))
        for _ in range(self._depth):
            below = values.take(row + feature.take(node)) <= threshold.take(node)
            node = first + np.where(below, left.take(node), right.take(node))
        result: FloatArray = self._length.ravel().take(node).mean(1, dtype=np.float64)
        return result

    def _unpack(self, trees: list[Any]) -> None:
        size = max(tree.node_count for tree in trees)
        shape = len(trees), size
        # a leaf leads to itself, so that all trees can be walked for the same number of steps
        self._left = np.tile(np.arange(size, dtype=np.int16), (len(trees), 1))
        self._right = self._left.copy()
        self._feature = np.zeros(shape, np.int16)
        self._threshold = np.zeros(shape, np.float32)
        self._length = np.zeros(shape, np.float32)
        self._depth = 0
        for number, tree in enumerate(trees):
            count, inner = tree.node_count, tree.children_left >= 0
            places = np.flatnonzero(inner)
            self._left[number, places] = tree.children_left[inner]
            self._right[number, places] = tree.children_right[inner]
            self._feature[number, places] = tree.feature[inner]
            self._threshold[number, places] = tree.threshold[inner]
            depths = _depths(tree)
            self._length[number, :count] = depths + _path_length(tree.n_node_samples)
            self._depth = max(self._depth, int(depths.max()))


def _depths(tree: Any) -> IntArray:
    """Return how far each node of a tree is from its root."""
    depths = np.zeros(tree.node_count, np.intp)
    level = np.zeros(1, np.intp)
    for depth in range(1, tree.node_count):
        level = level[tree.children_left[level] >= 0]
        if not len(level):
            break
        level = np.concatenate([tree.children_left[level], tree.children_right[level]])
        depths[level] = depth
    return depths


def _path_length(count: IntArray) -> FloatArray:
    """Return the mean path length in a tree of so many rows (equation 1 of the paper)."""
    count = np.asarray(count, np.float64)
    many = np.maximum(count, 3)
    usual = 2 * (np.log(many - 1) + _EULER) - 2 * (many - 1) / many
    return np.where(count <= 1, 0.0, np.where(count <= 2, 1.0, usual))
