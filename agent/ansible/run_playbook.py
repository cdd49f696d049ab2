"""ansible-playbook as its own command starts it, within the limits of the job that the environment names."""

from __future__ import annotations

import gc
import sys

_THRESHOLDS = 100_000, 50, 50  # new objects before Python looks for cycles; its own are 700, 10, 10


def main() -> int:
    """Confine Ansible, then let its own command run; return its exit code."""
    gc.set_threshold(*_THRESHOLDS)  # a tenth of the processor time of a short run goes into looking for them
    import ansible.cli
    import ansible.cli.playbook
    import ansible.executor.process.worker

    from agent.ansible import commands, connections, disclosure, files, ownmachine, plays, unattended
    from agent.ansible.job import load_job

    job = load_job()
    ansible.cli.DataLoader = files.confined_loader(job)
    ansible.cli.InventoryManager = plays.confined_inventory(job)
    ansible.cli.playbook.PlaybookExecutor = plays.checking_executor(job)
    ansible.executor.process.worker.TaskExecutor = disclosure.disclosing_executor(job)
    connections.install(job)
    commands.install(job)
    disclosure.install(job)
    ownmachine.install(job)
    unattended.install()
    sys.argv[0] = "ansible-playbook"
    code: int = ansible.cli.playbook.main()
    return code
