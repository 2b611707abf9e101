"""The colours of every figure: Okabe and Ito's, safe for colour blindness."""

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
RED, PURPLE, GREY = "#D55E00", "#CC79A7", "#5F6368"
CYCLE = (BLUE, RED, GREEN, ORANGE, PURPLE, GREY)
