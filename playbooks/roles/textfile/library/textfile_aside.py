#!/usr/bin/python
"""Ansible module: metrics files that node_exporter cannot read, put aside."""

from __future__ import annotations

DOCUMENTATION = r"""
module: textfile_aside
short_description: Put metrics files aside that are no metrics
description:
  - Reads every file of node_exporter's textfile collector and moves those away in which a line is none of the
    text format of Prometheus. Links, and files that changed a moment ago, stay.
options:
  directory:
    description: The folder of the textfile collector.
    type: path
    required: true
  evidence:
    description: Where they are kept, with the time before their name.
    type: path
    required: true
  seconds:
    description: How long a file must not have changed.
    type: int
    default: 30
author:
  - opsmend
"""

RETURN = r"""
files:
  description: What was put aside, with path, line (the first that is wrong) and kept (where it is now).
  type: list
  elements: dict
  returned: always
"""

import os
import re
import stat
import time

from ansible.module_utils.basic import AnsibleModule

_MOST_BYTES = 16 << 20
_LABEL = r'[a-zA-Z_]\w*\s*=\s*"(?:[^"\\\n]|\\.)*"'
_LABELS = r"\{\s*(?:%s\s*(?:,\s*%s\s*)*,?\s*)?\}" % (_LABEL, _LABEL)
_NUMBER = r"(?:[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[Ii]nf|[Ii]nfinity)|[Nn]a[Nn])"
_SAMPLE = re.compile(r"[a-zA-Z_:][\w:]*(?:\s*%s\s*|\s+)%s(?:\s+-?\d+)?\s*$" % (_LABELS, _NUMBER))
_TYPE = re.compile(r"#\s*TYPE\s+[a-zA-Z_:][\w:]*\s+(?:counter|gauge|histogram|summary|untyped)\s*$")


def wrong_line(text):
    """Return the number of the first line that is no metric, or None."""
    if text and not text.endswith("\n"):
        return text.count("\n") + 1
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip(" \t")
        if re.match(r"#\s*TYPE\s", line):
            if not _TYPE.match(line):
                return number
        elif line and not line.startswith("#") and not _SAMPLE.match(line):
            return number
    return None


def read(path):
    """Return the text of a regular file; the folder may be a service's, so no link is followed."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(handle, encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
        return stream.read(_MOST_BYTES)


def broken(directory, seconds):
    """Yield path, first wrong line and text of each file that cannot be read."""
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        seen = os.lstat(path)
        if not name.endswith(".prom") or not stat.S_ISREG(seen.st_mode) or seen.st_size >= _MOST_BYTES:
            continue
        if time.time() - seen.st_mtime >= seconds:
            text = read(path)
            line = wrong_line(text)
            if line is not None:
                yield path, line, text


def put_aside(path, kept, text):
    """Keep what was read of a file under another name, and take the file away."""
    os.makedirs(os.path.dirname(kept), mode=0o700, exist_ok=True)
    handle = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(handle, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
        stream.write(text)
    os.unlink(path)


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "evidence": {"type": "path", "required": True},
            "seconds": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    directory, evidence = module.params["directory"], module.params["evidence"]
    when = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    files = []
    try:
        for path, line, text in broken(directory, module.params["seconds"]):
            kept = os.path.join(evidence, "textfile-%s-%s" % (when, os.path.basename(path)))
            files.append({"path": path, "line": line, "kept": kept})
            if not module.check_mode:
                put_aside(path, kept, text)
    except OSError as error:
        module.fail_json(msg="%s: %s" % (directory, error))
    module.exit_json(changed=bool(files), files=files)


if __name__ == "__main__":
    main()
