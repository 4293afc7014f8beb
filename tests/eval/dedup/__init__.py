"""How well contacts are recognised: invented people, their submissions with everyday noise, and what recognition makes of them.

`python -m tests.eval.dedup` measures at the seed that the weights were set on and at seeds that nothing was ever set on.
"""
