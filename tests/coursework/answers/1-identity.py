# Answers to homework 1. Each cell replaces one answer of the master: a whole
# answer, or one `of` a right one above with the lines #+ in place of #-.


# %% geometric_score alt_plain
def geometric_score(theta, x):
    p = 1 / (1 + np.exp(-theta))
    return 1 - (1 + x) * p


# %% geometric_score alt_by_parts
def geometric_score(theta, x):
    if theta >= 0:
        p = 1 / (1 + np.exp(-theta))
    else:
        p = np.exp(theta) / (1 + np.exp(theta))
    return [(1 - p) - k * p for k in x]


# %% geometric_score alt_by_autograd
import torch


def log_p(theta, x):
    log_sigmoid = torch.nn.functional.logsigmoid
    return log_sigmoid(theta) + x * log_sigmoid(-theta)


def geometric_score(theta, x):
    knob = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    scores = [torch.autograd.grad(log_p(knob, int(k)), knob)[0] for k in x]
    return torch.stack(scores)


# %% geometric_score alt_library_sigmoid
from scipy.special import expit

geometric_score = lambda theta, x: expit(-theta) - np.array(x) * expit(theta)


# %% geometric_score wrong_sign of alt_plain fails of_an_outcome far_out
#-    return 1 - (1 + x) * p
#+    return (1 + x) * p - 1


# %% geometric_score wrong_in_p_instead_of_theta of alt_plain fails of_an_outcome mean_and_spread far_out
#-    return 1 - (1 + x) * p
#+    return 1 / p - x / (1 - p)


# %% geometric_score wrong_log_missing of alt_plain fails of_an_outcome mean_and_spread far_out
#-    return 1 - (1 + x) * p
#+    return (1 - p) ** x * p * (1 - (1 + x) * p)


# %% geometric_score wrong_counts_the_heads_too of alt_plain fails of_an_outcome mean_and_spread far_out
#-    return 1 - (1 + x) * p
#+    return 1 - x * p


# %% geometric_score wrong_sum_over_samples of alt_plain fails of_an_outcome mean_and_spread far_out
#-    return 1 - (1 + x) * p
#+    return np.sum(1 - (1 + x) * p)


# %% geometric_score wrong_column of alt_plain fails of_an_outcome mean_and_spread far_out
#-    return 1 - (1 + x) * p
#+    return (1 - (1 + x) * p)[:, None]


# %% geometric_score wrong_tails_for_heads of alt_plain fails of_an_outcome mean_and_spread far_out
#-    p = 1 / (1 + np.exp(-theta))
#+    p = 1 / (1 + np.exp(theta))


# %% geometric_score wrong_overflow of alt_plain fails far_out
#-    p = 1 / (1 + np.exp(-theta))
#+    p = np.exp(2 * theta) / (np.exp(theta) + np.exp(2 * theta))


# %% von_mises_score alt_plain
from scipy.special import ive


def von_mises_score(mu, kappa, x):
    ratio = ive(1, kappa) / ive(0, kappa)
    return np.stack([kappa * np.sin(x - mu), np.cos(x - mu) - ratio], axis=1)


# %% von_mises_score alt_loop
from scipy.special import i0e, i1e


def one_score(mu, kappa, angle):
    return [
        kappa * np.sin(angle - mu),
        np.cos(angle - mu) - i1e(kappa) / i0e(kappa),
    ]


def von_mises_score(mu, kappa, x):
    return [one_score(mu, kappa, angle) for angle in x]


# %% von_mises_score alt_by_differences
from scipy.special import i0e


def log_density(mu, kappa, x):
    return kappa * (np.cos(x - mu) - 1) - np.log(i0e(kappa))


def von_mises_score(mu, kappa, x):
    h = 1e-5
    k = 1e-5 * max(kappa, 1)
    by_mu = log_density(mu + h, kappa, x) - log_density(mu - h, kappa, x)
    by_kappa = log_density(mu, kappa + k, x) - log_density(mu, kappa - k, x)
    return np.array([by_mu / (2 * h), by_kappa / (2 * k)]).T


# %% von_mises_score wrong_sign_of_mu of alt_plain fails in_mu
#-    return np.stack([kappa * np.sin(x - mu), np.cos(x - mu) - ratio], axis=1)
#+    return np.stack(
#+        [-kappa * np.sin(x - mu), np.cos(x - mu) - ratio], axis=1
#+    )


