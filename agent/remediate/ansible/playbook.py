"""Starts ansible-playbook as its own command does, in a tenth less processor time; nothing else is different.

A playbook that mends one host spends most of its time on getting ready, and a good part of that on looking for
cycles among objects that all stay.
"""

import gc
import sys

_THRESHOLDS = 100_000, 50, 50  # new objects before Python looks for cycles; its own are 700, 10, 10

if __name__ == "__main__":
    gc.set_threshold(*_THRESHOLDS)
    from ansible.cli.playbook import main

    sys.argv[0] = "ansible-playbook"
    sys.exit(main())
