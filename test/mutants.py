# SPDX-License-Identifier: Apache-2.0
"""Faults that the tests must find, for scripts/mutate: one row each.

A row names the text that is replaced (it stands exactly once in its file) and the tests of which
at least one must fail then.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old` in `file` becomes `new`; `tests` are pytest's arguments, run from the root."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


GRASP, SYNC = 'grasp_ros/planning/grasp.py', 'grasp_ros/planning/sync.py'
SHORTCUTS = 'grasp_ros/planning/shortcuts.py'
LIFTED = 'grasp_ros/planning/lifted.py'
ANYTIME, ICEM = 'grasp_ros/planning/anytime.py', 'grasp_ros/planning/icem.py'
BOXQP, OBJECTIVE = 'grasp_ros/planning/boxqp.py', 'grasp_ros/planning/objective.py'
GREEDY, LOOP = 'grasp_ros/planning/greedy.py', 'grasp_ros/control/receding_horizon.py'
START = 'grasp_ros/control/start.py'
OF_GRASP = ('test/planning/test_grasp.py',)
OF_SHORTCUTS = ('test/planning/test_shortcuts.py',)
OF_PARTS = ('test/planning/test_parts.py',)
OF_CONTRACT = ('test/planning/test_contract.py',)
OF_GOAL = ('test/planning/test_objective.py',)
OF_BOXQP = ('test/planning/test_boxqp.py',)
OF_ROADMAP = ('test/planning/test_roadmap.py',)
OF_LOOP = ('test/control/test_receding_horizon.py',)
WAY = 'grasp_ros/control/way.py'
OF_WAY = ('test/control/test_way.py',)
OF_ROUTE = ('test/control/test_route.py',)
GATE, OF_GATE = 'grasp_ros/control/gate.py', ('test/control/test_gate.py',)
BLOCKS, OF_RECOVERY = 'grasp_ros/control/blocks.py', ('test/control/test_recovery.py',)
GUARD, OF_GUARD = 'grasp_ros/control/guard.py', ('test/control/test_guard.py',)
REFERENCE = 'grasp_ros/control/reference.py'
OF_REFERENCE = ('test/control/test_reference.py',)

MUTANTS = (
    # GRASP
    Mutant(
        'Gauss-Newton removed', LIFTED, 'self._a.copy_(new.view_as(self._a))', 'pass', OF_GRASP
    ),
    Mutant('lifted part removed', GRASP, 'lifted.move()', 'pass', OF_GRASP),
    Mutant(
        'lifted part removed, in closed loop',
        GRASP,
        'lifted.move()',
        'pass',
        ('test/control/test_coarse_map.py',),
    ),
    Mutant('no restart shares derivatives', GRASP, 'max(1, quiet))', 'len(a))', OF_GRASP),
    Mutant(
        'the last plan has the derivatives of another', GRASP, 'max(1, quiet))', '1)', OF_GRASP
    ),
    Mutant(
        'restarts beside the last plan take all iterations',
        GRASP,
        'min(FEW, config.iterations)',
        'config.iterations',
        OF_GRASP,
    ),
    Mutant(
        'oneDNN is not told of the activation',
        'grasp_ros/world_model/linear.py',
        "'swish' if silu else 'none'",
        "'none'",
        ('test/world_model/test_linear.py',),
    ),
    Mutant(
        'layers have no gradients',
        'grasp_ros/world_model/linear.py',
        'if _ONEDNN and many and not learns:',
        'if _ONEDNN and many:',
        ('test/world_model/test_linear.py',),
    ),
    Mutant('states never relax', LIFTED, 'self.relax(prediction)', 'pass', OF_GRASP),
    Mutant('obstacles push no state', LIFTED, 'self.push(self._inside)', 'pass', OF_GRASP),
    Mutant(
        'a short way counts what may be an obstacle as a long one',
        'grasp_ros/world_model/obstacles.py',
        'np.minimum(1.0, steps / LONG)',
        'np.ones_like(steps)',
        ('test/world_model/test_obstacles.py',),
    ),
    Mutant(
        'rollouts through obstacles cost no more',
        'grasp_ros/planning/problem.py',
        '1 + TOLL * self.inside(latents).mean(dim=1)',
        '1',
        OF_GRASP,
    ),
    Mutant(
        'shortcuts through obstacles',
        SHORTCUTS,
        'steps + toll(places[first], places[last])',
        'steps',
        OF_SHORTCUTS,
    ),
    Mutant('no shortcuts', SHORTCUTS, '(steps <= REACH) | (last', '(last', OF_SHORTCUTS),
    Mutant(
        'shortcuts of any length', SHORTCUTS, '(steps <= REACH) |', '(steps >= 0) |', OF_SHORTCUTS
    ),
    Mutant(
        'corners beyond the limits',
        SHORTCUTS,
        'np.clip(way[corners, None] + offsets, low, high)',
        'way[corners, None] + offsets',
        OF_SHORTCUTS,
    ),
    Mutant('corners stay', SHORTCUTS, 'offsets[:, 0] = 0.0', 'offsets[:] = 0.0', OF_SHORTCUTS),
    Mutant(
        'held again before anybody has seen where the robot stands',
        GATE,
        'self.following is not None and self._unseen',
        'False',
        OF_GATE,
    ),
    Mutant(
        'the last shortcuts are forgotten',
        WAY,
        '[way] if self._last is None else',
        '[way] if True else',
        OF_WAY,
    ),
    Mutant(
        'the last shortcuts whatever they cost',
        WAY,
        'way = min(ways, key=lambda one: cost(one.stops, self._step, toll))',
        'way = ways[-1]',
        OF_WAY,
    ),
    Mutant(
        'shortcuts near what is blocked',
        WAY,
        'free = ~self._recovery.near(ahead, ahead)',
        'free = np.ones(count, dtype=bool)',
        OF_WAY,
    ),
    Mutant(
        'shortcuts past what is blocked',
        WAY,
        ' + NEAR * self._recovery.near(start, end)',
        '',
        OF_WAY,
    ),
    Mutant(
        'the last shortcuts lead to the last goal',
        'grasp_ros/control/route.py',
        'if self._shortener is not None:\n            self._shortener.forget()',
        'if False:\n            pass',
        OF_ROUTE,
    ),
    Mutant(
        'the last shortcuts lead to where the robot was blocked',
        'grasp_ros/control/route.py',
        'self._shortener.forget()  # it led',
        'pass  # it led',
        OF_ROUTE,
    ),
    Mutant(
        'who is beside a way goes back to its start',
        SHORTCUTS,
        'nearest[leg : leg + 1], way[leg',
        'way[:1], way[leg',
        OF_SHORTCUTS,
    ),
    Mutant('a foreseen path is followed from afar', SYNC, 'min(lookahead, CLOSE)', '3', OF_PARTS),
    Mutant(
        'joints are slowed one by one', SYNC, 'share.amin(dim=1, keepdim=True)', 'share', OF_PARTS
    ),
    Mutant('no tension', LIFTED, 'between, self._config.tension)', 'between, 0.0)', OF_GRASP),
    Mutant(
        'states move by what the old actions did',
        LIFTED,
        'after = self._step(inputs, new)',
        'after = here',
        OF_GRASP,
    ),
    Mutant(
        'the last plan leaves a path that is to be followed',
        ANYTIME,
        'if warm_start is not None and not problem.followed:',
        'if warm_start is not None:',
        OF_GRASP,
    ),
    Mutant('no noise', GRASP, 'noisy += ', 'noisy = noisy + ', OF_GRASP),
    Mutant(
        'one restart', GRASP, 's = s.repeat(restarts, 1, 1)', 's = s.repeat(1, 1, 1)', OF_GRASP
    ),
    Mutant(
        'restarts do not follow the time',
        GRASP,
        'self._restarts = max(1, self._restarts // 2)',
        'pass',
        OF_GRASP,
    ),
    Mutant(
        'states frozen under Adam',
        LIFTED,
        'self._s.grad = self.state_gradient(prediction)',
        'pass',
        OF_GRASP,
    ),
    Mutant('no tension under Adam', LIFTED, 'gradient[:, 1:] += pull', 'pass', OF_GRASP),
    Mutant('moments kept over a sync', GRASP, 'lifted.restart()', 'pass', OF_GRASP),
    Mutant('actions not clamped', LIFTED, 'self._a.clamp_(-1, 1)\n', 'pass\n', OF_CONTRACT),
    Mutant(
        'last iteration not synced',
        GRASP,
        "if config.sync != 'none' and not synced:",
        'if False:',
        OF_GRASP,
    ),
    Mutant(
        'plans do not learn how long a sync takes',
        GRASP,
        'self._sync_times[len(a)] = max(known, ended - begun)',
        'pass',
        OF_GRASP,
    ),
    Mutant(
        'plans that only follow change the restarts',
        GRASP,
        'if config.restarts == self._config.restarts:',
        'if True:',
        OF_GRASP,
    ),
    Mutant(
        'the gantry moves one joint after the other',
        'grasp_ros/sim/tasks/reach_gantry.py',
        '(np.abs(move) / self.speed).max()',
        '(np.abs(move) / self.speed).sum()',
        ('test/sim/test_reach_gantry.py',),
    ),
    Mutant(
        'last state not put back to the goal',
        GRASP,
        's[:, -1] = problem.goal.pinned(s[:, -1])',
        'pass',
        (*OF_GRASP, *OF_GOAL),
    ),
    Mutant(
        'noise on all restarts',
        GRASP,
        'states[quiet:, 1:]',
        'states[:, 1:]',
        OF_GRASP,
    ),
    Mutant(
        'the last plan does not go on',
        GRASP,
        'if known and warm_start is not None:',
        'if False:',
        OF_GRASP,
    ),
    Mutant(
        'the last plan goes on where no obstacles are known',
        GRASP,
        'problem.inside is not None and config',
        'config',
        OF_GRASP,
    ),
    Mutant(
        'the plan that led to a block goes on',
        LOOP,
        'self._last = None  # it led there',
        'pass',
        OF_LOOP,
    ),
    Mutant(
        'the robot is held only after its first plan',
        'grasp_ros/control/pilot.py',
        'self._hold(job)',
        'pass',
        ('test/control/test_pace.py',),
    ),
    Mutant(
        'no step of a pursuit is spared',
        SYNC,
        't < exact or t % FRESH == 0',
        'True',
        OF_PARTS,
    ),
    Mutant(
        'goal term without weights',
        LIFTED,
        '(seen - goal.latent) * goal.weight',
        '(seen - goal.latent)',
        OF_GOAL,
    ),
    Mutant(
        'goal term forgotten by Gauss-Newton',
        LIFTED,
        'to_goal = self._config.gamma * goal.weight',
        'to_goal = 0 * goal.weight',
        (*OF_GRASP, *OF_GOAL),
    ),
    # What every planner promises
    Mutant(
        'warm start not offered',
        ANYTIME,
        'incumbent.offer(Candidates(warm_start.actions[None], warm_start.states[None]))',
        'pass',
        OF_CONTRACT,
    ),
    Mutant('the same exploration for each plan', ANYTIME, 'self._plans += 1', 'pass', OF_CONTRACT),
    Mutant(
        'plans that are not finite win',
        ANYTIME,
        '.masked_fill(~finite, torch.inf)',
        '',
        OF_CONTRACT,
    ),
    Mutant('failed plan returned', ANYTIME, 'if not np.isfinite(cost):', 'if False:', OF_CONTRACT),
    Mutant(
        'last candidate wins',
        ANYTIME,
        'better = cost < self._cost',
        'better = cost == cost',
        OF_CONTRACT,
    ),
    # iCEM, syncs, warm start
    Mutant(
        'iCEM keeps no elites',
        ICEM,
        'elites[: int(config.keep_elites * config.elites)]',
        'elites[:0]',
        ('test/planning/test_icem.py',),
    ),
    Mutant(
        'iCEM forgets the warm start',
        ICEM,
        'mean = warm_start.actions',
        'pass',
        ('test/planning/test_icem.py',),
    ),
    Mutant(
        'actions of a gradient sync not clamped',
        SYNC,
        'actions.clamp_(-1, 1)',
        'pass',
        OF_PARTS,
    ),
    Mutant(
        'pursuit makes no progress',
        SYNC,
        '.square().sum(-1).argmin(1)',
        '.square().sum(-1).argmin(1) * 0',
        OF_PARTS,
    ),
    Mutant(
        'pursuit without weights',
        SYNC,
        'target, weight, problem',
        'target, None, problem',
        OF_GOAL,
    ),
    Mutant(
        'warm start filled with zeros',
        'grasp_ros/planning/warmstart.py',
        '_repeat(rest, missing)',
        '_repeat(0 * rest, missing)',
        OF_PARTS,
    ),
    # One step of control
    Mutant(
        'box sweep removed',
        BOXQP,
        'best = (value - off).clamp_(low, high)',
        'best = value',
        OF_BOXQP,
    ),
    Mutant(
        'one coordinate of the sweep removed',
        BOXQP,
        'zip(x.unbind(1), away.unbind(1), columns, strict=True)',
        'list(zip(x.unbind(1), away.unbind(1), columns, strict=True))[:-1]',
        OF_BOXQP,
    ),
    Mutant(
        'box solution may be worse than the start',
        BOXQP,
        'torch.where(cost <= 0, x, start)',
        'x',
        OF_BOXQP,
    ),
    Mutant(
        'blocked actions press on',
        GREEDY,
        'gradient = gradient + ease * (action - rest)',
        'pass',
        OF_PARTS,
    ),
    Mutant(
        'differences point out of the box',
        GREEDY,
        'torch.where(action > 0, -DIFFERENCE, DIFFERENCE)',
        'torch.where(action > 0, DIFFERENCE, -DIFFERENCE)',
        OF_ROADMAP,
    ),
    # Goal and roadmap
    Mutant(
        'distance without weights',
        OBJECTIVE,
        'square if self.unweighted else square * self.weight',
        'square',
        OF_GOAL,
    ),
    Mutant(
        'free dimensions pinned',
        OBJECTIVE,
        'self.weight > 0, self.latent, latent',
        'self.weight >= 0, self.latent, latent',
        OF_GOAL,
    ),
    Mutant(
        'edges lose their direction',
        'grasp_ros/planning/roadmap.py',
        '(weights, (columns, rows))',
        '(weights, (rows, columns))',
        OF_ROADMAP,
    ),
    Mutant(
        'edges have no tolls',
        'grasp_ros/planning/roadmap.py',
        'tolls = self._wary * self._always + charged',
        'tolls = charged',
        OF_ROADMAP,
    ),
    Mutant(
        'obstacles beside the map forgotten',
        'grasp_ros/planning/roadmap.py',
        ' + self._wary * _tolls(self._obstacles, start, end)',
        '',
        OF_ROADMAP,
    ),
    Mutant(
        'nothing lies onward from where a robot was stopped',
        'grasp_ros/training/contact.py',
        'blocked[there] + depth * onward[there]], dim=1)',
        'blocked[there]], dim=1)',
        ('test/training/test_contact.py',),
    ),
    Mutant(
        'who was stopped makes no more of known obstacles on the map',
        'grasp_ros/planning/roadmap.py',
        '1.0 if self._toll is None else WARY',
        '1.0',
        OF_ROADMAP,
    ),
    Mutant(
        'who was stopped makes no more of known obstacles beside the map',
        'grasp_ros/control/way.py',
        'WARY * tolls',
        'tolls',
        ('test/control/test_way.py',),
    ),
    Mutant('a stop is sent late', GATE, 'for _ in range(STOPS)', 'for _ in range(1)', OF_GATE),
    Mutant(
        'an old time of /clock is taken for now',
        'grasp_ros/nodes/time.py',
        'told_ns + unheard_ns)',
        'told_ns)',
        ('test/nodes/test_time.py',),
    ),
    Mutant(
        'nobody is taught where obstacles are',
        'grasp_ros/training/contact.py',
        'torch.sigmoid(teachers(places).mean(dim=0))',
        'torch.zeros(len(places))',
        ('test/training/test_contact.py',),
    ),
    Mutant(
        'a camera that does not show a wrist is frozen',
        'grasp_ros/observation/still.py',
        'FURTHER if newest < still.count else 1.0',
        '1.0',
        ('test/observation/test_pairing.py',),
    ),
    Mutant(
        'a robot at rest drifts with the model',
        START,
        '(np.ptp(told, axis=0) <= RESTS * self._step).all()',
        'False',
        OF_LOOP,
    ),
    Mutant('who trembles is waited for', GATE, 'and not trembles', '', OF_GATE),
    Mutant(
        'dead ends tried',
        'grasp_ros/planning/roadmap.py',
        'self._nearest(distances, np.isfinite(self._times))',
        'self._nearest(distances, self._times > -1)',
        OF_ROADMAP,
    ),
    Mutant(
        'round about when at the goal',
        'grasp_ros/planning/roadmap.py',
        'if away <= goal.tolerance:',
        'if False:',
        OF_ROADMAP,
    ),
    Mutant(
        'joints make up for one at its bound',
        SYNC,
        'problem.rest, lookahead)',
        'problem.rest)',
        OF_PARTS,
    ),
    # The loop
    Mutant(
        'latent not rolled forward to the start',
        START,
        'rollout(self._dynamics, latent[None], actions[None])[0, -1]',
        'latent',
        OF_LOOP,
    ),
    Mutant(
        'warm start removed', LOOP, 'problem, warm, deadline', 'problem, None, deadline', OF_ROUTE
    ),
    Mutant(
        'warm start not shifted', LOOP, 'shift(plan, max(0, steps),', 'shift(plan, 0,', OF_ROUTE
    ),
    Mutant(
        'no slack in the horizon',
        'grasp_ros/control/route.py',
        'math.ceil(steps * SLACK) + EXTRA_STEPS',
        'math.ceil(steps)',
        OF_ROUTE,
    ),
    Mutant(
        'latency of the worst plan',
        'grasp_ros/control/latency.py',
        "np.percentile(samples, 90, method='lower')",
        'max(samples)',
        ('test/control/test_latency.py',),
    ),
    Mutant(
        'a machine that became slow is noticed late',
        'grasp_ros/control/latency.py',
        'int(max(usual, now))',
        'int(usual)',
        ('test/control/test_latency.py',),
    ),
    # Before the controller
    Mutant(
        'messages begin with the new part',
        GATE,
        'message = self.reference.before(new, now_ns - OVERLAP_NS)',
        'message = new',
        OF_GATE,
    ),
    Mutant(
        'old plans after a stop',
        GATE,
        'if generation != self.generation:',
        'if generation < 0:',
        OF_GATE,
    ),
    Mutant('late plans sent', GATE, 'if new.start_ns < now_ns', 'if new.start_ns < 0', OF_GATE),
    Mutant(
        'held at the measured place, whatever its speed',
        'grasp_ros/control/rest.py',
        'rest = braked(measured, limits) if place is None else place',
        'rest = position if place is None else place',
        OF_GATE,
    ),
    Mutant(
        'not held again after a block',
        GATE,
        'self.following, self._doubtful = Refused(reason), True',
        'self.following = Refused(reason)',
        OF_GATE,
    ),
    Mutant(
        'led down step by step',
        GATE,
        'self._anchors += 1',
        'self._anchors += 0',
        OF_GATE,
    ),
    Mutant('never given up', GATE, 'if self._failed >= ATTEMPTS and', 'if False and', OF_GATE),
    Mutant(
        'not brought back from what it touches',
        'grasp_ros/control/way_back.py',
        'return came[far[0]] if len(far) else came[-1]',
        'return None',
        OF_GATE,
    ),
    Mutant(
        'brought back as far as it takes the blocked joint to move',
        'grasp_ros/control/way_back.py',
        'FURTHEST = 4.0',
        'FURTHEST = 400.0',
        OF_GATE,
    ),
    Mutant(
        'brought back slowly',
        'grasp_ros/control/rest.py',
        'np.geomspace(0.05, LONGEST_HOLD, 72)',
        'np.geomspace(0.05, LONGEST_HOLD, 24)',
        OF_GATE,
    ),
    Mutant(
        'an aborting controller taken for one that brought the robot back',
        GATE,
        'known, self._doubtful = self._is_back(), False',
        'known, self._doubtful = True, False',
        OF_GATE,
    ),
    # What pictures tell of joints
    Mutant(
        'a joint counts by the worst of what pictures tell of it',
        'grasp_ros/world_model/bundle.py',
        'manifest.joint_error.median / manifest.goal_tolerance',
        'manifest.joint_error.p95 / manifest.goal_tolerance',
        ('test/world_model/test_inputs.py',),
    ),
    Mutant(
        'joints read where no bag went distrusted sooner than pictures',
        'grasp_ros/training/calibration.py',
        '_bound(off, step, UNSEEN)',
        '_bound(off, step)',
        ('test/training/test_calibration.py',),
    ),
    # When the robot does not get on
    Mutant(
        'blocks are forgotten while the robot that is stopped slides on',
        BLOCKS,
        'return PASSED <= beyond',
        'return -PASSED <= beyond',
        OF_RECOVERY,
    ),
    Mutant(
        'a block is as short along a wrist as along a shoulder',
        BLOCKS,
        'self._step = step / shares',
        'self._step = step',
        OF_RECOVERY,
    ),
    Mutant(
        'plans know nothing of blocks',
        'grasp_ros/control/route.py',
        'for one in (learned, blocked) if',
        'for one in (learned,) if',
        OF_ROUTE,
    ),
    Mutant(
        'tolls not asked for',
        'grasp_ros/control/route.py',
        'self._roadmap.avoid(self._recovery.toll(now_ns))',
        'pass',
        OF_RECOVERY,
    ),
    Mutant(
        'tolls to all sides',
        BLOCKS,
        'return np.where(through, np.linalg.norm(apart, axis=1), np.inf)',
        'return np.linalg.norm(apart, axis=1)',
        OF_RECOVERY,
    ),
    Mutant('blocks never fade', BLOCKS, '0.5 ** max(0.0, age)', '1.0', OF_RECOVERY),
    Mutant(
        'failures not counted',
        BLOCKS,
        'failures = 1 + max((one.failures for one in near), default=0)',
        'failures = 1',
        OF_RECOVERY,
    ),
    Mutant(
        'way to the first point not judged',
        GUARD,
        'if received < first_ns:',
        'if False:',
        OF_GUARD,
    ),
    Mutant('jumps not judged', GUARD, 'if not (gap <= allowed).all():', 'if False:', OF_GUARD),
    Mutant(
        'limits widened to what is measured',
        GUARD,
        'high = np.minimum(high, limits.position_max + self._tolerance) + margin',
        'high = high + margin',
        OF_GUARD,
    ),
    Mutant(
        'unknown reference where the robot is',
        GUARD,
        'for side in (-1, 1)]',
        'for side in ()]',
        OF_GUARD,
    ),
    Mutant('speed not judged', GUARD, "('speed', velocity,", "('speed', 0 * velocity,", OF_GUARD),
    Mutant(
        'acceleration not judged',
        GUARD,
        "('acceleration', acceleration,",
        "('acceleration', 0 * acceleration,",
        OF_GUARD,
    ),
    Mutant(
        'old motion forgotten at a message',
        REFERENCE,
        'old = (times < first_ns) & (times > now_ns - KEPT_NS)',
        'old = times < 0',
        OF_REFERENCE,
    ),
    Mutant(
        'starts beside a point not snapped',
        REFERENCE,
        'return nearest if abs(nearest - at_ns) <= SNAP_NS else at_ns',
        'return at_ns',
        OF_REFERENCE,
    ),
    Mutant(
        'what is too fast already may not be slowed down',
        GUARD,
        'already = np.abs(start.velocity)',
        'already = 0.0',
        (*OF_GUARD, *OF_GATE),
    ),
    Mutant(
        'what leaves its limits may not be stopped',
        GUARD,
        'np.where(rest < limits.position_min, -np.inf, low)',
        'low',
        OF_GUARD,
    ),
    Mutant(
        'the reference goes on where no hold is within limits',
        GATE,
        'message = end if end is not None and end.end_ns < told.end_ns else None',
        'pass',
        OF_GATE,
    ),
    Mutant(
        'a block that the planner took is not led back from',
        GATE,
        'blocked, self._blocked = self._blocked, None',
        'blocked, self._blocked, self._touching = self._blocked, None, None',
        OF_GATE,
    ),
    Mutant(
        'a block is led back from again and again',
        GATE,
        'if not self.unstopped:',
        'if False:',
        OF_GATE,
    ),
    Mutant(
        'a trusted path is searched along as any other',
        GRASP,
        'elif problem.trusted:',
        'elif False:',
        OF_GRASP,
    ),
    Mutant(
        'a path through obstacles is trusted',
        'grasp_ros/control/route.py',
        'inside(states).max() < DOUBTFUL',
        'True',
        OF_ROUTE,
    ),
    Mutant(
        'a path is trusted after a block',
        'grasp_ros/control/route.py',
        'if inside is None or self._known:',
        'if inside is None:',
        OF_ROUTE,
    ),
)
