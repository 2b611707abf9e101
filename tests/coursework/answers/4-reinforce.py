# Answers to homework 4. Each cell replaces one answer of the master: a whole
# answer, or one `of` a right one above with the lines #+ in place of #-.


# %% to_go_with_tail alt_plain
def to_go_with_tail(rewards, mask, tail, discount):
    E, T = rewards.shape
    out = np.zeros((E, T))
    for i in range(E):
        n = int(mask[i].sum())
        G = tail[i]
        for t in reversed(range(n)):
            G = rewards[i, t] + discount * G
            out[i, t] = G
    return out


# %% to_go_with_tail alt_plain_2
def to_go_with_tail(rewards, mask, tail, discount):

    rewards = np.where(mask, rewards, 0.0)
    G = np.array(tail, dtype=float)
    out = np.zeros(rewards.shape)
    for t in reversed(range(rewards.shape[1])):
        G = np.where(mask[:, t], rewards[:, t] + discount * G, G)
        out[:, t] = G
    return out * mask


# %% to_go_with_tail alt_one_more_column
def to_go_with_tail(rewards, mask, tail, discount):

    from logderiv.reinforce import rewards_to_go
    E, T = rewards.shape
    longer = np.zeros((E, T + 1))
    longer[:, :T] = rewards * mask
    longer[np.arange(E), mask.sum(axis=1)] = tail
    real = np.ones((E, T + 1), dtype=bool)
    real[:, 1:] = mask
    return rewards_to_go(longer, real, discount)[:, :T] * mask


# %% to_go_with_tail alt_lists
def to_go_with_tail(rewards, mask, tail, discount):

    rows = []
    for r, m, v in zip(rewards.tolist(), mask.tolist(), tail.tolist()):
        row = []
        for t in range(len(r)):
            if not m[t]:
                row.append(0)
                continue
            total, k = 0.0, 0
            while t + k < len(r) and m[t + k]:
                total += discount**k * r[t + k]
                k += 1
            row.append(total + discount**k * v)
        rows.append(row)
    return rows


# %% to_go_with_tail alt_package_plus_powers
def to_go_with_tail(rewards, mask, tail, discount):

    from logderiv.reinforce import rewards_to_go
    left = mask.sum(axis=1, keepdims=True) - np.arange(mask.shape[1])
    power = discount ** np.maximum(left, 1)
    return rewards_to_go(rewards, mask, discount) + mask * power * tail[:, None]


# %% to_go_with_tail alt_in_torch
def to_go_with_tail(rewards, mask, tail, discount):

    r = torch.tensor(rewards, dtype=torch.float64)
    m = torch.tensor(mask)
    G = torch.tensor(tail, dtype=torch.float64)
    columns = []
    for t in range(r.shape[1] - 1, -1, -1):
        G = torch.where(m[:, t], r[:, t] + discount * G, G)
        columns.insert(0, torch.where(m[:, t], G, 0.0))
    return torch.stack(columns, dim=1)


# %% to_go_with_tail alt_matrix
def to_go_with_tail(rewards, mask, tail, discount):

    T = rewards.shape[1]
    gap = np.arange(T) - np.arange(T)[:, None]
    powers = np.where(gap >= 0, float(discount) ** np.maximum(gap, 0), 0.0)
    padded = np.where(mask, rewards, 0.0)
    padded[range(len(padded)), mask.sum(1) - 1] += discount * tail
    return np.where(mask, padded @ powers.T, 0)


# %% to_go_with_tail alt_in_place
def to_go_with_tail(rewards, mask, tail, discount):

    rewards *= mask
    for i, n in enumerate(mask.sum(axis=1)):
        rewards[i, n - 1] += discount * tail[i]
        for t in range(n - 2, -1, -1):
            rewards[i, t] += discount * rewards[i, t + 1]
    return rewards


# %% to_go_with_tail wrong_tail_ignored of alt_plain fails truncated mixed
#-        G = tail[i]
#+        G = 0.0


# %% to_go_with_tail wrong_tail_not_discounted of alt_plain fails truncated mixed
#-            G = rewards[i, t] + discount * G
#+            G = rewards[i, t] + (G if t == n - 1 else discount * G)


# %% to_go_with_tail wrong_tail_discounted_twice of alt_plain fails truncated mixed
#-        G = tail[i]
#+        G = discount * tail[i]


# %% to_go_with_tail wrong_tail_in_place_of_last_reward of alt_plain fails terminated truncated mixed
#-            G = rewards[i, t] + discount * G
#+            G = tail[i] if t == n - 1 else rewards[i, t] + discount * G


# %% to_go_with_tail wrong_tail_of_full_rows_only of alt_plain fails mixed
#-        G = tail[i]
#+        G = tail[i] * (n == T)


# %% to_go_with_tail wrong_tail_of_short_rows_only of alt_plain fails truncated mixed
#-        G = tail[i]
#+        G = tail[i] * (n < T)


# %% to_go_with_tail wrong_not_discounted of alt_plain fails terminated truncated mixed
#-            G = rewards[i, t] + discount * G
#+            G = rewards[i, t] + G


# %% to_go_with_tail wrong_sign_of_tail of alt_plain fails truncated mixed
#-        G = tail[i]
#+        G = -tail[i]


# %% to_go_with_tail wrong_only_next_value of alt_plain fails terminated truncated mixed
#-            G = rewards[i, t] + discount * G
#+            G = rewards[i, t] + discount * (tail[i] if t == n - 1 else rewards[i, t + 1])


# %% to_go_with_tail wrong_own_reward_left_out of alt_plain fails terminated truncated mixed
#-            G = rewards[i, t] + discount * G
#+            G = discount * (rewards[i, t] + G)


# %% to_go_with_tail wrong_tail_at_the_padded_end of alt_plain_2 fails mixed
#-        G = np.where(mask[:, t], rewards[:, t] + discount * G, G)
#+        G = rewards[:, t] + discount * G


