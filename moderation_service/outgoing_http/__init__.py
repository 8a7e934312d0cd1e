"""Asking HTTP servers whose addresses others chose, without being led into networks that are not theirs."""
