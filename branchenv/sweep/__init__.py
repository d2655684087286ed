"""The sweep: removes what is no longer needed, warns of what expires, puts to sleep what nobody asks for.

`inventory/` looks and classifies, `rules.py` makes the plan, `plan.py` is what a plan holds, `apply.py` carries it out.
"""
