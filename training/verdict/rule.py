"""The rule's constants and words, in one place, where they are frozen together.

A changed constant is a new RULE_VERSION, and all verdicts are redone. docs/measurement.md says why each is what it is.
"""

RULE_VERSION = 4
CORE = 0.1  # round(CORE * H) of the heads are the core, and of the MLPs
SEEDS = 8  # trained, and in each control, at least
REGISTERED = 12  # trained, and in each control, of our own verdicts: the fewest that name every pattern rightly (power)
SEEDS_MOST = 24  # and at most: the number is chosen before the runs, by power
BASES = 3  # base models (pretraining seeds); with fewer, the verdict concerns these networks alone
RESAMPLES = 2000  # bootstrap
INTERVAL = (2.5, 97.5)  # percentiles
GATE_P = 0.01  # the whole gain, and the heads' total, exceed the controls'
SPLITTABLE = 0.2  # share of the whole gain that heads must hold
SLACK = 0.1  # beyond [0, 1]: no share of anything
NEGATIVE = 0.25  # share of the absolute sum that negative heads may hold
DISCOVERY = 0.05  # Benjamini-Hochberg
LOCAL_CORE, LOCAL_WIDTH = 0.75, 0.15  # T_K lower, N_eff/H upper
SPREAD_CORE, SPREAD_WIDTH, SPREAD_HEADS = 0.6, 0.15, 0.3  # T_K upper, N_eff/H lower, share of units significant
TIER_CORE, TIER_WIDTH = 0.5, 0.5  # T_K lower, N_eff/H upper
HALO = 0.25  # f: from here on there is a halo (hierarchical), below it there is none (localized)
COUNTS = 0.1  # of an even share of the gain: a unit that holds less is neither halo nor spread, however sure it is
HARM = 0.25  # of the gain: shuffled answers that destroy more leave no gain to speak of
CONTROL_MOST = 0.1  # of the gain: a shuffled control that gains more is said
RANDOM_SETS, REMOVED = 200, 20  # of equal size and layers: so many are inserted, so many removed, too, at least
WHOLE, WITH_HALO = 0.8, 0.9  # of the gain: what a core alone brings and costs; what it brings with its halo
NEEDED, SPARABLE = 0.25, 0.75  # of the gain: a tiered core costs so much at least; a spread one costs so much at most

LOCALIZED, DISTRIBUTED, HIERARCHICAL, UNDECIDED = "localized", "distributed", "hierarchical", "undecided"
NOT_IN_HEADS = "not in the heads"
