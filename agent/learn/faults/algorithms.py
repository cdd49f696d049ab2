"""The algorithms that are tried, each with the parameters that it is tried with. Imports scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product, zip_longest
from typing import Any

SEED = 0
IMPUTED = "imputed_linear"
"""The linear one for what is not always known; no model of the diagnosis is made of it."""
ALGORITHMS = ("linear", "random_forest", "gradient_boosting", "neighbours")
_TRIED: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "linear": {"C": (0.1, 0.5, 2.0, 10.0), "class_weight": (None, "balanced")},
    "random_forest": {
        "n_estimators": (100, 200),
        "max_features": ("sqrt", 0.3),
        "min_samples_leaf": (1, 3),
    },
    "gradient_boosting": {
        "learning_rate": (0.1, 0.2),
        "max_iter": (20, 50),
        "max_leaf_nodes": (7, 15),
    },
    "neighbours": {"n_neighbors": (3, 7, 15), "metric": ("cosine", "euclidean")},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One algorithm with its parameters."""

    algorithm: str
    parameters: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return it in words, the same for the same configuration."""
        told = ", ".join(f"{key} {value}" for key, value in sorted(self.parameters.items()))
        return f"{self.algorithm} ({told})"


def configurations() -> list[Configuration]:
    """Return all that are tried, one of each algorithm in turn: what ends early has tried some of each."""
    each = [
        [
            Configuration(algorithm=name, parameters=dict(zip(grid, values, strict=True)))
            for values in product(*grid.values())
        ]
        for name, grid in _TRIED.items()
    ]
    return [one for one in chain.from_iterable(zip_longest(*each)) if one is not None]


def make_estimator(configuration: Configuration) -> Any:
    """Return a classifier of scikit-learn, not fitted yet. All are seeded and use one thread each."""
    parameters = dict(configuration.parameters)
    if configuration.algorithm == "linear":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=300, **parameters)
    if configuration.algorithm == IMPUTED:
        return _imputed_linear(parameters)
    if configuration.algorithm == "random_forest":
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(random_state=SEED, n_jobs=1, **parameters)
    if configuration.algorithm == "gradient_boosting":
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(random_state=SEED, early_stopping=False, **parameters)
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(weights="distance", algorithm="brute", **parameters)


def fit(configuration: Configuration, rows: Any, codes: Any, weights: Any) -> Any:
    """Return a fitted classifier. Neighbours know no weights; all others go by them."""
    estimator = make_estimator(configuration)
    if configuration.algorithm == "neighbours":
        return estimator.set_params(n_neighbors=min(estimator.n_neighbors, len(codes))).fit(rows, codes)
    if configuration.algorithm == IMPUTED:
        return estimator.fit(rows, codes, logisticregression__sample_weight=weights)
    return estimator.fit(rows, codes, sample_weight=weights)


def _imputed_linear(parameters: Mapping[str, Any]) -> Any:
    """Return a classifier that takes NaN for what is not known: the mean of what it learned, and a mark."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    imputer = SimpleImputer(add_indicator=True, keep_empty_features=True)
    return make_pipeline(imputer, LogisticRegression(max_iter=300, **parameters))
