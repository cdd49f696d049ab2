"""The machines behind an inventory's names, where a name server does not answer."""

import subprocess
import sys
import time

SCRIPT = """
import socket, time
real = socket.getaddrinfo
def ask(name, *arguments, **options):
    if name.startswith("gone"):
        time.sleep(60)
    return real("127.0.0.9", *arguments, **options)
socket.getaddrinfo = ask
from agent.ansible import machines
machines._RESOLVE_S = 1.0
found = machines._addresses(["gone1.example", "gone2.example", "web1.example"])
print(found)
"""


def test_names_that_hang_hold_up_neither_the_others_nor_the_end():
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=50, check=True
    )
    assert done.stdout.strip() == "{'web1.example': '127.0.0.9'}"
    assert time.monotonic() - began < 30
