#!/usr/bin/python
"""Ansible module: keep a compressed sample of a log and empty it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pack_log
short_description: Keep the end of a log as an archive, and empty the log
description:
  - The log is emptied in place, so whoever writes it need not be told.
  - A log that has not grown to the given size is left alone.
  - A log that is a link, has other names or is no regular file is refused. Without room, less is kept.
options:
  path:
    description: The log.
    type: path
    required: true
  directory:
    description: The log directory that it lies below; no link below that one is followed.
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
import contextlib
import datetime
import errno
import fnmatch
import gzip
import io
import os
import re

from ansible.module_utils import opsmend_files as files
from ansible.module_utils.basic import AnsibleModule

_SAMPLE = 256 * 1024
_LITTLE = 1 << 20  # kept when there is no room for more
_CHUNK = 1 << 20
_MOST_LINES = 5


def open_log(name, folder):
    """Return the log opened for reading and writing; nobody may put a link in its place meanwhile."""
    log = os.fdopen(files.open_regular(name, folder, os.O_RDWR), "r+b")
    if os.fstat(log.fileno()).st_nlink != 1:
        log.close()
        raise OSError("%s has other names too: it may be another's file" % name)
    return log


def most_common(log, size):
    """Return what the end of the log says most often."""
    log.seek(max(0, size - _SAMPLE))
    lines = log.read(_SAMPLE).decode("utf-8", "replace").splitlines()[1:]
    counts = collections.Counter(re.sub(r"\d+", "N", line)[:200] for line in lines)
    return ["%d x %s" % (count, line) for line, count in counts.most_common(_MOST_LINES)]


def pack_and_empty(log, size, archive, folder, keep_bytes):
    """Write the end of the log into an archive with its owner and mode, and empty it.

    On a full file system less is kept, in memory until the log has given its room back.
    """
    status = os.fstat(log.fileno())
    kept = min(size, keep_bytes)  # what comes while we write would never end
    try:
        log.seek(size - kept)
        write(log, kept, status, archive, folder)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        log.seek(size - min(kept, _LITTLE))
        end = io.BytesIO(log.read(min(kept, _LITTLE)))
        os.ftruncate(log.fileno(), 0)
        write(end, len(end.getvalue()), status, archive, folder)
    else:
        os.ftruncate(log.fileno(), 0)


def write(source, left, status, archive, folder):
    """Write so many bytes into an archive, or nothing at all."""
    descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            with gzip.GzipFile("", "wb", 1, stream) as packed:
                while left > 0:
                    chunk = source.read(min(left, _CHUNK))
                    if not chunk:
                        break
                    packed.write(chunk)
                    left -= len(chunk)
            os.fchown(stream.fileno(), status.st_uid, status.st_gid)
            os.fchmod(stream.fileno(), status.st_mode & 0o777)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(archive, dir_fd=folder)
        raise


def forget(name, folder, most):
    """Remove the archives of earlier floods but the newest ones."""
    pattern = fnmatch.translate(re.sub(r"([*?[])", r"[\1]", name) + ".flood-*.gz")
    archives = sorted(one for one in os.listdir(folder) if re.match(pattern, one))
    for old in archives[:-most] if most else archives:
        with contextlib.suppress(OSError):  # somebody's folder of that name, or one that is gone
            os.unlink(old, dir_fd=folder)


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "directory": {"type": "path", "required": True},
            "min_bytes": {"type": "int", "required": True},
            "keep_bytes": {"type": "int", "required": True},
            "archives": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    files.unwind_when_ended()
    path, top = module.params["path"], module.params["directory"]
    name = os.path.basename(path)
    now = datetime.datetime.now(datetime.timezone.utc)
    archive = "%s.flood-%s.gz" % (name, now.strftime("%Y%m%dT%H%M%S.%f")[:-3])
    try:
        with files.folder_of(top, os.path.relpath(path, top)) as folder, open_log(name, folder) as log:
            size = os.fstat(log.fileno()).st_size
            said = most_common(log, size)
            if size < module.params["min_bytes"]:
                module.exit_json(changed=False, most_common=said)
            if not module.check_mode:
                pack_and_empty(log, size, archive, folder, module.params["keep_bytes"])
                forget(name, folder, module.params["archives"])
    except OSError as error:
        module.fail_json(msg="%s: %s" % (path, error))
    module.exit_json(changed=True, archive=os.path.join(os.path.dirname(path), archive), most_common=said)


if __name__ == "__main__":
    main()
