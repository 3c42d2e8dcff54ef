# SPDX-License-Identifier: Apache-2.0
"""Brings mission, planner and gate together: what comes in, what goes to the controller, and why.

No ROS: the node hands over records and publishes what it is told to. One lock is around all that
the callbacks and the planner's thread share; nothing is planned, encoded or decoded under it.
"""

from __future__ import annotations

import threading
import traceback

from grasp_ros.config import PlannerNodeConfig
from grasp_ros.control.gate import Gate, Late, NotNow
from grasp_ros.control.mission import Job, Mission
from grasp_ros.control.outside import Outside, Report
from grasp_ros.control.receding_horizon import RecedingHorizon, Replan
from grasp_ros.control.statistics import Statistics
from grasp_ros.observation.clock import ClockWatch
from grasp_ros.observation.joints import Fault
from grasp_ros.observation.still import Frozen
from grasp_ros.types import BadInput, Clock, JointSample, JointTrajectory, Observation, Refused
from grasp_ros.world_model.bundle import Bundle


class Pilot:
    """What one planner node does. clock: ns, as in stamps. steady: ns that nobody can set."""

    def __init__(
        self,
        bundle: Bundle,
        config: PlannerNodeConfig,
        outside: Outside,
        clock: Clock,
        steady: Clock,
    ):
        self.lock = threading.Lock()
        self._mission, self._statistics = Mission(config), Statistics()
        self._last: Replan | None = None  # the last plan to the present goal
        self.impatient = False  # the next observation is to be planned from, whatever the period
        self._config, self._outside, self._clock, self._steady = config, outside, clock, steady
        robot, control, seen = config.robot, config.control, config.observation
        ahead, recovers = control.send_ahead, control.recovery
        self._gate = Gate(robot, ahead, seen.max_age, recovers, seen.max_future)
        self._clock_watch = ClockWatch()
        self._loop = RecedingHorizon(bundle, config, lambda: self._gate.reference, clock, steady)
        self._loop.warm_up()
        self._forgotten = False  # the loop's memory is of another time

    # what comes in

    def activate(self) -> None:
        """From now on the robot may be moved."""
        with self.lock:
            self._mission.activate()
            self._update()

    def deactivate(self) -> None:
        """Bring the robot to rest, and move it no more."""
        with self.lock:
            self._mission.deactivate()
            self._update()

    def reconfigure(self, config: PlannerNodeConfig) -> None:
        """Take changed dynamic parameters."""
        with self.lock:
            if config.control.execute != self._config.control.execute:
                self._gate.begin()
            self._config = config
            self._mission.set_execute(config.control.execute)
            self._update()

    def joints(self, sample: JointSample | Refused) -> None:
        """A sample of the robot's joints, or why it is none."""
        with self.lock:
            if isinstance(sample, JointSample):
                self._gate.observe(sample)
                self._mission.follow(self._gate.following)
            else:
                self._statistics.refused['joints'] += 1
            if isinstance(sample, Fault):
                self._mission.fail(sample.reason)
            self._update()

    def seen(self, seen: Observation | Refused, lacking: Refused | None) -> None:
        """What the cameras show, or why it is of no use. lacking: see `look`."""
        with self.lock:
            if isinstance(seen, Frozen):
                self._mission.see_frozen(seen)
            elif isinstance(seen, Refused):
                self._statistics.refused['image'] += 1
            else:
                self._mission.see_frozen(None)
            self._mission.see(lacking)
            self._update()

    def look(self, lacking: Refused | None) -> None:
        """Regularly. lacking: why there is no observation young enough to act on, or None."""
        with self.lock:
            self._mission.see(lacking)
            self._look_at_controller()
            self._update()

    def aim(self, goal: Observation) -> int:
        """Plan to what `goal` shows; the goal's number."""
        with self.lock:
            self._gate.begin()
            number, self._last = self._mission.aim(goal), None
            self._update()
            return number

    def refuse_goal(self, reason: str) -> None:
        """What came cannot be a goal; the one before stays."""
        with self.lock:
            self._refuse_goal(reason)
            self._update()

    def cancel(self) -> bool:
        """Drop the goal and bring the robot to rest; whether there was one."""
        with self.lock:
            had, self._last = self._mission.cancel(), None
            self._update()
            return had

    def clear_fault(self) -> str | None:
        """A person says that the robot stands where it is measured; the fault that there was."""
        with self.lock:
            fault = self._mission.clear_fault()
            if self._mission.under_way:  # what the gate has forgotten nobody can stop
                self._stop()
            if not self._mission.under_way:
                self._gate.clear()
            self._update()
            return fault

    def jump_ns(self) -> int:
        """How far the clock was set since the last call; 0 when it was not."""
        return self._clock_watch.look(*self._times())

    def forget(self, reason: str, other_clock: bool = False) -> None:
        """The clock jumped, or is another: whatever was stamped or planned before is void."""
        with self.lock:
            self._mission.clock_jumped(reason)
            if other_clock:
                self._clock_watch.clear()
            self._gate.clear()
            self._forgotten, self._last = True, None
            self._update()

    # the planner's thread

    def plan(self, observation: Observation, sent_ns: int) -> Replan | None:
        """Plan from an observation, and send what may be sent. Returns the plan for people.

        sent_ns: when its image was sent by the camera, by the system's clock.
        """
        with self.lock:
            self.impatient = False
            job = self._mission.begin(self._steady())
            if job is None:
                return None
            forgotten, self._forgotten = self._forgotten, False
        try:
            if forgotten:
                self._loop.clear()
            if job.goal is not None and not self._take(job, job.goal):
                return None
            with self.lock:
                self._hold(job)
                blocked = self._gate.take_blocked()
            replan = self._loop.replan(observation, blocked)
            with self.lock:
                self._statistics.counts['blocked'] = self._loop.recovery.count
                return self._conclude(job, replan, observation.stamp_ns, sent_ns)
        finally:
            with self.lock:
                self._mission.end(job)
                self._update()

    def failed(self, error: Exception) -> None:
        """The planner threw; the first time in a row people are told where."""
        reason = f'{type(error).__name__}: {error}'
        with self.lock:
            self._statistics.counts['failures'] += 1
            if not self._mission.is_held(reason):
                self._outside.note(''.join(traceback.format_exception(error)))
            self._mission.held(reason)
            self._update()

    def preview(self, replan: Replan) -> JointTrajectory:
        """The motion of the whole plan, for people."""
        return self._loop.preview(replan)

    def _take(self, job: Job, goal: Observation) -> bool:
        """Have the planner aim at another goal; False when it cannot be."""
        try:
            refused = self._loop.set_goal(goal)
        except BadInput as error:
            refused = Refused(str(error))
        with self.lock:
            if refused is None:
                self._mission.taken(job)
                return True
            self._refuse_goal(refused.reason, job)
            return False

    def _conclude(
        self, job: Job, replan: Replan | Refused, stamp_ns: int, sent_ns: int
    ) -> Replan | None:
        if not self._mission.current(job):
            return None
        if isinstance(replan, Refused):
            self._statistics.refused['planner'] += 1
            self._mission.held(replan.reason)
            return None
        self._last = replan
        self._statistics.add(replan, sent_ns)
        self._mission.planned(replan.reached, replan.distance, replan.blocked)
        if replan.reached:
            return replan
        if not self._config.control.execute:
            self._mission.shown()
        elif self._may_send(job):
            now_ns = self._clock()
            message = self._gate.admit(replan.trajectory, replan.generation, stamp_ns, now_ns)
            self._deliver(message, now_ns)
        return replan

    def _hold(self, job: Job) -> None:
        """Hold a robot that something unknown may lead: its first plan is made meanwhile."""
        unknown = self._gate.reference.told is None
        if self._config.control.execute and unknown and self._may_send(job):
            now_ns = self._clock()
            message = self._gate.anchor(now_ns)
            if isinstance(message, JointTrajectory):  # else the plan's end says why not
                self._deliver(message, now_ns)

    def _may_send(self, job: Job) -> bool:
        self._look_at_controller()
        may = self._mission.may_send(job, self._steady())
        if may and self._clock_watch.jump_ns(*self._times()):
            self._mission.held('the clock jumped: no plan from before is sent')
            return False
        return may

    def _deliver(self, message: JointTrajectory | Refused, now_ns: int) -> None:
        """Send what was judged at now_ns, or take note of why it is not sent."""
        if isinstance(message, JointTrajectory) and not self._gate.in_time(now_ns, self._clock()):
            message = Late('late')
        if isinstance(message, JointTrajectory):
            self._send(message, now_ns)
            self._mission.sent()
            self.impatient |= now_ns < self._gate.reference.settled_ns
        elif isinstance(message, Late):
            self._statistics.counts['overruns'] += 1
            self._mission.late()
            self.impatient = True  # this period has brought nothing: another plan makes up for it
        elif isinstance(message, NotNow):
            self.impatient = True
        else:
            self._statistics.counts['guard_refused'] += 1
            self._mission.held(message.reason)

    # with the lock held

    def _refuse_goal(self, reason: str, job: Job | None = None) -> None:
        self._statistics.counts['goals_refused'] += 1
        stays = ', the old one stays' if self._mission.aims else ''
        self._outside.note(f'goal refused{stays}: {reason}')
        self._mission.refuse_goal(reason, job)

    def _update(self) -> None:
        """Do what the facts ask for now, and tell."""
        steady_ns = self._steady()
        self._mission.tick(self._clock(), steady_ns)
        verdict = self._mission.judge(steady_ns)
        if verdict.stop:
            self._stop()
        self._outside.tell(Report(verdict, self._mission.number, self._last, self._statistics))

    def _stop(self) -> None:
        message, now_ns = self._gate.stop_in_time(self._clock)
        if message is not None:
            self._send(message, now_ns)
        if not self._gate.unstopped:
            self._mission.stopped()

    def _look_at_controller(self) -> None:
        shared = self._mission.shared
        self._mission.controller(*self._outside.controller())
        if shared and not self._mission.shared:
            self._gate.clear()  # nobody knows what the controller was told last

    def _send(self, trajectory: JointTrajectory, now_ns: int) -> None:
        self._outside.send(trajectory)
        self._gate.sent(trajectory, now_ns)
        self._statistics.counts['trajectories'] += 1

    def _times(self) -> tuple[int, int, int]:
        return self._steady(), self._clock(), self._steady()
