"""The colours of every figure: of Okabe and Ito's, safe for colour blindness.

Those that stand out on white, and on black once their lightness is inverted.
"""

BLUE, GREEN, RED = "#0072B2", "#009E73", "#D55E00"
PURPLE, GREY, BLACK = "#CC79A7", "#5F6368", "#000000"
CYCLE = (BLUE, RED, GREEN, BLACK, PURPLE, GREY)
