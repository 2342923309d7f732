"""Work beside a server ends when it is asked to, and is left behind if it hangs."""

import threading

from ambience.core.stoppable_thread import StoppableThread

SOON_S = 30.0


def test_it_works_until_it_is_asked_to_end() -> None:
    began = threading.Event()

    def work(stop: threading.Event) -> None:
        began.set()
        stop.wait(SOON_S)

    background = StoppableThread("work", work)
    assert not background.is_at_work
    background.start()
    assert began.wait(SOON_S)
    assert background.is_at_work
    background.stop()
    assert not background.is_at_work


def test_one_that_hangs_is_left_behind() -> None:
    let_go = threading.Event()

    def hang(_: threading.Event) -> None:
        let_go.wait(SOON_S)

    background = StoppableThread("work", hang, within_s=0.01)
    background.start()
    background.stop()
    assert background.is_at_work
    let_go.set()


def test_one_that_never_began_has_nothing_to_end() -> None:
    StoppableThread("work", lambda _: None).stop()
