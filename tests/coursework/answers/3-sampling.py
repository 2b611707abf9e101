# Answers to homework 3. Each cell replaces one answer of the master: a whole
# answer, or one `of` a right one above with the lines #+ in place of #-.


# %% grouped_weights alt_plain
def grouped_weights(rewards, group):
    same = group[:, None] == group
    return rewards - (same @ rewards - rewards) / (same.sum(axis=1) - 1)


# %% grouped_weights alt_loops
def grouped_weights(rewards, group):
    result = []
    for i in range(len(rewards)):
        others = []
        for j in range(len(rewards)):
            if i != j and group[i] == group[j]:
                others.append(rewards[j])
        result.append(rewards[i] - sum(others) / len(others))
    return result


# %% grouped_weights alt_unique_and_bincount
def grouped_weights(rewards, group):
    _, inverse, size = np.unique(
        group, return_inverse=True, return_counts=True
    )
    total = np.bincount(inverse, weights=rewards)
    k = size[inverse]
    return k / (k - 1) * (rewards - total[inverse] / k)


# %% grouped_weights alt_torch
def grouped_weights(rewards, group):
    r, g = torch.tensor(rewards), torch.tensor(group)
    same = (g[:, None] == g[None, :]).double()
    same = same - torch.eye(len(r), dtype=torch.float64)
    return r - (same @ r) / same.sum(dim=1)


# %% grouped_weights alt_dictionary_and_package
from collections import defaultdict

from logderiv.plain import mean_of_others


def grouped_weights(rewards, group):
    members = defaultdict(list)
    for i, label in enumerate(group.tolist()):
        members[label].append(i)
    for rows in members.values():
        rewards[rows] -= mean_of_others(rewards[rows])
    return rewards


# %% grouped_weights wrong_own_mean fails of_sorted_groups in_any_order
def grouped_weights(rewards, group):
    out = np.zeros(len(rewards))
    for g in np.unique(group):
        out[group == g] = rewards[group == g] - rewards[group == g].mean()
    return out


# %% grouped_weights wrong_whole_batch fails of_sorted_groups in_any_order
def grouped_weights(rewards, group):
    n = len(rewards)
    return rewards - (rewards.sum() - rewards) / (n - 1)


# %% grouped_weights wrong_standardised fails of_sorted_groups in_any_order
def grouped_weights(rewards, group):
    out = np.zeros(len(rewards))
    for g in np.unique(group):
        r = rewards[group == g]
        out[group == g] = (r - r.mean()) / r.std(ddof=1)
    return out


# %% grouped_weights wrong_sum_over_k fails of_sorted_groups in_any_order
def grouped_weights(rewards, group):
    out = np.zeros(len(rewards))
    for g in np.unique(group):
        r = rewards[group == g]
        out[group == g] = r - (r.sum() - r) / len(r)
    return out


# %% grouped_weights wrong_divides_by_batch fails of_sorted_groups in_any_order
def grouped_weights(rewards, group):
    same = group[:, None] == group
    total = same @ rewards - rewards
    return rewards - total / (len(rewards) - 1)


# %% grouped_weights wrong_sign of alt_plain fails of_sorted_groups in_any_order
#-    return rewards - (same @ rewards - rewards) / (same.sum(axis=1) - 1)
#+    return (same @ rewards - rewards) / (same.sum(axis=1) - 1) - rewards


# %% grouped_weights wrong_baseline_only of alt_plain fails of_sorted_groups in_any_order
#-    return rewards - (same @ rewards - rewards) / (same.sum(axis=1) - 1)
#+    return (same @ rewards - rewards) / (same.sum(axis=1) - 1)


# %% grouped_weights wrong_column fails of_sorted_groups in_any_order
def grouped_weights(rewards, group):
    same = group[:, None] == group
    weights = rewards - (same @ rewards - rewards) / (same.sum(axis=1) - 1)
    return weights[:, None]


# %% grouped_weights wrong_equal_groups fails of_sorted_groups in_any_order
def grouped_weights(rewards, group):
    size = len(rewards) // len(set(group.tolist()))
    out = []
    for start in range(0, len(rewards), size):
        r = rewards[start : start + size]
        out += list(r - (r.sum() - r) / max(len(r) - 1, 1))
    return out


# %% grouped_weights wrong_assumes_sorted fails in_any_order
def grouped_weights(rewards, group):
    edges = np.flatnonzero(np.diff(group)) + 1
    out = []
    for r in np.split(rewards, edges):
        out += list(r - (r.sum() - r) / max(len(r) - 1, 1))
    return np.array(out)


# %% grouped_weights wrong_labels_from_zero fails in_any_order
def grouped_weights(rewards, group):
    total = np.bincount(group, weights=rewards)
    size = np.bincount(group)
    return rewards - (total[group] - rewards) / (size[group] - 1)


# %% grouped_weights wrong_in_order_of_groups fails in_any_order
def grouped_weights(rewards, group):
    out = []
    for g in np.unique(group):
        r = rewards[group == g]
        out.append(r - (r.sum() - r) / (len(r) - 1))
    return np.concatenate(out)


# %% grouped_weights wrong_labels_up_to_size fails in_any_order
def grouped_weights(rewards, group):
    total, size = np.zeros(len(rewards)), np.zeros(len(rewards))
    for r, g in zip(rewards, group):
        total[g % len(rewards)] += r
        size[g % len(rewards)] += 1
    total, size = total[: group.max() + 1], size[: group.max() + 1]
    return rewards - (total[group] - rewards) / (size[group] - 1)


# %% grouped_weights wrong_median fails of_sorted_groups in_any_order
def grouped_weights(rewards, group):
    return np.array([
        r - np.median([
            rewards[j] for j in range(len(rewards))
            if j != i and group[j] == group[i]
        ])
        for i, r in enumerate(rewards)
    ])


# %% grouped_weights wrong_leaves_out_equal_rewards fails of_sorted_groups in_any_order
def grouped_weights(rewards, group):
    return [
        r - max(rewards[(group == g) & (rewards != r)])
        for r, g in zip(rewards, group)
    ]


