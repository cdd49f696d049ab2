"""What every entity model promises, whoever made it: PyOD's interface, finite scores, the same by seed."""

import warnings

import numpy as np
import pytest

from agent.detect.models.catalog import BY_NAME, LSTM, available, make_member, restore_member
from agent.detect.models.entitymodel import scores_at
from agent.detect.models.lstm import is_available
from agent.detect.models.pyoddetector import NamedDetector
from agent.errors import ConfigError

DEEP = pytest.mark.skipif(not is_available(), reason="needs the extra deep")
NAMES = [
    *(pytest.param(name, marks=DEEP) if name == LSTM else name for name in BY_NAME),
    "pyod.models.ecod.ECOD",
    "pyod.models.pca.PCA",
]


def healthy(count=400, width=6, seed=0):
    chance = np.random.default_rng(seed)
    load = np.sin(np.arange(count) / 15)[:, None] + 0.1 * chance.standard_normal((count, 1))
    return load * chance.uniform(0.5, 1.5, width) + 0.1 * chance.standard_normal((count, width))


def strange(rows, at=-20):
    """Let two features go their own way, each within what it did before."""
    broken = rows.copy()
    broken[at:, 0] = -broken[at:, 0] + 1.5
    broken[at:, 1] += 2.5
    return broken


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def member(name):
    return make_member(name).fit(healthy())


def test_a_row_has_one_finite_score(member):
    scores = member.decision_function(healthy(100, seed=1))
    assert scores.shape == (100,)
    assert np.isfinite(scores).all()


def test_a_higher_score_is_stranger(member):
    rows = healthy(200, seed=2)
    assert member.decision_function(strange(rows))[-10:].mean() > 1.2 * abs(
        member.decision_function(rows)[-10:].mean()
    )


def test_the_same_rows_give_the_same_model(member, name):
    rows = healthy(50, seed=3)
    again = make_member(name).fit(healthy())
    np.testing.assert_array_equal(again.decision_function(rows), member.decision_function(rows))


def test_extreme_rows_have_finite_scores(member):
    rows = healthy(60, seed=4)
    rows[20:] = 10.0
    rows[40:] = -10.0  # as far as features reach
    assert np.isfinite(member.decision_function(rows)).all()


def test_constant_features_are_no_trouble(name):
    rows = healthy(200)
    rows[:, 2:] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyOD's own detectors complain of columns without spread
        scores = make_member(name).fit(rows).decision_function(rows)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("own", [pytest.param(n, marks=DEEP) if n == LSTM else n for n in BY_NAME])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_few_rows_are_enough_to_fit(own, count):
    rows = healthy(count)
    assert np.isfinite(make_member(own).fit(rows).decision_function(rows)).all()


def test_a_state_gives_the_same_member_back(member, name):
    rows = healthy(50, seed=5)
    back = restore_member(name, member.state())
    np.testing.assert_array_equal(back.decision_function(rows), member.decision_function(rows))


def test_some_rows_are_scored_as_in_the_whole(member, name):
    if name not in BY_NAME:
        pytest.skip("PyOD's may look at the rows they are asked about together")
    rows = healthy(80, seed=6)
    places = np.array([30, 50, 79])
    np.testing.assert_allclose(
        scores_at(member, rows, places), member.decision_function(rows)[places], rtol=1e-5, atol=1e-6
    )


def test_the_unpacked_forest_scores_as_pyods_does():
    from pyod.models.iforest import IForest

    rows = healthy()
    theirs = IForest(n_estimators=48, max_samples=256, random_state=0).fit(rows)
    ours = make_member("isolation_forest").fit(rows)
    np.testing.assert_allclose(
        ours.decision_function(rows), theirs.decision_function(rows), rtol=1e-4, atol=1e-5
    )


def test_the_support_vectors_score_as_pyods_do():
    from pyod.models.ocsvm import OCSVM

    rows = healthy()
    ours = make_member("one_class_svm").fit(rows)
    theirs = OCSVM(nu=0.05, gamma=ours.state()["gamma"]).fit(rows)
    np.testing.assert_allclose(
        ours.decision_function(rows), theirs.decision_function(rows), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("pyod.models.auto_encoder.AutoEncoder", "needs PyTorch"),
        ("pyod.models.nowhere.Nothing", "cannot be imported"),
        ("pyod.models.ecod.Nothing", "is no detector of PyOD"),
        ("os.path", "is no detector of PyOD"),
        ("rm -rf", "is no class path"),
    ],
)
def test_a_detector_that_cannot_be_used_is_refused_with_the_reason(path, why):
    if path.endswith("AutoEncoder"):
        pytest.importorskip("pyod")
        try:
            import torch  # noqa: F401
        except ImportError:
            pass
        else:
            pytest.skip("PyTorch is here")
    with pytest.raises(ConfigError, match=why):
        NamedDetector(path).fit(healthy(50))


def test_without_the_extra_deep_the_ensemble_goes_on_and_says_so(monkeypatch):
    monkeypatch.setattr("agent.detect.models.catalog.is_available", lambda: False)
    names, note = available(["nearest", LSTM])
    assert names == ["nearest"]
    assert "extra 'deep'" in note
