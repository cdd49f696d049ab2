"""Cases, classifier and rules say what it is; together they say how sure."""

import pytest

from agent.config import load_cases, load_rules
from agent.diagnose import VotingEnsemble
from agent.diagnose.naming.cases import CaseVoter
from agent.diagnose.naming.classifier import load_classifier, train_classifier
from agent.diagnose.naming.fingerprint import similarity
from agent.diagnose.naming.voters import VoterWeights, combine, learn_weights, next_question
from agent.errors import ConfigError
from agent.records.cases import Hypothesis, Outcome, PastCase
from tests.make import candidate, symptom


def case(id_, fault, helped=(), weight=1.0, **seen):
    return PastCase(id=id_, fault=fault, fingerprint=seen, helped=helped, weight=weight)


FULL = case("c1", "disk_full", ("free_disk_space",), errors=1.0, full_disk=1.0, no_space=1.0)
CRASH = case("c2", "bad_release", errors=1.0, crash=1.0, change=1.0)


def hypothesis(voter, fault, confidence):
    return Hypothesis(voter=voter, fault=fault, confidence=confidence)


def test_the_same_again_is_recognised_with_what_helped():
    (vote,) = CaseVoter([FULL, CRASH]).vote(FULL.fingerprint)
    assert (vote.fault, vote.confidence) == ("disk_full", 1.0)
    assert "free_disk_space helped" in vote.evidence[0]


def test_what_nobody_has_seen_gets_no_vote():
    assert CaseVoter([FULL, CRASH]).vote({"something_new": 1.0}) == []


def test_cases_that_contradict_each_other_halve_the_confidence():
    other = case("c3", "inodes_exhausted", **FULL.fingerprint)
    votes = CaseVoter([FULL, other]).vote(FULL.fingerprint)
    assert [vote.confidence for vote in votes] == [0.5, 0.5]
    assert "c3 looks as alike and was inodes_exhausted" in CaseVoter([FULL, other]).contradiction(
        FULL.fingerprint
    )


def test_cases_of_one_fault_contradict_nothing():
    again = case("c4", "disk_full", **FULL.fingerprint)
    assert CaseVoter([FULL, again, CRASH]).contradiction(FULL.fingerprint) == ""
    assert CaseVoter([]).contradiction({"x": 1.0}) == ""


def test_fingerprints_are_alike_by_what_they_share():
    assert similarity(FULL.fingerprint, FULL.fingerprint) == 1
    assert similarity(FULL.fingerprint, CRASH.fingerprint) < 0.3
    assert similarity({}, {}) == 0


def test_different_voters_strengthen_each_other_and_doubt_weakens():
    alone = combine([hypothesis("case a", "x", 0.6)])[0].confidence
    together = combine([hypothesis("case a", "x", 0.6), hypothesis("classifier", "x", 0.6)])[0].confidence
    doubted = combine([hypothesis("case a", "x", 0.6), hypothesis("classifier", "y", 0.6)])[0].confidence
    assert together > alone > doubted


def test_two_rules_that_look_at_the_same_facts_are_no_surer_than_one():
    one = combine([hypothesis("rule a", "x", 0.8)])[0].confidence
    two = combine([hypothesis("rule a", "x", 0.8), hypothesis("rule b", "x", 0.7)])[0].confidence
    assert one == two == pytest.approx(0.8)


def test_the_classifier_names_each_stock_case(root):
    book = load_rules([root / "rules"])
    cases = load_cases([root / "rules"], book.faults)
    model = train_classifier(cases)
    right = [model.vote(one.fingerprint)[0].fault == one.fault for one in cases]
    assert sum(right) >= 0.85 * len(cases)


def test_the_classifier_says_what_it_goes_by_and_admits_what_it_never_saw():
    model = train_classifier([FULL, CRASH])
    assert "full_disk" in model.vote(FULL.fingerprint)[0].evidence[0]
    sure = model.vote(FULL.fingerprint)[0].confidence
    assert model.vote({**FULL.fingerprint, "never": 1.0, "seen": 1.0})[0].confidence < sure
    assert model.vote({"never": 1.0}) == []