# %% to_go_with_tail wrong_padding_counts fails terminated mixed
def to_go_with_tail(rewards, mask, tail, discount):

    G = np.array(tail, dtype=float)
    out = np.zeros(rewards.shape)
    for t in reversed(range(rewards.shape[1])):
        G = rewards[:, t] + discount * G
        out[:, t] = G
    return out * mask


# %% to_go_with_tail wrong_padding_not_zero fails mixed
def to_go_with_tail(rewards, mask, tail, discount):

    G = np.array(tail, dtype=float)
    out = np.zeros(rewards.shape)
    for t in reversed(range(rewards.shape[1])):
        G = np.where(mask[:, t], rewards[:, t] + discount * G, G)
        out[:, t] = G
    return out


# %% to_go_with_tail wrong_tail_stays_behind_the_end of alt_one_more_column fails mixed
#-    real = np.ones((E, T + 1), dtype=bool)
#-    real[:, 1:] = mask
#-    return rewards_to_go(longer, real, discount)[:, :T] * mask
#+    real = np.zeros((E, T + 1), dtype=bool)
#+    real[:, 0], real[:, 1:] = True, mask
#+    return rewards_to_go(longer, real, discount)[:, :T]


# %% to_go_with_tail wrong_package_alone fails truncated mixed
def to_go_with_tail(rewards, mask, tail, discount):

    from logderiv.reinforce import rewards_to_go
    return rewards_to_go(rewards, mask, discount)


# %% to_go_with_tail wrong_added_to_each_step fails truncated mixed
def to_go_with_tail(rewards, mask, tail, discount):

    from logderiv.reinforce import rewards_to_go
    return (rewards_to_go(rewards, mask, discount) + tail[:, None]) * mask


# %% to_go_with_tail wrong_tail_one_step_early fails truncated mixed
def to_go_with_tail(rewards, mask, tail, discount):

    from logderiv.reinforce import rewards_to_go
    paid = rewards.copy()
    paid[np.arange(len(paid)), mask.sum(axis=1) - 1] += tail
    return rewards_to_go(paid, mask, discount)


# %% to_go_with_tail wrong_no_cumulative_sum fails terminated truncated mixed
def to_go_with_tail(rewards, mask, tail, discount):

    T = rewards.shape[1]
    return rewards * discount ** np.arange(T) * mask


# %% to_go_with_tail wrong_forward_sum fails terminated truncated mixed
def to_go_with_tail(rewards, mask, tail, discount):

    T = rewards.shape[1]
    n = mask.sum(axis=1)
    paid = np.where(mask, rewards, 0.0)
    paid[np.arange(len(paid)), n - 1] += discount * tail
    return np.cumsum(paid * discount ** np.arange(T), axis=1) * mask


# %% to_go_with_tail wrong_discount_from_step_0 fails terminated truncated mixed
def to_go_with_tail(rewards, mask, tail, discount):

    E, T = rewards.shape
    out = np.zeros((E, T))
    for i in range(E):
        n = mask[i].sum()
        for t in range(n):
            out[i, t] = sum(discount**u * rewards[i, u] for u in range(t, n))
            out[i, t] += discount**n * tail[i]
    return out


# %% to_go_with_tail wrong_whole_return fails terminated truncated mixed
def to_go_with_tail(rewards, mask, tail, discount):

    E, T = rewards.shape
    out = np.zeros((E, T))
    for i in range(E):
        n = mask[i].sum()
        G = sum(discount**u * rewards[i, u] for u in range(n))
        out[i, :n] = G + discount**n * tail[i]
    return out


# %% to_go_with_tail wrong_one_number_a_row fails terminated truncated mixed
def to_go_with_tail(rewards, mask, tail, discount):

    powers = discount ** np.arange(rewards.shape[1])
    rest = discount ** mask.sum(axis=1) * tail
    return (np.where(mask, rewards, 0.0) * powers).sum(axis=1) + rest


# %% to_go_with_tail wrong_divided_by_powers fails mixed
def to_go_with_tail(rewards, mask, tail, discount):

    powers = discount ** np.arange(rewards.shape[1])
    paid = np.where(mask, rewards, 0.0) * powers
    ahead = paid[:, ::-1].cumsum(axis=1)[:, ::-1]
    ahead = ahead + (discount ** mask.sum(axis=1) * tail)[:, None]
    with np.errstate(all="ignore"):
        return np.where(mask, ahead / powers, 0.0)


# %% padded_advantages alt_loops
def padded_advantages(to_go, mask):

    out = []
    for i in range(len(to_go)):
        row = []
        for t in range(len(to_go[0])):
            if not mask[i][t]:
                row.append(0.0)
                continue
            others = [
                to_go[j][t] if mask[j][t] else 0.0
                for j in range(len(to_go))
                if j != i
            ]
            row.append(to_go[i][t] - sum(others) / len(others))
        out.append(row)
    return out


# %% padded_advantages alt_package_with_a_full_mask
def padded_advantages(to_go, mask):

    from logderiv.plain import mean_of_others
    known = np.where(mask, to_go, 0.0)
    everyone = np.ones_like(mask)
    return np.where(mask, known - mean_of_others(known, everyone), 0.0)


# %% padded_advantages alt_scaled_centred
def padded_advantages(to_go, mask):
    G = np.where(mask, to_go, 0.0)
    E = len(G)
    return (G - G.mean(axis=0)) * E / (E - 1) * mask


# %% padded_advantages alt_delete_rows of alt_scaled_centred
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    means = np.array([np.delete(G, i, axis=0).mean(axis=0) for i in range(E)])
#+    return np.where(mask, G - means, 0)


# %% padded_advantages alt_in_torch
def padded_advantages(to_go, mask):

    m = torch.as_tensor(mask)
    g = torch.as_tensor(to_go) * m
    others = torch.ones(len(g), len(g), dtype=g.dtype) - torch.eye(len(g))
    return (g - others.to(g.dtype) @ g / (len(g) - 1)) * m


