"""What runs inside Ansible's own processes; nothing here is imported by the agent, only started.

Ansible is configured, not rewritten: what the agent changes of it is done by the few functions named
``install`` here, each for one promise of docs/safety.md, before Ansible's own command begins.
"""
