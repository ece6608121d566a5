"""Where no small set does it: the strongest units by gradients, muted in rounds of twice as many."""

from __future__ import annotations

from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.greedy_group_search import Search, greedy_group_search
from tonescope.diagnose.attribution.metrics import margin
from tonescope.diagnose.causes.muting_trials import Muted, MutingTrials
from tonescope.diagnose.context import Context, SeedPlan
from tonescope.diagnose.intervene.play import Advance
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.settings import Settings
from tonescope.models.generator import Takes
from tonescope.models.units import Unit

MORE_BLOCKS = 2  # of takes, at most, that are played to search, and to verify, where few are heard as the target


def muted_in_rounds(
    context: Context,
    takes: Takes,
    trials: MutingTrials,
    settings: Settings,
    seeds: SeedPlan,
    *,
    chosen_in: Context,
    advance: Advance,
) -> tuple[list[Muted], int]:
    """What muting each of the growing groups did, until all of a few takes that they were not chosen in turn back, or
    the sound breaks; and how many takes were played for that.

    Args:
        takes: those whose gradients are the first to choose by.
        trials: of the same prompt and contrast.
        seeds: for the rounds, and after them for the takes that each group is tried in.
        chosen_in: the context of the takes that each next part is chosen in, which may be shorter.

    Raises:
        TonescopeError: an edit cannot be made here, or a gradient is not a number.
    """
    target, (samples, rollout) = trials.contrast.target, settings.gradient_options
    heard_at_all = margin(context.listener, target, smoothgrad_samples=samples)
    found = attribute(context, takes, heard_at_all, rollout_steps=rollout, few_steps=True)
    memory.give_back()
    rounds = Search(settings.strongest_share, settings.rounds, smoothgrad_samples=samples, rollout_steps=rollout)
    others = trials.anew(seeds.round(settings.rounds + number) for number in range(1, MORE_BLOCKS + 1))
    tried: list[Muted] = []

    def enough(group: tuple[Unit, ...]) -> bool:
        tried.extend(others.measure([group]))
        return tried[-1].turns_all or not tried[-1].sounds

    strongest = greedy_group_search(chosen_in, takes, target, found, rounds, seeds=seeds, until=enough, advance=advance)
    return tried or others.measure([strongest]), others.rows