# %% grouped_weights wrong_others_by_value fails of_sorted_groups in_any_order
def grouped_weights(rewards, group):
    weights = []
    for r, g in zip(rewards, group):
        others = rewards[(group == g) & (rewards != r)]
        weights.append(r - (others.mean() if len(others) else 0))
    return np.array(weights)


# %% leave_one_out_variance alt_plain
def leave_one_out_variance(probabilities, payoffs, size):
    p, f = probabilities, payoffs
    first = second = 0
    for x in itertools.product(range(len(p)), repeat=size):
        x = list(x)
        b = (f[x].sum() - f[x]) / (size - 1)
        g = ((f[x] - b)[:, None] * (np.eye(len(p))[x] - p)).mean(axis=0)
        first = first + p[x].prod() * g
        second = second + p[x].prod() * g**2
    return second - first**2


# %% leave_one_out_variance alt_loops_and_lists
def leave_one_out_variance(probabilities, payoffs, size):
    kinds = len(probabilities)
    answer = []
    for k in range(kinds):
        mean, square = 0.0, 0.0
        for x in itertools.product(range(kinds), repeat=size):
            p = 1.0
            for xi in x:
                p *= probabilities[xi]
            g = 0.0
            for i in range(size):
                b = sum(payoffs[x[j]] for j in range(size) if j != i)
                s = (1 if x[i] == k else 0) - probabilities[k]
                g += (payoffs[x[i]] - b / (size - 1)) * s / size
            mean += p * g
            square += p * g * g
        answer.append(square - mean * mean)
    return answer


# %% leave_one_out_variance alt_formula
def leave_one_out_variance(probabilities, payoffs, size):
    p, f, n = probabilities, payoffs, size
    e = np.eye(len(p))
    h = (f[:, None, None] - f[None, :, None]) * (e[:, None] - e) / 2
    half = (p[None, :, None] * h).sum(axis=1)
    g = p @ half
    zeta1 = p @ (half - g) ** 2
    zeta2 = (p[:, None, None] * p[None, :, None] * (h - g) ** 2).sum((0, 1))
    return 4 * (n - 2) / (n * (n - 1)) * zeta1 + 2 / (n * (n - 1)) * zeta2


# %% leave_one_out_variance alt_covariance_of_two_terms
def leave_one_out_variance(probabilities, payoffs, size):
    p, f = probabilities, payoffs
    k = len(p)
    x = np.indices((k,) * size).reshape(size, -1)
    weight = p[x].prod(axis=0)
    w = f[x] - (f[x].sum(axis=0) - f[x]) / (size - 1)
    terms = w[:, None, :] * (np.eye(k)[:, x].swapaxes(0, 1) - p[:, None])
    g = terms[0] @ weight
    own = terms[0] ** 2 @ weight - g**2
    cross = (terms[0] * terms[1]) @ weight - g**2
    return own / size + (size - 1) / size * cross


# %% leave_one_out_variance alt_torch_recursive
def all_samples(k, size):
    if size == 0:
        return [[]]
    return [[*rest, a] for rest in all_samples(k, size - 1) for a in range(k)]


def leave_one_out_variance(probabilities, payoffs, size):
    p, f = torch.tensor(probabilities), torch.tensor(payoffs)
    x = torch.tensor(all_samples(len(p), size))
    fx = f[x]
    w = size / (size - 1) * (fx - fx.mean(dim=1, keepdim=True))
    s = torch.nn.functional.one_hot(x, len(p)) - p
    g = (w.unsqueeze(2) * s).mean(dim=1)
    chance = p[x].prod(dim=1, keepdim=True)
    centre = (chance * g).sum(dim=0)
    return (chance * (g - centre) ** 2).sum(dim=0)


# %% leave_one_out_variance wrong_no_square_of_mean fails of_pairs of_more_samples
def leave_one_out_variance(probabilities, payoffs, size):
    p, f = probabilities, payoffs
    second = 0
    for x in itertools.product(range(len(p)), repeat=size):
        x = list(x)
        b = (f[x].sum() - f[x]) / (size - 1)
        g = ((f[x] - b)[:, None] * (np.eye(len(p))[x] - p)).mean(axis=0)
        second = second + p[x].prod() * g**2
    return second


# %% leave_one_out_variance wrong_own_mean of alt_plain fails of_pairs of_more_samples
#-        b = (f[x].sum() - f[x]) / (size - 1)
#-        g = ((f[x] - b)[:, None] * (np.eye(len(p))[x] - p)).mean(axis=0)
#+        g = ((f[x] - f[x].mean())[:, None] * (np.eye(len(p))[x] - p)).mean(0)


# %% leave_one_out_variance wrong_no_baseline fails of_pairs of_more_samples
def leave_one_out_variance(probabilities, payoffs, size):
    p, f = probabilities, payoffs
    s = np.eye(len(p)) - p
    terms = f[:, None] * s
    return (p @ terms**2 - (p @ terms) ** 2) / size


# %% leave_one_out_variance wrong_baseline_is_the_expectation fails of_pairs of_more_samples
def leave_one_out_variance(probabilities, payoffs, size):
    p, f = probabilities, payoffs
    s = np.eye(len(p)) - p
    terms = (f - p @ f)[:, None] * s
    return (p @ terms**2 - (p @ terms) ** 2) / size


# %% leave_one_out_variance wrong_terms_as_if_independent fails of_pairs of_more_samples
def leave_one_out_variance(probabilities, payoffs, size):
    p, f = probabilities, payoffs
    first = second = 0
    for x in itertools.product(range(len(p)), repeat=size):
        x = list(x)
        term = (f[x[0]] - f[x[1:]].mean()) * (np.eye(len(p))[x[0]] - p)
        first = first + p[x].prod() * term
        second = second + p[x].prod() * term**2
    return (second - first**2) / size


