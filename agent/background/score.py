"""The scoring process: newest rows of all modelled series in, findings out, over its standard streams.

``python -m agent.background.score FOLDER [CLASS_PATH…]``. It takes up new models between two questions: they
are read beside the old ones, which answer until then.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from agent.background.messages import Message, incoming, write_message

_NICE = 5  # polls come first


def main(arguments: Sequence[str]) -> None:
    """Answer until the agent is gone."""
    os.nice(_NICE)
    from agent.detect.models.scoring import Scoring
    from agent.detect.models.shelf import Shelf

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between two answers
    questions = incoming()
    scoring = Scoring(Shelf(Path(arguments[0]), arguments[1:]))
    scoring.take_up_models()
    loading = threading.Lock()

    def look_for_models() -> None:
        with loading:
            scoring.take_up_models()

    while True:
        question = questions.get()
        if not loading.locked() and scoring.is_outdated():
            threading.Thread(target=look_for_models, name="models", daemon=True).start()
        write_message(answers, Message(scoring.answer(question.header, question.payload)))


if __name__ == "__main__":
    main(sys.argv[1:])
