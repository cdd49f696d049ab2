"""What people say of anomalies weighs: less of what was none, more where something was missed."""

from dataclasses import replace
from datetime import timedelta

import numpy as np

from agent.detect.weighing import LASTS
from agent.records.feedback import Feedback, FeedbackKind
from tests.unit.detect.series import Watched, noise


def called_wrong(watched, found):
    said = Feedback(
        kind=FeedbackKind.NO_ANOMALY,
        author="ann",
        at=watched.at,
        entity=found.entity,
        anomaly_id=found.id,
        signal=found.signal,
        labels=found.labels,
        layer=found.layer,
        strength=found.score,
    )
    watched.engine.weigh([said], watched.at)
    return said


def missed(watched):
    span = {"since": watched.at - timedelta(hours=1), "until": watched.at}
    return Feedback(kind=FeedbackKind.MISSED, author="ann", at=watched.at, entity="web1", **span)


def test_what_was_called_none_closes_and_does_not_open_again():
    watched = Watched()
    watched.show(noise(600))
    (found,) = watched.show([13.5] * 8)[-1]
    called_wrong(watched, found)
    assert watched.show([13.5])[-1] == ()
    watched.show(noise(300, seed=3))
    assert not any(watched.show([13.5] * 8))


def test_what_is_far_stranger_than_what_was_called_none_opens():
    watched = Watched()
    watched.show(noise(600))
    (found,) = watched.show([13.5] * 4)[-1]
    called_wrong(watched, found)
    watched.show(noise(300, seed=3))
    assert watched.show([1000.0] * 12)[-1]


def test_the_number_of_an_anomaly_stays_while_it_is_open():
    watched = Watched()
    watched.show(noise(600))
    numbers = {one.id for some in watched.show(noise(120) + 30) for one in some}
    assert len(numbers) == 1


def test_where_something_was_missed_less_opens_an_anomaly():
    watched, plain = Watched(), Watched()
    for one in (watched, plain):
        one.show(noise(600))
    watched.engine.weigh([missed(watched)], watched.at)
    for one in (watched, plain):
        one.show([11.3] * 2)
    assert np.allclose(watched.engine.judged.strength, 2 * plain.engine.judged.strength)


def test_what_was_said_a_month_ago_holds_no_more():
    watched = Watched()
    watched.show(noise(600))
    before = replace(missed(watched), at=watched.at - LASTS)
    watched.engine.weigh([before], watched.at)
    watched.show([11.3])
    plain = Watched()
    plain.show(noise(600))
    plain.show([11.3])
    assert np.allclose(watched.engine.judged.strength, plain.engine.judged.strength)
