"""The shelf: what was put there comes back, and what was not is refused, in one line."""

import io
import sys
import zipfile
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import pytest
import skops.io

from agent.detect.models.entitymodel import ROWS
from agent.detect.models.scoring import Scoring
from agent.detect.models.shelf import Shelf
from agent.detect.models.training import EntityHistory, train_entities
from agent.errors import ModelError, NotFoundError

MADE = datetime(2026, 1, 5, 12, tzinfo=UTC)
STEP = 60.0


def history(entity="web1", seed=0, count=500, width=3):
    chance = np.random.default_rng(seed)
    load = 50 + 20 * np.sin(np.arange(count) / 30)[:, None]
    return EntityHistory(
        entity=entity,
        keys=[(f"s{number}", {"host": entity}) for number in range(width)],
        values=load + chance.normal(0, 1, (count, width)),
        step_s=STEP,
    )


def trained(*entities, members=("nearest", "relations")):
    return list(train_entities([history(one, seed=n) for n, one in enumerate(entities)], members))


def put(shelf, models, made_at=MADE):
    return shelf.put(models, made_at=made_at, trained_from=MADE - timedelta(days=7), trained_to=MADE)


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "models")


@pytest.fixture(scope="module")
def models():
    return trained("web1", "web2")


def loaded(shelf):
    return list(shelf.load(shelf.current()))


def test_models_come_back_as_they_were(shelf, models):
    put(shelf, models)
    values = history().values[-ROWS:]
    for before, after in zip(models, loaded(shelf), strict=True):
        assert after.entity == before.entity
        assert after.judge(values) == before.judge(values)


def test_an_empty_shelf_has_nothing_in_force(shelf):
    assert shelf.current() is None
    assert shelf.stamp() is None
    assert shelf.generations() == []


def test_the_newest_is_in_force_and_the_oldest_are_forgotten(shelf, models):
    names = [put(shelf, models[:1], MADE + timedelta(days=day)).name for day in range(5)]
    assert shelf.current().name == names[-1]
    assert [one.name for one in shelf.generations()] == names[:-4:-1]


def test_two_trainings_in_one_second_do_not_meet(shelf, models):
    assert put(shelf, models[:1]).name != put(shelf, models[:1]).name


def test_a_training_that_fails_leaves_nothing_and_keeps_what_is_in_force(shelf, models):
    first = put(shelf, models)

    def failing():
        yield models[0]
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        put(shelf, failing())
    assert shelf.current().name == first.name
    assert sorted(one.name for one in shelf.folder.iterdir()) == [first.name, "current.json"]


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def cut(file):
    file.write_bytes(file.read_bytes()[:-100])


def empty(file):
    file.write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (flip, "was changed since it was written"),
        (cut, "bytes"),
        (empty, "has 0 bytes"),
        (lambda f: f.unlink(), "No such"),
    ],
    ids=["one bit", "cut off", "empty", "gone"],
)
def test_a_spoilt_file_is_refused_in_one_line_and_the_others_are_read(shelf, models, spoil, why):
    generation = put(shelf, models)
    spoil(shelf.folder / generation.name / "00000.skops")
    refused, other = loaded(shelf)
    assert isinstance(refused, ModelError)
    assert why in str(refused)
    assert "\n" not in str(refused)
    assert other.entity == "web2"


