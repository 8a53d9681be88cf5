"""From Plan to Outcome: the only room that writes what controllers want."""