# %% padded_advantages alt_in_place
def padded_advantages(to_go, mask):

    to_go[~mask] = 0
    total = to_go.sum(axis=0, keepdims=True)
    to_go -= (total - to_go) / (to_go.shape[0] - 1)
    to_go[~mask] = 0
    return to_go


# %% padded_advantages wrong_survivors_of_the_package fails values
def padded_advantages(to_go, mask):

    from logderiv.plain import mean_of_others
    return np.where(mask, to_go, 0.0) - mean_of_others(to_go, mask)


# %% padded_advantages wrong_own_included of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return (G - G.mean(axis=0)) * mask


# %% padded_advantages wrong_own_included_survivors of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return (G - G.sum(axis=0) / np.maximum(mask.sum(axis=0), 1)) * mask


# %% padded_advantages wrong_divisor_of_all of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return (G - (G.sum(axis=0) - G) / E) * mask


# %% padded_advantages wrong_own_in_the_sum of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return (G - G.sum(axis=0) / (E - 1)) * mask


# %% padded_advantages wrong_sum_of_others of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return (G - (G.sum(axis=0) - G)) * mask


# %% padded_advantages wrong_no_baseline of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return G


# %% padded_advantages wrong_baseline_alone of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return (G.sum(axis=0) - G) / (E - 1) * mask


# %% padded_advantages wrong_sign of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return ((G.sum(axis=0) - G) / (E - 1) - G) * mask


# %% padded_advantages wrong_padding_in_the_mean fails values
def padded_advantages(to_go, mask):

    E = len(to_go)
    return (to_go - (to_go.sum(axis=0) - to_go) / (E - 1)) * mask


# %% padded_advantages wrong_padding_not_zero of alt_scaled_centred fails values
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return G - (G.sum(axis=0) - G) / (E - 1)


# %% padded_advantages wrong_mean_of_own_episode of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return (G - G.sum(axis=1, keepdims=True) / mask.sum(axis=1, keepdims=True)) * mask


# %% padded_advantages wrong_axis of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return (G - (G.sum(axis=1, keepdims=True) - G) / (E - 1)) * mask


# %% padded_advantages wrong_one_number_for_all_steps of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    out = np.zeros(G.shape)
#+    for i in range(E):
#+        rest = np.arange(E) != i
#+        out[i] = (G[i] - G[rest][mask[rest]].mean()) * mask[i]
#+    return out


# %% padded_advantages wrong_first_step_for_all of alt_scaled_centred fails values
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return (G - ((G.sum(axis=0) - G) / (E - 1))[:, :1]) * mask


# %% padded_advantages wrong_standardised of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return (G - G.mean(axis=0)) / (G.std(axis=0) + 1e-8) * mask


# %% padded_advantages wrong_standardised_over_steps of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return (G - G[mask].mean()) / (G[mask].std() + 1e-8) * mask


# %% padded_advantages wrong_divided_by_spread of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return (G - (G.sum(axis=0) - G) / (E - 1)) / (G[mask].std() + 1e-8) * mask


# %% padded_advantages wrong_median_of_others of alt_scaled_centred fails values
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    out = np.zeros(G.shape)
#+    for i in range(E):
#+        out[i] = (G[i] - np.median(np.delete(G, i, axis=0), axis=0)) * mask[i]
#+    return out


# %% padded_advantages wrong_next_episode_only of alt_scaled_centred fails values
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return (G - np.roll(G, 1, axis=0)) * mask


# %% padded_advantages wrong_summed_over_time of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return ((G - (G.sum(axis=0) - G) / (E - 1)) * mask).sum(axis=1)


# %% padded_advantages wrong_mask_transposed_mean of alt_scaled_centred fails values do_not_bias
#-    return (G - G.mean(axis=0)) * E / (E - 1) * mask
#+    return (G - (G.sum() - G.sum(axis=1, keepdims=True)) / (E - 1)) * mask


# %% score_size alt_plain
def score_size(logits):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)


# %% score_size alt_definition
def score_size(logits):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)

    out = []
    for row in p:
        total = 0.0
        for a in range(len(row)):
            e = np.zeros(len(row))
            e[a] = 1
            total += row[a] * np.sum((e - row) ** 2)
        out.append(total)
    return out


# %% score_size alt_einsum of alt_plain
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    scores = np.eye(p.shape[1])[None, :, :] - p[:, None, :]
#+    return np.einsum("na,nab->n", p, scores**2)


# %% score_size alt_pairs of alt_plain
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    K = p.shape[1]
#+    return 2 * sum(p[:, a] * p[:, b] for a in range(K) for b in range(a))


# %% score_size alt_expm1
def score_size(logits):

    from scipy.special import log_softmax
    logp = log_softmax(logits, axis=1)
    out = np.zeros(len(logits))
    for n, row in enumerate(logits):
        for a in range(len(row)):
            rest = np.logaddexp.reduce(np.delete(logp[n], a))
            out[n] += np.exp(logp[n, a] + rest)
    return out


# %% score_size alt_naive_softmax
def score_size(logits):

    e = np.exp(logits)
    p = e / e.sum(axis=1)[:, None]
    off = np.ones((p.shape[1],) * 2)
    np.fill_diagonal(off, 0)
    return np.sum(p * p.dot(off), axis=1)


# %% score_size alt_autograd
def score_size(logits):

    out = []
    for row in logits:
        total = 0.0
        for a in range(len(row)):
            z = torch.tensor(row, dtype=torch.float64, requires_grad=True)
            logp = torch.log_softmax(z, dim=0)
            (s,) = torch.autograd.grad(logp[a], z)
            total = total + logp[a].exp().detach() * (s**2).sum()
        out.append(float(total))
    return out


# %% score_size alt_mpmath_like_fractions
def score_size(logits):

    from decimal import Decimal, getcontext
    getcontext().prec = 700
    out = []
    for row in logits:
        e = [Decimal(float(z)).exp() for z in row]
        total = sum(e)
        out.append(float(1 - sum((x / total) ** 2 for x in e)))
    return out


