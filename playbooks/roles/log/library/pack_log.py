#!/usr/bin/python
"""Ansible module: keep a compressed sample of a log and empty it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pack_log
short_description: Keep the end of a log as an archive, and empty the log
description:
  - The log is emptied in place, so whoever writes it need not be told.
  - A log that has not grown to the given size is left alone.
  - A log that is a symbolic link, or no regular file, is refused.
options:
  path:
    description: The log.
    type: path
    required: true
  min_bytes:
    description: Smaller logs are left alone.
    type: int
    required: true
  keep_bytes:
    description: How much of its end to keep.
    type: int
    required: true
  archives:
    description: How many archives of earlier floods may stay, this one included.
    type: int
    required: true
author:
  - opsmend
"""

RETURN = r"""
archive:
  description: Where the sample is.
  type: str
  returned: when changed
most_common:
  description: The lines said most often in the last part of the log, numbers taken out.
  type: list
  elements: str
  returned: always
"""

import collections
import glob
import gzip
import os
import re
import shutil
import stat
import time

from ansible.module_utils.basic import AnsibleModule

_SAMPLE = 256 * 1024
_MOST_LINES = 5


def open_log(path):
    """Return the log opened for reading and writing; nobody may put a link in its place meanwhile."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("%s is no regular file" % path)
    return os.fdopen(descriptor, "r+b")


def most_common(log, size):
    """Return what the end of the log says most often."""
    log.seek(max(0, size - _SAMPLE))
    lines = log.read(_SAMPLE).decode("utf-8", "replace").splitlines()[1:]
    counts = collections.Counter(re.sub(r"\d+", "N", line)[:200] for line in lines)
    return ["%d x %s" % (count, line) for line, count in counts.most_common(_MOST_LINES)]


def pack(log, size, archive, keep_bytes):
    """Write the end of the log into an archive with the log's owner and mode."""
    status = os.fstat(log.fileno())
    log.seek(max(0, size - keep_bytes))
    descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IMODE(status.st_mode))
    os.fchown(descriptor, status.st_uid, status.st_gid)
    with os.fdopen(descriptor, "wb") as stream, gzip.GzipFile("", "wb", 1, stream) as packed:
        shutil.copyfileobj(log, packed, 1 << 20)


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "min_bytes": {"type": "int", "required": True},
            "keep_bytes": {"type": "int", "required": True},
            "archives": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    try:
        with open_log(path) as log:
            size = os.fstat(log.fileno()).st_size
            said = most_common(log, size)
            if size < module.params["min_bytes"]:
                module.exit_json(changed=False, most_common=said)
            archive = "%s.flood-%s.gz" % (path, time.strftime("%Y%m%dT%H%M%S", time.gmtime()))
            if not module.check_mode:
                pack(log, size, archive, module.params["keep_bytes"])
                os.ftruncate(log.fileno(), 0)
                for old in sorted(glob.glob(glob.escape(path) + ".flood-*.gz"))[: -module.params["archives"]]:
                    os.unlink(old)
    except OSError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True, archive=archive, most_common=said)


if __name__ == "__main__":
    main()