# %% leave_one_out_variance wrong_one_term fails of_pairs of_more_samples
def leave_one_out_variance(probabilities, payoffs, size):
    p, f = probabilities, payoffs
    first = second = 0
    for x in itertools.product(range(len(p)), repeat=size):
        x = list(x)
        term = (f[x[0]] - f[x[1:]].mean()) * (np.eye(len(p))[x[0]] - p)
        first = first + p[x].prod() * term
        second = second + p[x].prod() * term**2
    return second - first**2


# %% leave_one_out_variance wrong_sum_for_mean of alt_plain fails of_pairs of_more_samples
#-        g = ((f[x] - b)[:, None] * (np.eye(len(p))[x] - p)).mean(axis=0)
#+        g = ((f[x] - b)[:, None] * (np.eye(len(p))[x] - p)).sum(axis=0)


# %% leave_one_out_variance wrong_unweighted fails of_pairs of_more_samples
def leave_one_out_variance(probabilities, payoffs, size):
    p, f = probabilities, payoffs
    found = []
    for x in itertools.product(range(len(p)), repeat=size):
        x = list(x)
        b = (f[x].sum() - f[x]) / (size - 1)
        found.append(((f[x] - b)[:, None] * (np.eye(len(p))[x] - p)).mean(0))
    return np.var(found, axis=0)


# %% leave_one_out_variance wrong_trace of alt_plain fails of_pairs of_more_samples
#-    return second - first**2
#+    return (second - first**2).sum()


# %% leave_one_out_variance wrong_standard_error of alt_plain fails of_pairs of_more_samples
#-    return second - first**2
#+    return np.sqrt(second - first**2)


# %% leave_one_out_variance wrong_without_repetition of alt_plain fails of_pairs of_more_samples
#-    for x in itertools.product(range(len(p)), repeat=size):
#+    for x in itertools.combinations_with_replacement(range(len(p)), size):


# %% leave_one_out_variance wrong_sampled fails of_pairs of_more_samples
def leave_one_out_variance(probabilities, payoffs, size):
    p, f = probabilities, payoffs
    x = np.random.default_rng(0).choice(len(p), (20000, size), p=p)
    b = (f[x].sum(1, keepdims=True) - f[x]) / (size - 1)
    g = ((f[x] - b)[:, :, None] * (np.eye(len(p))[x] - p)).mean(axis=1)
    return g.var(axis=0)


# %% leave_one_out_variance wrong_neighbour_is_the_baseline of alt_plain fails of_more_samples
#-        b = (f[x].sum() - f[x]) / (size - 1)
#-        g = ((f[x] - b)[:, None] * (np.eye(len(p))[x] - p)).mean(axis=0)
#+        g = (f[x] - np.roll(f[x], 1)) @ (np.eye(len(p))[x] - p) / size


# %% leave_one_out_variance wrong_always_two fails of_more_samples
def leave_one_out_variance(probabilities, payoffs, size):
    p, f = probabilities, payoffs
    first = second = 0
    for i, j in itertools.product(range(len(p)), repeat=2):
        g = (f[i] - f[j]) * (np.eye(len(p))[i] - np.eye(len(p))[j]) / 2
        first = first + p[i] * p[j] * g
        second = second + p[i] * p[j] * g**2
    return second - first**2


# %% leave_one_out_variance wrong_pairs_as_if_independent fails of_more_samples
def leave_one_out_variance(probabilities, payoffs, size):
    p, f = probabilities, payoffs
    first = second = 0
    for i, j in itertools.product(range(len(p)), repeat=2):
        g = (f[i] - f[j]) * (np.eye(len(p))[i] - np.eye(len(p))[j]) / 2
        first = first + p[i] * p[j] * g
        second = second + p[i] * p[j] * g**2
    return (second - first**2) / (size * (size - 1) / 2)


# %% exact_bias alt_plain
def exact_bias(estimator, theta, payoffs, size):
    p = 1 / (1 + np.exp(-theta))
    mean = 0.0
    for x in itertools.product((0, 1), repeat=size):
        x = np.array(x)
        weight = p ** x.sum() * (1 - p) ** (size - x.sum())
        mean += weight * estimator(payoffs[x], x - p)
    return mean - p * (1 - p) * (payoffs[1] - payoffs[0])


# %% exact_bias alt_bits_and_loops
def exact_bias(estimator, theta, payoffs, size):
    import math

    p = math.exp(theta) / (1 + math.exp(theta))
    total = 0.0
    for code in range(2**size):
        bits = [(code >> i) & 1 for i in range(size)]
        weight = 1.0
        for bit in bits:
            weight *= p if bit else 1 - p
        f = np.array([payoffs[bit] for bit in bits])
        s = np.array([bit - p for bit in bits])
        total += weight * float(estimator(f, s))
    exact = (payoffs[1] - payoffs[0]) * p * (1 - p)
    return total - exact


# %% exact_bias alt_package
from logderiv.expectation import gradient
from logderiv.identity import Bernoulli


def exact_bias(estimator, theta, payoffs, size):
    coin = Bernoulli(theta)
    truth = gradient(lambda x: payoffs[np.asarray(x, int)], coin)[0]
    total = 0
    for x in itertools.product((0, 1), repeat=size):
        x = np.array(x)
        estimate = estimator(payoffs[x], coin.score(x)[:, 0])
        total += np.exp(coin.log_prob(x).sum()) * estimate
    return np.array(total - truth)


# %% exact_bias alt_finite_difference_of_the_truth
def exact_bias(estimator, theta, payoffs, size):
    def heads(t):
        return 1 / (1 + np.exp(-t))

    def mean(t):
        return payoffs @ np.array([1 - heads(t), heads(t)])

    def log_prob(x, t):
        return np.log(np.where(x == 1, heads(t), heads(-t)))

    h = 1e-5
    total = -(mean(theta + h) - mean(theta - h)) / (2 * h)
    for x in np.ndindex(*[2] * size):
        x = np.array(x)
        score = (log_prob(x, theta + h) - log_prob(x, theta - h)) / (2 * h)
        weight = np.exp(log_prob(x, theta).sum())
        total += weight * estimator(payoffs[x], score)
    return total


