"""Load the compiled kernels into the process that servers are forked from, so that none of them has to."""

from realnet import TokenLearner, create
from tests import forked_server

create("dendrites").warm_up()
TokenLearner.create().warm_up()

__all__ = ["forked_server"]
