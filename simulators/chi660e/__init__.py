"""A simulator of the vendor's CHI660E program: it runs macro files and measures simulated cells.

Numbers in brackets in this package are sections of the CHI660E reference.
"""
