# Answers to homework 2. Each cell replaces one answer of the master: a whole
# answer, or one `of` a right one above with the lines #+ in place of #-.


# %% habit_gradient alt_plain
def habit_gradient(theta, start, transition, reward, horizon):
    p = 1 / (1 + np.exp(-theta))
    total = 0.0
    for actions in itertools.product(range(2), repeat=horizon):
        k = sum(actions[t] == actions[t - 1] for t in range(1, horizon))
        weight = 0.5 * p**k * (1 - p) ** (horizon - 1 - k)
        state, value = start, 0.0
        for a in actions:
            value += state @ reward[:, a]
            state = state @ transition[:, a]
        total += weight * value * (k - (horizon - 1) * p)
    return total


# %% habit_gradient alt_every_trajectory
def habit_gradient(theta, start, transition, reward, horizon):
    p = 1 / (1 + np.exp(-theta))
    S = len(start)
    total = 0.0

    def visit(t, s, last, prob, score, ret):
        nonlocal total
        if prob == 0:
            return
        for a in range(2):
            if t == 0:
                pa, sc = 0.5, 0.0
            elif a == last:
                pa, sc = p, 1 - p
            else:
                pa, sc = 1 - p, -p
            r = ret + reward[s][a]
            if t == horizon - 1:
                total += prob * pa * (score + sc) * r
                continue
            for s2 in range(S):
                visit(
                    t + 1, s2, a, prob * pa * transition[s][a][s2],
                    score + sc, r,
                )

    for s in range(S):
        visit(0, s, None, start[s], 0.0, 0.0)
    return total


# %% habit_gradient alt_lists_and_full_product
def habit_gradient(theta, start, transition, reward, horizon):
    import math

    start = list(start)
    transition = transition.tolist()
    reward = reward.tolist()
    p = math.exp(theta) / (math.exp(theta) + 1)
    answer = 0
    every_state = list(itertools.product(range(len(start)), repeat=horizon))
    for actions in itertools.product((0, 1), repeat=horizon):
        pi, s = 0.5, 0
        for t in range(1, horizon):
            if actions[t] == actions[t - 1]:
                pi, s = pi * p, s + (1 - p)
            else:
                pi, s = pi * (1 - p), s - p
        for states in every_state:
            prob = pi * start[states[0]]
            R = 0
            for t in range(horizon):
                R += reward[states[t]][actions[t]]
                if t + 1 < horizon:
                    prob *= transition[states[t]][actions[t]][states[t + 1]]
            answer += prob * R * s
    return answer


# %% habit_gradient alt_forward_with_slope
def habit_gradient(theta, start, transition, reward, horizon):
    p = 1 / (1 + np.exp(-theta))
    dp = p * (1 - p)
    m = 0.5 * np.stack([start, start], axis=1)
    dm = np.zeros_like(m)
    total = 0.0
    for t in range(horizon):
        total += np.sum(dm * reward)
        new = np.einsum("sa,sat->ta", m, transition)
        dnew = np.einsum("sa,sat->ta", dm, transition)
        m, dm = (
            p * new + (1 - p) * new[:, ::-1],
            dp * (new - new[:, ::-1]) + p * dnew + (1 - p) * dnew[:, ::-1],
        )
    return total


# %% habit_gradient alt_autograd
import torch


def backward_induction(knob, start, transition, reward, horizon):
    start, transition, reward = (
        torch.as_tensor(each, dtype=torch.float64)
        for each in (start, transition, reward)
    )
    p = torch.sigmoid(knob)
    table = torch.stack([torch.stack([p, 1 - p]), torch.stack([1 - p, p])])
    # value[s, a]: what is still to come when a is taken in s
    value = torch.zeros_like(reward)
    for _ in range(horizon):
        ahead = value @ table  # [s2, a]: the next action follows a
        value = reward + torch.einsum("sat,ta->sa", transition, ahead)
    return (start @ value).mean()


