"""What Molecule's shared playbooks call: make, compare and remove the hosts of the scenario at hand.

``python -m agent.workshop.stage ACTION``; which scenario it is, Molecule says in the environment.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import orjson

from agent.demo.hosts import Cluster, remove
from agent.demo.image import node_image
from agent.demo.snapshot import HostState, differences, take
from agent.errors import OpsmendError
from agent.workshop.hosts import cluster_name, host_of, make_healthy, write_scenario_inventory
from agent.workshop.scenario import TARGET, Scenario, load_scenario

_BEFORE = "before.json"


def create(scenario: Scenario, folder: Path, roles: list[Path]) -> None:
    """Start the hosts and bring them into good health."""
    cluster = Cluster(cluster_name(scenario), folder, node_image(_say, scenario.packages))
    try:
        cluster.start([one.name for one in scenario.platforms], scenario.mounts)
        write_scenario_inventory(cluster, scenario)
        make_healthy(cluster, scenario, roles)
    except BaseException:
        cluster.remove()
        raise


def destroy(scenario: Scenario, folder: Path, roles: list[Path]) -> None:
    """Remove the hosts."""
    remove(cluster_name(scenario))


def remember(scenario: Scenario, folder: Path, roles: list[Path]) -> None:
    """Write down how every host is."""
    states = {name: dataclasses.asdict(state) for name, state in _states(scenario).items()}
    (folder / _BEFORE).write_bytes(orjson.dumps(states))


def check_changed_nothing(scenario: Scenario, folder: Path, roles: list[Path]) -> None:
    """Complain about every difference but what the fault itself goes on changing."""
    _compare(scenario, folder, (), "check mode changed")


def nothing_else_changed(scenario: Scenario, folder: Path, roles: list[Path]) -> None:
    """Complain about every difference but what the repair is for."""
    _compare(scenario, folder, scenario.target.may_change, "touched")


ACTIONS = {
    "create": create,
    "destroy": destroy,
    "remember": remember,
    "check-changed-nothing": check_changed_nothing,
    "nothing-else-changed": nothing_else_changed,
}


def main(action: str) -> int:
    """Carry out an action for the scenario that Molecule is at."""
    place = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
    folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
    roles = [Path(one) for one in os.environ.get("ANSIBLE_ROLES_PATH", "").split(os.pathsep) if one]
    try:
        ACTIONS[action](load_scenario(place.parent.parent), folder, roles)
    except OpsmendError as error:
        _say(str(error))
        return error.exit_code
    return 0


def _states(scenario: Scenario) -> dict[str, HostState]:
    cluster = cluster_name(scenario)
    return take(host_of(cluster, platform.name) for platform in scenario.platforms)


def _compare(scenario: Scenario, folder: Path, may_change: Iterable[str], verb: str) -> None:
    allowed = {one.name: list(one.restless) for one in scenario.platforms}
    allowed[TARGET] += may_change
    kept = orjson.loads((folder / _BEFORE).read_bytes())
    before = {name: HostState(**state) for name, state in kept.items()}
    found = differences(before, _states(scenario), allowed)
    if found:
        raise OpsmendError(f"{verb}:\n" + "\n".join(found))


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
