"""Who does what in a step of learning: the shards of a batch, the update of the weights, and many steps in one call."""

from nnscratch.training.shards.shards import Ranks as Ranks
from nnscratch.training.shards.shards import Shards as Shards
