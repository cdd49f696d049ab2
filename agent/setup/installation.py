"""Answers in, the files of a first installation written with the rights that they need out."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.check.identity import USER
from agent.check.unit import HOMES
from agent.config.stock import stock_folder
from agent.errors import OpsmendError, RefusedError
from agent.setup.keys import SshFolder
from agent.setup.survey import Survey
from agent.setup.written import Answers, Places, inventory_text, preparation_text, settings_text

USUAL = Path("/etc/opsmend")
INVENTORY_FILE = "opsmend.yml"
PREPARATION_FILE = "prepare-hosts.yml"
# Ansible passes over files of this suffix, so that what is kept beside an inventory is no inventory
_KEPT = ".bak"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where and for whom the files are."""

    places: Places
    user: pwd.struct_passwd

    @classmethod
    def at(cls, folder: Path) -> Installation:
        """Return the installation in a folder: the usual one is the package's, any other one's own."""
        if folder == USUAL:
            if os.geteuid() != 0:
                raise RefusedError(f"only root may write to {USUAL}: sudo opsmend init, or --folder FOLDER")
            try:
                user = pwd.getpwnam(USER)
            except KeyError:
                user = pwd.getpwuid(0)
            return cls(places=Places(folder=folder), user=user)
        own = Places(folder=folder, state=folder / "state", runtime=folder / "run")
        return cls(places=own, user=pwd.getpwuid(os.geteuid()))

    @property
    def is_usual(self) -> bool:
        """Return whether the package's unit runs this agent."""
        return self.places.folder == USUAL

    def refuse_to_replace(self, shipped: Path, force: bool) -> None:
        """Raise RefusedError when settings are there that somebody wrote."""
        config = self.places.config
        if force or not config.exists():
            return
        if shipped.is_file() and config.read_bytes() == shipped.read_bytes():
            return
        raise RefusedError(
            f"{config} is there already and not as it was shipped: --force replaces it, and keeps the old one"
        )

    def refuse_what_the_agent_cannot_read(self, answers: Answers) -> None:
        """Raise RefusedError when a file that was named is where the agent may not look."""
        files = (
            answers.inventory, answers.token_file, answers.ca_file, answers.vault_password_file,
            answers.notify_file,
        )  # fmt: skip
        for file in files:
            if file is None:
                continue
            if not file.exists():
                raise OpsmendError(f"{file} does not exist")
            if self.is_usual and any(file.resolve().is_relative_to(hidden) for hidden in HOMES):
                raise RefusedError(
                    f"{file} is in a home, which the agent's unit hides from it: put it below {USUAL} or /srv"
                )

    def make_key(self) -> str | None:
        """Make the agent's key; return its public half, or None where the agent is who gives the command."""
        return SshFolder(self.user).make_key() if self.is_usual else None

    def write(
        self,
        answers: Answers,
        found: Survey,
        public_key: str | None,
        addresses: Sequence[str],
        exporters: bool,
    ) -> list[Path]:
        """Write everything; return what was written. Raises OpsmendError."""
        places = self.places
        written = [self._put(places.config, settings_text(answers, places))]
        written.append(self._put(places.inventory / INVENTORY_FILE, inventory_text(answers, found.naming)))
        for name in ("rules", "playbooks", *(() if places.state is None else ("state",))):
            (places.folder / name).mkdir(parents=True, exist_ok=True, mode=0o755)
        if public_key is not None:
            text = preparation_text(answers, public_key, addresses, stock_folder(), exporters)
            written.append(self._put(places.folder / PREPARATION_FILE, text))
        return written

    def _put(self, file: Path, text: str) -> Path:
        """Write a file that the agent may read and not change; what was there is kept beside it."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            if file.exists() and file.read_text() != text:
                file.replace(file.with_name(f"{file.name}{_KEPT}"))
            file.touch(mode=0o640)
            file.write_text(text)
            file.chmod(0o640)
            if os.geteuid() == 0:
                os.chown(file, 0, self.user.pw_gid)
        except OSError as error:
            raise OpsmendError(f"{file} cannot be written: {error.strerror}") from error
        return file
