"""What native quota charges for an object: the arithmetic of Kubernetes' evaluators as pure functions.

Strict accounting gives back exactly what was charged, so it has to be right to the last milli. The sums are exact
fractions, as in the API server; `tests/plane/quota` compares them with a real ResourceQuota key for key.
"""
