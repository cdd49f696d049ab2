"""``opsmend run``: settings and files checked, then the service."""

from __future__ import annotations

import faulthandler
from pathlib import Path

from agent.config import check_settings, find_config_file, load_settings
from agent.errors import ConfigError
from agent.process import hold_reloads, keep_memory_small, leave, only_one, raise_file_limit


def run_agent(config: Path | None) -> None:
    """Run the agent until it is told to stop."""
    hold_reloads()
    keep_memory_small()
    raise_file_limit()
    faulthandler.enable()  # what ends it, systemd's watchdog too, leaves in the log where each thread was
    from agent.log import set_up
    from agent.service import Service
    from agent.wiring import build, load_definitions

    file = find_config_file(config)
    settings = load_settings(file)
    set_up(settings.agent.log_level, settings.agent.log_format)
    problems = list(check_settings(settings, file))
    if problems:
        raise ConfigError(problems)
    definitions = load_definitions(settings)
    # before the store is opened: who is alone brings it to the newest schema
    with only_one(settings.agent.state_dir):
        Service(build(settings, definitions), file).run()
        leave()
