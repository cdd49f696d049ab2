"""Windows of an entity's levels in, a recurrent network out; what it cannot give back is strange.

An LSTM autoencoder (Malhotra et al. 2016): one network reads a window into a small state, another writes the
window from it. JAX and optax (the extra ``deep``) train the networks of many entities together, compiled once
for all that have as many series; asking a network needs NumPy alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from agent.detect.models.member import SEED, Plain
from agent.records import FloatArray, IntArray

WINDOW = 16  # rows
_HIDDEN = 16
_WINDOWS = 1024  # of an entity's history to learn from
_BATCH = 64
_EPOCHS = 8
_STEP = 1e-2
_NORM = 1.0  # gradients are clipped to: it matters more for the result than anything else
_TOGETHER = 16  # entities that are trained at once
_WIDTH_STEP = 8  # numbers of series are rounded up to a multiple, so that few shapes are compiled
_FLOOR = 0.05
_CHUNK = 4096

Array32 = npt.NDArray[np.float32]
Weights = Mapping[str, Array32]


def is_available() -> bool:
    """Return whether the extra ``deep`` is installed, without importing it."""
    return find_spec("jax") is not None and find_spec("optax") is not None


class LstmAutoencoder(Plain):
    """The reconstruction error of a window's newest rows. ``columns`` are the features it looks at."""

    def __init__(self, columns: int | None = None) -> None:
        self._columns = columns
        self._weights: dict[str, Array32] = {}
        self._usual: Array32 = np.zeros(0, np.float32)

    def fit(self, rows: FloatArray) -> Self:
        """Learn from consecutive rows. Imports JAX."""
        made = next(fit_together([rows[:, : self._columns]]))
        self._columns, self._weights, self._usual = made._columns, made._weights, made._usual
        return self

    def decision_function(self, rows: FloatArray) -> FloatArray:
        """Return an error for each of consecutive rows; the first row stands in for what was before it."""
        return self.scores_at(rows, np.arange(len(rows)))

    def scores_at(self, rows: FloatArray, places: IntArray) -> FloatArray:
        """Return the errors of the windows that end at some rows."""
        levels = rows[:, : self._columns].astype(np.float32)
        result = np.empty(len(places))
        for begin in range(0, len(places), _CHUNK):
            windows = _windows(levels, places[begin : begin + _CHUNK], len(self._usual))
            result[begin : begin + _CHUNK] = self._errors(windows)
        return result

    def _errors(self, windows: Array32) -> FloatArray:
        given = _reconstruct(self._weights, windows)
        newest = slice(-4, None)  # what was before was judged before
        away = (windows[:, newest] - given[:, newest]) / self._usual
        own = away[:, :, : self._columns].astype(np.float64)
        result: FloatArray = np.sqrt((own**2).mean((1, 2)))
        return result