# %% von_mises_score wrong_no_normaliser fails in_kappa concentrated
def von_mises_score(mu, kappa, x):
    return np.stack([kappa * np.sin(x - mu), np.cos(x - mu)], axis=1)


# %% von_mises_score wrong_overflow of alt_plain fails concentrated
#-from scipy.special import ive
#+from scipy.special import i0, i1
#-    ratio = ive(1, kappa) / ive(0, kappa)
#+    ratio = i1(kappa) / i0(kappa)


# %% von_mises_score wrong_transposed of alt_plain fails in_mu in_kappa concentrated
#-    return np.stack([kappa * np.sin(x - mu), np.cos(x - mu) - ratio], axis=1)
#+    return np.stack([kappa * np.sin(x - mu), np.cos(x - mu) - ratio])


# %% von_mises_score wrong_columns_swapped of alt_plain fails in_mu in_kappa concentrated
#-    return np.stack([kappa * np.sin(x - mu), np.cos(x - mu) - ratio], axis=1)
#+    return np.stack([np.cos(x - mu) - ratio, kappa * np.sin(x - mu)], axis=1)


# %% von_mises_score wrong_kappa_forgotten of alt_plain fails in_mu
#-    return np.stack([kappa * np.sin(x - mu), np.cos(x - mu) - ratio], axis=1)
#+    return np.stack([np.sin(x - mu), np.cos(x - mu) - ratio], axis=1)


# %% von_mises_score wrong_ratio_upside_down of alt_plain fails in_kappa concentrated
#-    ratio = ive(1, kappa) / ive(0, kappa)
#+    ratio = ive(0, kappa) / ive(1, kappa)


# %% von_mises_score wrong_as_a_gaussian fails in_mu in_kappa concentrated
def von_mises_score(mu, kappa, x):
    d = x - mu
    return np.stack([kappa * d, 1 / (2 * kappa) - d**2 / 2], axis=1)


# %% von_mises_score wrong_sample_mean_as_normaliser fails in_kappa concentrated
def von_mises_score(mu, kappa, x):
    c = np.cos(x - mu)
    return np.stack([kappa * np.sin(x - mu), c - c.mean()], axis=1)


# %% von_mises_score wrong_asymptote_from_ten fails in_kappa
def von_mises_score(mu, kappa, x):
    from scipy.special import i0e, i1e
    r = 1 - 1 / (2 * kappa) if kappa > 10 else i1e(kappa) / i0e(kappa)
    return np.column_stack([kappa * np.sin(x - mu), np.cos(x - mu) - r])


# %% path_log_prob alt_math_loop
import math


def path_log_prob(start, policy, transition, states, actions):
    factors = [start[states[0]]]
    for s, a, after in zip(states, actions, states[1:]):
        factors += [policy[s][a], transition[s][a][after]]
    if min(factors) == 0:
        return -math.inf
    return math.fsum(math.log(each) for each in factors)


# %% path_log_prob alt_logs_of_the_tables
def path_log_prob(start, policy, transition, states, actions):
    rho, pi, world = (np.log(each) for each in (start, policy, transition))
    total = rho[states[0]]
    for t in range(len(actions)):
        total = total + pi[states[t], actions[t]]
        total = total + world[states[t], actions[t], states[t + 1]]
    return np.array(total)


# %% path_log_prob alt_by_the_package
from logderiv.trajectories import (
    MDP, SoftmaxPolicy, Trajectories, dynamics_log_prob,
)


def path_log_prob(start, policy, transition, states, actions):
    mdp = MDP(
        start, transition, np.zeros(policy.shape), np.zeros(len(start), bool)
    )
    path = Trajectories(
        np.array(states)[None], np.array(actions)[None],
        np.ones((1, len(actions)), bool),
    )
    with np.errstate(divide="ignore"):
        chosen = np.log(policy[states[:-1], actions]).sum()
        return dynamics_log_prob(mdp, path)[0] + chosen


# %% path_log_prob wrong_log_of_the_product fails of_a_long_path
def path_log_prob(start, policy, transition, states, actions):
    p = start[states[0]]
    for t, a in enumerate(actions):
        p *= policy[states[t], a] * transition[states[t], a, states[t + 1]]
    with np.errstate(divide="ignore"):
        return np.log(p)


