"""The system's clock: never backwards, and right after the machine slept."""

from __future__ import annotations

import time

import pytest

from kube.clock import SystemClock


class Machine:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.wall, self.running = 1000.0, 50.0
        patch.setattr(time, "time", lambda: self.wall)
        patch.setattr(time, "monotonic", lambda: self.running)


def test_sleep_of_the_machine_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    clock = SystemClock()
    machine.wall += 3600.0
    machine.running += 0.5
    assert clock.now() == 4600.0
    machine.running += 1.0
    assert clock.now() == 4601.0


def test_a_wall_clock_set_back_does_not_turn_time_back(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    clock = SystemClock()
    machine.wall -= 500.0
    machine.running += 2.0
    assert clock.now() == 1002.0
