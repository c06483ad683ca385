"""From a graph to a bundle in other hands: job, ignore rules, tree, runtime folder."""
