"""Synthetic walls, training and conversion of the embedded models; the product never runs it."""
