"""opsmend: finds faults in a cluster, repairs them with Ansible, and proves the repair."""

__version__ = "0.1.0"
