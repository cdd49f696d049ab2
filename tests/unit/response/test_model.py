"""Anything that may happen, in any order: whatever it was, nothing is done twice, and everything ends.

The parts are the real ones (``tests.world``); made by hand are hosts, source and clocks. The short form is a
part of the unit tests; ``make test-model STEPS=20000`` takes so many steps.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from agent.errors import OpsmendError
from agent.records import IncidentState, PauseScope, Person, RunPhase, Verdict
from agent.store import Database
from tests.world import ANN, BOB, CATALOG, alive

STEPS = int(os.environ.get("STEPS", "90"))
_EACH = 30  # steps of one life of the world
HOSTS = ("web1", "web2", "web3")
EVERYTHING = PauseScope()
hosts, people = st.sampled_from(HOSTS), st.sampled_from((ANN, BOB, Person("eve")))
outcomes = st.sampled_from(
    ("ok", "fails", "times out", "unreachable", "lost", "refused", "left", "canceled", "raises")
)


class Response(RuleBasedStateMachine):
    """One cluster, its people, and an agent that may die at any write."""

    empty: Path

    @initialize(mode=st.sampled_from(("auto", "approve")))
    def begin(self, mode):
        self.folder = Path(tempfile.mkdtemp(prefix="opsmend-model-"))
        store = self.folder / "opsmend.db"
        shutil.copy(self.empty, store)
        catalog = {**CATALOG, "reinstall": {**CATALOG["reinstall"], "risk": "low"}}
        self.context = alive(self.folder / "catalog", store, hosts=HOSTS, catalog=catalog, mode=mode)
        self.world = self.context.__enter__()
        self.at_first = dict(self.world.inventory.known)
        self.world.pass_time(15)

    # --- what happens to the cluster ----------------------------------------------------------

    @rule(host=hosts, metric=st.sampled_from(("service_up", "unit_failed")))
    def something_breaks(self, host, metric):
        self.world.break_host(host, metric)

    @rule(host=hosts)
    def something_heals_by_itself(self, host):
        self.world.mend_host(host)

    @rule(seconds=st.sampled_from((5, 20, 60)))
    def time_goes_by(self, seconds):
        self.world.pass_time(seconds)

    @rule(outcome=outcomes, mend=st.booleans())
    def what_is_at_work_ends(self, outcome, mend):
        self.world.finish(outcome, mend)

    # --- what happens to the agent ------------------------------------------------------------

    @rule()
    def it_is_killed(self):
        self.world.restart()

    @rule(write=st.integers(0, 12), seconds=st.sampled_from((5, 20)))
    def it_is_killed_before_a_write(self, write, seconds):
        self.world.kill_before_write(write)
        self.world.pass_time(seconds)

    @rule(down=st.booleans())
    def the_source_is_lost_or_back(self, down):
        self.world.metrics.down = down

    @rule(partial=st.sampled_from(("", "a store does not answer")))
    def the_source_answers_in_part_or_whole(self, partial):
        self.world.metrics.partial = partial

    @rule(host=hosts)
    def a_host_is_not_scraped_or_again(self, host):
        self.world.metrics.blind ^= {host}

    @rule(broken=st.booleans())
    def the_inventory_cannot_be_read_or_again(self, broken):
        self.world.inventory.broken = broken

    @rule(host=hosts, now=st.sampled_from(("gone", "another machine", "as before")))
    def the_inventory_says_something_else_of_a_host(self, host, now):
        known = self.world.inventory.known
        port = 2222 if now == "another machine" else 22
        known[host] = replace(self.at_first[host], identity=f"ssh {host} port {port}")
        if now == "gone":
            del known[host]

    @rule(full=st.booleans())
    def the_disk_is_full_or_again_not(self, full):
        self.world.disk_full = full

    @rule(minutes=st.sampled_from((-60, -1, 1, 60)))
    def the_clock_is_set(self, minutes):
        self.world.clock.wall += timedelta(minutes=minutes)

    # --- what people do -----------------------------------------------------------------------

    @rule(approvals=st.integers(1, 2), mode=st.sampled_from(("auto", "approve", "observe")))
    def the_policy_is_another(self, approvals, mode):
        self.world.set_policy(remediations=[{"id": "r", "mode": mode, "approvals": approvals}])

    @rule(data=st.data(), who=people, yes=st.booleans())
    def somebody_votes(self, data, who, yes):
        self._on_some(data, lambda one: self.world.people.vote(one.id, yes, who))

    @rule(data=st.data(), who=people, name=st.sampled_from(sorted(CATALOG)), override=st.booleans())
    def somebody_asks_for_a_run(self, data, who, name, override):
        self._on_some(data, lambda one: self.world.people.ask_for_run(one.id, name, who, "now", override))

    @rule(data=st.data())
    def somebody_cancels(self, data):
        self._on_some(data, lambda one: self.world.people.cancel(one.id, ANN))

    @rule(data=st.data())
    def somebody_closes(self, data):
        self._on_some(data, lambda one: self.world.people.close(one.id, BOB))

    @rule(scope=st.sampled_from((EVERYTHING, PauseScope(hosts=("web1",)), PauseScope(faults=("down",)))))
    def somebody_pauses(self, scope):
        self._with_the_agent(lambda: self._pause(scope))

    def _pause(self, scope):
        self.world.people.pause(ANN, scope=scope)
        self.world.held.append(scope)

    @rule()
    def somebody_resumes(self):
        self._with_the_agent(self._resume)

    def _resume(self):
        held, self.world.held = self.world.held, []
        try:
            self.world.people.resume(BOB)
        except BaseException:
            self.world.held = held
            raise

    def _on_some(self, data, act):
        known = self.world.incidents[-4:]
        if known:
            chosen = data.draw(st.sampled_from(known))
            self._with_the_agent(lambda: act(chosen))

    def _with_the_agent(self, act):
        """What people do goes through the agent, which may die over it."""
        with suppress(OpsmendError):  # refused, or somebody was faster
            self.world.agent_does(act)

    # --- what holds always --------------------------------------------------------------------

    @invariant()
    def nothing_is_done_twice_or_against_a_guard(self):
        if hasattr(self, "world"):
            assert self.world.failures == []

    @invariant()
    def exactly_the_machines_of_runs_that_are_not_over_are_locked(self):
        if hasattr(self, "world"):
            runs = self._runs()
            at_work = [run for run in runs if run.phase is not RunPhase.OVER]
            held = [machine for run in at_work for machine in run.plan.machines]
            assert Counter(held) == Counter(self.world.locked()), self.world.describe()

    @invariant()
    def an_incident_waits_for_a_named_reason(self):
        for one in self.world.incidents if hasattr(self, "world") else ():
            if one.state in (IncidentState.HELD, IncidentState.AWAITING_APPROVAL, IncidentState.ESCALATED):
                assert one.reason is not None, self.world.describe()

    @invariant()
    def a_recovery_is_proved_on_a_sample_after_the_run(self):
        for run in self._runs() if hasattr(self, "world") else ():
            if run.verdict is Verdict.RECOVERED:
                assert run.evidence_at is not None
                (host,) = run.plan.hosts
                seen = self.world.metrics.scraped["service_up", host]
                newest = max(at for at, value in seen if value == 1)
                assert run.fresh_after is None or newest > run.fresh_after.timestamp()

    @invariant()
    def one_yes_is_one_run(self):
        if hasattr(self, "world"):
            with self.world.stores.database.reading() as connection:
                used = connection.exec_driver_sql(
                    "select run_id, count(*) from approvals where run_id is not null group by run_id"
                ).all()
            assert all(count == 1 for _, count in used)

    def teardown(self):
        if not hasattr(self, "world"):
            return
        try:
            self._everything_ends()
        finally:
            self.context.__exit__(None, None, None)
            shutil.rmtree(self.folder)

    def _everything_ends(self):
        """When nothing is in the way any more, every incident ends, and every machine is free."""
        world = self.world
        world.disk_full = False
        world.agent_does(self._resume)
        world.agent_does(self._resume)  # it may have died over the first
        world.inventory.known = dict(self.at_first)
        world.metrics.down, world.metrics.partial, world.inventory.broken = False, "", False
        world.metrics.blind.clear()
        for _ in range(120):
            for host in HOSTS:
                world.mend_host(host)
            world.finish("ok", mend=True)
            world.pass_time(30, step=15)
            if not world.locked() and all(one.state.final for one in world.incidents):
                break
        assert all(one.state.final for one in world.incidents), world.describe()
        assert world.locked() == frozenset()
        assert world.stores.audit.verify().broken_at is None
        self.nothing_is_done_twice_or_against_a_guard()

    def _runs(self):
        return [run for one in self.world.incidents for run in self.world.runs(one.id)]


def test_whatever_happens_nothing_is_done_twice_and_everything_ends(tmp_path):
    Response.empty = tmp_path / "empty.db"
    made = Database(Response.empty)
    made.open()
    made.close()
    run_state_machine_as_test(
        Response,
        settings=settings(
            max_examples=max(1, STEPS // _EACH),
            stateful_step_count=_EACH,
            derandomize=STEPS <= 90,
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
