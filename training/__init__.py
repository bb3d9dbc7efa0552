"""Synthetic walls, training and conversion of the embedded models; nothing here runs in the product."""
