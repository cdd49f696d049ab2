"""The scoring process: what the agent sees in, what models make of it out, over its standard streams.

``python -m agent.background.score ENTITIES DIAGNOSIS [CLASS_PATH…]``: the folders of both shelves. Questions
are about the newest rows of all modelled series, or about one entity that rules are unsure of. It takes up
new models between two questions: those of entities are read beside the old ones, which answer until then.
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
    from agent.learn.faults.answers import KIND, FaultAnswers
    from agent.learn.faults.shelf import FaultShelf

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between two answers
    questions = incoming()
    scoring = Scoring(Shelf(Path(arguments[0]), arguments[2:]))
    scoring.take_up_models()
    faults = FaultAnswers(FaultShelf(Path(arguments[1])))
    loading = threading.Lock()

    def look_for_models() -> None:
        with loading:
            scoring.take_up_models()

    while True:
        question = questions.get()
        if question.header.get("kind") == KIND:
            write_message(answers, Message(faults.answer(question.header)))
            continue
        if not loading.locked() and scoring.is_outdated():
            threading.Thread(target=look_for_models, name="models", daemon=True).start()
        write_message(answers, Message(scoring.answer(question.header, question.payload)))
        scoring.compare()  # what runs beside keeps nobody waiting who asks what is in force


if __name__ == "__main__":
    main(sys.argv[1:])
