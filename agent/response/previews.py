"""A plan that people are asked about in, what Ansible's check mode would do out, beside the request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from agent.config.remediationfile import playbooks_of
from agent.decide import Remediation
from agent.errors import OpsmendError
from agent.log import Logger
from agent.records import Plan
from agent.remediate import Execution, Hosts, PlaybookRunner, Snapshots
from agent.store import ApprovalStore

log = Logger("response")

_LENGTH = 20_000


class Previews:
    """Makes previews, one at a time, in a thread of its own: people decide while it works."""

    def __init__(
        self,
        runner: PlaybookRunner,
        snapshots: Snapshots,
        catalog: Callable[[], Mapping[str, Remediation]],
        approvals: ApprovalStore,
    ) -> None:
        self._runner = runner
        self._snapshots = snapshots
        self._catalog = catalog
        self._approvals = approvals
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="preview")
        self._stopping = False

    def begin(self, approval_id: int, plan: Plan) -> None:
        """Begin a preview where the remediation says that check mode tells the truth."""
        remediation = self._catalog()[plan.remediation]
        if remediation.file.check_mode:
            self._pool.submit(self._make, approval_id, plan, remediation)

    def stop(self) -> None:
        """End the preview that is being made."""
        self._stopping = True
        self._pool.shutdown(cancel_futures=True)

    def _make(self, approval_id: int, plan: Plan, remediation: Remediation) -> None:
        try:
            snapshot = self._snapshots.open(plan.digest)
            outputs = []
            for number, step in enumerate(remediation.file.steps, 1):
                execution = Execution(
                    mark=f"preview-{approval_id}-{number}",
                    step=step.name,
                    snapshot=snapshot,
                    playbook=step.playbook,
                    hosts=Hosts(targets=plan.hosts, companions=plan.companions, identities=plan.identities),
                    parameters=plan.parameters,
                    timeout=step.timeout,
                    check=True,
                    playbooks=playbooks_of(remediation.file) if number == 1 else (),
                )
                ended = self._runner.run(execution, lambda event: None, lambda: self._stopping)
                outputs.append(f"# step {step.name}\n{ended.output.strip()}")
            self._approvals.set_preview(approval_id, "\n\n".join(outputs)[:_LENGTH])
        except OpsmendError as error:
            log.warning("no preview", approval=approval_id, why=str(error))
