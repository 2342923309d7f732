"""Who waits for an answer may go, and what is done for them ends."""

import threading

from ambience.core.cancellation import Caller, called_by, current_caller


def test_going_ends_what_is_done_and_what_would_be() -> None:
    caller, ended = Caller(), list[str]()
    with caller.on_leaving(lambda: ended.append("before")):
        pass
    with caller.on_leaving(lambda: ended.append("during")):
        caller.leave()
        caller.leave()
    with caller.on_leaving(lambda: ended.append("after")):
        pass
    assert ended == ["during", "after"]
    assert caller.is_gone


def test_whoever_calls_is_known_on_that_thread_only() -> None:
    caller, others = Caller(), list[Caller]()
    with called_by(caller):
        thread = threading.Thread(target=lambda: others.append(current_caller()))
        thread.start()
        thread.join()
        assert current_caller() is caller
    assert current_caller() is others[0] is not caller
    assert others[0].patient