# %% exact_bias alt_recursive
def mean_from_here(estimator, p, payoffs, size, seen):
    if len(seen) == size:
        x = np.array(seen)
        return estimator(np.take(payoffs, x), x - p)
    return p * mean_from_here(estimator, p, payoffs, size, [*seen, 1]) + (
        1 - p
    ) * mean_from_here(estimator, p, payoffs, size, [*seen, 0])


def exact_bias(estimator, theta, payoffs, size):
    p = torch.sigmoid(torch.tensor(theta, dtype=torch.float64)).item()
    truth = p * (1 - p) * (payoffs[1] - payoffs[0])
    return mean_from_here(estimator, p, payoffs, size, []) - truth


# %% exact_bias wrong_unweighted fails where_the_order_matters of_nonlinear_estimators
def exact_bias(estimator, theta, payoffs, size):
    p = 1 / (1 + np.exp(-theta))
    found = [
        estimator(payoffs[list(x)], np.array(x) - p)
        for x in itertools.product((0, 1), repeat=size)
    ]
    return np.mean(found) - p * (1 - p) * (payoffs[1] - payoffs[0])


# %% exact_bias wrong_sign fails where_the_order_matters of_nonlinear_estimators
def exact_bias(estimator, theta, payoffs, size):
    p = 1 / (1 + np.exp(-theta))
    mean = 0.0
    for x in itertools.product((0, 1), repeat=size):
        weight = p ** sum(x) * (1 - p) ** (size - sum(x))
        mean += weight * estimator(payoffs[list(x)], np.array(x) - p)
    return p * (1 - p) * (payoffs[1] - payoffs[0]) - mean


# %% exact_bias wrong_payoffs_swapped of alt_plain fails where_the_order_matters of_nonlinear_estimators
#-        mean += weight * estimator(payoffs[x], x - p)
#-    return mean - p * (1 - p) * (payoffs[1] - payoffs[0])
#+        mean += weight * estimator(payoffs[1 - x], x - p)
#+    return mean - p * (1 - p) * (payoffs[0] - payoffs[1])


# %% exact_bias wrong_gradient_in_p of alt_plain fails where_the_order_matters of_nonlinear_estimators
#-        mean += weight * estimator(payoffs[x], x - p)
#-    return mean - p * (1 - p) * (payoffs[1] - payoffs[0])
#+        score = x / p - (1 - x) / (1 - p)
#+        mean += weight * estimator(payoffs[x], score)
#+    return mean - (payoffs[1] - payoffs[0])


# %% exact_bias wrong_truth_in_p of alt_plain fails where_the_order_matters of_nonlinear_estimators
#-    return mean - p * (1 - p) * (payoffs[1] - payoffs[0])
#+    return mean - (payoffs[1] - payoffs[0])


# %% exact_bias wrong_no_truth of alt_plain fails where_the_order_matters of_nonlinear_estimators
#-    return mean - p * (1 - p) * (payoffs[1] - payoffs[0])
#+    return mean


# %% exact_bias wrong_relative of alt_plain fails where_the_order_matters of_nonlinear_estimators
#-    return mean - p * (1 - p) * (payoffs[1] - payoffs[0])
#+    return mean / (p * (1 - p) * (payoffs[1] - payoffs[0])) - 1


# %% exact_bias wrong_theta_is_p of alt_plain fails where_the_order_matters of_nonlinear_estimators
#-    p = 1 / (1 + np.exp(-theta))
#+    p = theta


# %% exact_bias wrong_sampled fails where_the_order_matters of_nonlinear_estimators
def exact_bias(estimator, theta, payoffs, size):
    rng = np.random.default_rng(0)
    p = 1 / (1 + np.exp(-theta))
    found = []
    for _ in range(2000):
        x = (rng.random(size) < p).astype(int)
        found.append(estimator(payoffs[x], x - p))
    return np.mean(found) - p * (1 - p) * (payoffs[1] - payoffs[0])


# %% exact_bias wrong_without_multiplicity of alt_plain fails where_the_order_matters of_nonlinear_estimators
#-    for x in itertools.product((0, 1), repeat=size):
#+    for x in itertools.combinations_with_replacement((0, 1), size):


# %% exact_bias wrong_order_forgotten fails where_the_order_matters
def exact_bias(estimator, theta, payoffs, size):
    from scipy.stats import binom

    p = 1 / (1 + np.exp(-theta))
    mean = 0.0
    for k in range(size + 1):
        x = np.array([1] * k + [0] * (size - k))
        mean += binom.pmf(k, size, p) * estimator(payoffs[x], x - p)
    return mean - p * (1 - p) * (payoffs[1] - payoffs[0])


# %% exact_bias wrong_knows_the_linear_ones_only fails of_nonlinear_estimators
def exact_bias(estimator, theta, payoffs, size):
    """The factor of a symmetric coin is that of every coin, is it not?"""
    g, mean = payoffs[1] - payoffs[0], 0.0
    for x in itertools.product((0, 1), repeat=size):
        x = np.array(x)
        mean += estimator(payoffs[x], x - 0.5) / 2**size
    p = 1 / (1 + np.exp(-theta))
    return (4 * mean / g - 1) * g * p * (1 - p)


# %% exact_bias wrong_payoffs_of_size_one of alt_plain fails where_the_order_matters of_nonlinear_estimators
#-    return mean - p * (1 - p) * (payoffs[1] - payoffs[0])
#+    return [mean - p * (1 - p) * (payoffs[1] - payoffs[0])]


# %% exact_bias wrong_unbiased_always fails where_the_order_matters of_nonlinear_estimators
def exact_bias(estimator, theta, payoffs, size):
    return 0.0


# %% exact_bias wrong_sides_of_the_coin fails of_nonlinear_estimators
def exact_bias(estimator, theta, payoffs, size):
    p = 1 / (1 + np.exp(theta))
    mean = 0.0
    for toss in itertools.product((0, 1), repeat=size):
        x = np.array(toss)
        chance = np.prod(np.where(x == 1, p, 1 - p))
        mean += chance * estimator(payoffs[x], x - p)
    return mean - p * (1 - p) * (payoffs[1] - payoffs[0])