def test_one_fault_is_nothing_to_tell_apart():
    assert train_classifier([FULL]) is None
    assert train_classifier([]) is None


def test_a_classifier_is_kept_as_numbers_and_read_strictly(tmp_path):
    file = tmp_path / "model.json"
    file.write_text(train_classifier([FULL, CRASH]).to_json())
    assert load_classifier(file).vote(FULL.fingerprint)[0].fault == "disk_full"
    for broken in ("", "[]", '{"format": 1}', file.read_text().replace('"offsets": [', '"offsets": [1, ')):
        file.write_text(broken)
        with pytest.raises(ConfigError, match="cannot be used"):
            load_classifier(file)


def test_the_next_question_asks_for_what_was_not_seen():
    seen = {"errors": 1.0}
    cases = [case("a", "disk_full", **{"full:disk": 1.0}), case("b", "bad_release", **{"change:deploy": 0.4})]
    assert "df -h" in next_question("cart", seen, ["disk_full"], cases)
    assert "full" not in next_question("cart", {"full:disk": 1.0}, [], cases)


class TestVotingEnsemble:
    CASE = PastCase(id="incident_3", fault="pool", fingerprint={"signal:waits": 1.0}, helped=("raise",))

    def test_a_sure_rule_gets_no_advice(self):
        sure = [candidate("down", "e", confidence=0.9, symptoms=(symptom("waits"),))]
        assert VotingEnsemble(lambda: [self.CASE]).vote(sure) == sure

    def test_what_no_rule_can_name_is_named_by_the_case_that_was_like_it(self):
        unknown = candidate("unknown", "e", confidence=0.4, symptoms=(symptom("waits"),))
        _, found = VotingEnsemble(lambda: [self.CASE]).vote([unknown])
        assert (found.fault, found.entity) == ("pool", "e")
        assert found.confidence == pytest.approx(0.8)
        assert found.symptoms == unknown.symptoms

    def test_without_a_like_case_it_stays_unknown(self):
        unknown = candidate("unknown", "e", confidence=0.4, symptoms=(symptom("other"),))
        assert VotingEnsemble(lambda: [self.CASE]).vote([unknown]) == [unknown]


def wrong(voter, times, right=0):
    return [Outcome(voter=voter, right=False)] * times + [Outcome(voter=voter, right=True)] * right


def test_without_outcomes_voters_have_the_weight_of_their_kind():
    start = VoterWeights()
    assert (start.of("rule a"), start.of("case a"), start.of("classifier")) == (1.0, 0.8, 0.7)


def test_a_rule_that_proves_wrong_is_believed_less_and_others_hardly():
    learned = learn_weights(wrong("rule bad", 20))
    assert learned.trust("rule bad") < 0.4
    assert learned.trust("rule good") > 0.6


def test_a_voter_that_proves_right_gains_weight():
    assert learn_weights(wrong("case a", 0, right=30)).of("case a") > 0.9


def test_a_proof_that_is_half_sure_moves_half_as_far():
    sure = learn_weights([Outcome(voter="rule a", right=False)] * 4).of("rule a")
    half = learn_weights([Outcome(voter="rule a", right=False, sure=0.5)] * 4).of("rule a")
    assert sure < half < 1


def test_a_rule_with_a_bad_record_asks_people_instead_of_acting():
    learned = learn_weights(wrong("rule r", 12))
    (told,) = VotingEnsemble(list, weights=lambda: learned).vote([candidate(confidence=0.9)])
    assert told.confidence < 0.6
    assert "right in 0 of 12 cases" in told.evidence[-1]


def test_what_an_investigation_found_is_heard_where_no_rule_is_sure():
    found = Hypothesis(voter="investigation case c1", fault="disk_full", confidence=0.7, evidence=("full",))
    ensemble = VotingEnsemble(list, investigations=lambda entity: [found] if entity == "web1" else [])
    told = ensemble.vote([candidate("unknown", confidence=0.4)])
    assert [one.fault for one in told] == ["unknown", "disk_full"]
    assert "full" in told[1].evidence
