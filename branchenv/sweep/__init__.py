"""The sweep: finds what is orphaned, expired or idle, and removes it.

`plan.py` says what there is to say, `rules.py` decides, `sight.py` looks, `apply.py` acts.
"""
