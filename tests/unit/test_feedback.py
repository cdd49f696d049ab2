"""What people said reaches detection at the next poll; without a store detection goes on learning."""

from datetime import timedelta

from sqlalchemy import event

from agent.feedback import FeedbackReader
from agent.records.feedback import Feedback, FeedbackKind
from agent.store.feedback import FeedbackStore
from tests.make import NOW

MONTH = timedelta(days=30)


def say(store, entity="web1"):
    said = Feedback(kind=FeedbackKind.MISSED, entity=entity, author="ann", at=NOW)
    return store.add(said)


def count_reads(database):
    reads = []
    event.listen(database._engine, "begin", lambda connection: reads.append(connection))
    return reads


def test_it_is_read_again_when_the_store_changed_and_only_then(database):
    store = FeedbackStore(database)
    reader = FeedbackReader(database, store, MONTH)
    assert list(reader.read(NOW)) == []
    said = say(store)
    assert list(reader.read(NOW)) == [said]
    reads = count_reads(database)
    assert [list(reader.read(NOW + timedelta(seconds=n))) for n in range(5)] == [[said]] * 5
    assert reads == []


def test_while_the_store_cannot_be_read_what_is_known_holds(database):
    store = FeedbackStore(database)
    reader = FeedbackReader(database, store, MONTH)
    said = say(store)
    assert list(reader.read(NOW)) == [said]
    say(store, "web2")
    database.close()
    moved = database.file.rename(database.file.with_name("away"))
    database.file.mkdir()
    assert list(reader.read(NOW)) == [said]
    database.file.rmdir()
    moved.rename(database.file)
    assert len(reader.read(NOW)) == 2
