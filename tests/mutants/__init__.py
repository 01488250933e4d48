"""Mutation testing of what stops a cell: is there a test that fails when a limit is wrong?"""
