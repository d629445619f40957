"""Property tests draw the same examples in every `make test`: a landing is not a matter of luck. Proofs draw new ones."""

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True)
if not os.environ.get("CDP_PROOF"):
    settings.load_profile("same")
