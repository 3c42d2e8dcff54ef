# SPDX-License-Identifier: Apache-2.0
"""One item at a time, the newest next, and errors do not end the thread."""

import queue
import threading

import pytest

from grasp_ros.control.worker import Worker

SOON = 20.0  # s; generous, so that a busy machine does not fail the test


class Gate:
    """Work that notes its items and waits for leave to finish each."""

    def __init__(self):
        self.begun: queue.Queue = queue.Queue()
        self.leave = threading.Semaphore(0)

    def __call__(self, item):
        self.begun.put(item)
        assert self.leave.acquire(timeout=SOON)


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def failures():
    return queue.Queue()


@pytest.fixture
def worker(gate, failures):
    worker = Worker(gate, failures.put)
    yield worker
    for _ in range(20):
        gate.leave.release()
    assert worker.stop(SOON)


def test_works_on_an_item_in_its_own_thread(worker, gate):
    worker.put('frame')
    assert gate.begun.get(timeout=SOON) == 'frame'


def test_works_once_on_an_item(failures):
    done = queue.Queue()
    worker = Worker(done.put, failures.put)
    worker.put(1)
    assert done.get(timeout=SOON) == 1
    assert worker.stop(SOON)
    assert done.empty()


def test_newest_item_wins(worker, gate):
    worker.put(1)
    assert gate.begun.get(timeout=SOON) == 1
    for item in (2, 3, 4):
        worker.put(item)
    gate.leave.release()
    assert gate.begun.get(timeout=SOON) == 4


def test_putting_does_not_wait_for_the_work(worker, gate):
    worker.put(1)
    assert gate.begun.get(timeout=SOON) == 1
    worker.put(2)  # would deadlock here: nobody gives leave
    assert gate.begun.empty()


def test_exception_is_handed_over_and_the_thread_lives_on(failures):
    done = queue.Queue()

    def work(item):
        if item == 'bad':
            raise ArithmeticError('no plan')
        done.put(item)

    worker = Worker(work, failures.put)
    worker.put('bad')
    error = failures.get(timeout=SOON)
    assert isinstance(error, ArithmeticError) and str(error) == 'no plan'
    worker.put('good')
    assert done.get(timeout=SOON) == 'good'
    assert worker.stop(SOON)


def test_stop_tells_when_the_work_hangs(worker, gate):
    worker.put(1)
    assert gate.begun.get(timeout=SOON) == 1
    assert not worker.stop(0.01)


def test_stop_drops_what_was_not_begun(worker, gate):
    worker.put(1)
    assert gate.begun.get(timeout=SOON) == 1
    worker.put(2)
    assert not worker.stop(0.01)
    gate.leave.release()
    assert worker.stop(SOON)
    assert gate.begun.empty()


def test_stop_ends_an_idle_worker(failures):
    worker = Worker(lambda item: None, failures.put)
    assert worker.stop(SOON)
    assert worker.stop(SOON)


@pytest.mark.parametrize('end', [SystemExit(3), KeyboardInterrupt()])
def test_what_ends_the_thread_otherwise_is_kept(failures, end):
    def work(item):
        raise end

    worker = Worker(work, failures.put)
    assert worker.died is None
    worker.put(1)
    worker._thread.join(SOON)
    assert worker.died is end and failures.empty() and worker.stop(SOON)


def test_failure_that_cannot_be_handed_over_ends_the_thread_and_is_kept():
    def broken(error):
        raise RuntimeError('no way to tell') from error

    worker = Worker(lambda item: 1 / item, broken)
    worker.put(0)
    worker._thread.join(SOON)
    assert str(worker.died) == 'no way to tell'