def forge(shelf, content):
    """Put a file in place of a model's, its checksums corrected, as a thief would."""
    import hashlib

    name = shelf.current().name
    file = shelf.folder / name / "00000.skops"
    file.write_bytes(content)
    manifest_file = shelf.folder / name / "manifest.json"
    manifest = orjson.loads(manifest_file.read_bytes())
    manifest["cards"][0].update(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    manifest_file.write_bytes(orjson.dumps(manifest))
    pointer = orjson.loads((shelf.folder / "current.json").read_bytes())
    pointer["sha256"] = hashlib.sha256(manifest_file.read_bytes()).hexdigest()
    (shelf.folder / "current.json").write_bytes(orjson.dumps(pointer))


class Bomb:
    fired = False

    def __reduce__(self):
        return (print, ("bang",))

    def __setstate__(self, state):
        Bomb.fired = True


def test_what_is_not_trusted_is_refused_even_with_right_checksums(shelf, models, capsys):
    put(shelf, models)
    forge(shelf, skops.io.dumps({"entity": Bomb()}))
    refused, _ = loaded(shelf)
    assert "holds what is not trusted" in str(refused)
    assert "Bomb" in str(refused)
    assert not Bomb.fired
    assert capsys.readouterr().out == ""


def test_a_pickle_is_no_model(shelf, models):
    import pickle

    put(shelf, models)
    forge(shelf, pickle.dumps({"entity": "web1"}))
    assert "is refused" in str(loaded(shelf)[0])


def test_a_zip_of_something_else_is_no_model(shelf, models):
    put(shelf, models)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("schema.json", "{}")
    forge(shelf, content.getvalue())
    assert "is refused" in str(loaded(shelf)[0])


def test_a_model_of_another_entity_is_refused(shelf, models):
    put(shelf, models)
    forge(shelf, skops.io.dumps(models[1].state()))
    assert "is the model of another entity" in str(loaded(shelf)[0])


def test_a_manifest_that_was_changed_is_refused(shelf, models):
    generation = put(shelf, models)
    file = shelf.folder / generation.name / "manifest.json"
    file.write_bytes(file.read_bytes().replace(b"web1", b"web9"))
    with pytest.raises(ModelError, match="was changed since it was written"):
        shelf.current()


def test_another_format_is_refused_by_its_number(shelf, models):
    put(shelf, models)
    manifest_file = shelf.folder / shelf.current().name / "manifest.json"
    manifest = orjson.loads(manifest_file.read_bytes())
    manifest["format"] = 99
    manifest_file.write_bytes(orjson.dumps(manifest))
    (shelf.folder / "current.json").write_bytes(
        orjson.dumps(
            {
                "generation": manifest_file.parent.name,
                "sha256": __import__("hashlib").sha256(manifest_file.read_bytes()).hexdigest(),
            }
        )
    )
    with pytest.raises(ModelError, match="has format 99, this version reads 2"):
        shelf.current()


@pytest.mark.parametrize(
    "pointer", [b"", b"[]", b"{", b'{"generation": "../../etc", "sha256": ""}', b'{"generation": 1}']
)
def test_a_pointer_that_is_none_is_refused(shelf, models, pointer):
    put(shelf, models)
    (shelf.folder / "current.json").write_bytes(pointer)
    with pytest.raises(ModelError):
        shelf.current()


def test_a_manifest_cannot_name_files_elsewhere(shelf, models):
    generation = put(shelf, models)
    manifest_file = shelf.folder / generation.name / "manifest.json"
    manifest = orjson.loads(manifest_file.read_bytes())
    manifest["cards"][0]["file"] = "../../../etc/passwd"
    manifest_file.write_bytes(orjson.dumps(manifest))
    assert shelf.generations() == []


def test_a_named_detector_is_kept_only_when_the_settings_name_it(tmp_path):
    path = "pyod.models.knn.KNN"
    models = trained("web1", members=(path,))
    with pytest.raises(ModelError, match="not trusted"):
        put(Shelf(tmp_path / "a"), models)
    shelf = Shelf(tmp_path / "b", [path])
    put(shelf, models)
    values = history().values[-ROWS:]
    assert loaded(shelf)[0].judge(values) == models[0].judge(values)
    (refused,) = loaded(Shelf(tmp_path / "b"))
    assert "not trusted" in str(refused)


def test_a_named_detector_of_another_library_version_is_refused(tmp_path, monkeypatch):
    path = "pyod.models.knn.KNN"
    shelf = Shelf(tmp_path, [path])
    put(shelf, trained("web1", members=(path,)))
    monkeypatch.setattr("agent.modelshelf.version", lambda name: "0.0")
    assert "was kept with another" in str(loaded(shelf)[0])


def test_without_pyod_our_own_models_are_trained_and_kept(tmp_path, monkeypatch):
    for name in [one for one in sys.modules if one.partition(".")[0] == "pyod"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyod", None)
    shelf = Shelf(tmp_path)
    generation = put(shelf, trained("web1", members=("isolation_forest", "one_class_svm")))
    assert loaded(shelf)[0].entity == "web1"
    assert "scikit-learn" in generation.libraries


def test_scoring_takes_up_new_models_and_says_what_it_refused(shelf, models):
    put(shelf, models)
    scoring = Scoring(shelf)
    scoring.take_up_models()
    plan = scoring.answer({"generation": "", "number": 1}, b"")["plan"]
    assert plan["entities"] == ["web1", "web2"]
    newer = put(shelf, models[:1])
    flip(shelf.folder / newer.name / "00000.skops")
    assert scoring.is_outdated()
    scoring.take_up_models()
    answer = scoring.answer({"generation": plan["generation"], "number": 2}, b"")
    assert answer["plan"]["entities"] == []
    assert len(answer["refused"]) == 1


def test_scoring_answers_with_a_finding_for_each_entity(shelf, models):
    put(shelf, models)
    scoring = Scoring(shelf)
    scoring.take_up_models()
    generation = shelf.current().name
    values = np.hstack([history("web1").values[-ROWS:], np.full((ROWS, 3), np.nan)])
    payload = values.tobytes()
    answer = scoring.answer({"generation": generation, "rows": ROWS, "number": 3}, payload)
    judged, blind = answer["findings"]
    assert judged["score"] < 3
    assert blind is None
    assert orjson.dumps(answer)


LATER = MADE + timedelta(days=9)


def test_what_was_in_force_before_comes_back_in_one_step_and_stays_its_time(shelf, models):
    first, second = (put(shelf, models, MADE + timedelta(days=day)).name for day in range(2))
    assert shelf.promote(shelf.before_current(), LATER).name == first
    assert (shelf.current().name, shelf.changed_at()) == (first, LATER)
    assert shelf.promote(second, LATER).name == second  # and forth


def test_nothing_older_is_nothing_to_go_back_to(shelf, models):
    put(shelf, models)
    with pytest.raises(NotFoundError, match="no older training"):
        shelf.before_current()
    with pytest.raises(NotFoundError, match="known: 2"):
        shelf.promote("../../etc", LATER)


def test_a_training_with_a_spoilt_file_is_not_put_in_force(shelf, models):
    first, second = (put(shelf, models, MADE + timedelta(days=day)).name for day in range(2))
    file = shelf.folder / first / "00001.skops"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ModelError, match="is refused"):
        shelf.promote(first, LATER)
    assert shelf.current().name == second


def test_one_goes_back_from_a_pointer_that_is_spoilt(shelf, models):
    name = put(shelf, models).name
    (shelf.folder / "current.json").write_bytes(b"{")
    assert shelf.promote(shelf.before_current(), LATER).name == name
    assert shelf.current().name == name


def test_what_runs_beside_is_shown_the_same_rows_and_counted_and_changes_no_answer(shelf, models):
    put(shelf, models)
    alone = Scoring(shelf)
    alone.take_up_models()
    times = {"made_at": LATER, "trained_from": MADE, "trained_to": MADE}
    beside = shelf.put(trained("web1"), **times, in_force=False).name
    assert alone.is_outdated()
    scoring = Scoring(shelf)
    scoring.take_up_models()
    plan = scoring.answer({"generation": "", "number": 1}, b"")["plan"]
    assert (plan["entities"], plan["beside"], len(plan["series"])) == (["web1", "web2"], beside, 9)

    def ask(one, web1, **beside):
        both = np.hstack([web1, history("web2", seed=1).values[-ROWS:], web1])[:, : 9 if beside else 6]
        return one.answer({"generation": plan["generation"], "rows": ROWS, **beside}, both.tobytes())

    usual = history().values[-ROWS:]
    strange = usual.copy()
    strange[-1, 1] += 500
    for rows in (usual, strange):
        answer = ask(scoring, rows, beside=beside)
        assert answer["findings"] == ask(alone, rows)["findings"]
        scoring.compare()
    counts = ask(scoring, usual, beside=beside)["compared"]
    assert counts == {"judged": 2, "in_force": 1, "beside": 1, "both": 1}


def test_a_spoilt_training_beside_takes_nothing_from_the_one_in_force(shelf, models):
    put(shelf, models)
    beside = shelf.put(models, made_at=LATER, trained_from=MADE, trained_to=MADE, in_force=False)
    flip(shelf.folder / beside.name / "00000.skops")
    scoring = Scoring(shelf)
    scoring.take_up_models()
    answer = scoring.answer({"generation": "", "number": 1}, b"")
    assert answer["plan"]["entities"] == ["web1", "web2"]
    assert len(answer["refused"]) == 1
