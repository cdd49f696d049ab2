"""Where the rules and playbooks that come with opsmend are: in the installed package, or in the checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
LOCAL = Path("/etc/opsmend")


def stock_folder() -> Path:
    """Return the folder that holds ``rules`` and ``playbooks``.

    A wheel carries them in ``agent/stock``; a distribution's package makes that a link to
    ``/usr/share/opsmend``; in a checkout they stand beside ``agent``.
    """
    inside = _PACKAGE / "stock"
    return inside.resolve() if inside.is_dir() else _PACKAGE.parent


def default_folders(kind: str) -> tuple[Path, ...]:
    """Return where ``rules`` or ``playbooks`` are looked for when no setting says otherwise."""
    local = LOCAL / kind
    return (stock_folder() / kind, local) if local.is_dir() else (stock_folder() / kind,)


def is_stock(folder: Path) -> bool:
    """Return whether a folder of rules or playbooks is one that came with opsmend."""
    return folder.resolve() in {(stock_folder() / kind).resolve() for kind in ("rules", "playbooks")}


def is_installed(folder: Path) -> bool:
    """Return whether it came with an installed package, which replaces it with the next."""
    return is_stock(folder) and stock_folder() != _PACKAGE.parent
