"""The shelf of trained diagnosis: what was put there comes back, what was not is refused; the way back."""

import hashlib
import io
import pickle
import zipfile
from datetime import timedelta

import orjson
import pytest
import skops.io

from agent.errors import ModelError, NotFoundError
from agent.learn.faults.evaluation import judge
from agent.learn.faults.examples import tabulate
from agent.learn.faults.model import from_state
from tests.faultmodels import BEGIN, make_examples, make_model


@pytest.fixture(scope="module")
def model():
    return make_model()


def put(shelf, model, day=0, in_force=True):
    examples = make_examples(20)
    table = tabulate(examples, model.features, model.faults)
    figures = judge(model.probabilities(table.rows), table, [one.fault for one in examples]).figures
    training = {
        "made_at": BEGIN + timedelta(days=day),
        "trained_from": BEGIN,
        "trained_to": BEGIN,
        "algorithm": "linear",
        "parameters": {"C": 1.0},
        "temperature": 1.0,
        "features": len(model.features),
        "examples": 20,
        "origins": {"person": 20},
        "faults": list(model.faults),
        "data": "d",
        "figures": figures,
        "why": "w",
    }
    return shelf.put(model, training, in_force=in_force)


def test_a_model_comes_back_and_says_the_same(shelf, model):
    kept = put(shelf, model)
    seen = {"signal:oom0": 1.0, "signal:oom1": 1.0}
    assert shelf.load(shelf.current()).vote(seen) == model.vote(seen)
    assert shelf.generations() == [kept]


def spoil(shelf, kept, content):
    """Put bytes in the place of a model, and make every checksum agree with them."""
    folder = shelf.folder / kept.name
    (folder / "00000.skops").write_bytes(content)
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    manifest["cards"] = [
        {"file": "00000.skops", "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    ]
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))
    pointer = orjson.loads((shelf.folder / "current.json").read_bytes())
    pointer["sha256"] = hashlib.sha256(orjson.dumps(manifest)).hexdigest()
    (shelf.folder / "current.json").write_bytes(orjson.dumps(pointer))


class Foreign:
    """What no shelf trusts."""

    def predict_proba(self, rows):
        raise SystemError


def of_others(model):
    state = model.state()
    stranger = io.BytesIO()
    with zipfile.ZipFile(stranger, "w") as archive:
        archive.writestr("schema.json", b"{}")
    return {
        "pickle": pickle.dumps({"faults": ["a"]}),
        "empty": b"",
        "zip": stranger.getvalue(),
        "type": skops.io.dumps({**state, "estimator": Foreign()}),
        "shape": skops.io.dumps({**state, "features": state["features"][:-1]}),
        "faults": skops.io.dumps({**state, "faults": ["a", "b"]}),
        "nothing": skops.io.dumps({**state, "estimator": None}),
        "numbers": skops.io.dumps({**state, "temperature": float("nan")}),
        "other": skops.io.dumps([1, 2]),
    }


def test_what_holds_no_model_of_ours_is_refused_in_one_line(shelf, model):
    kept = put(shelf, model)
    for name, content in of_others(model).items():
        spoil(shelf, kept, content)
        with pytest.raises(ModelError, match="refused") as caught:
            shelf.load(shelf.current())
        assert "\n" not in str(caught.value), name


@pytest.mark.parametrize("cut", [1, 100, 5000])
def test_a_file_that_was_cut_off_or_changed_is_refused_also_for_promotion(shelf, model, cut):
    kept = put(shelf, model)
    file = shelf.folder / kept.name / "00000.skops"
    file.write_bytes(file.read_bytes()[:-cut])
    for read in (lambda: shelf.load(shelf.current()), lambda: shelf.promote(kept.name, BEGIN)):
        with pytest.raises(ModelError, match="refused"):
            read()


def test_one_goes_back_to_what_was_in_force_and_never_to_what_only_ran_beside(shelf, model):
    first = put(shelf, model).name
    beside = put(shelf, model, 1, in_force=False).name
    second = put(shelf, model, 2).name
    assert (shelf.current().name, shelf.shadow().name) == (second, beside)
    assert shelf.promote(shelf.before_current(), BEGIN).name == first
    with pytest.raises(NotFoundError, match="no older"):
        shelf.before_current()


def test_one_that_runs_beside_and_is_promoted_runs_beside_no_more(shelf, model):
    put(shelf, model)
    beside = put(shelf, model, 1, in_force=False).name
    shelf.promote(beside, BEGIN)
    assert (shelf.current().name, shelf.shadow()) == (beside, None)


def test_the_one_in_force_stays_on_the_shelf_however_many_run_beside_after_it(shelf, model):
    first = put(shelf, model).name
    for day in range(1, 6):
        put(shelf, model, day, in_force=False)
    assert first in [one.name for one in shelf.generations()]
    assert len(shelf.generations()) <= 3
    assert shelf.load(shelf.current()).faults == model.faults


def test_a_model_says_nothing_of_what_it_never_learned(model):
    assert model.vote({"signal:never_seen": 1.0}) == []
    sure = model.vote({"signal:oom0": 1.0, "signal:oom1": 1.0, "signal:oom2": 1.0})[0]
    doubtful = model.vote({"signal:oom0": 1.0, "signal:oom1": 1.0, "signal:oom2": 1.0, "signal:new": 3.0})[0]
    assert doubtful.probability < sure.probability


def test_a_model_of_two_faults_comes_back_too():
    model = make_model(make_examples(faults=("oom", "healthy")))
    again = from_state(model.state())
    assert [one.fault for one in again.vote({"signal:oom0": 1.0, "signal:oom1": 1.0})] == ["oom"]