# %% path_log_prob wrong_no_dynamics fails of_short_paths of_a_long_path of_the_impossible
def path_log_prob(start, policy, transition, states, actions):
    with np.errstate(divide="ignore"):
        total = np.log(start[states[0]])
        return total + np.log(policy[states[:-1], actions]).sum()


# %% path_log_prob wrong_no_start fails of_short_paths of_a_long_path of_the_impossible
def path_log_prob(start, policy, transition, states, actions):
    s, after = states[:-1], states[1:]
    with np.errstate(divide="ignore"):
        return (
            np.log(policy[s, actions]) + np.log(transition[s, actions, after])
        ).sum()


# %% path_log_prob wrong_next_state_off_by_one fails of_short_paths of_the_impossible
def path_log_prob(start, policy, transition, states, actions):
    s = states[:-1]
    with np.errstate(divide="ignore"):
        return np.log(start[states[0]]) + (
            np.log(policy[s, actions]) + np.log(transition[s, actions, s])
        ).sum()


# %% path_log_prob wrong_clipped fails of_the_impossible
def path_log_prob(start, policy, transition, states, actions):
    s, after = states[:-1], states[1:]
    factors = np.concatenate(
        [
            [start[states[0]]],
            policy[s, actions],
            transition[s, actions, after],
        ]
    )
    return np.log(np.clip(factors, 1e-300, None)).sum()


# %% path_log_prob wrong_sum_of_probabilities fails of_short_paths of_a_long_path of_the_impossible
def path_log_prob(start, policy, transition, states, actions):
    s, after = states[:-1], states[1:]
    return np.log(
        start[states[0]]
        + policy[s, actions].sum()
        + transition[s, actions, after].sum()
    )


# %% path_log_prob wrong_mean_over_steps fails of_short_paths of_a_long_path
def path_log_prob(start, policy, transition, states, actions):
    s, after = states[:-1], states[1:]
    with np.errstate(divide="ignore"):
        logs = np.log(policy[s, actions]) + np.log(transition[s, actions, after])
        return (np.log(start[states[0]]) + logs.sum()) / len(actions)


# %% path_log_prob wrong_last_step_missing fails of_short_paths of_a_long_path of_the_impossible
def path_log_prob(start, policy, transition, states, actions):
    with np.errstate(divide="ignore"):
        total = np.log(start[states[0]])
        for t in range(len(actions) - 1):
            s, a = states[t], actions[t]
            total += np.log(policy[s, a])
            total += np.log(transition[s, a, states[t + 1]])
        return total


# %% robot_score alt_loop
def robot_score(theta, readings, turns, sigma):
    score = [0.0] * len(theta)
    for s, a in zip(readings, turns):
        z = (a - sum(w * v for w, v in zip(theta, s))) / sigma**2
        for i, v in enumerate(s):
            score[i] += z * v
    return score


# %% robot_score alt_by_torch
import torch
from torch.distributions import Normal


def robot_score(theta, readings, turns, sigma):
    knob = torch.tensor(theta, requires_grad=True)
    mean = torch.as_tensor(readings) @ knob
    Normal(mean, sigma).log_prob(torch.as_tensor(turns)).sum().backward()
    return knob.grad


# %% robot_score alt_single_precision of alt_by_torch
#-    knob = torch.tensor(theta, requires_grad=True)
#-    mean = torch.as_tensor(readings) @ knob
#-    Normal(mean, sigma).log_prob(torch.as_tensor(turns)).sum().backward()
#+    knob = torch.tensor(theta, dtype=torch.float32, requires_grad=True)
#+    mean = torch.as_tensor(readings, dtype=torch.float32) @ knob
#+    turned = torch.as_tensor(turns, dtype=torch.float32)
#+    Normal(mean, sigma).log_prob(turned).sum().backward()


# %% robot_score wrong_sign fails of_one_step of_a_path
def robot_score(theta, readings, turns, sigma):
    return -(turns - readings @ theta) @ readings / sigma**2


# %% robot_score wrong_mean_over_steps fails of_a_path
def robot_score(theta, readings, turns, sigma):
    terms = (turns - readings @ theta)[:, None] * readings / sigma**2
    return terms.mean(axis=0)


