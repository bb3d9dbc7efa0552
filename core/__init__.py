"""Wall analysis: a photo goes in; holds, their colours and the problems they form come out.

Nothing in this package imports streamlit, and nothing in it imports torch.
"""
