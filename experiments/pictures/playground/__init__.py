"""A page to play with: drag a policy over the triangle, and see how long the well will hold it.

`setting` is what the page shows and shares, `answer` what the engine says of it, `triangle` its
drawing, `page` the page and the command. Only `page` needs the extra `playground`.
"""