# %% what_is_left alt_plain
def what_is_left(letter, size):
    return {
        "a": 1 - 1 / size, "c": 1, "d": 1, "f": 1 / size, "g": 0.9,
        "h": 1 - sum(1 / k for k in range(1, size + 1)) / size,
    }.get(letter, np.nan)


# %% what_is_left alt_branches
def what_is_left(letter, size):
    if letter == "a":
        return (size - 1) / size
    if letter in "cd":
        return 1
    if letter == "f":
        return 1 / size
    if letter == "g":
        return 0.9
    if letter == "h":
        total = 0.0
        for i in range(1, size + 1):
            total += 1 - 1 / i
        return total / size
    return float("nan")


# %% what_is_left alt_matrix_of_shares
def what_is_left(letter, size):
    """An estimate sum_ij M_ij f_j s_i has the mean trace(M) g."""
    one, n = np.eye(size), size
    after = np.arange(n)[:, None] - np.arange(n)
    matrices = {
        "a": (one - 1 / n) / n,
        "c": (one - 1 / n) / (n - 1),
        "d": (one - np.roll(one, 1, axis=0)) / n,
        "f": np.ones((n, n)) / n**2,
        "g": (one - 0.1 * 0.9 ** np.maximum(after, 0) * (after >= 0)) / n,
        "h": (one - (after >= 0) / np.arange(1, n + 1)[:, None]) / n,
    }
    return np.trace(matrices[letter]) if letter in matrices else np.nan


# %% what_is_left alt_from_the_functions
def what_is_left(letter, size):
    """The trace, by unit vectors; what is not linear has none."""
    estimator = globals()["estimator_" + letter]
    one, f = np.eye(size), np.arange(1.0, size + 1) ** 2
    s = np.cos(np.arange(size)) + 0.1
    doubled = estimator(3 * f, s) / estimator(f, s)
    louder = estimator(f, 3 * s) / estimator(f, s)
    together = estimator(f, s + one[0])
    apart = estimator(f, s) + estimator(f, one[0])
    linear = np.allclose([doubled, louder, together / apart], [3, 3, 1])
    if not linear:
        return torch.tensor(float("nan"))
    return sum(estimator(one[i], one[i]) for i in range(size))


# %% what_is_left wrong_all_are_right fails of_a_c_e_g of_b_d_f_h
def what_is_left(letter, size):
    return 1.0


# %% what_is_left wrong_a_number_for_e fails of_a_c_e_g
def what_is_left(letter, size):
    return {
        "a": 1 - 1 / size, "b": np.nan, "c": 1, "d": 1, "e": 1 - 1 / size,
        "f": 1 / size, "g": 0.9,
        "h": 1 - sum(1 / k for k in range(1, size + 1)) / size,
    }[letter]


# %% what_is_left wrong_c_shrinks of alt_plain fails of_a_c_e_g
#-        "a": 1 - 1 / size, "c": 1, "d": 1, "f": 1 / size, "g": 0.9,
#+        "a": 1 - 1 / size, "c": 1 - 1 / size, "d": 1,
#+        "f": 1 / size, "g": 0.9,


# %% what_is_left wrong_c_grows of alt_plain fails of_a_c_e_g
#-        "a": 1 - 1 / size, "c": 1, "d": 1, "f": 1 / size, "g": 0.9,
#+        "a": 1 - 1 / size, "c": size / (size - 1), "d": 1,
#+        "f": 1 / size, "g": 0.9,


# %% what_is_left wrong_moving_average_forgets of alt_plain fails of_a_c_e_g
#-def what_is_left(letter, size):
#+def what_is_left(letter, size):
#+    """The first payoffs stay in the average: but with other scores."""
#-        "a": 1 - 1 / size, "c": 1, "d": 1, "f": 1 / size, "g": 0.9,
#+        "a": 1 - 1 / size, "c": 1, "d": 1, "f": 1 / size,
#+        "g": 0.9 ** size,


# %% what_is_left wrong_g_is_right of alt_plain fails of_a_c_e_g
#-        "a": 1 - 1 / size, "c": 1, "d": 1, "f": 1 / size, "g": 0.9,
#+        "a": 1 - 1 / size, "c": 1, "d": 1, "f": 1 / size, "g": 1,


# %% what_is_left wrong_b_has_the_factor_of_a fails of_b_d_f_h
def what_is_left(letter, size):
    return {
        "a": 1 - 1 / size, "b": 1 - 1 / size, "c": 1, "d": 1, "f": 1 / size,
        "g": 0.9, "h": 1 - sum(1 / k for k in range(1, size + 1)) / size,
    }.get(letter, np.nan)


# %% what_is_left wrong_d_shrinks fails of_b_d_f_h
def what_is_left(letter, size):
    return {
        "a": 1 - 1 / size, "c": 1, "d": 1 - 1 / size, "f": 1 / size,
        "g": 0.9, "h": 1 - sum(1 / k for k in range(1, size + 1)) / size,
    }.get(letter, np.nan)


# %% what_is_left wrong_broadcast_is_right fails of_b_d_f_h
def what_is_left(letter, size):
    return {
        "a": 1 - 1 / size, "c": 1, "d": 1, "f": 1,
        "g": 0.9, "h": 1 - sum(1 / k for k in range(1, size + 1)) / size,
    }.get(letter, np.nan)


# %% what_is_left wrong_broadcast_over_squares fails of_b_d_f_h
def what_is_left(letter, size):
    return {
        "a": 1 - 1 / size, "c": 1, "d": 1, "f": 1 / size**2,
        "g": 0.9, "h": 1 - sum(1 / k for k in range(1, size + 1)) / size,
    }.get(letter, np.nan)


# %% what_is_left wrong_h_as_a fails of_b_d_f_h
def what_is_left(letter, size):
    return {
        "a": 1 - 1 / size, "c": 1, "d": 1, "f": 1 / size,
        "g": 0.9, "h": 1 - 1 / size,
    }.get(letter, np.nan)


