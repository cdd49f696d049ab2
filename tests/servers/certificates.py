"""Certificates for servers and clients of tests: an authority, a good and an expired one, one for clients."""

from __future__ import annotations

import subprocess
from pathlib import Path

_AUTHORITY = """\
[ca]
default_ca=a
[a]
database=index
serial=serial
new_certs_dir=.
default_md=sha256
policy=p
rand_serial=yes
unique_subject=no
[p]
commonName=supplied
"""
_DATES = {
    "good": ("20200101000000Z", "20990101000000Z"),
    "expired": ("20200101000000Z", "20210101000000Z"),
    "client": ("20200101000000Z", "20990101000000Z"),
}


def make_certificates(folder: Path) -> Path:
    """Write ``ca.crt`` and, for each name, ``NAME.crt``, ``NAME.key`` and both in ``NAME.pem``."""

    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "rsa:2048", "-nodes")
    run("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca")
    (folder / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
    (folder / "index").write_text("")
    (folder / "ca.conf").write_text(_AUTHORITY)
    for name, (start, end) in _DATES.items():
        run("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        sign = ["ca", "-batch", "-config", "ca.conf", "-cert", "ca.crt", "-keyfile", "ca.key"]
        dates = ["-startdate", start, "-enddate", end]
        files = ["-in", f"{name}.csr", "-out", f"{name}.crt", "-extfile", "ext", "-notext"]
        run(*sign, *dates, *files)
        parts = ((folder / f"{name}.key").read_text(), (folder / f"{name}.crt").read_text())
        (folder / f"{name}.pem").write_text("".join(parts))
    return folder
