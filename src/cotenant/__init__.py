"""cotenant: one Amazon EKS cluster, safely shared between teams."""

__version__ = "0.1.0"
