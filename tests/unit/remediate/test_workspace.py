"""Nothing of a run stays in its folder, also where somebody still writes there."""

import itertools
import threading

from agent.remediate.workspace import workspace

JOB = {"roots": []}


def test_the_folder_goes_although_somebody_still_writes_there(tmp_path):
    began = threading.Event()

    def write(folder):
        for number in itertools.count():
            if number == 20_000:
                return
            try:
                (folder / "tmp" / str(number)).write_text("secret")
            except FileNotFoundError:
                return
            began.set()

    with workspace(tmp_path, {}, JOB, 1.0) as folder:
        writer = threading.Thread(target=write, args=(folder,))
        writer.start()
        assert began.wait(5)
    writer.join(30)
    assert not folder.exists()
