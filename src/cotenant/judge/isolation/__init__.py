"""What `verify` proves: who tries what against whom, what each answer means, and what follows from all of them.

parties (who) -> claims (attempts) -> request (how, harmlessly) -> verdict (what the answer means) -> report (the proof)
"""
