"""Chapter 4. REINFORCE: rollouts -> weights -> surrogate -> step.

    grad J = E[sum_t grad log policy(a_t | s_t) * (G_t - b_t)]

Plain: no critic, no clipping, no bootstrapping. Averages are over episodes,
never over time steps. The return is undiscounted.

Files, from the command down:

    __main__, experiments     the command; what the chapter draws
    seeds, mistakes           many trainings; wrong ones
    training, checkpoint      the books around the loop; what survives
    loop                      all of REINFORCE
    episodes, returns         whole episodes; what they are worth
    policies                  networks, and how they act
    door                      what environments hand in, checked
"""

from logderiv.reinforce.episodes import Rollouts, make_envs, rollouts
from logderiv.reinforce.loop import log_probs, objective
from logderiv.reinforce.policies import make_policy
from logderiv.reinforce.returns import (
    advantages,
    full_return,
    rewards_to_go,
)
from logderiv.reinforce.seeds import report, summary, sweep
from logderiv.reinforce.training import (
    TrainResult,
    Update,
    evaluate,
    policy_gradient,
    train,
)

__all__ = [
    "Rollouts",
    "TrainResult",
    "Update",
    "advantages",
    "evaluate",
    "full_return",
    "log_probs",
    "make_envs",
    "make_policy",
    "objective",
    "policy_gradient",
    "report",
    "rewards_to_go",
    "rollouts",
    "summary",
    "sweep",
    "train",
]
