from nnscratch.training import Callback
class Live(Callback):
    def __init__(self,*a): pass
def can_show(s): return False