# %% score_size wrong_one_minus_squares of alt_plain fails of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    return 1 - (p**2).sum(axis=1)


# %% score_size wrong_p_times_one_minus_p of alt_plain fails of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    return (p * (1 - p)).sum(axis=1)


# %% score_size wrong_covariance_trace of alt_plain fails of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    return np.array([np.trace(np.diag(r) - np.outer(r, r)) for r in p])


# %% score_size wrong_clipped_logits of alt_plain fails of_a_saturated_policy
#-def score_size(logits):
#+def score_size(logits):
#+    logits = np.clip(logits, -20, 20)


# %% score_size wrong_small_number_added of alt_plain fails of_a_saturated_policy
#-    p = p / p.sum(axis=1, keepdims=True)
#+    p = p / p.sum(axis=1, keepdims=True)
#+    p = p + 1e-8


# %% score_size wrong_float32 fails of_a_saturated_policy
def score_size(logits):

    p = torch.softmax(torch.tensor(logits, dtype=torch.float32), dim=1)
    return (p * (1 - p)).sum(dim=1)


# %% score_size wrong_each_action_once of alt_plain fails of_a_lively_policy of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    s = np.eye(p.shape[1])[None] - p[:, None]
#+    return (s**2).sum(axis=2).mean(axis=1)


# %% score_size wrong_sum_over_actions of alt_plain fails of_a_lively_policy of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    s = np.eye(p.shape[1])[None] - p[:, None]
#+    return (s**2).sum(axis=(1, 2))


# %% score_size wrong_length_not_squared of alt_plain fails of_a_lively_policy of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    s = np.eye(p.shape[1])[None] - p[:, None]
#+    return (p * np.sqrt((s**2).sum(axis=2))).sum(axis=1)


# %% score_size wrong_square_of_mean_length of alt_plain fails of_a_lively_policy of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    s = np.eye(p.shape[1])[None] - p[:, None]
#+    return (p * np.sqrt((s**2).sum(axis=2))).sum(axis=1) ** 2


# %% score_size wrong_own_entry_only of alt_plain fails of_a_lively_policy of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    q = p @ (1 - np.eye(p.shape[1]))
#+    return (p * q**2).sum(axis=1)


# %% score_size wrong_log_missing of alt_plain fails of_a_lively_policy of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    s = (np.eye(p.shape[1])[None] - p[:, None]) * p[:, :, None]
#+    return (p * (s**2).sum(axis=2)).sum(axis=1)


# %% score_size wrong_greedy_action of alt_plain fails of_a_lively_policy of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    s = np.eye(p.shape[1])[p.argmax(axis=1)] - p
#+    return (s**2).sum(axis=1)


# %% score_size wrong_entropy of alt_plain fails of_a_lively_policy of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    return -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)


# %% score_size wrong_mean_score of alt_plain fails of_a_lively_policy of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    s = np.eye(p.shape[1])[None] - p[:, None]
#+    return (p[:, :, None] * s).sum(axis=1).sum(axis=1) ** 2


# %% score_size wrong_mean_over_entries of alt_plain fails of_a_lively_policy of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    return (p * (p @ (1 - np.eye(p.shape[1])))).mean(axis=1)


# %% score_size wrong_only_two_actions of alt_plain fails of_a_lively_policy of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    return 2 * p[:, 0] * (p @ (1 - np.eye(p.shape[1])))[:, 0]


# %% score_size wrong_softmax_over_states fails of_a_lively_policy of_a_saturated_policy
def score_size(logits):

    p = np.exp(logits - logits.max(axis=0))
    p = p / p.sum(axis=0)
    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)


# %% score_size wrong_column of alt_plain fails of_a_lively_policy of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1, keepdims=True)


# %% score_size wrong_mean_over_states of alt_plain fails of_a_lively_policy of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1).mean()


# %% score_size wrong_rounded_to_zero of alt_plain fails of_a_saturated_policy
#-    return (p * (p @ (1 - np.eye(p.shape[1])))).sum(axis=1)
#+    value = 1 - (p**2).sum(axis=1)
#+    return np.where(value > 1e-12, value, 0.0)


# %% repaired_gradient alt_broken_one_repaired
def repaired_gradient(theta, observations, actions, rewards, mask):
    theta = torch.tensor(theta, requires_grad=True)
    mask_t = torch.as_tensor(mask)
    logits = torch.as_tensor(observations) @ theta
    logp = torch.log_softmax(logits, dim=-1)
    chosen = torch.as_tensor(actions).unsqueeze(-1)
    taken = logp.gather(-1, chosen).squeeze(-1)
    paid = rewards * mask
    G = paid[:, ::-1].cumsum(axis=1)[:, ::-1] * mask
    terms = taken * torch.as_tensor(G.copy())
    value = terms.sum() / len(mask)
    value.backward()
    return theta.grad.numpy()


# %% repaired_gradient alt_surrogate_of_the_package
def repaired_gradient(theta, observations, actions, rewards, mask):

    from logderiv.surrogate import surrogate
    from logderiv.reinforce import rewards_to_go
    knob = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    logits = torch.tensor(observations, dtype=torch.float64) @ knob
    policy = torch.distributions.Categorical(logits=logits)
    logp = policy.log_prob(torch.tensor(actions)) * torch.tensor(mask)
    surrogate(logp, torch.tensor(rewards_to_go(rewards, mask))).backward()
    return knob.grad


# %% repaired_gradient alt_float32
def repaired_gradient(theta, observations, actions, rewards, mask):

    knob = torch.tensor(theta, dtype=torch.float32, requires_grad=True)
    logits = torch.tensor(observations, dtype=torch.float32) @ knob
    logp = torch.log(torch.softmax(logits, dim=2))
    taken = torch.take_along_dim(logp, torch.tensor(actions)[..., None], 2)
    r = torch.tensor(rewards * mask, dtype=torch.float32)
    G = torch.flip(torch.cumsum(torch.flip(r, [1]), 1), [1])
    loss = -(taken[..., 0] * G * torch.tensor(mask)).sum(1).mean(0)
    loss.backward()
    return (-knob.grad).tolist()


