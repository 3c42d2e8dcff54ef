# SPDX-License-Identifier: Apache-2.0
"""One thread for the planner, with a mailbox that holds only the newest item."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar('Item')


class Worker(Generic[Item]):
    """Calls `work` on the newest item put in; older ones that were not begun are dropped.

    An exception in `work` goes to `failed`, and the thread lives on. `died` is what ended it
    otherwise: SystemExit, for example, or an exception in `failed`.
    """

    def __init__(self, work: Callable[[Item], None], failed: Callable[[Exception], None]):
        self._work, self._failed = work, failed
        self._condition = threading.Condition()
        self._item: Item | None = None
        self._stopping = False
        self.died: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name='planner', daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Hand over an item without waiting."""
        with self._condition:
            self._item = item
            self._condition.notify()

    def stop(self, timeout: float) -> bool:
        """End the thread after its present item; False when it still works after `timeout` s."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while (item := self._next()) is not None:
                try:
                    self._work(item)
                except Exception as error:  # a planner that throws must not end the planning
                    self._failed(error)
        except BaseException as error:
            self.died = error

    def _next(self) -> Item | None:
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._stopping)
            item, self._item = self._item, None
            return None if self._stopping else item