def fit_together(histories: Sequence[FloatArray]) -> Iterator[LstmAutoencoder]:
    """Yield a trained model for each history (rows x series), in order. Imports JAX."""
    made: dict[int, LstmAutoencoder] = {}
    groups: dict[int, list[int]] = {}
    for number, history in enumerate(histories):
        groups.setdefault(-(-history.shape[1] // _WIDTH_STEP) * _WIDTH_STEP, []).append(number)
    for width, members in groups.items():
        size = min(_TOGETHER, 1 << (len(members) - 1).bit_length())  # few sizes, so that little is compiled
        train = _trainer(width)
        for first in range(0, len(members), size):
            part = members[first : first + size]
            windows = [_training_windows(histories[number], width) for number in part]
            stacked = np.stack([*windows, *[windows[0]] * (size - len(part))])
            weights, usual = train(stacked)
            for place, number in enumerate(part):
                one = LstmAutoencoder(histories[number].shape[1])
                one._weights = {name: np.asarray(value[place]) for name, value in weights.items()}
                one._usual = np.maximum(np.asarray(usual[place]), np.float32(_FLOOR))
                made[number] = one
    yield from (made[number] for number in range(len(histories)))


def _training_windows(history: FloatArray, width: int) -> Array32:
    first = min(WINDOW - 1, len(history) - 1)
    places = np.linspace(first, len(history) - 1, _WINDOWS).astype(np.intp)
    return _windows(history.astype(np.float32), places, width)


def _windows(levels: Array32, places: IntArray, width: int) -> Array32:
    """Return windows x rows x ``width``, the columns that are missing zero."""
    rows = np.maximum(places[:, None] + np.arange(1 - WINDOW, 1), 0)
    windows = np.zeros((len(places), WINDOW, width), np.float32)
    windows[:, :, : levels.shape[1]] = levels[rows]
    return windows


def _reconstruct(weights: Weights, windows: Array32) -> Array32:
    """Return the windows as the network gives them back."""
    hidden = np.zeros((len(windows), _HIDDEN), np.float32)
    cell = np.zeros_like(hidden)
    inputs = windows @ weights["read_in"] + weights["read_bias"]
    for row in range(windows.shape[1]):
        hidden, cell = _cell(inputs[:, row] + hidden @ weights["read_state"], cell)
    cell = np.zeros_like(hidden)
    told = hidden @ weights["write_in"] + weights["write_bias"]
    written = np.empty((len(windows), windows.shape[1], _HIDDEN), np.float32)
    for row in range(windows.shape[1]):
        hidden, cell = _cell(told + hidden @ weights["write_state"], cell)
        written[:, row] = hidden
    result: Array32 = written @ weights["out"] + weights["out_bias"]
    return result


def _cell(gates: Array32, cell: Array32) -> tuple[Array32, Array32]:
    """Return the next hidden state and cell of an LSTM (Hochreiter & Schmidhuber 1997, with forget gate)."""
    enter, forget, leave = (_sigmoid(gates[:, k * _HIDDEN : (k + 1) * _HIDDEN]) for k in range(3))
    cell = forget * cell + enter * np.tanh(gates[:, 3 * _HIDDEN :])
    return leave * np.tanh(cell), cell


def _sigmoid(values: Array32) -> Array32:
    result: Array32 = 0.5 * (1 + np.tanh(0.5 * values))
    return result


@cache
def _trainer(width: int) -> Callable[[Array32], tuple[Mapping[str, Any], Any]]:
    """Return a compiled function: entities x windows x rows x width in, their weights and residuals out."""
    import jax
    import jax.numpy as jnp
    import optax

    optimizer = optax.chain(optax.clip_by_global_norm(_NORM), optax.adam(_STEP))
    steps = _EPOCHS * (_WINDOWS // _BATCH)

    def cell(carry: Any, gates: Any) -> tuple[Any, Any]:
        memory = carry
        enter, forget, leave = (jax.nn.sigmoid(gates[:, k * _HIDDEN : (k + 1) * _HIDDEN]) for k in range(3))
        memory = forget * memory + enter * jnp.tanh(gates[:, 3 * _HIDDEN :])
        return leave * jnp.tanh(memory), memory

    def reconstruct(weights: Any, windows: Any) -> Any:
        nothing = jnp.zeros((windows.shape[0], _HIDDEN))
        inputs = jnp.swapaxes(windows @ weights["read_in"] + weights["read_bias"], 0, 1)

        def read(carry: Any, given: Any) -> tuple[Any, None]:
            hidden, memory = carry
            return cell(memory, given + hidden @ weights["read_state"]), None

        (hidden, _), _ = jax.lax.scan(read, (nothing, nothing), inputs)
        told = hidden @ weights["write_in"] + weights["write_bias"]

        def write(carry: Any, _: Any) -> tuple[Any, Any]:
            state, memory = carry
            state, memory = cell(memory, told + state @ weights["write_state"])
            return (state, memory), state

        _, written = jax.lax.scan(write, (hidden, nothing), None, length=WINDOW)
        return jnp.swapaxes(written, 0, 1) @ weights["out"] + weights["out_bias"]

    def loss(weights: Any, windows: Any) -> Any:
        return ((reconstruct(weights, windows) - windows) ** 2).mean()

    def train(windows: Any, weights: Any, order: Any) -> tuple[Any, Any]:
        def step(carry: Any, chosen: Any) -> tuple[Any, None]:
            weights, memory = carry
            updates, memory = optimizer.update(jax.grad(loss)(weights, windows[chosen]), memory, weights)
            return (optax.apply_updates(weights, updates), memory), None

        (weights, _), _ = jax.lax.scan(step, (weights, optimizer.init(weights)), order)
        away = reconstruct(weights, windows) - windows
        return weights, jnp.sqrt((away**2).mean((0, 1)))

    together = jax.jit(jax.vmap(train, in_axes=(0, None, None)))
    chance = np.random.default_rng(SEED)
    start = _first_weights(width, chance)
    order = np.concatenate([chance.permutation(_WINDOWS) for _ in range(_EPOCHS)]).reshape(steps, _BATCH)

    def run(stacked: Array32) -> tuple[Mapping[str, Any], Any]:
        weights, usual = together(stacked, start, order)
        return {name: np.asarray(value) for name, value in weights.items()}, np.asarray(usual)

    return run


def _first_weights(width: int, chance: np.random.Generator) -> dict[str, Array32]:
    """Return weights to begin with (Glorot & Bengio 2010), the forget gates open."""

    def drawn(rows: int, columns: int) -> Array32:
        reach = np.sqrt(6 / (rows + columns))
        return chance.uniform(-reach, reach, (rows, columns)).astype(np.float32)

    bias = np.zeros(4 * _HIDDEN, np.float32)
    bias[_HIDDEN : 2 * _HIDDEN] = 1
    return {
        "read_in": drawn(width, 4 * _HIDDEN),
        "read_state": drawn(_HIDDEN, 4 * _HIDDEN),
        "read_bias": bias,
        "write_in": drawn(_HIDDEN, 4 * _HIDDEN),
        "write_state": drawn(_HIDDEN, 4 * _HIDDEN),
        "write_bias": bias.copy(),
        "out": drawn(_HIDDEN, width),
        "out_bias": np.zeros(width, np.float32),
    }
