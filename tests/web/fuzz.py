"""Schemathesis against the API of the gallery: no 5xx, no answer that the document does not describe.

``python -m tests.web.fuzz --examples 100`` makes so many requests for each operation, at least, and ends with
the exit code of schemathesis.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.web.gallery import Gallery

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "ignored_auth",
)


def main() -> int:
    """Run it; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery(Path(folder))
        gallery.fill()
        with gallery.serving() as url:
            command = [
                str(Path(sys.executable).parent / "schemathesis"),
                "run",
                f"{url}/openapi.json",
                "--header",
                f"Authorization: Bearer {gallery.tokens['chief']}",
                "--checks",
                ",".join(CHECKS),
                "--phases",
                "examples,coverage,fuzzing",
                "--max-examples",
                str(asked.examples),
                "--seed",
                str(asked.seed),
                "--exclude-path-regex",
                "/events$",  # endless by nature
                "--continue-on-failure",
                "--no-color",
                "--warnings",
                "off",
                "--request-timeout",
                "20",
            ]
            code = subprocess.run(command, check=False, cwd=folder).returncode
        gallery.stores.close()
    return code


if __name__ == "__main__":
    sys.exit(main())
