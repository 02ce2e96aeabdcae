"""nnscratch"""
