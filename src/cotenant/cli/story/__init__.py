"""The story that `cotenant demo` plays: manifests, a stage of its own, acts that are asserted, and a voice."""