# %% robot_score wrong_sigma_not_squared fails of_one_step of_a_path
def robot_score(theta, readings, turns, sigma):
    return (turns - readings @ theta) @ readings / sigma


# %% robot_score wrong_sensor_forgotten fails of_one_step of_a_path
def robot_score(theta, readings, turns, sigma):
    return np.sum(turns - readings @ theta) / sigma**2 * np.ones(len(theta))


# %% robot_score wrong_log_missing fails of_one_step of_a_path
def robot_score(theta, readings, turns, sigma):
    z = (turns - readings @ theta) / sigma
    p = np.exp(-0.5 * z**2) / (sigma * np.sqrt(2 * np.pi))
    return (p * z / sigma) @ readings


# %% robot_score wrong_broadcast fails of_a_path
def robot_score(theta, readings, turns, sigma):
    residual = turns - (readings @ theta)[:, None]
    return (residual @ readings).sum(axis=0) / sigma**2


# %% robot_score wrong_no_mean fails of_one_step of_a_path
def robot_score(theta, readings, turns, sigma):
    return turns @ readings / sigma**2


# %% robot_score wrong_first_step_alone fails of_a_path
def robot_score(theta, readings, turns, sigma):
    return (turns[0] - readings[0] @ theta) * readings[0] / sigma**2


# %% difference_score alt_plain
def difference_score(log_prob, theta, x, step):
    return np.stack(
        [
            (log_prob(theta + step * e, x) - log_prob(theta - step * e, x))
            / (2 * step)
            for e in np.eye(len(theta))
        ],
        axis=1,
    )


# %% difference_score alt_in_place
def difference_score(log_prob, theta, x, step):
    theta = np.array(theta, dtype=float)
    columns = np.empty((len(x), len(theta)))
    for j in range(len(theta)):
        kept = theta[j]
        theta[j] = kept + step
        up = log_prob(theta, x)
        theta[j] = kept - step
        columns[:, j] = (up - log_prob(theta, x)) / 2 / step
        theta[j] = kept
    return columns


# %% difference_score alt_sample_by_sample
def difference_score(log_prob, theta, x, step):
    def slope(j, one):
        e = np.zeros(len(theta))
        e[j] = step
        up, down = (log_prob(t, np.array([one])) for t in (theta + e, theta - e))
        return (up[0] - down[0]) / (2 * step)

    return [[slope(j, one) for j in range(len(theta))] for one in x]


# %% difference_score wrong_forward of alt_plain fails in_one_parameter in_two_parameters obeys_the_step
#-def difference_score(log_prob, theta, x, step):
#+def difference_score(log_prob, theta, x, step):
#+    here = log_prob(theta, x)
#-            (log_prob(theta + step * e, x) - log_prob(theta - step * e, x))
#-            / (2 * step)
#+            (log_prob(theta + step * e, x) - here) / step


# %% difference_score wrong_factor_two of alt_plain fails in_one_parameter in_two_parameters obeys_the_step
#-            / (2 * step)
#+            / step


# %% difference_score wrong_log_missing fails in_one_parameter in_two_parameters obeys_the_step
def difference_score(log_prob, theta, x, step):
    columns = []
    for e in np.eye(len(theta)):
        up = np.exp(log_prob(theta + step * e, x))
        down = np.exp(log_prob(theta - step * e, x))
        columns.append((up - down) / (2 * step))
    return np.stack(columns, axis=1)


# %% difference_score wrong_all_parameters_at_once fails in_two_parameters obeys_the_step
def difference_score(log_prob, theta, x, step):
    slope = (log_prob(theta + step, x) - log_prob(theta - step, x)) / (2 * step)
    return np.stack([slope] * len(theta), axis=1)


# %% difference_score wrong_transposed of alt_plain fails in_one_parameter in_two_parameters obeys_the_step
#-        ],
#-        axis=1,
#+        ]


# %% difference_score wrong_step_of_its_own of alt_plain fails obeys_the_step
#-def difference_score(log_prob, theta, x, step):
#+def difference_score(log_prob, theta, x, step):
#+    h = 1e-5
#-            (log_prob(theta + step * e, x) - log_prob(theta - step * e, x))
#-            / (2 * step)
#+            (log_prob(theta + h * e, x) - log_prob(theta - h * e, x)) / (2 * h)


