"""Loaded by schemathesis: most identifiers in paths are of things that there are."""
import json
import os
import random

import schemathesis

with open(os.environ["TOCSIN_FUZZ_IDS"]) as f:
    IDS = json.load(f)
MIX = random.Random(int(os.environ["TOCSIN_FUZZ_SEED"]))


@schemathesis.hook
def map_path_parameters(ctx, path_parameters):
    """Keep every fourth as it was generated."""
    for name in path_parameters or {}:
        if MIX.random() < 0.75:
            path_parameters[name] = MIX.choice(IDS.get(name, IDS["id"]))
    return path_parameters