def habit_gradient(theta, start, transition, reward, horizon):
    knob = torch.tensor(float(theta), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(
        backward_induction(knob, start, transition, reward, horizon),
        knob,
        allow_unused=True,
    )
    return slope


# %% habit_gradient alt_difference
def habit_gradient(theta, start, transition, reward, horizon):
    def J(theta):
        p = 1 / (1 + np.exp(-theta))
        m = np.outer(start, [0.5, 0.5])
        total = (m * reward).sum()
        for _ in range(horizon - 1):
            new = np.einsum("sa,sab->ba", m, transition)
            m = p * new + (1 - p) * new[:, ::-1]
            total += (m * reward).sum()
        return total

    return (J(theta + 1e-5) - J(theta - 1e-5)) / 2e-5


# %% habit_gradient alt_reward_to_go
class Habit:
    def __init__(self, theta):
        self.p = 1 / (1 + np.exp(-theta))

    def prob(self, actions):
        out = 0.5
        for a, b in zip(actions, actions[1:]):
            out = out * (self.p if a == b else 1 - self.p)
        return out

    def scores(self, actions):
        pairs = zip(actions, actions[1:])
        return np.array([0.0] + [(a == b) - self.p for a, b in pairs])


def habit_gradient(theta, start, transition, reward, horizon):
    policy = Habit(theta)
    total = np.float64(0)
    for number in range(2**horizon):
        actions = [(number >> t) & 1 for t in range(horizon)]
        b = np.array(start)
        r = np.zeros(horizon)
        for t, a in enumerate(actions):
            r[t] = b.dot(reward[:, a])
            b = b.dot(transition[:, a, :])
        G = np.cumsum(r[::-1])[::-1]
        total += policy.prob(actions) * (G * policy.scores(actions)).sum()
    return np.array(total)


# %% habit_gradient alt_with_the_package
from logderiv.expectation import policy_gradient_exact
from logderiv.trajectories import MDP, SoftmaxPolicy


def habit_gradient(theta, start, transition, reward, horizon):
    # A state and the last action make a state: row 0 sees no last action.
    size = len(start)
    moves = np.zeros((3 * size, 2, 3 * size))
    for last in range(3):
        for a in range(2):
            here = slice(last * size, (last + 1) * size)
            moves[here, a, (a + 1) * size : (a + 2) * size] = transition[:, a]
    world = MDP(
        np.concatenate([start, np.zeros(2 * size)]),
        moves,
        np.tile(reward, (3, 1)),
        np.zeros(3 * size, dtype=bool),
    )
    logits = np.array([[0.0, 0.0], [theta, 0.0], [0.0, theta]])
    policy = SoftmaxPolicy(logits, np.repeat(np.arange(3), size))
    slopes = policy_gradient_exact(world, policy, horizon).reshape(3, 2)
    return slopes[1, 0] + slopes[2, 1]


# %% habit_gradient wrong_sign of alt_plain fails of_two_steps of_more_steps in_sure_worlds
#-        total += weight * value * (k - (horizon - 1) * p)
#+        total -= weight * value * (k - (horizon - 1) * p)


# %% habit_gradient wrong_scores_the_first of alt_plain fails of_two_steps of_more_steps in_sure_worlds
#-        total += weight * value * (k - (horizon - 1) * p)
#+        total += weight * value * (k - horizon * p)


# %% habit_gradient wrong_scores_repeats_only of alt_plain fails of_two_steps of_more_steps in_sure_worlds
#-def habit_gradient(theta, start, transition, reward, horizon):
#+def habit_gradient(theta, start, transition, reward, horizon):
#+    # A switch is taken to have the score 0.
#-        total += weight * value * (k - (horizon - 1) * p)
#+        total += weight * value * k * (1 - p)


# %% habit_gradient wrong_own_reward_only fails of_more_steps in_sure_worlds
def habit_gradient(theta, start, transition, reward, horizon):
    # Each score times the reward of its own step, not the reward-to-go.
    p = 1 / (1 + np.exp(-theta))
    total = 0.0
    for actions in itertools.product(range(2), repeat=horizon):
        k = sum(actions[t] == actions[t - 1] for t in range(1, horizon))
        weight = 0.5 * p**k * (1 - p) ** (horizon - 1 - k)
        state = start
        for t, a in enumerate(actions):
            score = (a == actions[t - 1]) - p if t else 0.0
            total += weight * score * (state @ reward[:, a])
            state = state @ transition[:, a]
    return total


# %% habit_gradient wrong_rewards_so_far of alt_plain fails of_more_steps in_sure_worlds
#-        state, value = start, 0.0
#-        for a in actions:
#-            value += state @ reward[:, a]
#+        state, so_far = start, 0.0
#+        for t, a in enumerate(actions):
#+            so_far += state @ reward[:, a]
#+            score = (a == actions[t - 1]) - p if t else 0.0
#+            total += weight * score * so_far
#-        total += weight * value * (k - (horizon - 1) * p)


# %% habit_gradient wrong_reward_to_come fails of_two_steps of_more_steps in_sure_worlds
def habit_gradient(theta, start, transition, reward, horizon):
    # The reward of the action itself is left out of the reward-to-go.
    p = 1 / (1 + np.exp(-theta))
    total = 0.0
    for actions in itertools.product(range(2), repeat=horizon):
        k = sum(actions[t] == actions[t - 1] for t in range(1, horizon))
        weight = 0.5 * p**k * (1 - p) ** (horizon - 1 - k)
        state, rewards = start, []
        for a in actions:
            rewards.append(state @ reward[:, a])
            state = state @ transition[:, a]
        for t in range(1, horizon):
            score = (actions[t] == actions[t - 1]) - p
            total += weight * score * sum(rewards[t + 1 :])
    return float(total)


# %% habit_gradient wrong_last_score of alt_plain fails of_more_steps in_sure_worlds
#-        k = sum(actions[t] == actions[t - 1] for t in range(1, horizon))
#-        weight = 0.5 * p**k * (1 - p) ** (horizon - 1 - k)
#+        weight, score = 0.5, 0.0
#+        for before, after in zip(actions, actions[1:]):
#+            same = before == after
#+            weight *= p if same else 1 - p
#+            score = 1 - p if same else -p
#-        total += weight * value * (k - (horizon - 1) * p)
#+        total += weight * value * score


# %% habit_gradient wrong_mean_over_choices of alt_plain fails of_more_steps in_sure_worlds
#-    for actions in itertools.product(range(2), repeat=horizon):
#+    for actions in itertools.product(range(2), repeat=horizon):
#+        scores = [
#+            (actions[t] == actions[t - 1]) - p for t in range(1, horizon)
#+        ]
#-        total += weight * value * (k - (horizon - 1) * p)
#+        total += weight * value * (np.mean(scores) if scores else 0.0)


# %% habit_gradient wrong_mean_over_steps of alt_plain fails of_two_steps of_more_steps in_sure_worlds
#-            value += state @ reward[:, a]
#+            value += state @ reward[:, a] / horizon


# %% habit_gradient wrong_derivative_in_p of alt_plain fails of_two_steps of_more_steps in_sure_worlds
#-        weight = 0.5 * p**k * (1 - p) ** (horizon - 1 - k)
#+        switches = horizon - 1 - k
#+        weight = 0.5 * p**k * (1 - p) ** switches
#-        total += weight * value * (k - (horizon - 1) * p)
#+        total += weight * value * (k / p - switches / (1 - p))


# %% habit_gradient wrong_coin_without_memory of alt_plain fails of_two_steps of_more_steps in_sure_worlds
#-def habit_gradient(theta, start, transition, reward, horizon):
#+def habit_gradient(theta, start, transition, reward, horizon):
#+    # Action 1 with probability p, whatever came before.
#-        k = sum(actions[t] == actions[t - 1] for t in range(1, horizon))
#-        weight = 0.5 * p**k * (1 - p) ** (horizon - 1 - k)
#+        ones = sum(actions)
#+        weight = p**ones * (1 - p) ** (horizon - ones)
#-        total += weight * value * (k - (horizon - 1) * p)
#+        total += weight * value * (ones - horizon * p)


# %% habit_gradient wrong_first_action_by_theta of alt_plain fails of_two_steps of_more_steps in_sure_worlds
#-def habit_gradient(theta, start, transition, reward, horizon):
#+def habit_gradient(theta, start, transition, reward, horizon):
#+    # As if action 1 came before the first step.
#-        k = sum(actions[t] == actions[t - 1] for t in range(1, horizon))
#-        weight = 0.5 * p**k * (1 - p) ** (horizon - 1 - k)
#+        before = (1, *actions)
#+        k = sum(a == b for a, b in zip(before, actions))
#+        weight = p**k * (1 - p) ** (horizon - k)
#-        total += weight * value * (k - (horizon - 1) * p)
#+        total += weight * value * (k - horizon * p)


# %% habit_gradient wrong_first_half_forgotten of alt_plain fails of_two_steps of_more_steps in_sure_worlds
#-        weight = 0.5 * p**k * (1 - p) ** (horizon - 1 - k)
#+        weight = p**k * (1 - p) ** (horizon - 1 - k)


# %% habit_gradient wrong_starts_in_state_0 of alt_plain fails of_two_steps of_more_steps in_sure_worlds
#-        state, value = start, 0.0
#+        state, value = np.eye(len(start))[0], 0.0


# %% habit_gradient wrong_likeliest_states fails of_two_steps of_more_steps
def habit_gradient(theta, start, transition, reward, horizon):
    # Follows the most probable state alone: right where all is sure.
    p = 1 / (1 + np.exp(-theta))
    total = 0.0
    for actions in itertools.product(range(2), repeat=horizon):
        k = sum(actions[t] == actions[t - 1] for t in range(1, horizon))
        weight = 0.5 * p**k * (1 - p) ** (horizon - 1 - k)
        state, value = int(np.argmax(start)), 0.0
        for a in actions:
            value += reward[state, a]
            state = int(np.argmax(transition[state, a]))
        total += weight * value * (k - (horizon - 1) * p)
    return float(total)


# %% habit_gradient wrong_counts_possible_paths of alt_plain fails of_two_steps of_more_steps
#-def habit_gradient(theta, start, transition, reward, horizon):
#+def habit_gradient(theta, start, transition, reward, horizon):
#+    # Every possible next state counts as much as any other.
#-    p = 1 / (1 + np.exp(-theta))
#+    p = 1 / (1 + np.exp(-theta))
#+    start = (start > 0) / (start > 0).sum()
#+    possible = transition > 0
#+    moves = possible / possible.sum(axis=2, keepdims=True)
#-            state = state @ transition[:, a]
#+            state = state @ moves[:, a]


# %% habit_gradient wrong_log_of_zero fails in_sure_worlds
def habit_gradient(theta, start, transition, reward, horizon):
    # Trajectories one by one, with 0 * log 0 in the bookkeeping.
    p = 1 / (1 + np.exp(-theta))
    size, total = len(start), 0.0
    for states in itertools.product(range(size), repeat=horizon):
        for actions in itertools.product(range(2), repeat=horizon):
            chances = [start[states[0]], 0.5]
            score = 0.0
            for t in range(1, horizon):
                same = actions[t] == actions[t - 1]
                chances.append(p if same else 1 - p)
                chances.append(
                    transition[states[t - 1], actions[t - 1], states[t]]
                )
                score += same - p
            log_prob = np.log(chances)
            weight = np.exp(np.sum(log_prob - 0 * log_prob))
            value = sum(reward[s, a] for s, a in zip(states, actions))
            total += weight * value * score
    return float(total)


# %% habit_gradient wrong_rewards_of_next_state fails of_two_steps of_more_steps in_sure_worlds
def habit_gradient(theta, start, transition, reward, horizon):
    p = 1 / (1 + np.exp(-theta))
    total = 0.0
    for actions in itertools.product(range(2), repeat=horizon):
        k = sum(actions[t] == actions[t - 1] for t in range(1, horizon))
        weight = 0.5 * p**k * (1 - p) ** (horizon - 1 - k)
        state, value = start, 0.0
        for a in actions:
            state = state @ transition[:, a]
            value += state @ reward[:, a]
        total += weight * value * (k - (horizon - 1) * p)
    return total


# %% habit_gradient wrong_last_reward_missing of alt_plain fails of_two_steps of_more_steps in_sure_worlds
#-        for a in actions:
#+        for a in actions[:-1]:
#-    return total
#+    return float(total)


# %% habit_gradient wrong_one_step_more of alt_plain fails of_two_steps of_more_steps in_sure_worlds
#-def habit_gradient(theta, start, transition, reward, horizon):
#+def habit_gradient(theta, start, transition, reward, horizon):
#+    horizon = horizon + 1


# %% habit_gradient wrong_discounted of alt_plain fails of_two_steps of_more_steps in_sure_worlds
#-        for a in actions:
#-            value += state @ reward[:, a]
#+        for t, a in enumerate(actions):
#+            value += 0.99**t * (state @ reward[:, a])


# %% habit_gradient wrong_pairing_destroyed of alt_plain fails of_two_steps of_more_steps in_sure_worlds
#-def habit_gradient(theta, start, transition, reward, horizon):
#+def habit_gradient(theta, start, transition, reward, horizon):
#+    # Mean return times mean score: the mean score is 0.
#-    total = 0.0
#+    returns = scores = 0.0
#-        total += weight * value * (k - (horizon - 1) * p)
#-    return total
#+        returns += weight * value
#+        scores += weight * (k - (horizon - 1) * p)
#+    return returns * scores


# %% habit_gradient wrong_transition_transposed of alt_plain fails of_two_steps of_more_steps in_sure_worlds
#-            state = state @ transition[:, a]
#+            state = transition[:, a] @ state


# %% habit_gradient wrong_the_return_itself fails of_two_steps of_more_steps in_sure_worlds
def habit_gradient(theta, start, transition, reward, horizon):
    p = 1 / (1 + np.exp(-theta))
    mass = np.outer(start, [0.5, 0.5])
    total = (mass * reward).sum()
    for _ in range(horizon - 1):
        arriving = np.einsum("sa,sab->ba", mass, transition)
        mass = p * arriving + (1 - p) * arriving[:, ::-1]
        total += (mass * reward).sum()
    return total


# %% habit_gradient wrong_shape of alt_plain fails of_two_steps of_more_steps in_sure_worlds
#-    total = 0.0
#+    total = np.zeros(1)


# %% moving_edges alt_plain
def moving_edges(theta, coefficients):
    j = np.arange(len(coefficients))
    moments = 2 * (2.0 ** (j + 2) - 1) * theta**j / (3 * (j + 2))
    trick = -2 / theta * (coefficients @ moments)
    truth = coefficients @ (j * moments) / theta
    return np.array([truth, trick, truth - trick])


# %% moving_edges alt_difference_of_quadratures
def moving_edges(theta, coefficients):
    from scipy.integrate import quad

    def f(x):
        return sum(c * x**j for j, c in enumerate(coefficients))

    def J(t):
        return quad(lambda x: f(x) * 2 * x / (3 * t**2), t, 2 * t)[0]

    def joint(x):
        return f(x) * 2 * x / (3 * theta**2) * (-2 / theta)

    h = 1e-4 * theta
    truth = (J(theta + h) - J(theta - h)) / (2 * h)
    trick = quad(joint, theta, 2 * theta)[0]
    return truth, trick, truth - trick


# %% moving_edges alt_polynomials
from numpy.polynomial import Polynomial


def moving_edges(theta, coefficients):
    f = Polynomial(coefficients)
    p = Polynomial([0, 2 / 3]) / theta**2
    dp = Polynomial([0, -4 / 3]) / theta**3
    area = (f * dp).integ()
    trick = area(2 * theta) - area(theta)
    upper = 2 * f(2 * theta) * p(2 * theta)
    lower = f(theta) * p(theta)
    return [trick + upper - lower, trick, upper - lower]


# %% moving_edges alt_autograd
import torch


def moving_edges(theta, coefficients):
    t = torch.tensor(float(theta), dtype=torch.float64, requires_grad=True)
    J = 0 * t
    for j, c in enumerate(coefficients):
        n = j + 2
        J = J + 2 * float(c) / (3 * t**2) * ((2 * t) ** n - t**n) / n
    J.backward()
    trick = -2 / theta * J.item()
    return torch.tensor([t.grad.item(), trick, t.grad.item() - trick])


# %% moving_edges alt_loop
def moving_edges(theta, coefficients):
    truth = trick = lost = 0.0
    for power in range(len(coefficients)):
        c = coefficients[power]
        mean = (2 ** (power + 2) - 1) / (1.5 * (power + 2)) * theta**power
        truth += c * power * mean / theta
        trick -= 2 * c * mean / theta
        lost += c * theta ** (power - 1) * (8 * 2**power - 2) / 3
    out = np.zeros(3)
    out[:] = truth, trick, lost
    return out


# %% moving_edges wrong_truth_is_the_trick of alt_plain fails truth lost
#-    truth = coefficients @ (j * moments) / theta
#-    return np.array([truth, trick, truth - trick])
#+    return np.array([trick, trick, 0.0])


# %% moving_edges wrong_sign_of_lost of alt_plain fails lost
#-    return np.array([truth, trick, truth - trick])
#+    return np.array([truth, trick, trick - truth])


# %% moving_edges wrong_edge_without_speed fails truth lost
def moving_edges(theta, coefficients):
    def f(x):
        return sum(c * x**j for j, c in enumerate(coefficients))

    j = np.arange(len(coefficients))
    moments = 2 * (2.0 ** (j + 2) - 1) * theta**j / (3 * (j + 2))
    trick = -2 / theta * (coefficients @ moments)
    lost = f(2 * theta) * 4 / (3 * theta) - f(theta) * 2 / (3 * theta)
    return np.array([trick + lost, trick, lost])


# %% moving_edges wrong_upper_edge_only of alt_plain fails lost
#-    return np.array([truth, trick, truth - trick])
#+    lost = 8 * np.polyval(coefficients[::-1], 2 * theta) / (3 * theta)
#+    return np.array([truth, trick, lost])


# %% moving_edges wrong_edges_added of alt_plain fails lost
#-    return np.array([truth, trick, truth - trick])
#+    high, low = (np.polyval(coefficients[::-1], k * theta) for k in (2, 1))
#+    return np.array([truth, trick, (8 * high + 2 * low) / (3 * theta)])


# %% moving_edges wrong_chapter_edge fails lost
def moving_edges(theta, coefficients):
    # f p at the edge theta, as for Uniform(0, theta).
    j = np.arange(len(coefficients))
    moments = 2 * (2.0 ** (j + 2) - 1) * theta**j / (3 * (j + 2))
    trick = -2 / theta * (coefficients @ moments)
    truth = coefficients @ (j * moments) / theta
    lost = np.polyval(coefficients[::-1], theta) * 2 / (3 * theta)
    return np.array([truth, trick, lost])


# %% moving_edges wrong_score_in_x fails trick
def moving_edges(theta, coefficients):
    # d/dx log p = 1/x in place of d/dtheta log p.
    j = np.arange(len(coefficients))
    moments = 2 * (2.0 ** (j + 2) - 1) * theta**j / (3 * (j + 2))
    truth = coefficients @ (j * moments) / theta
    high, low = (np.polyval(coefficients[::-1], k * theta) for k in (2, 1))
    lost = (8 * high - 2 * low) / (3 * theta)
    u = np.linspace(theta, 2 * theta, 20001)
    f = np.polyval(coefficients[::-1], u)
    trick = np.trapezoid(f / u * 2 * u / (3 * theta**2), u)
    return np.array([truth, trick, lost])


# %% moving_edges wrong_score_of_the_uniform of alt_plain fails trick lost
#-    trick = -2 / theta * (coefficients @ moments)
#+    trick = -1 / theta * (coefficients @ moments)


# %% moving_edges wrong_score_sign of alt_plain fails trick lost
#-    trick = -2 / theta * (coefficients @ moments)
#+    trick = 2 / theta * (coefficients @ moments)


# %% moving_edges wrong_truth_is_mean_slope of alt_plain fails truth lost
#-def moving_edges(theta, coefficients):
#+def moving_edges(theta, coefficients):
#+    # E[f'(x)], as if a change of theta moved every x by the same.
#-    truth = coefficients @ (j * moments) / theta
#+    truth = np.sum(coefficients[1:] * j[1:] * moments[:-1])


# %% moving_edges wrong_power_of_the_mean fails truth trick
def moving_edges(theta, coefficients):
    # f(E x) in place of E f(x).
    mean = 14 * theta / 9
    slope = sum(
        j * c * mean ** (j - 1) for j, c in enumerate(coefficients) if j
    )
    trick = -2 / theta * np.polyval(coefficients[::-1], mean)
    high, low = (np.polyval(coefficients[::-1], k * theta) for k in (2, 1))
    return np.array([slope * 14 / 9, trick, (8 * high - 2 * low) / (3 * theta)])


# %% moving_edges wrong_uniform_density of alt_plain fails truth trick lost
#-    moments = 2 * (2.0 ** (j + 2) - 1) * theta**j / (3 * (j + 2))
#-    trick = -2 / theta * (coefficients @ moments)
#+    moments = (2.0 ** (j + 1) - 1) * theta**j / (j + 1)
#+    trick = -1 / theta * (coefficients @ moments)


# %% moving_edges wrong_at_theta_one fails truth trick lost
def moving_edges(theta, coefficients):
    # The powers of theta are forgotten: right at theta = 1.
    j = np.arange(len(coefficients))
    moments = 2 * (2.0 ** (j + 2) - 1) / (3 * (j + 2))
    trick = -2 * (coefficients @ moments)
    truth = coefficients @ (j * moments)
    return np.array([truth, trick, truth - trick])


# %% moving_edges wrong_highest_power_first of alt_plain fails truth trick lost
#-def moving_edges(theta, coefficients):
#+def moving_edges(theta, coefficients):
#+    coefficients = coefficients[::-1]


# %% moving_edges wrong_order of alt_plain fails truth trick lost
#-    return np.array([truth, trick, truth - trick])
#+    return np.array([trick, truth - trick, truth])


# %% moving_edges wrong_column of alt_plain fails truth trick lost
#-    return np.array([truth, trick, truth - trick])
#+    return np.array([[truth], [trick], [truth - trick]])


# %% moving_edges wrong_sampled fails truth trick lost
def moving_edges(theta, coefficients):
    u = np.random.default_rng(1).random(2_000)
    x = theta * np.sqrt(1 + 3 * u)
    trick = np.mean(np.polyval(coefficients[::-1], x)) * -2 / theta
    slope = np.polyder(np.poly1d(coefficients[::-1]))
    truth = np.mean(slope(x) * x / theta)
    return np.array([truth, trick, truth - trick])


# %% gradient_without_log alt_plain
def gradient_without_log(logits, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    return p * (p * payoffs - p**2 @ payoffs)


# %% gradient_without_log alt_loops
def gradient_without_log(logits, payoffs):
    import math

    K = len(logits)
    e = [math.exp(float(t)) for t in logits]
    p = [each / sum(e) for each in e]
    out = [0.0] * K
    for a in range(K):
        for j in range(K):
            grad = p[a] * ((1 if a == j else 0) - p[j])
            out[j] += p[a] * float(payoffs[a]) * grad
    return out


# %% gradient_without_log alt_detached
import torch


def gradient_without_log(logits, payoffs):
    theta = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    pi = torch.softmax(theta, dim=0)
    (pi.detach() * torch.tensor(payoffs) * pi).sum().backward()
    return theta.grad


# %% gradient_without_log alt_difference
def half_of_squares(theta, f):
    w = np.exp(theta - theta.max())
    return 0.5 * np.sum(f * (w / w.sum()) ** 2)


def gradient_without_log(logits, payoffs):
    out = np.empty(len(logits))
    for j in range(len(logits)):
        up, down = np.array(logits, float), np.array(logits, float)
        up[j] += 1e-5
        down[j] -= 1e-5
        out[j] = half_of_squares(up, payoffs) - half_of_squares(down, payoffs)
    return out / 2e-5


# %% gradient_without_log alt_jacobian
softmaxed = lambda t: np.exp(t - t.max()) / np.exp(t - t.max()).sum()


def gradient_without_log(logits, payoffs):
    p = softmaxed(np.asarray(logits))
    jacobian = np.diag(p) - np.outer(p, p)
    return jacobian.T @ (p * payoffs)


# %% gradient_without_log alt_with_the_package
from logderiv.expectation import gradient
from logderiv.identity import Categorical


def gradient_without_log(logits, payoffs):
    arms = Categorical(logits)
    return gradient(lambda a: payoffs[a] * arms.probabilities[a], arms)


# %% gradient_without_log wrong_with_log of alt_plain fails of_random_arms of_equal_arms
#-    return p * (p * payoffs - p**2 @ payoffs)
#+    return p * (payoffs - p @ payoffs)


# %% gradient_without_log wrong_sign of alt_plain fails of_random_arms of_equal_arms
#-    return p * (p * payoffs - p**2 @ payoffs)
#+    return p * (p**2 @ payoffs) - p**2 * payoffs


# %% gradient_without_log wrong_log_prob_in_place fails of_random_arms of_equal_arms
def gradient_without_log(logits, payoffs):
    # f(a) grad pi(a) log pi(a): the log is kept in the wrong place.
    p = np.exp(logits) / np.exp(logits).sum()
    g = np.zeros(len(p))
    for a in range(len(p)):
        g += p[a] * payoffs[a] * np.log(p[a]) * (np.eye(len(p))[a] - p)
    return g


# %% gradient_without_log wrong_sum_without_sampling fails of_random_arms of_equal_arms
def gradient_without_log(logits, payoffs):
    # The sum of f grad pi is line 3, and that is the true gradient.
    p = np.exp(logits) / np.exp(logits).sum()
    g = np.zeros(len(p))
    for a in range(len(p)):
        g += payoffs[a] * p[a] * (np.eye(len(p))[a] - p)
    return g


# %% gradient_without_log wrong_pi_times_true_gradient of alt_plain fails of_random_arms of_equal_arms
#-    return p * (p * payoffs - p**2 @ payoffs)
#+    return p * p * (payoffs - p @ payoffs)


# %% gradient_without_log wrong_payoff_outside fails of_random_arms
def gradient_without_log(logits, payoffs):
    # Right only where all payoffs are equal.
    p = np.exp(logits) / np.exp(logits).sum()
    return payoffs * p * (p - (p**2).sum())


# %% gradient_without_log wrong_mean_payoff of alt_plain fails of_random_arms
#-    return p * (p * payoffs - p**2 @ payoffs)
#+    return (p @ payoffs) * p * (p - (p**2).sum())


# %% gradient_without_log wrong_own_knob_only of alt_plain fails of_random_arms of_equal_arms
#-    return p * (p * payoffs - p**2 @ payoffs)
#+    return p * payoffs * p * (1 - p)


# %% gradient_without_log wrong_factor_two fails of_random_arms of_equal_arms
def gradient_without_log(logits, payoffs):
    # The gradient of sum f pi², where each pi is differentiated.
    p = np.exp(logits) / np.exp(logits).sum()
    weighted = p**2 * payoffs
    return 2 * (weighted - p * weighted.sum())


# %% gradient_without_log wrong_mean_over_arms fails of_random_arms of_equal_arms
def gradient_without_log(logits, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    weighted = p**2 * payoffs
    return (weighted - p * weighted.sum()) / len(p)


# %% gradient_without_log wrong_pi_three_times fails of_random_arms of_equal_arms
def gradient_without_log(logits, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    weighted = p**3 * payoffs
    return weighted - p * weighted.sum()


# %% gradient_without_log wrong_baseline fails of_random_arms of_equal_arms
def gradient_without_log(logits, payoffs):
    # A baseline would change nothing, had the log been there.
    p = np.exp(logits) / np.exp(logits).sum()
    weighted = p**2 * (payoffs - p @ payoffs)
    return weighted - p * weighted.sum()


# %% gradient_without_log wrong_likeliest_arm fails of_random_arms of_equal_arms
def gradient_without_log(logits, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    a = np.argmax(p)
    return payoffs[a] * p[a] * (np.eye(len(p))[a] - p)


# %% gradient_without_log wrong_sampled fails of_random_arms of_equal_arms
def gradient_without_log(logits, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    a = np.random.default_rng(3).choice(len(p), size=20_000, p=p)
    slopes = p[a][:, None] * (np.eye(len(p))[a] - p)
    return (payoffs[a][:, None] * slopes).mean(axis=0)


# %% gradient_without_log wrong_sigmoids fails of_random_arms of_equal_arms
def gradient_without_log(logits, payoffs):
    p = 1 / (1 + np.exp(-logits))
    weighted = p**2 * payoffs
    return weighted - p * weighted.sum()


# %% gradient_without_log wrong_matrix fails of_random_arms of_equal_arms
def gradient_without_log(logits, payoffs):
    # (K,) meets (K, 1).
    p = np.exp(logits) / np.exp(logits).sum()
    weighted = (p**2 * payoffs)[:, None]
    return weighted - p * weighted.sum()


# %% gradient_without_log wrong_column fails of_random_arms of_equal_arms
def gradient_without_log(logits, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    weighted = p**2 * payoffs
    return (weighted - p * weighted.sum())[:, None]


# %% gradient_without_log wrong_scalar of alt_plain fails of_random_arms of_equal_arms
#-    return p * (p * payoffs - p**2 @ payoffs)
#+    return np.abs(p**2 * payoffs - p * (p**2 * payoffs).sum()).sum()


# %% penalised_gradient alt_plain
def penalised_gradient(logits, payoffs, reference, beta):
    p = np.exp(logits) / np.exp(logits).sum()
    return np.array([p * (payoffs - p @ payoffs), beta * (reference - p)])


# %% penalised_gradient alt_sums_over_arms
def penalised_gradient(logits, payoffs, reference, beta):
    K = len(logits)
    p = np.exp(logits) / np.exp(logits).sum()
    D = 0.0
    for b in range(K):
        if reference[b] > 0:
            D += reference[b] * np.log(reference[b] / p[b])
    grad_D = np.zeros(K)
    for b in range(K):
        grad_D -= reference[b] * (np.eye(K)[b] - p)
    rows = [[0.0] * K, [0.0] * K]
    for a in range(K):
        s = np.eye(K)[a] - p
        for j in range(K):
            rows[0][j] += p[a] * (payoffs[a] - beta * D) * s[j]
            rows[1][j] += p[a] * -beta * grad_D[j]
    return rows


# %% penalised_gradient alt_autograd
import torch


def penalised_gradient(logits, payoffs, reference, beta):
    q, r = torch.tensor(payoffs), torch.tensor(reference)

    def payoff(theta):
        log_pi = torch.log_softmax(theta, 0)
        return q - beta * (torch.xlogy(r, r).sum() - (r * log_pi).sum())

    here = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    fixed = here.detach()
    score = torch.autograd.grad(
        (torch.softmax(here, 0) * payoff(fixed)).sum(), here
    )[0]
    explicit = torch.autograd.grad(
        (torch.softmax(fixed, 0) * payoff(here)).sum(), here
    )[0]
    return torch.stack([score, explicit])


# %% penalised_gradient alt_difference
def penalised_gradient(logits, payoffs, reference, beta):
    def pi(theta):
        return np.exp(theta) / np.sum(np.exp(theta))

    def f(theta):
        seen = reference > 0
        r = reference[seen]
        return payoffs - beta * np.sum(r * np.log(r / pi(theta)[seen]))

    rows, h = np.empty((2, len(logits))), 1e-5
    for j, step in enumerate(h * np.eye(len(logits))):
        up, down = logits + step, logits - step
        rows[0, j] = (pi(up) - pi(down)) @ f(logits) / (2 * h)
        rows[1, j] = pi(logits) @ (f(up) - f(down)) / (2 * h)
    return rows


# %% penalised_gradient alt_tuple_in_place
def penalised_gradient(logits, payoffs, reference, beta):
    p = logits.copy()
    p -= p.max()
    np.exp(p, out=p)
    p /= p.sum()
    first = np.cov(np.eye(len(p)), aweights=p, ddof=0) @ payoffs
    second = -p
    second += reference
    second *= beta
    return first, second


# %% penalised_gradient wrong_explicit_is_zero fails explicit_part where_the_reference_is_zero
def penalised_gradient(logits, payoffs, reference, beta):
    # As for the entropy of the chapter's exercise.
    p = np.exp(logits) / np.exp(logits).sum()
    return np.array([p * (payoffs - p @ payoffs), 0 * p])


# %% penalised_gradient wrong_direction fails explicit_part where_the_reference_is_zero
def penalised_gradient(logits, payoffs, reference, beta):
    # The gradient of the KL of the chapter, weights pi.
    p = np.exp(logits) / np.exp(logits).sum()
    with np.errstate(all="ignore"):
        ratio = np.log(p / reference)
        explicit = -beta * p * (ratio - p @ ratio)
    return np.array([p * (payoffs - p @ payoffs), explicit])


# %% penalised_gradient wrong_chapter_penalty fails score_part explicit_part where_the_reference_is_zero
def penalised_gradient(logits, payoffs, reference, beta):
    # beta log(pi / r) is taken from the payoff of each arm.
    p = np.exp(logits) / np.exp(logits).sum()
    with np.errstate(all="ignore"):
        f = payoffs - beta * np.log(p / reference)
        return np.array([p * (f - p @ f), 0 * p])


# %% penalised_gradient wrong_explicit_sign of alt_plain fails explicit_part where_the_reference_is_zero
#-    return np.array([p * (payoffs - p @ payoffs), beta * (reference - p)])
#+    return np.array([p * (payoffs - p @ payoffs), beta * (p - reference)])


# %% penalised_gradient wrong_score_sign of alt_plain fails score_part where_the_reference_is_zero
#-    return np.array([p * (payoffs - p @ payoffs), beta * (reference - p)])
#+    return np.array([p * (p @ payoffs - payoffs), beta * (reference - p)])


# %% penalised_gradient wrong_without_beta of alt_plain fails explicit_part where_the_reference_is_zero
#-    return np.array([p * (payoffs - p @ payoffs), beta * (reference - p)])
#+    return np.array([p * (payoffs - p @ payoffs), reference - p])


# %% penalised_gradient wrong_slope_in_pi fails explicit_part where_the_reference_is_zero
def penalised_gradient(logits, payoffs, reference, beta):
    # d D / d pi, not in the logits.
    p = np.exp(logits) / np.exp(logits).sum()
    return np.array([p * (payoffs - p @ payoffs), beta * reference / p])


# %% penalised_gradient wrong_half_of_the_slope fails explicit_part where_the_reference_is_zero
def penalised_gradient(logits, payoffs, reference, beta):
    # The normaliser of the softmax is not differentiated.
    p = np.exp(logits) / np.exp(logits).sum()
    return np.array([p * (payoffs - p @ payoffs), beta * reference])


# %% penalised_gradient wrong_summed_over_arms fails explicit_part where_the_reference_is_zero
def penalised_gradient(logits, payoffs, reference, beta):
    # A sum over the arms without their probabilities.
    p = np.exp(logits) / np.exp(logits).sum()
    explicit = sum(beta * (reference - p) for _ in payoffs)
    return np.array([p * (payoffs - p @ payoffs), explicit])


# %% penalised_gradient wrong_weighted_again of alt_plain fails explicit_part where_the_reference_is_zero
#-    return np.array([p * (payoffs - p @ payoffs), beta * (reference - p)])
#+    return np.array([p * (payoffs - p @ payoffs), beta * p * (reference - p)])


# %% penalised_gradient wrong_slope_of_payoffs fails score_part where_the_reference_is_zero
def penalised_gradient(logits, payoffs, reference, beta):
    # p q, as if only the own knob moved a probability.
    p = np.exp(logits) / np.exp(logits).sum()
    return np.array([p * payoffs, beta * (reference - p)])


# %% penalised_gradient wrong_plain_mean of alt_plain fails score_part where_the_reference_is_zero
#-    return np.array([p * (payoffs - p @ payoffs), beta * (reference - p)])
#+    return np.array([p * (payoffs - payoffs.mean()), beta * (reference - p)])


# %% penalised_gradient wrong_log_missing fails score_part where_the_reference_is_zero
def penalised_gradient(logits, payoffs, reference, beta):
    p = np.exp(logits) / np.exp(logits).sum()
    twice = p**2 * payoffs
    return np.array([twice - p * twice.sum(), beta * (reference - p)])


# %% penalised_gradient wrong_penalty_left_in fails score_part where_the_reference_is_zero
def penalised_gradient(logits, payoffs, reference, beta):
    # The penalty is taken from f(a), but not from the mean of f.
    p = np.exp(logits) / np.exp(logits).sum()
    seen = reference > 0
    distance = reference[seen] @ np.log(reference[seen] / p[seen])
    score_part = p * (payoffs - beta * distance - p @ payoffs)
    return np.array([score_part, beta * (reference - p)])


# %% penalised_gradient wrong_total_in_row_0 fails score_part where_the_reference_is_zero
def penalised_gradient(logits, payoffs, reference, beta):
    p = np.exp(logits) / np.exp(logits).sum()
    explicit = beta * (reference - p)
    return np.array([p * (payoffs - p @ payoffs) + explicit, explicit])


# %% penalised_gradient wrong_zero_log_zero fails where_the_reference_is_zero
def penalised_gradient(logits, payoffs, reference, beta):
    p = np.exp(logits) / np.exp(logits).sum()
    with np.errstate(all="ignore"):
        f = payoffs - beta * np.sum(reference * np.log(reference / p))
    return np.array([p * (f - p @ f), beta * (reference - p)])


# %% penalised_gradient wrong_zeros_left_out fails where_the_reference_is_zero
def penalised_gradient(logits, payoffs, reference, beta):
    # Arms with r = 0 are dropped from the explicit part as well.
    p = np.exp(logits) / np.exp(logits).sum()
    explicit = np.where(reference > 0, beta * (reference - p), 0.0)
    return np.array([p * (payoffs - p @ payoffs), explicit])


# %% penalised_gradient wrong_rows_swapped of alt_plain fails score_part explicit_part where_the_reference_is_zero
#-    return np.array([p * (payoffs - p @ payoffs), beta * (reference - p)])
#+    return np.array([beta * (reference - p), p * (payoffs - p @ payoffs)])


# %% penalised_gradient wrong_columns fails score_part explicit_part where_the_reference_is_zero
def penalised_gradient(logits, payoffs, reference, beta):
    p = np.exp(logits) / np.exp(logits).sum()
    rows = np.array([p * (payoffs - p @ payoffs), beta * (reference - p)])
    return rows.T


# %% penalised_gradient wrong_total_alone of alt_plain fails score_part explicit_part where_the_reference_is_zero
#-    return np.array([p * (payoffs - p @ payoffs), beta * (reference - p)])
#+    return p * (payoffs - p @ payoffs) + beta * (reference - p)


# %% penalised_gradient wrong_one_arm_of_reference fails where_the_reference_is_zero
def penalised_gradient(logits, payoffs, reference, beta):
    pi = np.exp(logits - np.max(logits))
    pi = pi / pi.sum()
    seen = reference > 0
    entropy = reference[seen] @ np.log(reference[seen])
    cross = reference[seen] @ np.log(pi[seen])
    penalty = entropy * (1 - cross / entropy)
    score = np.eye(len(pi)) - pi
    first = (pi * (payoffs - beta * penalty)) @ score
    return np.array([first, beta * (reference - pi)])


# %% reweighted_gradient alt_plain
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    w = p[actions] / behaviour[actions]
    score = np.eye(len(p))[actions] - p
    return (w * payoffs) @ score / len(actions)


# %% reweighted_gradient alt_loop
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = [float(np.exp(t) / np.exp(logits).sum()) for t in logits]
    n = len(actions)
    g = [0.0 for _ in p]
    for i in range(n):
        a = int(actions[i])
        for j in range(len(p)):
            score = (1.0 if j == a else 0.0) - p[j]
            g[j] += p[a] / behaviour[a] * payoffs[i] * score / n
    return g


# %% reweighted_gradient alt_ratio_differentiated
import torch


def reweighted_gradient(logits, behaviour, actions, payoffs):
    theta = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    pi = torch.distributions.Categorical(logits=theta)
    a = torch.as_tensor(actions)
    log_mu = torch.log(torch.as_tensor(behaviour))[a]
    ratio = torch.exp(pi.log_prob(a) - log_mu)
    (ratio * torch.as_tensor(payoffs)).mean().backward()
    return theta.grad.numpy()


# %% reweighted_gradient alt_line_3
def reweighted_gradient(logits, behaviour, actions, payoffs):
    """Slope of pi over behaviour: p / mu * score = grad p / mu."""
    p = np.exp(logits) / np.exp(logits).sum()
    jacobian = np.diag(p) - np.outer(p, p)
    return np.mean(
        [
            f / behaviour[a] * jacobian[a]
            for a, f in zip(actions, payoffs, strict=True)
        ],
        axis=0,
    )


# %% reweighted_gradient alt_totals_of_arms
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    totals = np.bincount(actions, weights=payoffs, minlength=len(p))
    q = totals / len(actions) / behaviour
    return p * (q - p @ q)


# %% reweighted_gradient wrong_no_factor fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    score = np.eye(len(p))[actions] - p
    return (payoffs[:, None] * score).mean(axis=0)


# %% reweighted_gradient wrong_factor_inverted fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    w = behaviour[actions] / p[actions]
    score = np.eye(len(p))[actions] - p
    return ((w * payoffs)[:, None] * score).mean(axis=0)


# %% reweighted_gradient wrong_self_normalised of alt_plain fails of_given_samples is_unbiased
#-    return (w * payoffs) @ score / len(actions)
#+    return (w * payoffs) @ score / w.sum()


# %% reweighted_gradient wrong_own_sample_baseline of alt_plain fails of_given_samples is_unbiased
#-    return (w * payoffs) @ score / len(actions)
#+    return (w * (payoffs - payoffs.mean())) @ score / len(actions)


# %% reweighted_gradient wrong_mean_payoff_of_each_arm fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    # Line 3 with estimated payoffs: behaviour and counts drop out.
    p = np.exp(logits) / np.exp(logits).sum()
    q = np.zeros(len(p))
    for a in set(actions.tolist()):
        q[a] = payoffs[actions == a].mean()
    return p * (q - p @ q)


# %% reweighted_gradient wrong_counts_for_behaviour of alt_plain fails of_given_samples is_unbiased
#-    w = p[actions] / behaviour[actions]
#+    mu = np.bincount(actions, minlength=len(p)) / len(actions)
#+    w = p[actions] / mu[actions]


# %% reweighted_gradient wrong_sum_for_mean fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    w = p[actions] / behaviour[actions]
    return (w * payoffs) @ (np.eye(len(p))[actions] - p)


# %% reweighted_gradient wrong_mean_over_arms fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    w = p[actions] / behaviour[actions]
    return (w * payoffs) @ (np.eye(len(p))[actions] - p) / len(p)


# %% reweighted_gradient wrong_sign fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    w = p[actions] / behaviour[actions]
    return -(w * payoffs) @ (np.eye(len(p))[actions] - p) / len(actions)


# %% reweighted_gradient wrong_score_of_behaviour of alt_plain fails of_given_samples is_unbiased
#-    score = np.eye(len(p))[actions] - p
#+    score = np.eye(len(p))[actions] - behaviour


# %% reweighted_gradient wrong_score_without_pi fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    w = p[actions] / behaviour[actions]
    return (w * payoffs) @ np.eye(len(p))[actions] / len(actions)


# %% reweighted_gradient wrong_log_missing fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    w = p[actions] / behaviour[actions]
    slope = p[actions][:, None] * (np.eye(len(p))[actions] - p)
    return (w * payoffs) @ slope / len(actions)


# %% reweighted_gradient wrong_divided_by_behaviour_alone fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    w = 1 / behaviour[actions]
    return (w * payoffs) @ (np.eye(len(p))[actions] - p) / len(actions)


# %% reweighted_gradient wrong_clipped fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    w = np.clip(p[actions] / behaviour[actions], 0.8, 1.2)
    return (w * payoffs) @ (np.eye(len(p))[actions] - p) / len(actions)


# %% reweighted_gradient wrong_behaviour_as_logits fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    mu = np.exp(behaviour) / np.exp(behaviour).sum()
    w = p[actions] / mu[actions]
    return (w * payoffs) @ (np.eye(len(p))[actions] - p) / len(actions)


# %% reweighted_gradient wrong_payoffs_by_arm fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    # payoffs[i] is taken to be what arm i pays.
    p = np.exp(logits) / np.exp(logits).sum()
    w = p[actions] / behaviour[actions]
    f = payoffs[actions]
    return (w * f) @ (np.eye(len(p))[actions] - p) / len(actions)


# %% reweighted_gradient wrong_broadcast fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    # (n, 1) * (n,) is (n, n): every payoff meets every factor.
    p = np.exp(logits) / np.exp(logits).sum()
    w = (p[actions] / behaviour[actions])[:, None]
    score = np.eye(len(p))[actions] - p
    return ((w * payoffs)[:, :, None] * score[:, None]).mean(axis=(0, 1))


# %% reweighted_gradient wrong_last_sample fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    for a, f in zip(actions, payoffs):
        g = p[a] / behaviour[a] * f * (np.eye(len(p))[a] - p)
    return g / len(actions)


# %% reweighted_gradient wrong_row fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    w = p[actions] / behaviour[actions]
    terms = (w * payoffs)[:, None] * (np.eye(len(p))[actions] - p)
    return terms.mean(axis=0, keepdims=True)


# %% reweighted_gradient wrong_all_terms fails of_given_samples is_unbiased
def reweighted_gradient(logits, behaviour, actions, payoffs):
    p = np.exp(logits) / np.exp(logits).sum()
    w = p[actions] / behaviour[actions]
    return (w * payoffs)[:, None] * (np.eye(len(p))[actions] - p)


# %% plot_objective alt_plain
def plot_objective(ax):
    p = np.linspace(0.01, 0.99, 99)
    J = driver_value(p)
    ax.plot(p, J, label="objective")
    ax.scatter(p[J.argmax()], J.max(), label="best")
    ax.set_xlabel("probability")
    ax.set_ylabel("payoff")
    ax.legend()


# %% plot_objective alt_loop_and_marker
def plot_objective(ax):
    xs = [k / 100 for k in range(1, 100)]
    ys = [driver_value(x) for x in xs]
    best = max(zip(ys, xs))
    ax.plot(best[1], best[0], "r*", markersize=12, label="Best p")
    ax.plot(xs, ys, label="the Objective")
    ax.axvline(best[1], linestyle=":")
    ax.set(xlabel="Probability of going on", ylabel="Expected PAYOFF")
    ax.legend()


# %% plot_objective alt_pyplot
import matplotlib.pyplot as plt


def plot_objective(ax):
    plt.sca(ax)
    p = np.arange(0.01, 1.0, 0.01)
    J = driver_value(p)
    plt.step(p, J, label="objective $J(p)$")
    i = int(np.nanargmax(J))
    plt.scatter(p[[i]], J[[i]], c="k", label=f"best, p = {p[i]:.2f}")
    plt.xlabel("$p$, the probability of straight on")
    plt.ylabel("payoff $J(p)$")
    plt.title("three crossings")
    plt.grid(True)
    plt.legend(loc="lower left")


# %% plot_objective alt_reversed
def plot_objective(ax):
    p = np.linspace(0.01, 0.99, 99)[::-1]
    best = p[driver_value(p).argmax()]
    (line,) = ax.plot(p, driver_value(p), ".-", label="objective")
    dot = ax.scatter([best], [driver_value(best)], label="best")
    ax.annotate("top", (best, driver_value(best)))
    ax.set_xlabel("probability")
    ax.set_ylabel("mean payoff")
    ax.legend(handles=[line, dot])


# %% plot_objective wrong_lowest_point of alt_plain fails top
#-    ax.scatter(p[J.argmax()], J.max(), label="best")
#+    ax.scatter(p[J.argmin()], J.min(), label="best")


# %% plot_objective wrong_index_for_p of alt_plain fails top
#-    ax.scatter(p[J.argmax()], J.max(), label="best")
#+    ax.scatter(J.argmax(), J.max(), label="best")


# %% plot_objective wrong_every_peak of alt_plain fails top
#-    ax.scatter(p[J.argmax()], J.max(), label="best")
#+    ax.scatter([p[0], p[J.argmax()]], [J[0], J.max()], label="best")


# %% plot_objective wrong_greedy_climb fails top
def plot_objective(ax):
    # Climbs from the left end, and stays there.
    p = np.linspace(0.01, 0.99, 99)
    J = driver_value(p)
    i = 0
    while J[i + 1] > J[i]:
        i += 1
    ax.plot(p, J, label="objective")
    ax.scatter(p[i], J[i], label="best")
    ax.set_xlabel("probability")
    ax.set_ylabel("payoff")
    ax.legend()


# %% plot_objective wrong_all_points_marked of alt_plain fails top
#-    J = driver_value(p)
#-    ax.plot(p, J, label="objective")
#-    ax.scatter(p[J.argmax()], J.max(), label="best")
#+    ax.plot(p, driver_value(p), label="objective")
#+    ax.scatter(p, driver_value(p), label="best")


# %% plot_objective wrong_grid of alt_plain fails grid
#-    p = np.linspace(0.01, 0.99, 99)
#+    p = np.linspace(0, 1, 101)


# %% plot_objective wrong_against_theta fails curve grid top
def plot_objective(ax):
    theta = np.linspace(-4, 4, 99)
    J = driver_value(1 / (1 + np.exp(-theta)))
    ax.plot(theta, J, label="objective")
    ax.scatter(theta[J.argmax()], J.max(), label="best")
    ax.set_xlabel("log-odds of the probability")
    ax.set_ylabel("payoff")
    ax.legend()


# %% plot_objective wrong_without_x of alt_plain fails curve grid top
#-    ax.plot(p, J, label="objective")
#-    ax.scatter(p[J.argmax()], J.max(), label="best")
#+    ax.plot(J, label="objective")
#+    ax.scatter(J.argmax(), J.max(), label="best")


# %% plot_objective wrong_turning_off of alt_plain fails curve top
#-    J = driver_value(p)
#+    J = driver_value(1 - p)


# %% plot_objective wrong_loss fails curve top
def plot_objective(ax):
    p = np.linspace(0.01, 0.99, 99)
    loss = -driver_value(p)
    ax.plot(p, loss, label="objective")
    ax.scatter(p[loss.argmin()], loss.min(), label="best")
    ax.set_xlabel("probability")
    ax.set_ylabel("payoff")
    ax.legend()


# %% plot_objective wrong_labels_swapped of alt_plain fails labels
#-    ax.set_xlabel("probability")
#-    ax.set_ylabel("payoff")
#+    ax.set_xlabel("payoff")
#+    ax.set_ylabel("probability")


# %% plot_objective wrong_without_legend of alt_plain fails labels
#-    ax.legend()


# %% plot_objective wrong_series_without_labels of alt_plain fails curve grid top labels
#-    ax.plot(p, J, label="objective")
#-    ax.scatter(p[J.argmax()], J.max(), label="best")
#+    ax.plot(p, J)
#+    ax.scatter(p[J.argmax()], J.max())
#-    ax.legend()


# %% plot_objective wrong_other_axes of alt_plain fails curve grid top labels
#-def plot_objective(ax):
#+def plot_objective(ax):
#+    import matplotlib.pyplot as plt
#+    figure, ax = plt.subplots()


# %% plot_objective wrong_best_between_the_values fails top
def plot_objective(ax):
    p = np.arange(1, 100) / 100
    ax.plot(p, driver_value(p), label="objective")
    ax.scatter([0.5442], [driver_value(0.5442)], label="best")
    ax.set(xlabel="probability", ylabel="payoff")
    ax.legend()


# %% plot_objective wrong_scribble fails grid
def plot_objective(ax):
    p = np.random.default_rng(0).permutation(np.arange(1, 100) / 100)
    ax.plot(p, driver_value(p), label="objective")
    ax.scatter([0.54], [driver_value(0.54)], label="best")
    ax.set(xlabel="probability", ylabel="payoff")
    ax.legend()