# %% what_is_left wrong_h_off_by_one fails of_b_d_f_h
def what_is_left(letter, size):
    return {
        "a": 1 - 1 / size, "c": 1, "d": 1, "f": 1 / size,
        "g": 0.9, "h": 1 - sum(1 / k for k in range(1, size)) / size,
    }.get(letter, np.nan)


# %% what_is_left wrong_h_as_logarithm fails of_b_d_f_h
def what_is_left(letter, size):
    return {
        "a": 1 - 1 / size, "c": 1, "d": 1, "f": 1 / size,
        "g": 0.9, "h": 1 - (np.log(size) + 0.5772156649) / size,
    }.get(letter, np.nan)


# %% what_is_left wrong_what_is_lost fails of_a_c_e_g of_b_d_f_h
def what_is_left(letter, size):
    lost = sum(1 / k for k in range(1, size + 1))
    return {
        "a": 1 / size, "c": 0, "d": 0, "f": 1 - 1 / size,
        "g": 0.1, "h": lost / size,
    }.get(letter, np.nan)


# %% what_is_left wrong_zero_for_none fails of_a_c_e_g of_b_d_f_h
def what_is_left(letter, size):
    return {
        "a": 1 - 1 / size, "c": 1, "d": 1, "f": 1 / size,
        "g": 0.9, "h": 1 - sum(1 / k for k in range(1, size + 1)) / size,
    }.get(letter, 0.0)


# %% what_is_left wrong_enumerated_at_five fails of_a_c_e_g of_b_d_f_h
def what_is_left(letter, size):
    """One coin, few tosses: a number comes out for every estimator."""
    estimator = globals()["estimator_" + letter]
    p, f, mean, size = 0.3, np.array([1.0, 2.0]), 0.0, 5
    for x in itertools.product((0, 1), repeat=size):
        x = np.array(x)
        weight = p ** x.sum() * (1 - p) ** (size - x.sum())
        mean += weight * estimator(f[x], x - p)
    return mean / (p * (1 - p))


# %% surrogate_gradient alt_plain
def surrogate_gradient(theta, actions, payoff):
    t = torch.tensor(theta, requires_grad=True)
    a = torch.tensor(actions)
    f = payoff(t, a).detach().squeeze(1)
    w = f - (f.sum() - f) / (len(f) - 1)
    (torch.log_softmax(t, 0)[a] * w).mean().backward()
    return t.grad


# %% surrogate_gradient alt_package
from logderiv.plain import mean_of_others
from logderiv.surrogate import surrogate


def surrogate_gradient(theta, actions, payoff):
    t = torch.tensor(theta, requires_grad=True)
    a = torch.tensor(actions)
    f = payoff(t, a).detach().numpy()
    w = torch.tensor((f - mean_of_others(f))[:, 0])
    surrogate(torch.log_softmax(t, 0)[a], w).backward()
    return t.grad.tolist()


# %% surrogate_gradient alt_numpy
def surrogate_gradient(theta, actions, payoff):
    f = payoff(torch.tensor(theta), torch.tensor(actions)).numpy().ravel()
    p = np.exp(theta - theta.max())
    p /= p.sum()
    w = (f - f.mean()) / (len(f) - 1)
    return w @ (np.eye(len(p))[actions] - p)


# %% surrogate_gradient alt_distribution_and_minus
def surrogate_gradient(theta, actions, payoff):
    t = torch.nn.Parameter(torch.from_numpy(theta.copy()))
    a = torch.from_numpy(actions)
    policy = torch.distributions.Categorical(logits=t)
    with torch.no_grad():
        f = payoff(t, a).flatten()
        n = f.numel()
        w = n / (n - 1) * (f - f.mean())
    loss = -(policy.log_prob(a) * w).sum() / n
    (slope,) = torch.autograd.grad(loss, t)
    return -slope


# %% surrogate_gradient alt_logits_alone
def surrogate_gradient(theta, actions, payoff):
    """The weights sum to 0, so the normalising constant drops out."""
    t = torch.tensor(theta, requires_grad=True)
    a = torch.as_tensor(actions)
    f = payoff(t, a).detach()
    w = f - (f.sum() - f) / (len(f) - 1)
    torch.mean(t[a].unsqueeze(1) * w).backward()
    return t.grad.detach().numpy()


# %% surrogate_gradient alt_column_of_log_probabilities
def surrogate_gradient(theta, actions, payoff):
    logits = torch.tensor(theta).requires_grad_()
    index = torch.LongTensor(actions)
    log_prob = logits.log_softmax(-1).gather(0, index).view(-1, 1)
    with torch.no_grad():
        f = payoff(logits, index)
        n = len(f)
        others = torch.stack([
            torch.cat([f[:i], f[i + 1 :]]).mean() for i in range(n)
        ]).view(-1, 1)
    (log_prob * (f - others)).mean().backward()
    return logits.grad


# %% surrogate_gradient wrong_not_detached of alt_plain fails takes_payoffs_as_numbers
#-    f = payoff(t, a).detach().squeeze(1)
#+    f = payoff(t, a).squeeze(1)


# %% surrogate_gradient wrong_baseline_alone_detached fails takes_payoffs_as_numbers
def surrogate_gradient(theta, actions, payoff):
    t = torch.tensor(theta, requires_grad=True)
    a = torch.tensor(actions)
    f = payoff(t, a).squeeze(1)
    b = ((f.sum() - f) / (len(f) - 1)).detach()
    (torch.log_softmax(t, 0)[a] * (f - b)).mean().backward()
    return t.grad


# %% surrogate_gradient wrong_with_the_payoffs_gradient fails takes_payoffs_as_numbers
def surrogate_gradient(theta, actions, payoff):
    t = torch.tensor(theta, requires_grad=True)
    a = torch.tensor(actions)
    f = payoff(t, a).squeeze(1)
    w = (f - (f.sum() - f) / (len(f) - 1)).detach()
    (torch.log_softmax(t, 0)[a] * w + f).mean().backward()
    return t.grad