# %% difference_score wrong_theta_not_put_back fails in_two_parameters obeys_the_step
def difference_score(log_prob, theta, x, step):
    columns = []
    moved = np.array(theta)
    for j in range(len(theta)):
        moved[j] += step
        up = log_prob(moved, x)
        moved[j] -= 2 * step
        columns.append((up - log_prob(moved, x)) / (2 * step))
        moved[j] -= 0.01
    return np.stack(columns, axis=1)


# %% difference_score wrong_summed_over_samples fails in_one_parameter in_two_parameters obeys_the_step
def difference_score(log_prob, theta, x, step):
    return np.array(
        [
            (log_prob(theta + step * e, x) - log_prob(theta - step * e, x)).sum()
            / (2 * step)
            for e in np.eye(len(theta))
        ]
    )


# %% difference_score wrong_step_grows_with_theta fails obeys_the_step
def difference_score(log_prob, theta, x, step):
    columns = []
    for j in range(len(theta)):
        h = step * max(1, abs(theta[j]))
        up, down = theta.copy(), theta.copy()
        up[j] += h
        down[j] -= h
        columns.append((log_prob(up, x) - log_prob(down, x)) / (2 * h))
    return np.column_stack(columns)


# %% plot_identity alt_scatter_and_steps
def plot_identity(ax):
    x = np.arange(6)[::-1]
    s = poisson_score(1.5, x)
    ax.scatter(x, s, label="Score s(x)")
    ax.step(x, poisson_probability(1.5, x) * s, label="Slope of p")
    ax.axhline(0, color="grey", lw=0.5)
    ax.set_xlabel("count")
    ax.set_ylabel("per unit of rate")
    ax.legend(loc="lower right")


# %% plot_identity alt_bars_by_pyplot
import matplotlib.pyplot as plt


def plot_identity(ax):
    plt.sca(ax)
    x = np.arange(6)
    s = poisson_score(1.5, x)
    plt.bar(x - 0.0, s, width=0.4, label="the score")
    plt.plot(x, np.exp(np.log(poisson_probability(1.5, x))) * s, "k.-",
             label="its slope")
    plt.xlabel("x")
    plt.ylabel("y")
    plt.legend()


# %% plot_identity alt_bars_side_by_side
def plot_identity(ax):
    x = np.arange(6)
    s = poisson_score(1.5, x)
    ax.bar(x - 0.2, s, width=0.4, label="score")
    ax.bar(x + 0.2, poisson_probability(1.5, x) * s, width=0.4, label="slope")
    ax.set(xlabel="count", ylabel="change")
    ax.legend()


# %% plot_identity wrong_score_times_score fails slope
def plot_identity(ax):
    x = np.arange(6)
    ax.plot(x, poisson_score(1.5, x), label="score")
    ax.plot(x, poisson_score(1.5, x) ** 2, label="slope")
    ax.set_xlabel("x")
    ax.set_ylabel("change")
    ax.legend()


# %% plot_identity wrong_probability_for_slope fails slope
def plot_identity(ax):
    x = np.arange(6)
    ax.plot(x, poisson_score(1.5, x), label="score")
    ax.plot(x, poisson_probability(1.5, x), label="slope")
    ax.set(xlabel="x", ylabel="change")
    ax.legend()


# %% plot_identity wrong_labels_swapped fails score slope
def plot_identity(ax):
    x = np.arange(6)
    s = poisson_score(1.5, x)
    ax.plot(x, s, label="slope")
    ax.plot(x, poisson_probability(1.5, x) * s, label="score")
    ax.set(xlabel="x", ylabel="change")
    ax.legend()


# %% plot_identity wrong_count_zero_missing fails score slope
def plot_identity(ax):
    x = np.arange(1, 6)
    s = poisson_score(1.5, x)
    ax.plot(x, s, label="score")
    ax.plot(x, poisson_probability(1.5, x) * s, label="slope")
    ax.set(xlabel="x", ylabel="change")
    ax.legend()


# %% plot_identity wrong_no_axis_labels_no_legend fails score slope
def plot_identity(ax):
    x = np.arange(6)
    s = poisson_score(1.5, x)
    ax.plot(x, s, label="score")
    ax.plot(x, poisson_probability(1.5, x) * s, label="slope")
