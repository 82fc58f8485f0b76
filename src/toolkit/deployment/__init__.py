"""From a measured stack to the files that run it: numbers, their derivation, templates."""