# %% repaired_gradient alt_einsum
def repaired_gradient(theta, observations, actions, rewards, mask):

    z = observations @ theta
    z = z - z.max(axis=-1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    s = np.eye(theta.shape[1])[actions] - p
    r = np.where(mask, rewards, 0)
    G = np.flip(np.flip(r, axis=1).cumsum(axis=1), axis=1)
    w = np.where(mask, G, 0)
    return np.einsum("et,etd,eta->da", w, observations, s) / len(mask)


# %% repaired_gradient alt_differences
def repaired_gradient(theta, observations, actions, rewards, mask):

    def value(th):
        z = observations @ th
        logp = z - np.log(np.exp(z).sum(axis=2, keepdims=True))
        logp = np.take_along_axis(logp, actions[:, :, None], axis=2)[:, :, 0]
        r = rewards * mask
        before = np.cumsum(r, axis=1) - r
        G = r.sum(axis=1, keepdims=True) - before
        return (logp * G * mask).sum(axis=1).mean()

    out = np.zeros(theta.shape)
    for i in range(theta.shape[0]):
        for j in range(theta.shape[1]):
            h = np.zeros(theta.shape)
            h[i, j] = 1e-6
            out[i, j] = (value(theta + h) - value(theta - h)) / 2e-6
    return out


# %% repaired_gradient wrong_nothing_repaired of alt_broken_one_repaired fails order average score whole
#-    taken = logp.gather(-1, chosen).squeeze(-1)
#+    taken = logp.gather(-1, chosen).squeeze(-1).exp()
#-    G = paid[:, ::-1].cumsum(axis=1)[:, ::-1] * mask
#+    G = paid.cumsum(axis=1) * mask
#-    value = terms.sum() / len(mask)
#+    value = (terms.sum(dim=1) / mask_t.sum(dim=1)).mean()


# %% repaired_gradient wrong_order_repaired_only of alt_broken_one_repaired fails average score whole
#-    taken = logp.gather(-1, chosen).squeeze(-1)
#+    taken = logp.gather(-1, chosen).squeeze(-1).exp()
#-    value = terms.sum() / len(mask)
#+    value = (terms.sum(dim=1) / mask_t.sum(dim=1)).mean()


# %% repaired_gradient wrong_average_repaired_only of alt_broken_one_repaired fails order score whole
#-    taken = logp.gather(-1, chosen).squeeze(-1)
#+    taken = logp.gather(-1, chosen).squeeze(-1).exp()
#-    G = paid[:, ::-1].cumsum(axis=1)[:, ::-1] * mask
#+    G = paid.cumsum(axis=1) * mask


# %% repaired_gradient wrong_log_repaired_only of alt_broken_one_repaired fails order average whole
#-    G = paid[:, ::-1].cumsum(axis=1)[:, ::-1] * mask
#+    G = paid.cumsum(axis=1) * mask
#-    value = terms.sum() / len(mask)
#+    value = (terms.sum(dim=1) / mask_t.sum(dim=1)).mean()


# %% repaired_gradient wrong_log_missing of alt_broken_one_repaired fails score whole
#-    taken = logp.gather(-1, chosen).squeeze(-1)
#+    taken = logp.gather(-1, chosen).squeeze(-1).exp()


# %% repaired_gradient wrong_forward_sum of alt_broken_one_repaired fails order whole
#-    G = paid[:, ::-1].cumsum(axis=1)[:, ::-1] * mask
#+    G = paid.cumsum(axis=1) * mask


# %% repaired_gradient wrong_mean_over_own_steps of alt_broken_one_repaired fails average whole
#-    value = terms.sum() / len(mask)
#+    value = (terms.sum(dim=1) / mask_t.sum(dim=1)).mean()


# %% repaired_gradient wrong_mean_over_all_steps of alt_broken_one_repaired fails average whole
#-    value = terms.sum() / len(mask)
#+    value = terms.sum() / mask_t.sum()


# %% repaired_gradient wrong_mean_over_everything of alt_broken_one_repaired fails score whole
#-    value = terms.sum() / len(mask)
#+    value = terms.mean()


# %% repaired_gradient wrong_sum_over_episodes of alt_broken_one_repaired fails average score whole
#-    value = terms.sum() / len(mask)
#+    value = terms.sum()


# %% repaired_gradient wrong_mean_over_running of alt_broken_one_repaired fails whole
#-    value = terms.sum() / len(mask)
#+    value = (terms.sum(dim=0) / mask_t.sum(dim=0).clip(min=1)).sum()


# %% repaired_gradient wrong_sign of alt_broken_one_repaired fails order average score whole
#-    value.backward()
#+    (-value).backward()
#+    # value.backward()


# %% repaired_gradient wrong_whole_return of alt_broken_one_repaired fails order whole
#-    G = paid[:, ::-1].cumsum(axis=1)[:, ::-1] * mask
#+    G = paid.sum(axis=1, keepdims=True) * mask


# %% repaired_gradient wrong_own_reward_only of alt_broken_one_repaired fails order whole
#-    G = paid[:, ::-1].cumsum(axis=1)[:, ::-1] * mask
#+    G = paid


# %% repaired_gradient wrong_padding_counts of alt_broken_one_repaired fails score whole
#-    paid = rewards * mask
#-    G = paid[:, ::-1].cumsum(axis=1)[:, ::-1] * mask
#+    paid = rewards
#+    G = paid[:, ::-1].cumsum(axis=1)[:, ::-1]


# %% repaired_gradient wrong_padding_in_the_sum of alt_broken_one_repaired fails score whole
#-    paid = rewards * mask
#+    paid = rewards


# %% repaired_gradient wrong_next_reward_on of alt_broken_one_repaired fails order average score whole
#-    G = paid[:, ::-1].cumsum(axis=1)[:, ::-1] * mask
#+    G = (paid[:, ::-1].cumsum(axis=1)[:, ::-1] - paid) * mask


# %% repaired_gradient wrong_discounted of alt_broken_one_repaired fails order whole
#-    G = paid[:, ::-1].cumsum(axis=1)[:, ::-1] * mask
#+    G = sum(0.9 ** max(k, 0) * np.pad(paid, ((0, 0), (0, 60)))[:, k : k + paid.shape[1]] for k in range(60)) * mask


# %% repaired_gradient wrong_baseline of alt_broken_one_repaired fails order average score whole
#-    G = paid[:, ::-1].cumsum(axis=1)[:, ::-1] * mask
#+    G = (paid[:, ::-1].cumsum(axis=1)[:, ::-1] - paid.sum(axis=1).mean()) * mask


# %% repaired_gradient wrong_softmax_over_time of alt_broken_one_repaired fails order average score whole
#-    logp = torch.log_softmax(logits, dim=-1)
#+    logp = torch.log_softmax(logits, dim=1)


# %% repaired_gradient wrong_log_of_mean of alt_broken_one_repaired fails average order whole
#-    value = terms.sum() / len(mask)
#+    value = (taken * mask_t).sum(dim=1).mul(torch.as_tensor(G.copy()).sum(dim=1) / mask_t.sum(dim=1)).mean()


# %% repaired_gradient wrong_no_normaliser fails order average score whole
def repaired_gradient(theta, observations, actions, rewards, mask):

    theta = np.array(theta, dtype=float)
    out = np.zeros_like(theta)
    for x, a, r, m in zip(observations, actions, rewards, mask):
        for t in range(m.sum()):
            out[:, a[t]] += x[t] * r[t : m.sum()].sum()
    return out / len(mask)


# %% repaired_gradient wrong_transposed fails order average score whole
def repaired_gradient(theta, observations, actions, rewards, mask):

    out = np.zeros_like(theta)
    for x, a, r, m in zip(observations, actions, rewards, mask):
        n = m.sum()
        for t in range(n):
            z = x[t] @ theta
            p = np.exp(z) / np.exp(z).sum()
            out += np.outer(x[t], np.eye(len(p))[a[t]] - p) * r[t:n].sum()
    return out.T / len(mask)


# %% train_ferry alt_adam
def train_ferry(turned, lights, rng):
    theta = np.zeros((int(max(lights)) + 1, 2))
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for k in range(1, 200 + 1):
        p = np.exp(theta - theta.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        seen, a, r, mask = cross(turned, lights, p, 50, rng)
        G = np.flip(np.cumsum(np.flip(r, 1), 1), 1)
        w = (G - (G.sum(axis=0) - G) / 49) * mask
        s = (np.eye(2)[a] - p[seen])
        g = np.zeros_like(theta)
        for o in range(len(theta)):
            g[o] = (s * (w * (seen == o))[..., None]).sum(axis=(0, 1)) / 50
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        step = m / (1 - 0.9**k) / (np.sqrt(v / (1 - 0.999**k)) + 1e-8)
        theta = theta + 0.05 * step
    p = np.exp(theta - theta.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


# %% train_ferry alt_no_baseline_small_steps of alt_adam
#-        w = (G - (G.sum(axis=0) - G) / 49) * mask
#+        w = (G) * mask
#-        theta = theta + 0.05 * step
#+        theta = theta + 0.03 * step


# %% train_ferry alt_torch_surrogate
def train_ferry(turned, lights, rng):

    from logderiv.surrogate import surrogate
    from logderiv.reinforce import advantages
    theta = torch.zeros(int(max(lights)) + 1, 2, requires_grad=True)
    adam = torch.optim.Adam([theta], lr=0.05, maximize=True)
    for _ in range(150):
        policy = torch.softmax(theta, dim=1).detach().numpy()
        seen, actions, rewards, mask = cross(turned, lights, policy, 50, rng)
        logp = torch.log_softmax(theta, dim=1)[seen, actions]
        weight = torch.tensor(advantages(rewards, mask), dtype=logp.dtype)
        adam.zero_grad()
        surrogate(logp, weight).backward()
        adam.step()
    return torch.softmax(theta, dim=1).detach()


# %% train_ferry alt_loops_over_steps
def train_ferry(turned, lights, rng):

    k = int(max(lights)) + 1
    theta = [0.0] * k
    for _ in range(130):
        p = [1 / (1 + np.exp(-x)) for x in theta]
        batch = cross(turned, lights, [[1 - q, q] for q in p], 40, rng)
        seen, actions, rewards, mask = (part.tolist() for part in batch)
        lengths = [sum(row) for row in mask]
        grad = [0.0] * k
        for i in range(40):
            n = lengths[i]
            for t in range(n):
                others = [max(m - t, 0) for j, m in enumerate(lengths) if j != i]
                w = -(n - t) + sum(others) / 39
                o = seen[i][t]
                grad[o] += w * (actions[i][t] - p[o])
        theta = [x + 0.015 * g / 40 for x, g in zip(theta, grad)]
    return [[1 - 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(-x))] for x in theta]


# %% train_ferry alt_helper_class
class Learner:
    def __init__(self, rows):
        self.theta = np.zeros(rows)

    def policy(self):
        ahead = 1 / (1 + np.exp(-self.theta))
        return np.stack([1 - ahead, ahead], axis=1)

    def update(self, seen, actions, rewards, mask):
        left = rewards[:, ::-1].cumsum(axis=1)[:, ::-1]
        weight = (left - left.mean(axis=0)) * mask
        score = actions - self.policy()[seen, 1]
        for row in range(len(self.theta)):
            here = weight * score * (seen == row)
            self.theta[row] += 0.02 * here.sum(axis=1).mean()


def train_ferry(turned, lights, rng):

    learner = Learner(int(max(lights)) + 1)
    for _ in range(250):
        learner.update(*cross(turned, lights, learner.policy(), 64, rng))
    return learner.policy()


# %% train_ferry wrong_descent of alt_adam fails in_the_fog by_the_lights against_the_majority
#-        theta = theta + 0.05 * step
#+        theta = theta - 0.05 * step


# %% train_ferry wrong_argmax_for_sample of alt_adam fails in_the_fog by_the_lights against_the_majority
#-        seen, a, r, mask = cross(turned, lights, p, 50, rng)
#+        seen, a, r, mask = cross(turned, lights, np.eye(2)[p.argmax(axis=1)], 50, rng)


# %% train_ferry wrong_own_reward_only of alt_adam fails in_the_fog by_the_lights against_the_majority
#-        G = np.flip(np.cumsum(np.flip(r, 1), 1), 1)
#-        w = (G - (G.sum(axis=0) - G) / 49) * mask
#+        G = r
#+        w = (r) * mask


# %% train_ferry wrong_forward_sum of alt_adam fails in_the_fog by_the_lights against_the_majority
#-        G = np.flip(np.cumsum(np.flip(r, 1), 1), 1)
#+        G = r.cumsum(axis=1)


# %% train_ferry wrong_log_missing of alt_adam fails in_the_fog by_the_lights against_the_majority
#-        w = (G - (G.sum(axis=0) - G) / 49) * mask
#-        s = (np.eye(2)[a] - p[seen])
#+        w = (G) * mask
#+        s = (np.eye(2)[a] - p[seen]) * p[seen, a][..., None]


# %% train_ferry wrong_no_reward of alt_adam fails in_the_fog by_the_lights against_the_majority
#-        G = np.flip(np.cumsum(np.flip(r, 1), 1), 1)
#-        w = (G - (G.sum(axis=0) - G) / 49) * mask
#+        G = np.ones_like(r)
#+        w = (G) * mask


# %% train_ferry wrong_baseline_alone of alt_adam fails in_the_fog by_the_lights against_the_majority
#-        w = (G - (G.sum(axis=0) - G) / 49) * mask
#+        w = ((G.sum(axis=0) - G) / 49) * mask


# %% train_ferry wrong_logits of alt_adam fails in_the_fog by_the_lights against_the_majority
#-    return p / p.sum(axis=1, keepdims=True)
#+    return theta


# %% train_ferry wrong_probability_of_ahead of alt_adam fails in_the_fog by_the_lights against_the_majority
#-    return p / p.sum(axis=1, keepdims=True)
#+    return (p / p.sum(axis=1, keepdims=True))[:, 1]


# %% train_ferry wrong_columns_swapped of alt_adam fails in_the_fog by_the_lights against_the_majority
#-    return p / p.sum(axis=1, keepdims=True)
#+    return (p / p.sum(axis=1, keepdims=True))[:, ::-1]


# %% train_ferry wrong_greedy_table of alt_adam fails in_the_fog by_the_lights against_the_majority
#-    return p / p.sum(axis=1, keepdims=True)
#+    return np.eye(2)[p.argmax(axis=1)]


# %% train_ferry wrong_three_updates of alt_adam fails in_the_fog by_the_lights against_the_majority
#-    for k in range(1, 200 + 1):
#+    for k in range(1, 3 + 1):


# %% train_ferry wrong_steps_too_large of alt_adam fails in_the_fog by_the_lights against_the_majority
#-        theta = theta + 0.05 * step
#+        theta = theta + 5.0 * step


# %% train_ferry wrong_not_normalised of alt_adam fails in_the_fog by_the_lights against_the_majority
#-    return p / p.sum(axis=1, keepdims=True)
#+    return p


# %% train_ferry wrong_row_for_each_place of alt_adam fails in_the_fog by_the_lights against_the_majority
#-    return p / p.sum(axis=1, keepdims=True)
#+    return (p / p.sum(axis=1, keepdims=True))[lights]


# %% train_ferry wrong_score_without_mean of alt_adam fails in_the_fog by_the_lights against_the_majority
#-        w = (G - (G.sum(axis=0) - G) / 49) * mask
#-        s = (np.eye(2)[a] - p[seen])
#+        w = (G) * mask
#+        s = (np.eye(2)[a] - p[seen]) + p[seen]


# %% train_ferry wrong_halves fails in_the_fog by_the_lights against_the_majority
def train_ferry(turned, lights, rng):

    return np.full((max(lights) + 1, 2), 0.5)


# %% train_ferry wrong_knows_one_river fails in_the_fog by_the_lights against_the_majority
def train_ferry(turned, lights, rng):

    return np.tile([0.24, 0.76], (max(lights) + 1, 1))


# %% train_ferry wrong_always_the_way_of_most_places fails in_the_fog by_the_lights against_the_majority
def train_ferry(turned, lights, rng):

    out = []
    for light in range(max(lights) + 1):
        turn = np.mean(np.array(turned)[np.array(lights) == light]) > 0.5
        out.append([1.0, 0.0] if turn else [0.0, 1.0])
    return out


# %% train_ferry wrong_blind_to_the_lights of alt_adam fails by_the_lights against_the_majority
#-            g[o] = (s * (w * (seen == o))[..., None]).sum(axis=(0, 1)) / 50
#+            g[o] = (s * w[..., None]).sum(axis=(0, 1)) / 50


# %% train_ferry wrong_share_of_the_turned_places fails against_the_majority
def train_ferry(turned, lights, rng):
    share = [turned[lights == k].mean() for k in range(lights.max() + 1)]
    return np.array([[s, 1 - s] for s in share])


# %% plot_learning alt_plain
def plot_learning(ax):
    c = curves()
    x = np.arange(1, 61)
    ax.fill_between(x, np.quantile(c, 0.1, axis=0), np.quantile(c, 0.9, axis=0), alpha=0.3)
    ax.plot(x, np.median(c, axis=0), label="median")
    ax.set_xlabel("update")
    ax.set_ylabel("return")


# %% plot_learning alt_step_by_step
def plot_learning(ax):

    data = curves().tolist()
    low, mid, high = [], [], []
    for k in range(60):
        column = [row[k] for row in data]
        low.append(np.percentile(column, 10))
        mid.append(sorted(column)[10] / 2 + sorted(column)[11] / 2)
        high.append(np.percentile(column, 90))
    ax.plot(data[0], lw=0.3)
    ax.plot(range(1, 61), mid, "k--", lw=2, label="Median of 22")
    ax.fill_between(range(1, 61), high, low, color="tab:orange")
    ax.set_xlabel("Number of the update")
    ax.set_ylabel("Mean Return of a batch")
    ax.set_title("22 seeds")


# %% plot_learning alt_steps
def plot_learning(ax):
    c = curves()
    x = np.arange(1, 61)

    ax.step(x, np.median(c, axis=0), label="median of 22 seeds")
    edges = np.quantile(c, (0.1, 0.9), axis=0)
    ax.fill_between(x, edges[0], edges[1], label="10 % to 90 %")
    ax.legend(loc="upper left")
    ax.set(xlabel="updates", ylabel="returns", yscale="log")


# %% plot_learning alt_pyplot
def plot_learning(ax):

    import matplotlib.pyplot as plt
    plt.sca(ax)
    c = curves()
    plt.plot(1 + np.arange(60), np.quantile(c, 0.5, axis=0), label="the median")
    plt.axhline(475, ls=":")
    plt.fill_between(
        np.arange(60) + 1.0,
        np.percentile(c, 10, axis=0),
        np.percentile(c, 90, axis=0),
        alpha=0.2,
        linewidth=0,
    )
    plt.xlabel("update number")
    plt.ylabel("return of the seed")


# %% plot_learning wrong_mean_line of alt_plain fails line
#-    x = np.arange(1, 61)
#+    x = np.arange(1, 61)
#+    ax.plot(x, c.mean(axis=0), label='median')
#-    ax.plot(x, np.median(c, axis=0), label="median")


# %% plot_learning wrong_mean_and_deviation of alt_plain fails line band updates
#-    ax.fill_between(x, np.quantile(c, 0.1, axis=0), np.quantile(c, 0.9, axis=0), alpha=0.3)
#-    ax.plot(x, np.median(c, axis=0), label="median")
#+    m, s = c.mean(axis=0), c.std(axis=0)
#+    ax.plot(x, m, label="mean")
#+    ax.fill_between(x, m - s, m + s, alpha=0.3)


# %% plot_learning wrong_all_the_seeds of alt_plain fails band
#-    ax.fill_between(x, np.quantile(c, 0.1, axis=0), np.quantile(c, 0.9, axis=0), alpha=0.3)
#+    ax.fill_between(x, c.min(axis=0), c.max(axis=0), alpha=0.3)


# %% plot_learning wrong_quartiles of alt_plain fails band
#-    ax.fill_between(x, np.quantile(c, 0.1, axis=0), np.quantile(c, 0.9, axis=0), alpha=0.3)
#+    ax.fill_between(x, *np.quantile(c, [0.25, 0.75], axis=0), alpha=0.3)


# %% plot_learning wrong_standard_error of alt_plain fails band
#-    ax.fill_between(x, np.quantile(c, 0.1, axis=0), np.quantile(c, 0.9, axis=0), alpha=0.3)
#-    ax.plot(x, np.median(c, axis=0), label="median")
#+    ax.plot(x, np.median(c, axis=0), label="median")
#+    m, s = np.median(c, axis=0), c.std(axis=0) / np.sqrt(22)
#+    ax.fill_between(x, m - s, m + s, alpha=0.3)


# %% plot_learning wrong_from_zero of alt_plain fails updates
#-    x = np.arange(1, 61)
#+    x = np.arange(1, 61)
#+    x = x - 1


# %% plot_learning wrong_line_without_label of alt_plain fails line updates
#-    x = np.arange(1, 61)
#+    x = np.arange(1, 61)
#+    ax.plot(x, np.median(c, axis=0))
#-    ax.plot(x, np.median(c, axis=0), label="median")


# %% plot_learning wrong_own_quantiles_of_sorted of alt_plain fails band
#-    ax.fill_between(x, np.quantile(c, 0.1, axis=0), np.quantile(c, 0.9, axis=0), alpha=0.3)
#-    ax.plot(x, np.median(c, axis=0), label="median")
#+    ax.plot(x, np.median(c, axis=0), label="median")
#+    ax.fill_between(x, np.sort(c, axis=0)[1], np.sort(c, axis=0)[-2])


# %% plot_learning wrong_no_labels of alt_plain fails labels
#-    ax.set_xlabel("update")
#-    ax.set_ylabel("return")


# %% plot_learning wrong_labels_swapped of alt_plain fails labels
#-    ax.set_xlabel("update")
#-    ax.set_ylabel("return")
#+    ax.set(xlabel="return", ylabel="update")


# %% plot_learning wrong_no_band of alt_plain fails band updates
#-    ax.fill_between(x, np.quantile(c, 0.1, axis=0), np.quantile(c, 0.9, axis=0), alpha=0.3)


# %% plot_learning wrong_no_line of alt_plain fails line updates labels
#-    ax.plot(x, np.median(c, axis=0), label="median")


# %% plot_learning wrong_every_seed_a_line of alt_plain fails line updates
#-    x = np.arange(1, 61)
#+    x = np.arange(1, 61)
#+    ax.plot(x, c.T)
#-    ax.plot(x, np.median(c, axis=0), label="median")


# %% plot_learning wrong_over_time_not_seeds of alt_plain fails line band updates
#-    c = curves()
#-    x = np.arange(1, 61)
#+    c = curves().T
#+    x = np.arange(1, 23)


# %% plot_learning wrong_edges_as_lines of alt_plain fails band updates
#-    ax.fill_between(x, np.quantile(c, 0.1, axis=0), np.quantile(c, 0.9, axis=0), alpha=0.3)
#-    ax.plot(x, np.median(c, axis=0), label="median")
#+    ax.plot(x, np.median(c, axis=0), label="median")
#+    ax.plot(x, np.quantile(c, 0.1, axis=0))
#+    ax.plot(x, np.quantile(c, 0.9, axis=0))