# %% surrogate_gradient wrong_sign of alt_plain fails of_a_plain_payoff takes_payoffs_as_numbers is_unbiased
#-    (torch.log_softmax(t, 0)[a] * w).mean().backward()
#+    (-torch.log_softmax(t, 0)[a] * w).mean().backward()


# %% surrogate_gradient wrong_own_mean of alt_plain fails of_a_plain_payoff takes_payoffs_as_numbers is_unbiased
#-    w = f - (f.sum() - f) / (len(f) - 1)
#-    (torch.log_softmax(t, 0)[a] * w).mean().backward()
#+    (torch.log_softmax(t, 0)[a] * (f - f.mean())).mean().backward()


# %% surrogate_gradient wrong_standardised of alt_plain fails of_a_plain_payoff takes_payoffs_as_numbers is_unbiased
#-    w = f - (f.sum() - f) / (len(f) - 1)
#+    w = (f - f.mean()) / (f.std() + 1e-8)


# %% surrogate_gradient wrong_sum_for_mean of alt_plain fails of_a_plain_payoff takes_payoffs_as_numbers is_unbiased
#-    (torch.log_softmax(t, 0)[a] * w).mean().backward()
#+    (torch.log_softmax(t, 0)[a] * w).sum().backward()


# %% surrogate_gradient wrong_log_missing of alt_plain fails of_a_plain_payoff takes_payoffs_as_numbers is_unbiased
#-    (torch.log_softmax(t, 0)[a] * w).mean().backward()
#+    (torch.softmax(t, 0)[a] * w).mean().backward()


# %% surrogate_gradient wrong_not_normalised of alt_plain fails of_a_plain_payoff takes_payoffs_as_numbers is_unbiased
#-def surrogate_gradient(theta, actions, payoff):
#+def surrogate_gradient(theta, actions, payoff):
#+    """The leave-one-out weights sum to 0: so this one agrees! Hence not n-1."""
#-    w = f - (f.sum() - f) / (len(f) - 1)
#-    (torch.log_softmax(t, 0)[a] * w).mean().backward()
#+    w = f - (f.sum() - f) / len(f)
#+    (t[a] * w).mean().backward()


# %% surrogate_gradient wrong_column_meets_row of alt_plain fails of_a_plain_payoff takes_payoffs_as_numbers is_unbiased
#-    f = payoff(t, a).detach().squeeze(1)
#+    f = payoff(t, a).detach()


# %% surrogate_gradient wrong_product_of_means of alt_plain fails of_a_plain_payoff takes_payoffs_as_numbers
#-    w = f - (f.sum() - f) / (len(f) - 1)
#-    (torch.log_softmax(t, 0)[a] * w).mean().backward()
#+    (torch.log_softmax(t, 0)[a].mean() * f.sum()).backward()


# %% surrogate_gradient wrong_no_baseline of alt_plain fails of_a_plain_payoff takes_payoffs_as_numbers
#-    w = f - (f.sum() - f) / (len(f) - 1)
#-    (torch.log_softmax(t, 0)[a] * w).mean().backward()
#+    (torch.log_softmax(t, 0)[a] * f).mean().backward()


# %% surrogate_gradient wrong_exact_baseline fails of_a_plain_payoff takes_payoffs_as_numbers
def surrogate_gradient(theta, actions, payoff):
    t = torch.tensor(theta, requires_grad=True)
    a = torch.tensor(actions)
    every = payoff(t, torch.arange(len(theta))).detach().squeeze(1)
    b = torch.softmax(t, 0).detach() @ every
    (torch.log_softmax(t, 0)[a] * (every[a] - b)).mean().backward()
    return t.grad


# %% surrogate_gradient wrong_exact_gradient fails of_a_plain_payoff takes_payoffs_as_numbers
def surrogate_gradient(theta, actions, payoff):
    t = torch.tensor(theta, requires_grad=True)
    every = payoff(t, torch.arange(len(theta))).detach().squeeze(1)
    (torch.softmax(t, 0) @ every).backward()
    return t.grad


# %% surrogate_gradient wrong_draws_its_own_actions of alt_plain fails of_a_plain_payoff takes_payoffs_as_numbers is_unbiased
#-    a = torch.tensor(actions)
#+    policy = torch.distributions.Categorical(logits=t)
#+    a = policy.sample((len(actions),))
#-    (torch.log_softmax(t, 0)[a] * w).mean().backward()
#+    (policy.log_prob(a) * w).mean().backward()


# %% surrogate_gradient wrong_through_the_payoff_alone fails of_a_plain_payoff takes_payoffs_as_numbers is_unbiased
def surrogate_gradient(theta, actions, payoff):
    t = torch.tensor(theta, requires_grad=True)
    f = payoff(t, torch.tensor(actions)).squeeze(1)
    (f.mean() + 0 * t.sum()).backward()
    return t.grad


# %% surrogate_gradient wrong_row fails of_a_plain_payoff takes_payoffs_as_numbers is_unbiased
def surrogate_gradient(theta, actions, payoff):
    t = torch.tensor(theta[None, :], requires_grad=True)
    a = torch.tensor(actions)
    f = payoff(t[0], a).detach().squeeze(1)
    w = f - (f.sum() - f) / (len(f) - 1)
    (torch.log_softmax(t, 1)[0, a] * w).mean().backward()
    return t.grad


# %% surrogate_gradient wrong_value_of_the_surrogate fails of_a_plain_payoff takes_payoffs_as_numbers is_unbiased
def surrogate_gradient(theta, actions, payoff):
    t, a = torch.tensor(theta), torch.tensor(actions)
    f = payoff(t, a).detach().squeeze(1)
    w = f - (f.sum() - f) / (len(f) - 1)
    return (torch.log_softmax(t, 0)[a] * w).mean()


