"""Every kind of models is listed, promoted, taken back, run beside and refused in the same way."""

import hashlib
import io
import pickle
import shutil
import zipfile

import orjson
import pytest
import skops.io

from agent.background.places import shelf_of
from agent.background.shelves import KINDS, move_apart, move_training, shelved
from agent.config import load_settings
from agent.errors import ConflictError, ModelError, NotFoundError
from tests.trainings import make_training


@pytest.fixture(scope="module")
def makers():
    return {kind: make_training(kind) for kind in KINDS}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "opsmend.yml"
    file.write_text("agent: {state_dir: state}\n")
    return file


@pytest.fixture
def settings(config):
    return load_settings(config, {})


@pytest.fixture
def put(makers, kind, settings):
    return lambda day, in_force=True: makers[kind](shelf_of(settings, kind), day, in_force).name


def places(settings, kind):
    return {one.name: (one.in_force, one.beside) for one in shelved(settings, kind)}


def test_a_candidate_runs_beside_until_it_is_promoted_and_one_goes_back_in_one_step(settings, kind, put):
    first, second = put(0), put(1, in_force=False)
    assert places(settings, kind) == {first: (True, False), second: (False, True)}
    assert move_training(settings, kind, "promote", second).in_force
    assert places(settings, kind) == {first: (False, False), second: (True, False)}
    assert move_training(settings, kind, "rollback", None).name == first
    assert move_training(settings, kind, "beside", second).beside
    assert places(settings, kind) == {first: (True, False), second: (False, True)}
    assert move_training(settings, kind, "beside", None) is None
    assert places(settings, kind) == {first: (True, False), second: (False, False)}


def test_one_never_goes_back_to_what_only_ran_beside(settings, kind, put):
    first, _, third = put(0), put(1, in_force=False), put(2)
    assert move_training(settings, kind, "rollback", None).name == first
    with pytest.raises(NotFoundError, match="no older training"):
        move_training(settings, kind, "rollback", None)
    assert places(settings, kind)[third] == (False, False)


def test_the_one_in_force_stays_however_many_run_beside_after_it(settings, kind, put):
    first = put(0)
    newer = [put(day, in_force=False) for day in range(1, 6)]
    found = places(settings, kind)
    assert (found[first], found[newer[-1]]) == ((True, False), (False, True))
    assert len(found) <= 3


def test_what_is_not_on_the_shelf_or_in_force_already_is_put_nowhere(settings, kind, put):
    name = put(0)
    with pytest.raises(NotFoundError, match="known: 2026"):
        move_training(settings, kind, "promote", "../../etc")
    with pytest.raises(ConflictError, match="beside itself"):
        move_training(settings, kind, "beside", name)


def test_what_a_training_left_that_was_killed_while_it_wrote_goes_with_the_next(settings, kind, put):
    name = put(0)
    folder = shelf_of(settings, kind).folder
    left = folder / ".writing-x1"
    left.mkdir()
    (left / "00000.skops").write_bytes(b"half")
    newer = put(1)
    assert {one.name for one in folder.iterdir() if one.is_dir()} == {name, newer}


class Stranger:
    """What no shelf trusts."""


def strange_archive():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("schema.json", "{}")
    return content.getvalue()


FOREIGN = {
    "empty": b"",
    "pickle": pickle.dumps({"entity": "web1"}),
    "poison": b"cos\nsystem\n(S'touch poisoned'\ntR.",
    "archive": strange_archive(),
    "type": skops.io.dumps({"entity": Stranger()}),
    "json": orjson.dumps([{"horizon_s": 21_600.0, "weights": [1.0], "__reduce__": ["os.system", "id"]}]),
    "numbers": b'[{"horizon_s": 1e999}]',
}


def forge(shelf, name, content):
    """Put bytes in the place of a model, its own checksum in the manifest corrected, as a thief would."""
    manifest = shelf.folder / name / "manifest.json"
    told = orjson.loads(manifest.read_bytes())
    card = told["cards"][0]
    (shelf.folder / name / card["file"]).write_bytes(content)
    card |= {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    manifest.write_bytes(orjson.dumps(told))


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("move", ["promote", "rollback", "beside"])
def test_what_is_foreign_or_poisoned_is_put_nowhere_also_with_right_checksums(
    settings, kind, put, content, move, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    first, second = put(0), put(1)
    forge(shelf_of(settings, kind), first, content)
    with pytest.raises(ModelError, match="refused") as refused:
        move_training(settings, kind, move, None if move == "rollback" else first)
    assert "\n" not in str(refused.value)
    assert places(settings, kind)[second] == (True, False)
    assert not list(tmp_path.rglob("poisoned"))


@pytest.mark.parametrize("cut", [1, 40, 10**9], ids=["a byte", "some", "all"])
def test_what_was_cut_off_or_changed_is_put_nowhere(settings, kind, put, cut):
    first, second = put(0), put(1)
    (file,) = (shelf_of(settings, kind).folder / first).glob("00000.*")
    whole = file.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    for content in (whole[: max(len(whole) - cut, 0)], bytes(changed)):
        file.write_bytes(content)
        with pytest.raises(ModelError, match="refused"):
            move_training(settings, kind, "promote", first)
    assert places(settings, kind)[second] == (True, False)


def test_a_manifest_that_was_changed_while_it_is_in_force_is_refused(settings, kind, put):
    name = put(0)
    manifest = shelf_of(settings, kind).folder / name / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"version"', b'"version" '))
    refused = []
    assert not any(one.in_force for one in shelved(settings, kind, refused.append))
    assert "was changed" in str(refused[0])


def test_the_agent_has_it_done_in_a_process_of_its_own_and_hears_why_not(settings, kind, put, config):
    first, _ = put(0), put(1)
    move_apart(config, kind, "rollback", None)
    assert places(settings, kind)[first] == (True, False)
    with pytest.raises(NotFoundError, match="no older training"):
        move_apart(config, kind, "rollback", None)


def test_what_one_went_back_from_stays_on_the_shelf(settings, kind, put):
    _, second, third = (put(day) for day in range(3))
    put(3, in_force=False)
    assert move_training(settings, kind, "rollback", None).name == second
    assert move_training(settings, kind, "promote", third).in_force


def test_none_beside_makes_nobody_train_again_before_time(settings, kind, put):
    put(0)
    put(9, in_force=False)
    before = shelf_of(settings, kind).changed_at()
    move_training(settings, kind, "beside", None)
    assert shelf_of(settings, kind).changed_at() == before


def test_a_pointer_that_cannot_be_read_makes_nobody_train_beside_what_can(settings, kind, put):
    shelf = shelf_of(settings, kind)
    put(0)
    (shelf.folder / "current.json").write_bytes(b"{")
    put(9, in_force=False)
    assert shelf.changed_at() is not None
    shutil.rmtree(shelf.folder / shelf.generations()[0].name)
    shutil.rmtree(shelf.folder / shelf.generations()[0].name)
    with pytest.raises(ModelError):
        shelf.changed_at()
