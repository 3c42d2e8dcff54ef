# SPDX-License-Identifier: Apache-2.0
"""The box solver against scipy's exact one, which takes one problem at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from grasp_ros.planning import boxqp, greedy

COUNT, ROWS = 100, 32
KINDS = {np.float32: torch.float32, np.float64: torch.float64}


def problem(rng, kind, size):
    """J (D, A), target (D,) and a start in the box, often at its bounds."""
    jacobian = rng.standard_normal((ROWS, size))
    if kind == 'correlated':
        left, _, right = np.linalg.svd(jacobian, full_matrices=False)
        jacobian = left @ np.diag(np.logspace(0, -rng.uniform(0, 4), size)) @ right
    if kind == 'redundant':
        rank = max(1, size // 2)
        jacobian = rng.standard_normal((ROWS, rank)) @ rng.standard_normal((rank, size))
    start = np.clip(rng.uniform(-1.5, 1.5, size), -1, 1)
    noise = np.linalg.norm(jacobian) / np.sqrt(ROWS * size) * rng.standard_normal(ROWS)
    return jacobian, jacobian @ rng.uniform(-2.5, 2.5, size) + 0.3 * noise, start


def solved(jacobians, targets, starts, dtype, low=-1.0, high=1.0, damping=1e-5):
    """The solver's answers (N, A); damping: of the diagonal, as H must be positive definite."""
    j, b, x = (torch.tensor(np.array(one), dtype=dtype) for one in (jacobians, targets, starts))
    hessian = j.mT @ j
    hessian.diagonal(dim1=1, dim2=2).mul_(1 + damping)
    gradient = (j.mT @ (j @ x[..., None] - b[..., None]))[..., 0]
    return boxqp.solve(hessian, gradient, x, low, high).double().numpy()


def missing(kind, size, dtype):
    """The share of the possible decrease that is missed, for COUNT problems, sorted."""
    rng = np.random.default_rng(size)
    jacobians, targets, starts = zip(
        *(problem(rng, kind, size) for _ in range(COUNT)), strict=True
    )
    shares = []
    damping = 1e-5 if kind == 'random' else greedy.DAMPING
    answers = solved(jacobians, targets, starts, dtype, damping=damping)
    for x, jacobian, target, start in zip(answers, jacobians, targets, starts, strict=True):
        assert (np.abs(x) <= 1).all()

        def cost(x, jacobian=jacobian, target=target):
            return np.square(jacobian @ x - target).sum()

        exact = (lsq_linear(jacobian, target, (-1, 1), method=m).x for m in ('bvls', 'trf'))
        best = min(cost(one) for one in exact)
        possible = cost(start) - best + 1e-6 * cost(start)  # a start may be the optimum
        shares.append((cost(x) - best) / possible)
    return np.sort(shares)


@pytest.mark.parametrize('dtype', KINDS.values(), ids=['float32', 'float64'])
@pytest.mark.parametrize('size', range(1, 8))
def test_well_posed_problems_are_nearly_solved_and_exactly_up_to_two_actions(size, dtype):
    shares = missing('random', size, dtype)
    assert shares[-1] < (1e-6 if size <= 2 else 0.05)
    assert shares[int(0.95 * COUNT)] < 0.01


@pytest.mark.parametrize('size', range(1, 8))
def test_it_is_exact_where_the_box_does_not_bind(size):
    rng = np.random.default_rng(size)
    many = [problem(rng, 'random', size) for _ in range(COUNT)]
    wanted = [rng.uniform(-0.9, 0.9, size) for _ in many]
    targets = [jacobian @ one for (jacobian, _, _), one in zip(many, wanted, strict=True)]
    x = solved([one[0] for one in many], targets, [one[2] for one in many], torch.float64)
    np.testing.assert_allclose(x, np.array(wanted), atol=1e-3)


@pytest.mark.parametrize('dtype', KINDS.values(), ids=['float32', 'float64'])
@pytest.mark.parametrize('size', range(2, 8))
@pytest.mark.parametrize('kind', ['correlated', 'redundant'])
def test_most_of_the_decrease_is_attained_where_columns_resemble_each_other(kind, size, dtype):
    shares = missing(kind, size, dtype)
    assert shares[COUNT // 2] < 0.01
    assert shares[int(0.95 * COUNT)] < 0.15


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 7),
    st.sampled_from(['random', 'correlated', 'redundant']),
    st.sampled_from(list(KINDS.values())),
    st.floats(-8, 8),
)
def test_never_worse_than_the_start(seed, size, kind, dtype, exponent):
    jacobian, target, start = problem(np.random.default_rng(seed), kind, size)
    jacobian, target = jacobian * 10**exponent, target * 10**exponent
    x = solved([jacobian], [target], [start], dtype)[0]
    before, after = (np.linalg.norm(jacobian @ one - target) for one in (start, x))
    assert np.abs(x).max() <= 1
    assert after <= before * (1 + 10 * torch.finfo(dtype).eps * size)


@pytest.mark.parametrize('size', [1, 2, 5])
def test_bounds_may_be_any(size):
    rng = np.random.default_rng(0)
    jacobian, target, _ = problem(rng, 'random', size)
    x = solved([jacobian], [10 * target], [np.full(size, 0.5)], torch.float64, 0.25, 2.0)[0]
    exact = lsq_linear(jacobian, 10 * target, (0.25, 2.0), method='bvls').x
    np.testing.assert_allclose(x, exact, atol=1e-4)


def test_clamping_alone_is_not_the_answer():
    # The best x_1 for x_0 at its bound is not that for x_0 beyond it: the sweep finds it.
    hessian = torch.tensor([[[1.0, 0.9], [0.9, 1.0]]])
    gradient = torch.tensor([[-3.0, -2.5]])
    x = boxqp.solve(hessian, gradient, torch.zeros(1, 2), -1.0, 1.0)
    torch.testing.assert_close(x, torch.tensor([[1.0, 1.0]]))


@pytest.mark.parametrize('size', [2, 3, 7])
def test_problems_of_a_batch_do_not_touch_each_other(size):
    rng = np.random.default_rng(1)
    many = [problem(rng, 'correlated', size) for _ in range(5)]
    together = solved(*zip(*many, strict=True), torch.float64)
    alone = [solved([j], [b], [x], torch.float64)[0] for j, b, x in many]
    np.testing.assert_allclose(together, alone, atol=1e-9)


@pytest.mark.parametrize('size', [3, 7])
@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_what_is_not_finite_leaves_the_start(size, value):
    start = torch.full((1, size), 0.5)
    gradient = torch.full((1, size), value)
    x = boxqp.solve(torch.eye(size)[None], gradient, start, -1.0, 1.0)
    assert torch.isfinite(x).all() and x.abs().max() <= 1


@pytest.mark.parametrize('size', range(1, 8))
def test_no_value_is_read(size):
    shapes = ((4, size, size), (4, size), (4, size))
    tensors = (torch.empty(shape, device='meta') for shape in shapes)
    assert boxqp.solve(*tensors, -1.0, 1.0).shape == (4, size)