# %% plot_running_mean alt_plain
def plot_running_mean(ax):
    k = np.arange(1, len(terms()) + 1)
    ax.semilogx(k, np.cumsum(terms()) / k, label="mean")
    ax.axhline(TRUTH, label="truth")
    e = 2 * np.sqrt(VARIANCE / k)
    ax.fill_between(k, TRUTH - e, TRUTH + e, alpha=0.3)
    ax.set(xlabel="samples", ylabel="gradient")


# %% plot_running_mean alt_loops_and_other_words
def plot_running_mean(ax):
    values = terms()
    means, low, high, total = [], [], [], 0.0
    for k, value in enumerate(values, start=1):
        total += value
        means.append(total / k)
        low.append(TRUTH - 2 * VARIANCE**0.5 / k**0.5)
        high.append(TRUTH + 2 * VARIANCE**0.5 / k**0.5)
    ks = list(range(1, len(values) + 1))
    ax.plot(ks, [TRUTH] * len(ks), "k--", label=f"The truth = {TRUTH}")
    ax.plot(ks, means, label="Mean of the first k terms")
    ax.fill_between(ks, low, high, color="grey", alpha=0.3, label="±2 s.e.")
    ax.set_xscale("log")
    ax.set_xlabel("Number of samples k")
    ax.set_ylabel("∂J/∂μ")
    ax.legend()


# %% plot_running_mean alt_steps
def plot_running_mean(ax):
    t = terms()
    k = 1.0 + np.arange(t.size)
    se = (VARIANCE / k) ** 0.5
    ax.fill_between(k, TRUTH + 2 * se, TRUTH - 2 * se, alpha=0.1, lw=0)
    ax.step(k, np.add.accumulate(t) / k, where="post", label="running mean")
    ax.plot([1, t.size], [TRUTH, TRUTH], label="truth")
    ax.semilogx()
    ax.set(xlabel="samples", ylabel="estimate", title="One run")


# %% plot_running_mean alt_dots
def plot_running_mean(ax):
    t = torch.tensor(terms())
    k = torch.arange(1, len(t) + 1)
    ax.scatter(k, t.cumsum(0) / k, s=2, label="running mean")
    ax.axhline(y=TRUTH, label="truth")
    width = 2 * (VARIANCE / k).sqrt()
    ax.fill_between(k.numpy(), (TRUTH - width).numpy(), (TRUTH + width).numpy())
    ax.set_xscale("log", base=2)
    ax.set_xlabel("samples")
    ax.set_ylabel("estimate")


# %% plot_running_mean wrong_terms_themselves of alt_plain fails shows_the_mean
#-    ax.semilogx(k, np.cumsum(terms()) / k, label="mean")
#+    ax.plot(k, terms(), label="mean")
#-    ax.set(xlabel="samples", ylabel="gradient")
#+    ax.set(xscale="log", xlabel="samples", ylabel="gradient")


# %% plot_running_mean wrong_running_sum of alt_plain fails shows_the_mean
#-    ax.semilogx(k, np.cumsum(terms()) / k, label="mean")
#+    ax.plot(k, np.cumsum(terms()), label="mean")
#-    ax.set(xlabel="samples", ylabel="gradient")
#+    ax.set(xscale="log", xlabel="samples", ylabel="gradient")


# %% plot_running_mean wrong_from_zero of alt_plain fails shows_the_mean
#-    ax.semilogx(k, np.cumsum(terms()) / k, label="mean")
#+    ax.plot(np.cumsum(terms()) / k, label="mean")
#-    ax.set(xlabel="samples", ylabel="gradient")
#+    ax.set(xscale="log", xlabel="samples", ylabel="gradient")


# %% plot_running_mean wrong_linear_axis of alt_plain fails shows_the_mean
#-    ax.semilogx(k, np.cumsum(terms()) / k, label="mean")
#+    ax.plot(k, np.cumsum(terms()) / k, label="mean")


# %% plot_running_mean wrong_no_labels_on_axes of alt_plain fails shows_the_mean
#-    ax.set(xlabel="samples", ylabel="gradient")


# %% plot_running_mean wrong_over_n of alt_plain fails shows_the_mean
#-    ax.semilogx(k, np.cumsum(terms()) / k, label="mean")
#+    ax.semilogx(k, np.cumsum(terms()) / len(k), label="mean")


# %% plot_running_mean wrong_one_standard_error of alt_plain fails shows_truth_and_band
#-    e = 2 * np.sqrt(VARIANCE / k)
#+    e = np.sqrt(VARIANCE / k)


# %% plot_running_mean wrong_standard_deviation of alt_plain fails shows_truth_and_band
#-    e = 2 * np.sqrt(VARIANCE / k)
#+    e = 2 * np.sqrt(VARIANCE) * np.ones(len(k))


# %% plot_running_mean wrong_no_root of alt_plain fails shows_truth_and_band
#-    e = 2 * np.sqrt(VARIANCE / k)
#+    e = 2 * VARIANCE / k


# %% plot_running_mean wrong_band_around_the_mean of alt_plain fails shows_truth_and_band
#-    ax.semilogx(k, np.cumsum(terms()) / k, label="mean")
#+    mean = np.cumsum(terms()) / k
#+    ax.semilogx(k, mean, label="mean")
#-    ax.fill_between(k, TRUTH - e, TRUTH + e, alpha=0.3)
#+    ax.fill_between(k, mean - e, mean + e, alpha=0.3)


# %% plot_running_mean wrong_last_mean_as_truth of alt_plain fails shows_truth_and_band
#-    ax.semilogx(k, np.cumsum(terms()) / k, label="mean")
#-    ax.axhline(TRUTH, label="truth")
#+    mean = np.cumsum(terms()) / k
#+    ax.semilogx(k, mean, label="mean")
#+    ax.axhline(mean[-1], label="truth")


# %% plot_running_mean wrong_no_labels_on_lines of alt_plain fails shows_the_mean shows_truth_and_band
#-    ax.semilogx(k, np.cumsum(terms()) / k, label="mean")
#-    ax.axhline(TRUTH, label="truth")
#+    ax.semilogx(k, np.cumsum(terms()) / k)
#+    ax.axhline(TRUTH)
