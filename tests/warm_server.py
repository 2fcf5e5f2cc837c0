"""Load the compiled kernels into the process that servers are forked from, so that none of them has to."""

import gc

from realnet import TokenLearner, create
from service.peers import tls
from tests import forked_server

create("dendrites").warm_up()
TokenLearner.create().warm_up()
tls()
gc.collect()
gc.freeze()  # each server would else look at all of it for garbage, and so copy it

__all__ = ["forked_server"]
